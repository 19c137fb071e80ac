"""CNNClassifier and CNNRegressor: digits, shapes of input, a look inside, and what is refused."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.neural_network import CNNClassifier, CNNRegressor
from fastml.neural_network._architectures import ARCHITECTURES
from fastml.nn import (
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    MaxPool1D,
    MaxPool2D,
    Network,
    Sequential,
)

FEW = {"max_iter": 2, "n_iter_no_change": np.inf, "random_state": 0}
TINY = [Conv2D(3, 3, "relu", padding="same"), MaxPool2D((1, 1))]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.Conver"
                                        "genceWarning")  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32).reshape(-1, 8, 8), y


@pytest.fixture(scope="module")
def bars():
    """Images with a bar, upright or lying, somewhere: what a convolution sees at once."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 0.1, (240, 9, 7)), rng.integers(0, 2, 240)
    for image, lying in zip(X, y, strict=True):
        i, j = rng.integers(0, 6), rng.integers(0, 4)
        image[(i, slice(j, j + 4)) if lying else (slice(i, i + 4), j)] += 1
    return X, y


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@parametrize_with_checks(
    [
        CNNClassifier(max_iter=20, n_iter_no_change=5, tol=0.1, learning_rate_init=0.01),
        CNNRegressor("lenet", max_iter=20, n_iter_no_change=20, learning_rate_init=0.01),
    ]
)
def test_sklearn_compliance(estimator, check, backend):
    with fastml.config_context(backend=backend):
        check(estimator)


@pytest.mark.parametrize(
    "estimator", [CNNClassifier(TINY, max_iter=3), CNNRegressor(TINY, max_iter=3)]
)
def test_reference_backend_agrees(estimator):
    X = np.random.default_rng(0).standard_normal((20, 9))
    y = np.arange(20) % 2
    fitted = [clone(estimator).set_params(random_state=0).fit(X, y)]
    with fastml.config_context(backend="reference"):
        fitted.append(clone(estimator).set_params(random_state=0).fit(X, y))
    np.testing.assert_allclose(*(model._sums(model._new_rows(X)) for model in fitted), rtol=1e-8)


def test_digits(digits):
    X, y = digits
    found = []
    Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    for seed in range(2):
        model = CNNClassifier(random_state=seed, max_iter=25)
        with pytest.warns(ConvergenceWarning):
            found.append(model.fit(Xa, ya).score(Xb, yb))
        assert model.loss_curve_[-1] < 0.1 * model.loss_curve_[0]
    assert np.mean(found) >= 0.98


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 2, 1), (1, 7, 1), (2, 2, 3), (3, 1, 2), (8, 8, 1), (28, 28, 1),
              (5, 40, 3), (64, 64, 3)],
)  # fmt: skip
def test_named_networks_fit_any_size(name, shape):
    made = Network(ARCHITECTURES[name](shape), shape)
    assert min(made.output_shape) >= 1
    if shape == (28, 28, 1) and name == "lenet":
        # With the output layer that of the paper, all maps connected.
        assert made.n_parameters == 61706 - 850


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_named_networks_learn(name, bars):
    X, y = bars
    options = {"max_iter": 15, "n_iter_no_change": np.inf, "random_state": 1, "batch_size": 20}
    model = CNNClassifier(name, learning_rate_init=0.004, **options).fit(X[:160], y[:160])
    assert model.score(X[160:], y[160:]) >= 0.9


def test_a_regressor_learns(bars):
    X, _ = bars
    y = np.stack([X[:, :4].sum(axis=(1, 2)), X[:, 4:].sum(axis=(1, 2))], axis=1)
    layers = [Conv2D(4, 3, "relu"), AvgPool2D(2), Flatten(), Dense(16, "relu")]
    model = CNNRegressor(layers, solver="lbfgs", max_iter=40, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.predict(X).shape == (240, 2)
    assert model.predict(X).dtype == np.float64


def test_shapes_of_input(bars):
    X, y = bars
    with_channel = CNNClassifier(TINY, **FEW).fit(X[..., None], y)
    assert with_channel.input_shape_ == (9, 7, 1)
    assert with_channel.n_features_in_ == 63
    expected = with_channel.predict_proba(X[..., None])
    rows = X.reshape(240, 63)
    for given, input_shape in (
        (X, None), (rows, (9, 7)), (rows, (9, 7, 1)), (X, (9, 7)), (X[..., None], (9, 7)),
        (X.tolist(), None), (np.asfortranarray(X), None), (X.astype(X.dtype.newbyteorder()), None),
    ):  # fmt: skip
        model = CNNClassifier(TINY, input_shape, **FEW).fit(given, y)
        np.testing.assert_array_equal(model.predict_proba(given), expected)
        np.testing.assert_array_equal(model.predict_proba(rows), expected)
    colours = CNNClassifier(TINY, **FEW).fit(np.stack([X, X, X], axis=-1), y)
    assert colours.input_shape_ == (9, 7, 3)
    of_rows = [CNNClassifier(TINY, **FEW).fit(rows[:, :n], y).input_shape_ for n in (49, 50, 1)]
    assert of_rows == [(7, 7, 1), (1, 50, 1), (1, 1, 1)]
    half = CNNClassifier(TINY, **FEW).fit(X.astype(np.float16), y)
    assert half.predict_proba(X).dtype == np.float64
    single = CNNClassifier(TINY, **FEW).fit(X.astype(np.float32), y)
    assert single.predict_proba(X).dtype == np.float32


def test_rows_on_disk(bars, tmp_path):
    X, y = bars
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = CNNClassifier(TINY, **FEW).fit(X, y)
    model = CNNClassifier(TINY, **FEW).fit(on_disk, y)
    np.testing.assert_array_equal(model.predict_proba(on_disk), expected.predict_proba(X))
    found = model.maximal_patches(0, on_disk, n_patches=3)
    np.testing.assert_array_equal(found.patches, expected.maximal_patches(0, X, 0, 3).patches)


def test_data_frames(bars):
    pd = pytest.importorskip("pandas")
    X, y = bars
    frame = pd.DataFrame(X.reshape(240, 63)).add_prefix("pixel")
    model = CNNClassifier(TINY, (9, 7), **FEW).fit(frame, y)
    assert model.feature_names_in_[1] == "pixel1"
    np.testing.assert_array_equal(
        model.predict(frame), CNNClassifier(TINY, **FEW).fit(X, y).predict(X)
    )
    out = model.set_output(transform="pandas").transform(frame)
    assert list(out.columns[:2]) == ["cnnclassifier0", "cnnclassifier1"]


def test_sequences():
    rng = np.random.default_rng(0)
    t = np.arange(40)
    y = rng.integers(0, 2, 200)
    X = np.sin(t * np.where(y, 0.5, 0.8)[:, None] + rng.uniform(0, 6, (200, 1)))
    layers = [
        Conv1D(8, 5, "relu"),
        MaxPool1D(2),
        Sequential([Conv1D(8, 5, "relu")]),
        GlobalAvgPool(),
    ]
    options = {"learning_rate_init": 0.02, "max_iter": 30, "random_state": 0}
    model = CNNClassifier(layers, n_iter_no_change=np.inf, **options).fit(X[:150], y[:150])
    assert model.input_shape_ == (40, 1)
    assert model.score(X[150:], y[150:]) > 0.9
    assert model.feature_maps(X[:3]).shape == (3, 36, 8)
    found = model.maximal_patches(2, X, n_patches=4)
    assert found.patches.shape == (4, 5, 1)
    pairs = np.stack([X, X], axis=-1)
    assert CNNClassifier(layers, **FEW).fit(pairs, y).input_shape_ == (40, 2)


def test_hidden_features(bars):
    X, y = bars
    layers = [Conv2D(4, 3, "relu"), AvgPool2D(), Flatten(), Dense(6, "tanh"), Dropout(0.2)]
    model = CNNClassifier(layers, **FEW).fit(X, y)
    found = model.transform(X)
    assert found.shape == (240, 6)
    np.testing.assert_array_equal(found, model.feature_maps(X, -3))
    views = model.network_.views
    sums = found @ views["5.weight"] + views["5.bias"]
    shares = 1 / (1 + np.exp(-sums[:, 0]))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], shares, rtol=1e-10)
    assert list(model.get_feature_names_out())[-1] == "cnnclassifier5"
    plain = CNNClassifier([], **FEW).fit(X, y)
    np.testing.assert_array_equal(plain.transform(X), X.reshape(240, 63))
    assert len(plain.summary().rows) == 2
    assert model.summary().n_parameters == model.network_.n_parameters


def test_feature_maps_are_convolutions_of_the_images(bars):
    from scipy.signal import correlate2d

    X, y = bars
    model = CNNClassifier([Conv2D(3, (3, 2), padding=(1, 0))], **FEW).fit(X, y)
    maps = model.feature_maps(X[:5])
    weight, bias = model.network_.views["0.weight"], model.network_.views["0.bias"]
    for i in range(5):
        for k in range(3):
            padded = np.pad(X[i], ((1, 1), (0, 0)))
            expected = correlate2d(padded, weight[k, 0], mode="valid") + bias[k]
            np.testing.assert_allclose(maps[i, :, :, k], expected, atol=1e-12)


def test_maximal_patches(bars):
    X, y = bars
    layers = [Conv2D(3, (3, 2), padding=(1, 0)), MaxPool2D(2)]
    model = CNNClassifier(layers, **FEW).fit(X, y)
    maps = model.feature_maps(X)
    weight, bias = model.network_.views["0.weight"], model.network_.views["0.bias"]
    found = model.maximal_patches(1, X, n_patches=6)
    assert found.patches.shape == (6, 3, 2, 1)
    # What the filter makes of the patch is what it was found for.
    again = (found.patches[..., 0] * weight[1, 0]).sum(axis=(1, 2)) + bias[1]
    np.testing.assert_allclose(again, found.activations, atol=1e-12)
    np.testing.assert_array_equal(found.activations, np.sort(maps[..., 1].max(axis=(1, 2)))[:-7:-1])
    np.testing.assert_array_equal(found.starts, found.places - [1, 0])
    assert len(set(found.samples.tolist())) == 6
    # One unit, in a corner where padding is seen.
    corner = model.maximal_patches((0, 5, 2), X, n_patches=300)
    assert len(corner.samples) == 240
    assert (corner.starts == [-1, 5]).all()
    assert not corner.patches[:, 0].any()
    np.testing.assert_array_equal(corner.patches[:, 1:, :, 0], X[corner.samples, :2, 5:])
    pooled = model.maximal_patches(1, X, layer=1, n_patches=2)
    assert pooled.patches.shape == (2, 4, 3, 1)
    np.testing.assert_allclose(pooled.activations, found.activations[:2])
    # An output sees all of the image.
    whole = model.maximal_patches(0, X, layer=-1, n_patches=2)
    np.testing.assert_array_equal(whole.patches[..., 0], X[whole.samples])
    assert whole.places.shape == (2, 0)


def test_models_are_kept(bars):
    X, y = bars
    model = CNNClassifier([Conv2D(3, 3), Dropout(0.3), GlobalAvgPool()], **FEW)
    twin = clone(model)
    assert twin.layers == model.layers
    assert twin.layers[0] is not model.layers[0]
    expected = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(twin.fit(X, y).predict_proba(X), expected)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    assert "Conv2D(3), Dropout(0.3)" in repr(model)
    loaded.partial_fit(X, y)
    assert (loaded.predict_proba(X) != expected).any()
    warm = clone(model).set_params(warm_start=True)
    first = warm.fit(X, y).loss_
    assert warm.fit(X, y).loss_ < first


def test_a_killed_fit_goes_on_from_its_checkpoint(bars, tmp_path):
    class Killed(Exception):
        pass

    class Kill:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context, **_):
            if context.task_name == "epoch" and context.task_id == 2:
                raise Killed

    X, y = bars
    layers = [Conv2D(3, 3, "relu"), BatchNorm(), Dropout(0.2), GlobalAvgPool()]
    model = CNNClassifier(layers, random_state=0, max_iter=5, tol=0, batch_size=50)
    whole = clone(model).fit(X, y)
    model.set_params(checkpoint=tmp_path / "fit")
    with pytest.raises(Killed):
        clone(model).set_callbacks(Kill()).fit(X, y)
    resumed = clone(model).fit(X, y)
    assert resumed.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ValueError, match="another fit: alpha was"):
        clone(model).set_params(alpha=1.0).fit(X, y)


def test_device_free_batches_agree(bars):
    X, y = bars
    model = CNNClassifier("small", **FEW).fit(X, y)
    many = np.concatenate([X] * 5)
    np.testing.assert_allclose(model.predict_proba(many)[:240], model.predict_proba(X), rtol=1e-12)


def test_bad_input(bars):
    X, y = bars
    for layers in ("large", 3):
        with pytest.raises(ValueError, match="The 'layers' parameter of CNNClassifier must be"):
            CNNClassifier(layers).fit(X, y)
    with pytest.raises(TypeError, match="layers must be a list of layers; number 0 is 5"):
        CNNClassifier([5]).fit(X, y)
    with pytest.raises(ValueError, match=r"layer 0 \(Conv2D\): a window of 11 x 11 does not fit"):
        CNNClassifier([Conv2D(2, 11)]).fit(X, y)
    with pytest.raises(ValueError, match=r"samples of shape \(9, 7\), but input_shape=\(8, 8\)"):
        CNNClassifier(TINY, (8, 8)).fit(X, y)
    with pytest.raises(
        ValueError, match=r"input_shape must be \(H, W\) or \(H, W, C\), got \(63,\)"
    ):
        CNNClassifier(TINY, (63,)).fit(X, y)
    with pytest.raises(ValueError, match=r"takes samples of shape \(H, W\)"):
        CNNClassifier(TINY).fit(X[..., None, None], y)
    with pytest.raises(ValueError, match=r"input_shape\[0\] must be an integer >= 1"):
        CNNClassifier(TINY, (0, 4)).fit(X, y)
    with pytest.raises(TypeError, match="Sparse data was passed"):
        CNNClassifier(TINY).fit(sparse.csr_array(X.reshape(240, 63)), y)
    hole = X.copy()
    hole[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        CNNClassifier(TINY).fit(hole, y)
    with pytest.raises(NotFittedError):
        CNNClassifier(TINY).feature_maps(X)
    model = CNNClassifier(TINY, **FEW).fit(X, y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(hole)
    with pytest.raises(ValueError, match=r"X has samples of shape \(7, 9\), but CNNClassifier was"):
        model.predict(X.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="X has 62 features, but CNNClassifier is expecting 63"):
        model.predict(X.reshape(240, 63)[:, 1:])
    with pytest.raises(ValueError, match="layer must be the place of a layer"):
        model.feature_maps(X, 9)
    for unit in (3, -1, (0, 0), (0, 7, 0), 1.5):
        with pytest.raises(ValueError, match="unit must be a filter below 3, or a unit within"):
            model.maximal_patches(unit, X)


def test_a_diverging_fit_keeps_its_last_good_weights(bars):
    X, y = bars
    model = CNNRegressor([Conv2D(3, 3)], solver="sgd", learning_rate_init=10.0, batch_size=5, **FEW)
    with pytest.raises(ValueError, match=r"loss became .* in epoch"):
        model.fit(X.astype(np.float32), y)
    assert np.isfinite(model.predict(X)).all()
