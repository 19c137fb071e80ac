"""Autoencoders of any layers and rows, fits that go on, and what is refused."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastml
from fastml.neural_network import Autoencoder
from fastml.nn import Conv2D, Conv2DTranspose, Dense
from fastml.nn.training._resume import Checkpoint
from tests.autoencoder_data import CONVOLUTIONS, DIGITS, FEW, UNIT, WEIGHT, X
from tests.test_mlp import Recorder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def one_thread():
    # Threads of small problems would wait for each other where other tests run too.
    with fastml.config_context(num_threads=1):
        yield


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


# Layers of the user's choice.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_convolutions(dtype, backend):
    images = DIGITS[:200].reshape(-1, 8, 8).astype(dtype)
    model = Autoencoder(**CONVOLUTIONS, **FEW).fit(images)
    codes = model.transform(images)
    assert codes.shape == (200, 3)
    assert codes.dtype == dtype
    back = model.inverse_transform(codes)
    assert back.shape == images.shape
    assert back.dtype == dtype
    errors = np.square(images - back).sum(axis=(1, 2))
    assert_allclose(model.reconstruction_error(images), errors, rtol=1e-4)
    rows = images.reshape(200, -1)
    assert_array_equal(model.transform(rows), codes)
    flat = Autoencoder(**CONVOLUTIONS, input_shape=(8, 8), **FEW).fit(rows)
    assert_array_equal(flat.transform(rows), codes)
    assert flat.inverse_transform(codes).shape == rows.shape
    assert flat.input_shape_ == model.input_shape_ == (8, 8, 1)
    assert list(model.get_feature_names_out()) == [f"autoencoder{i}" for i in range(3)]
    assert [W.ndim for W in model.coefs_] == [4, 2, 2, 4]


def test_codes_that_are_maps():
    images = DIGITS[:100].reshape(-1, 8, 8)
    model = Autoencoder(
        encoder=[Conv2D(2, 3, "logistic", stride=2, padding="same")],
        decoder=[Conv2DTranspose(1, 3, stride=2, padding="same")],
        sparsity_target=0.1, noise="gaussian", contractive=1e-3, **FEW,
    ).fit(images)  # fmt: skip
    assert model.transform(images).shape == (100, 2 * 4 * 4)
    assert model.inverse_transform(model.transform(images)).shape == (100, 8, 8)


def test_dense_layers_of_the_users_choice():
    own = Autoencoder(encoder=[Dense(3, "relu")], decoder=[Dense(5)], **FEW).fit(X)
    named = Autoencoder((3,), "relu", **FEW).fit(X)
    assert_array_equal(own.transform(X), named.transform(X))


# All that other networks have.


def test_resumed_fit_ends_in_the_same_bits(tmp_path):
    options = {"init": "rbm", "activation": "logistic", "noise": "masking", "random_state": 3}
    options |= {"hidden_layer_sizes": (8, 2), "pretraining": {"n_iter": 2}, "tied": True}
    whole = Autoencoder(max_iter=6, **options).fit(DIGITS)
    path = tmp_path / "fit"

    class Stopped(Exception):
        pass

    model = Autoencoder(max_iter=6, checkpoint=path, **options)
    save = Checkpoint.save

    def stopping(self, state):
        save(self, state)
        if state.epoch == 3:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", stopping)
        with pytest.raises(Stopped):
            model.fit(DIGITS)
    with pytest.MonkeyPatch.context() as patch:
        # What the file has, is not trained again.
        patch.setattr("fastml.neural_network._autoencoder_start._unroll", None)
        resumed = Autoencoder(max_iter=6, checkpoint=path, **options).fit(DIGITS)
    assert_array_equal(resumed.encoder_.flat, whole.encoder_.flat)
    assert_array_equal(resumed.decoder_.flat, whole.decoder_.flat)
    assert resumed.loss_curve_ == whole.loss_curve_
    with pytest.raises(ValueError, match="is that of another fit: tied was True, is False"):
        Autoencoder(max_iter=6, checkpoint=path, **options | {"tied": False}).fit(DIGITS)


def test_fit_goes_on():
    options = {"hidden_layer_sizes": (4, 2), "activation": "tanh", "tied": True, "random_state": 0}
    model = Autoencoder(max_iter=2, warm_start=True, **options).fit(X)
    first = model.loss_
    assert model.fit(X).loss_ < first
    model = Autoencoder(**options).partial_fit(X)
    losses = [model.loss_]
    for _ in range(5):
        losses.append(model.partial_fit(X).loss_)
    assert losses == sorted(losses, reverse=True)
    assert model.t_ == 6 * len(X)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.partial_fit(X).transform(X), model.partial_fit(X).transform(X))
    with pytest.raises(ValueError, match=r"X has 4 features, but Autoencoder is expecting 5"):
        model.partial_fit(X[:, :4])
    with pytest.raises(ValueError, match="go on with other layers"):
        model.set_params(hidden_layer_sizes=(4, 3)).partial_fit(X)


def test_weights_set_by_hand_are_used():
    model = Autoencoder((3,), "identity", **FEW).fit(X)
    model.coefs_[0][:] = 0
    assert_allclose(model.transform(X), np.broadcast_to(model.intercepts_[0], (len(X), 3)))


def test_early_stopping_keeps_the_best():
    model = Autoencoder((8,), early_stopping=True, max_iter=30, random_state=0, batch_size=20)
    model.set_params(learning_rate_init=0.02).fit(DIGITS[:300])
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    assert 0 < model.best_validation_score_ < 1


def test_score_is_the_share_of_variance():
    model = Autoencoder((2,), **FEW).fit(X)
    back = model.inverse_transform(model.transform(X))
    for weight in (None, WEIGHT):
        w = np.ones(len(X)) if weight is None else weight
        center = np.average(X, axis=0, weights=w)
        share = 1 - (w @ np.square(X - back)).sum() / (w @ np.square(X - center)).sum()
        assert_allclose(model.score(X, sample_weight=weight), share, rtol=1e-10)
    assert model.score(np.ones((3, 5))) == 0.0


@pytest.mark.parametrize("solver", ["sgd", "adam", "adagrad", "rmsprop", "adamw", "lbfgs"])
def test_solvers(solver):
    model = Autoencoder((4,), "tanh", solver=solver, learning_rate_init=0.01, random_state=0)
    first = model.set_params(max_iter=1).fit(X).score(X)
    assert model.set_params(max_iter=30).fit(X).score(X) > first


def test_rows_of_all_kinds(tmp_path, backend):
    model = Autoencoder((3,), "tanh", batch_size=32, **FEW)
    dense = model.fit(UNIT)
    for given in (
        sp.csr_array(UNIT), sp.csc_matrix(UNIT), UNIT.astype(">f8"), np.asfortranarray(UNIT),
        UNIT[::-1][::-1], UNIT.tolist(),
    ):  # fmt: skip
        other = clone(model).fit(given)
        assert_allclose(other.coefs_[1], dense.coefs_[1], rtol=1e-9)
        assert_allclose(other.transform(given), dense.transform(UNIT), rtol=1e-9)
        assert_allclose(other.score(given), dense.score(UNIT), rtol=1e-9)
        errors = dense.reconstruction_error(UNIT)
        assert_allclose(other.reconstruction_error(given), errors, rtol=1e-7)
    mapped = np.memmap(tmp_path / "rows", np.float64, "w+", shape=UNIT.shape)
    mapped[:] = UNIT
    disk = clone(model).fit(mapped)
    assert_array_equal(disk.coefs_[0], dense.coefs_[0])
    assert disk.data_range_ == dense.data_range_
    assert_array_equal(disk.reconstruction_error(mapped), dense.reconstruction_error(UNIT))
    single = clone(model).fit(UNIT.astype(np.float32))
    assert {a.dtype for a in (*single.coefs_, *single.intercepts_)} == {np.dtype(np.float32)}
    assert single.transform(UNIT.astype(np.float32)).dtype == np.float32


def test_source_of_batches():
    def batches(epoch):
        for start in range(0, len(UNIT), 40):
            yield UNIT[start : start + 40], None

    model = Autoencoder((3,), shuffle=False, batch_size=40, **FEW)
    streamed = clone(model).fit(batches)
    assert_allclose(streamed.coefs_[0], model.fit(UNIT).coefs_[0], rtol=1e-9)
    with pytest.raises(ValueError, match="init='pca' needs all rows at once"):
        clone(model).set_params(init="pca").fit(batches)


@pytest.mark.parametrize("solver, name", [("adam", "epoch"), ("lbfgs", "iteration")])
def test_callbacks_see_the_network_learn(solver, name):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    model = Autoencoder((3,), solver=solver, **FEW).set_callbacks(recorder).fit(X)
    assert recorder.names == ["fit", *[name] * model.n_iter_]
    assert recorder.scores[-1] == model.score(X)
    assert len(set(recorder.scores)) > 1
    assert Autoencoder((3,), solver=solver, **FEW).set_callbacks(Recorder(2)).fit(X).n_iter_ == 2


def test_in_a_pipeline_with_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), Autoencoder((2,), **FEW)).set_output(transform="pandas")
    codes = pipe.fit_transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"]


# What cannot be.


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes must be > 0, got \[\]"),
        ({"activation": "rely"}, "activation must be None, a function or one of"),
        ({"code_activation": "rely"}, "activation must be None, a function or one of"),
        ({"loss": "log_loss"}, r"loss='log_loss' is for X within \[0, 1\], got values from"),
        ({"loss": "log_loss", "out_activation": "tanh"}, "needs outputs that are probabilities"),
        ({"noise": "masking", "noise_level": 1}, "noise_level must be a probability below 1"),
        ({"sparsity_target": 0.1}, "needs a code of activation 'logistic', got 'relu'"),
        (
            {"sparsity_target": 0.1, "encoder": [Dense(2)], "decoder": [Dense(5)]},
            "needs a code of activation 'logistic', got 'identity'",
        ),
        ({"sparsity_target": 1.0}, "The 'sparsity_target' parameter of Autoencoder must be"),
        ({"init": "rbm", "hidden_layer_sizes": (3, 2)}, "init='rbm' needs activation='logistic'"),
        ({"init": "rbm"}, "init='rbm' needs a code of units that machines have"),
        ({"init": "rbm", "code_activation": "identity"}, "no machine for a linear code of X that"),
        ({"init": "rbm", "activation": "logistic", "pretraining": {"k": 0}}, "The 'k' parameter"),
        ({"init": "rbm", "activation": "logistic", "pretraining": {"x": 0}}, "pretraining must ho"),
        ({"encoder": [Dense(2)]}, "encoder and decoder must be given together"),
        ({"encoder": [Dense(2)], "decoder": [Dense(4)]}, r"puts out samples of shape \(4,\), whi"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "tied": True}, "tied=True is for dense"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "init": "pca"}, "init='pca' is for dense"),
        ({"encoder": [Dense(2)], "decoder": [Dense(5)], "input_shape": 4}, "input_shape=4"),
        ({"solver": "lbfgs", "checkpoint": "x"}, "checkpoint is for stochastic solvers"),
        ({"contractive": -1}, "The 'contractive' parameter of Autoencoder must be"),
    ],
)
def test_parameters_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**FEW | parameters).fit(X)


def test_rows_refused():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        Autoencoder().fit(np.where(X[3, 3] == X, np.nan, X))
    model = Autoencoder((2,), **FEW).fit(UNIT)
    with pytest.raises(ValueError, match=r"is for X within \[0, 1\].*MinMaxScaler"):
        model.partial_fit(X)
    with pytest.raises(ValueError, match="X must have 2 columns, one for each element of the code"):
        model.inverse_transform(X)
    with pytest.raises(TypeError, match="layers must be a list of layers; number 0 is"):
        Autoencoder(encoder=[Dense], decoder=[Dense(5)]).fit(X)
    images = DIGITS[:20].reshape(-1, 8, 8)
    with pytest.raises(ValueError, match="Found array with dim 3"):
        Autoencoder().fit(images)
    model = Autoencoder(**CONVOLUTIONS, **FEW).fit(images)
    with pytest.raises(ValueError, match=r"X has samples of shape \(4, 16\), but Autoencoder was"):
        model.transform(images.reshape(-1, 4, 16))
    for method in ("transform", "inverse_transform", "score", "reconstruction_error"):
        with pytest.raises(NotFittedError):
            getattr(Autoencoder(), method)(X)
    with pytest.raises(NotFittedError):
        Autoencoder().principal_angles(X)
    with pytest.raises(ValueError, match="weights kept are"):
        Autoencoder((3,), solver="sgd", learning_rate_init=1e30).fit(X)
