"""MLPClassifier and MLPRegressor: scikit-learn's contract, its numbers, and what is added."""

import math
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network as sk
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import (
    load_digits,
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml import activations, losses
from fastml.neural_network import MLPClassifier, MLPRegressor
from fastml.nn.training import DivergenceError
from tests.test_bad_input import BAD, GOOD, WEIGHTS, refusals

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


X3, Y3 = make_classification(120, 8, n_informative=5, n_classes=3, random_state=0)
X2, Y2 = make_classification(120, 8, random_state=1)
XM, YM = make_multilabel_classification(120, 8, n_classes=4, random_state=0)
XR, YR = make_regression(120, 8, noise=1.0, random_state=0)
YR = YR / YR.std()
XK, YK = make_regression(120, 8, n_targets=3, random_state=0)
YK = YK / YK.std()
DATA = {
    "classes": (MLPClassifier, sk.MLPClassifier, X3, Y3),
    "two classes": (MLPClassifier, sk.MLPClassifier, X2, Y2),
    "labels": (MLPClassifier, sk.MLPClassifier, XM, YM),
    "numbers": (MLPRegressor, sk.MLPRegressor, XR, YR),
    "several numbers": (MLPRegressor, sk.MLPRegressor, XK, YK),
}
SMALL = {"hidden_layer_sizes": (7, 5), "random_state": 3, "max_iter": 12}
# Without shuffling, which has its own draws, every step is scikit-learn's.
WAYS = {
    "adam": {"batch_size": 32, "shuffle": False, "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "batch_size": 50, "shuffle": False, "learning_rate_init": 0.1},
    "plain": {"solver": "sgd", "momentum": 0, "learning_rate": "invscaling", "power_t": 0.1},
    "not nesterov": {"solver": "sgd", "nesterovs_momentum": False, "activation": "tanh"},
    "adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 1,
    },
    "full batch": {"activation": "logistic", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4},
    "strong penalty": {"alpha": 10.0, "activation": "identity", "batch_size": 500},
    "lbfgs": {"solver": "lbfgs", "activation": "tanh", "alpha": 0.1},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 20},
}  # fmt: skip


def weights(model):
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def assert_same_model(ours, theirs, rtol=1e-7):
    size = np.abs(weights(theirs)).max()
    assert_allclose(weights(ours), weights(theirs), rtol=rtol, atol=rtol * size)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        found, wanted = getattr(ours, name, None), getattr(theirs, name, None)
        assert (found is None) == (wanted is None), name
        if wanted is not None:
            assert_allclose(found, wanted, rtol=1e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger:UserWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", DATA)
def test_it_is_scikit_learns_model(backend, kind, way):
    ours, theirs, X, y = DATA[kind]
    if way == "lbfgs" and kind == "several numbers":
        pytest.skip("scikit-learn divides the loss by the outputs, but not its gradient")
    options = SMALL | WAYS[way]
    found, wanted = ours(**options).fit(X, y), theirs(**options).fit(X, y)
    assert_same_model(found, wanted, 1e-4 if way == "lbfgs" else 1e-7)
    assert_array_equal(found.predict(X).shape, wanted.predict(X).shape)
    if hasattr(wanted, "predict_proba"):
        assert_array_equal(found.predict(X), wanted.predict(X))
        assert_allclose(found.predict_proba(X), wanted.predict_proba(X), atol=1e-4)
    assert_allclose(found.score(X, y), wanted.score(X, y), atol=1e-4)


@pytest.mark.parametrize("kind", DATA)
def test_weights_sparse_rows_and_going_on(backend, kind):
    ours, theirs, X, y = DATA[kind]
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    thin = sparse.csc_array(np.where(np.abs(X) > 0.5, X, 0))
    options = SMALL | {"batch_size": 60, "shuffle": False, "warm_start": True}
    found, wanted = ours(**options), theirs(**options)
    for model in (found, wanted):
        model.fit(thin, y, sample_weight=weight)
        model.fit(thin, y)
        model.partial_fit(thin, y)
    # No score here is that of the held out.
    assert_same_model(found, wanted)
    assert_allclose(found.predict(thin), found.predict(thin.toarray()), rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_counts(backend, solver):
    rng = np.random.default_rng(0)
    y = rng.poisson(np.exp(0.3 * XR[:, 0] + 1))
    options = SMALL | {"loss": "poisson", "solver": solver, "shuffle": False}
    found = MLPRegressor(**options).fit(XR, y)
    wanted = sk.MLPRegressor(**options).fit(XR, y)
    assert_same_model(found, wanted, 1e-4 if solver == "lbfgs" else 1e-7)
    assert_allclose(found.loss_, wanted.loss_, rtol=1e-6)
    assert (found.predict(XR) > 0).all()
    with pytest.raises(ValueError, match="loss='poisson' requires non-negative y"):
        found.fit(XR, y - 5)


@pytest.mark.parametrize("kind", ["classes", "several numbers"])
def test_partial_fits_end_in_the_bits_of_a_fit(backend, kind):
    ours, _, X, y = DATA[kind]
    options = SMALL | {"batch_size": 16, "tol": 0, "dropout": 0.2}
    whole = ours(**options).fit(X, y)
    parts = ours(**options)
    parts.partial_fit(X, y, **({"classes": [0, 1, 2]} if kind == "classes" else {}))
    for i in range(11):
        # As a model that is read from a file.
        parts = (pickle.loads(pickle.dumps(parts)) if i % 4 == 0 else parts).partial_fit(X, y)
    assert_array_equal(weights(whole), weights(parts))
    assert whole.loss_curve_ == parts.loss_curve_
    assert (parts.n_iter_, parts.t_) == (1, whole.t_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", DATA)
def test_dtypes(backend, kind, dtype):
    ours, _, X, y = DATA[kind]
    for solver in ("adam", "lbfgs"):
        model = ours(**SMALL, solver=solver).fit(X.astype(dtype), y)
        assert {a.dtype for a in (*model.coefs_, *model.intercepts_)} == {np.dtype(dtype)}
        assert all(type(a) is np.ndarray for a in (*model.coefs_, *model.intercepts_))
        outputs = getattr(model, "predict_proba", model.predict)
        assert outputs(X.astype(dtype)).dtype == dtype
        assert model.transform(X.astype(dtype)).dtype == dtype
        # Rows of the other dtype are taken too.
        other = np.float64 if dtype == np.float32 else np.float32
        assert_allclose(outputs(X.astype(other)), outputs(X.astype(dtype)), atol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [["a", "b", "c"], [5, -1, 7], [0.0, 2.0, 9.0], np.array(["x", "yy", "z"], object)],
)
def test_labels_of_any_dtype(labels):
    labels = np.sort(np.asarray(labels))
    expected = MLPClassifier(**SMALL).fit(X3, Y3)
    model = MLPClassifier(**SMALL).fit(X3, labels[Y3])
    assert_array_equal(model.classes_, labels)
    assert_array_equal(model.predict(X3), labels[expected.predict(X3)])
    theirs = sk.MLPClassifier(**SMALL).fit(X3, labels[Y3])
    assert model.predict(X3).dtype == theirs.predict(X3).dtype


def test_one_class_and_sparse_labels():
    model = MLPClassifier(**SMALL).fit(X2, np.full(len(X2), "only"))
    assert set(model.predict(X2)) == {"only"}
    thin = MLPClassifier(**SMALL).fit(XM, sparse.csr_array(YM)).predict(XM)
    assert sparse.issparse(thin)
    assert_array_equal(thin.toarray(), MLPClassifier(**SMALL).fit(XM, YM).predict(XM))


def test_weights_of_classes(backend):
    given = MLPClassifier(**SMALL, class_weight={0: 1.0, 1: 5.0}).fit(X2, Y2)
    same = MLPClassifier(**SMALL).fit(X2, Y2, sample_weight=np.where(Y2 == 1, 5.0, 1.0))
    assert_array_equal(weights(given), weights(same))
    rare = np.flatnonzero((Y2 == 0) | (np.arange(len(Y2)) % 10 == 0))
    balanced = MLPClassifier(**SMALL, class_weight="balanced").fit(X2[rare], Y2[rare])
    counts = np.bincount(Y2[rare])
    weight = (len(rare) / (2 * counts))[Y2[rare]]
    both = MLPClassifier(**SMALL).fit(X2[rare], Y2[rare], sample_weight=weight)
    assert_allclose(weights(balanced), weights(both), rtol=1e-10)
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        balanced.partial_fit(X2, Y2)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adagrad", "rmsprop", "adamw", "lbfgs"])
@pytest.mark.parametrize("learning_rate", ["constant", "cosine"])
def test_every_solver_learns(backend, solver, learning_rate):
    rate = {"sgd": 0.1, "adagrad": 0.05}.get(solver, 0.01)
    model = MLPClassifier(
        (16,), solver=solver, learning_rate=learning_rate, learning_rate_init=rate,
        batch_size=30, max_iter=60, random_state=0, tol=0,
    ).fit(X3, Y3)  # fmt: skip
    assert model.score(X3, Y3) > 0.85
    if learning_rate == "cosine" and solver != "lbfgs":
        assert model._optimizer.learning_rate < 1e-9


@pytest.mark.parametrize("size", [1, 13, "full", "auto"])
def test_sizes_of_batches(backend, size):
    model = MLPRegressor(
        hidden_layer_sizes=(8,), solver="sgd", batch_size=size, max_iter=5, random_state=0
    )
    model.fit(XR, YR)
    n = {"full": 120, "auto": 120}.get(size, size)
    assert model._training.step == 5 * math.ceil(120 / n)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        clone(model).set_params(batch_size=121).fit(XR, YR)


def test_penalties(backend):
    options = {"hidden_layer_sizes": (6,), "solver": "lbfgs", "random_state": 0, "max_iter": 300}
    counts, sizes = [], []
    for penalty in (None, "l2", "elasticnet", "l1"):
        model = MLPRegressor(**options, penalty=penalty, alpha=3.0, l1_ratio=0.5).fit(XR, YR)
        flat = np.concatenate([coef.ravel() for coef in model.coefs_])
        counts.append((flat == 0).sum())
        sizes.append((flat**2).sum())
    assert counts[0] == counts[1] == 0
    assert 0 < counts[2] <= counts[3]
    assert sizes[0] > sizes[1]
    # By steps of descent weights come close to 0.
    steps = options | {"solver": "adam", "max_iter": 400, "learning_rate_init": 0.01}
    flat = np.abs(MLPRegressor(**steps, penalty="l1", alpha=3.0).fit(XR, YR).coefs_[0])
    assert (flat < 0.02).sum() > 10


def test_weights_decay(backend):
    decayed, plain = (
        MLPRegressor(**SMALL, solver="adamw", alpha=alpha, learning_rate_init=0.1).fit(XR, YR)
        for alpha in (1.0, 0.0)
    )
    assert np.abs(weights(decayed)).sum() < 0.8 * np.abs(weights(plain)).sum()


def test_dropout(backend):
    options = SMALL | {"batch_size": 32}
    models = [
        MLPClassifier(**options, dropout=dropout, input_dropout=at_input).fit(X3, Y3)
        for dropout, at_input in ((0, 0), (0.5, 0), (0, 0.2), (0.5, 0.2))
    ]
    found = [weights(model) for model in models]
    assert len({w.tobytes() for w in found}) == 4
    for model in models:
        assert_array_equal(model.predict_proba(X3), model.predict_proba(X3))
        assert_array_equal(weights(clone(model).fit(X3, Y3)), weights(model))
    # Rows with zeros left out are the same rows.
    thin = clone(models[3]).fit(sparse.csr_array(X3), Y3)
    assert_allclose(weights(thin), found[3], rtol=1e-9)


@pytest.mark.parametrize("activation", ["gelu", "leaky_relu", "softplus", activations.elu])
def test_activations(backend, activation):
    options = {"solver": "lbfgs", "max_iter": 100, "random_state": 0}
    model = MLPRegressor("squared_error", (8,), activation, **options).fit(XR, YR)
    assert model.score(XR, YR) > 0.9


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "squared_error", losses.squared])
@pytest.mark.parametrize("kind", ["classes", "two classes", "labels"])
def test_losses_of_classifiers(backend, kind, loss):
    _, _, X, y = DATA[kind]
    options = {"max_iter": 100, "random_state": 0, "learning_rate_init": 0.01}
    model = MLPClassifier((16,), loss=loss, **options).fit(X, y)
    least = 0.5 if kind == "labels" else 0.85
    assert model.score(X, y) > least
    margins = loss in ("hinge", "squared_hinge")
    assert hasattr(model, "predict_proba") is not margins
    assert hasattr(model, "decision_function") is margins
    if margins:
        found = model.decision_function(X)
        if kind == "classes":
            assert_array_equal(found.argmax(axis=1), model.predict(X))
        else:
            assert_array_equal(found > 0, model.predict(X))


def test_hidden_features(backend):
    model = MLPClassifier(**SMALL).fit(X3, Y3)
    hidden = np.maximum(np.maximum(X3 @ model.coefs_[0] + model.intercepts_[0], 0)
                        @ model.coefs_[1] + model.intercepts_[1], 0)  # fmt: skip
    assert_allclose(model.transform(X3), hidden, rtol=1e-9)
    framed = clone(model).set_output(transform="pandas").fit(pd.DataFrame(X3), Y3)
    features = framed.transform(pd.DataFrame(X3))
    assert list(features.columns) == [f"mlpclassifier{i}" for i in range(5)]
    piped = make_pipeline(StandardScaler(), clone(model)).fit(X3, Y3)
    assert piped.transform(X3).shape == (120, 5)


def test_predictions_use_the_weights_there_are(backend):
    model = MLPRegressor(**SMALL).fit(XR, YR)
    model.coefs_[2] = 2 * model.coefs_[2]
    model.intercepts_[2] = 2 * model.intercepts_[2]
    expected = MLPRegressor(**SMALL).fit(XR, YR).predict(XR)
    assert_allclose(model.predict(XR), 2 * expected)
    # And so does what goes on.
    one = pickle.loads(pickle.dumps(model)).partial_fit(XR, YR)
    assert_allclose(weights(one), weights(model), atol=0.1)
    model.hidden_layer_sizes = (7, 4)
    with pytest.raises(ValueError, match="Training cannot go on with other layers"):
        model.partial_fit(XR, YR)


class Recorder:
    """A callback that keeps the scores of what it is told, and stops where it is told to."""

    def __init__(self, stop_after=math.inf):
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.names, self.scores, self.torn_down = [], [], 0

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.names.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "fit":
            return False
        self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) >= self.stop_after


@pytest.mark.parametrize("solver, name", [("adam", "epoch"), ("lbfgs", "iteration")])
def test_callbacks(backend, solver, name):
    callback = pytest.importorskip("sklearn.callback")
    recorder, monitor = Recorder(), callback.ScoringMonitor(scoring="accuracy")
    options = SMALL | {"solver": solver, "learning_rate_init": 0.05}
    model = MLPClassifier(**options).set_callbacks(recorder, monitor).fit(X3, Y3)
    same = MLPClassifier(**options).fit(X3, Y3)
    assert_array_equal(weights(model), weights(same))
    assert recorder.names == ["fit", *[name] * model.n_iter_]
    assert recorder.scores[-1] == model.score(X3, Y3)
    assert len(set(recorder.scores)) > 1
    logged = [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]
    assert logged[: len(recorder.scores)] == recorder.scores
    assert recorder.torn_down == 1
    stopped = MLPClassifier(**options).set_callbacks(Recorder(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert stopped.fit(X3, Y3).n_iter_ == 2


@pytest.mark.parametrize("how", ["callback", "option"])
def test_the_progress_bar_is_drawn(capsys, how):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    model = MLPClassifier(**SMALL)
    if how == "callback":
        model.set_callbacks(callback.ProgressBar()).fit(X3, Y3)
    else:
        with fastml.config_context(progress=True):
            model.fit(X3, Y3)
    assert "MLPClassifier - fit" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_a_fit_that_diverges(backend):
    model = MLPRegressor(solver="sgd", learning_rate_init=1e30, activation="identity", tol=0)
    with pytest.raises(DivergenceError, match=r"epoch \d+, step 1.*learning_rate_init may help"):
        model.fit(XR, YR)
    # The last good weights are there to be used.
    assert np.isfinite(model.predict(XR)).all()
    assert model.loss_curve_
    model.set_params(early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="loss became NaN or infinite"):
        model.fit(XR, YR)
    assert np.isfinite(model.predict(XR)).all()
    assert np.isnan(model.validation_scores_[-1])


def test_the_best_epoch_comes_back(backend):
    options = SMALL | {"learning_rate_init": 0.3, "batch_size": 16, "max_iter": 30, "tol": 0}
    last = MLPRegressor(**options).fit(XR, YR)
    best = MLPRegressor(**options, restore_best_weights=True).fit(XR, YR)
    assert best.loss_curve_ == last.loss_curve_
    n = int(np.argmin(best.loss_curve_)) + 1
    assert n < 30
    short = MLPRegressor(**options | {"max_iter": n}).fit(XR, YR)
    assert_array_equal(weights(best), weights(short))
    early = MLPRegressor(**options, early_stopping=True, restore_best_weights=False).fit(XR, YR)
    assert early.best_validation_score_ == max(early.validation_scores_)


def test_checkpoints(backend, tmp_path):
    options = SMALL | {"batch_size": 16, "early_stopping": True, "dropout": 0.1}
    whole = MLPClassifier(**options).fit(X3, Y3)
    file = tmp_path / "fit"
    for every in (1, 2):
        model = MLPClassifier(**options, checkpoint=file, checkpoint_every=every)

        class Killed(Exception):
            pass

        class Kill(Recorder):
            def on_fit_task_end(self, estimator, context):
                if context.task_name == "epoch" and context.task_id == 6:
                    raise Killed

        if pytest.importorskip("sklearn.callback"):
            with pytest.raises(Killed):
                clone(model).set_callbacks(Kill()).fit(X3, Y3)
        assert file.exists()
        # The second one is over before it begins.
        for _ in range(2):
            again = clone(model).fit(X3, Y3)
            assert_array_equal(weights(again), weights(whole))
            assert again.loss_curve_ == whole.loss_curve_
            assert again.validation_scores_ == whole.validation_scores_
        with pytest.raises(ValueError, match=r"another fit: alpha was 0\.0001, is 0\.5"):
            clone(model).set_params(alpha=0.5).fit(X3, Y3)
        with pytest.raises(ValueError, match="another fit: X was"):
            clone(model).fit(X3 + 1, Y3)
        file.unlink()
    with pytest.raises(ValueError, match="checkpoint is for stochastic solvers"):
        clone(model).set_params(solver="lbfgs", early_stopping=False).fit(X3, Y3)


PAIRS = {
    "MLPClassifier": (MLPClassifier(**SMALL), sk.MLPClassifier(**SMALL)),
    "MLPRegressor": (MLPRegressor(**SMALL), sk.MLPRegressor(**SMALL)),
}
TARGETS = np.arange(12) % 2
ONE = {"one row", "sparse one row"}
NO_NUMBERS = {
    *("None", "None inside", "a string", "a structured array", "bytes", "dicts", "mixed"),
    "strings",
}


@pytest.mark.parametrize("kind", sorted(BAD.keys() - ONE))
@pytest.mark.parametrize("name", PAIRS)
def test_bad_rows(name, kind):
    ours, theirs = refusals(PAIRS[name], lambda e: e.fit(BAD[kind], TARGETS))
    assert ours == theirs
    ours, theirs = refusals(PAIRS[name], lambda e: e.fit(GOOD, TARGETS).predict(BAD[kind]))
    if kind in NO_NUMBERS:
        # scikit-learn looks whether there are numbers, and we for those we can compute with.
        assert issubclass(ours[0], ValueError | TypeError)
    else:
        assert ours == theirs


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", PAIRS)
def test_bad_weights(name, kind):
    ours, theirs = refusals(
        PAIRS[name], lambda e: e.fit(GOOD, TARGETS, sample_weight=WEIGHTS[kind])
    )
    assert ours == theirs
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        clone(PAIRS[name][0]).fit(GOOD, TARGETS, sample_weight=np.arange(12.0) - 1)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    "y", [None, TARGETS[:5], [[1, 2, 3]] * 12, np.full(12, np.nan), [object()] * 12, "y"]
)
def test_bad_targets(name, y):
    if name == "MLPRegressor" and isinstance(y, list) and len(y) == 12 and y[0] == [1, 2, 3]:
        pytest.skip("that is three numbers a row")
    ours, theirs = refusals(PAIRS[name], lambda e: e.fit(GOOD, y))
    assert ours == theirs


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": -1}, {"hidden_layer_sizes": (3, 0)}, {"alpha": -1.0},
        {"batch_size": 0}, {"learning_rate_init": 0.0}, {"max_iter": 0}, {"shuffle": "true"},
        {"momentum": 2}, {"validation_fraction": 1.0}, {"beta_1": 1}, {"epsilon": -0.5},
        {"n_iter_no_change": -1}, {"tol": -1.0}, {"max_fun": 0}, {"random_state": "now"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", PAIRS)
def test_bad_parameters(name, parameters):
    ours, theirs = refusals(PAIRS[name], lambda e: e.set_params(**parameters).fit(GOOD, TARGETS))
    assert ours[0] is theirs[0] or issubclass(ours[0], theirs[0])
    # The names of our own choices are among ours.
    (parameter,) = parameters
    if parameter not in ("batch_size",):
        assert ours[1] == theirs[1]
    assert parameter in ours[1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": "cubic"}, {"solver": "newton"}, {"dropout": 1.0}, {"input_dropout": -0.1},
        {"penalty": "l3"}, {"l1_ratio": 2}, {"max_norm": 0}, {"restore_best_weights": "yes"},
        {"checkpoint": 3}, {"checkpoint_every": 0}, {"loss": "cubic"}, {"learning_rate": "fast"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", PAIRS)
def test_bad_parameters_of_our_own(name, parameters):
    (parameter,) = parameters
    with pytest.raises(ValueError, match=parameter):
        clone(PAIRS[name][0]).set_params(**parameters).fit(GOOD, TARGETS)


def test_going_on_with_other_targets():
    model = MLPRegressor(**SMALL).fit(XK, YK)
    with pytest.raises(ValueError, match="y has 2 outputs, but MLPRegressor was fitted to 3"):
        model.partial_fit(XK, YK[:, :2])


@pytest.mark.slow
def test_accuracy_on_digits():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        (X / 16).astype(np.float32), y, test_size=0.25, random_state=0, stratify=y
    )
    scores = [MLPClassifier(random_state=i).fit(X, y).score(X_test, y_test) for i in range(5)]
    assert np.mean(scores) >= 0.975
