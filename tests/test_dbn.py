"""Deep belief networks as estimators: scikit-learn's contract, options, input."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.neural_network import BernoulliRBM, DBNClassifier, DeepBeliefNetwork, GaussianRBM

# The checks' rows are no states of binary units.
ANY_ROWS = BernoulliRBM(8, out_of_range="ignore", learning_rate=0.01)
REAL_ROWS = GaussianRBM(30, algorithm="cd", n_iter=20, variance=0.1)


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, np.array(list("abcdefghij"))[y]


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [
        DeepBeliefNetwork([ANY_ROWS, 5]),
        DBNClassifier([REAL_ROWS, 20], fine_tune_learning_rate=0.01),
        DBNClassifier([REAL_ROWS, 20], fine_tune=None),
        DBNClassifier([REAL_ROWS, 20], fine_tune="up-down"),
    ]
)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must have a layer or more"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must hold ints of at least 1"),
        ({"hidden_layer_sizes": (5, True)}, "got True"),
        ({"hidden_layer_sizes": (5, "5")}, "BernoulliRBM or GaussianRBM, got '5'"),
        ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter"),
        ({"hidden_layer_sizes": [5, GaussianRBM(5)]}, "first of hidden_layer_sizes alone"),
        ({"hidden_layer_sizes": [GaussianRBM(5)]}, "put a layer on GaussianRBM"),
        ({"hidden_layer_sizes": [5, BernoulliRBM(5, validation_fraction=0.1)]}, "first machine"),
        ({"hidden_layer_sizes": [BernoulliRBM(5, k=0)]}, "'k' parameter of BernoulliRBM"),
        ({"momentum": 1.0}, "'momentum' parameter"),
        ({"fine_tune": "wake-sleep"}, "'fine_tune' parameter"),
        ({"fine_tune_learning_rate": 0.0}, "'fine_tune_learning_rate' parameter"),
        ({"monitor": "batch"}, "'monitor' parameter"),
    ],
)
def test_wrong_parameters_are_named(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        DeepBeliefNetwork(**{"hidden_layer_sizes": (4, 3)} | options).fit(np.eye(2), [0, 1])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m: m.sample(0), "n_samples must be an int of at least 1"),
        (lambda m: m.sample(1, n_steps=0), "n_steps must be an int of at least 1"),
        (lambda m: m.sample(2, ["a", "x"]), "label must be of the classes ['a' 'b'], got ['x']"),
        (lambda m: m.lower_bound(np.eye(2), n_draws=0), "n_draws must be an int"),
        (lambda m: m.lower_bound(np.eye(2), ["a", "x"]), "y must hold classes ['a' 'b'] alone"),
        (lambda m: m.log_partition("exactly"), "method must be 'auto', 'exact' or 'ais'"),
        (lambda m: m.inverse_transform(np.eye(2)), "X must have 3 columns"),
        (lambda m: m.transform(np.eye(3)), "X has 3 features, but DeepBeliefNetwork is expecting"),
        (lambda m: m.transform(np.full((1, 2), np.nan)), "Input X contains NaN"),
        (lambda m: m.fit(np.array([[0.0, 1.5]])), "within [0, 1]"),
        (lambda m: m.fit(sparse.csr_array([[0.0, -1.0]])), "use GaussianRBM for real values"),
        (lambda m: m.fit(np.eye(2), [0.5, 1.2]), "Unknown label type"),
        (lambda m: m.set_params(fine_tune="backprop").fit(np.eye(2)), "needs labels: pass y"),
        (lambda m: m.fit(np.eye(2)).sample(1, "a"), "label is for a model with label units"),
        (lambda m: m.fit(np.eye(2)).lower_bound(np.eye(2), ["a", "b"]), "y is for a model with"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call(DeepBeliefNetwork((4, 3), n_iter=1, random_state=0).fit(np.eye(2), ["a", "b"]))
    with pytest.raises(ValueError, match="label_units=False tells no classes"):
        DBNClassifier(label_units=False, fine_tune=None).fit(np.eye(2), [0, 1])


@pytest.mark.parametrize("fine_tune", [None, "up-down", "backprop"])
def test_input_in_any_form_gives_the_same_fit(backend, digits, fine_tune):
    X, y = np.round(digits[0][:60]).astype(np.float32), digits[1][:60]
    options = {"n_iter": 2, "random_state": 0, "fine_tune": fine_tune, "fine_tune_n_iter": 2}
    model = DBNClassifier((7, 6), batch_size=8, monitor="layer", **options).fit(X, y)
    read_only = X.copy()
    read_only.flags.writeable = False
    forms = {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "read-only": read_only,
        "csr": sparse.csr_array(X),
        "csc": sparse.csc_matrix(X),
    }
    shares, features = model.predict_proba(X), model.transform(X)
    assert shares.dtype == features.dtype == np.float32
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    for name, form in forms.items():
        other = clone(model).fit(form, y.tolist())
        # Dense layers add up sparse rows in another order.
        allowed = 1e-4 if sparse.issparse(form) and fine_tune == "backprop" else 0
        assert_allclose(other.transform(form), features, rtol=allowed, err_msg=name)
        assert_allclose(other.predict_proba(form), shares, rtol=allowed, err_msg=name)
        bounds = [m.lower_bound(form, random_state=0) for m in (model, other)]
        assert_array_equal(*bounds, err_msg=name)
        assert other.lower_bound_ == model.lower_bound_
    wide = clone(model).fit(X.astype(float), y)
    for name, form in {"big-endian": X.astype(">f8"), "bool": X > 0, "list": X.tolist()}.items():
        other = clone(model).fit(form, y)
        assert_array_equal(other.transform(form), wide.transform(X.astype(float)), err_msg=name)
    frame = pd.DataFrame(X.astype(float), columns=[f"x{i}" for i in range(64)])
    named = clone(model).set_output(transform="pandas").fit(frame, y)
    assert list(named.transform(frame).columns) == [f"dbnclassifier{i}" for i in range(6)]
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_proba(X), shares)
    assert_array_equal(again.sample(4, "c", n_steps=5), model.sample(4, "c", n_steps=5))


def test_one_layer_is_a_machine(backend, digits):
    X = digits[0][:200]
    options = {"n_iter": 3, "learning_rate": 0.05, "batch_size": 20}
    model = DeepBeliefNetwork((12,), random_state=0, **options).fit(X)
    machine = model.rbms_[0]
    assert_array_equal(model.transform(X), machine.transform(X))
    expected = machine.log_likelihood(X, model.log_partition())
    assert_allclose(model.lower_bound(X), expected, rtol=1e-12)
    assert_array_equal(model.inverse_transform(np.eye(12)), machine.inverse_transform(np.eye(12)))
    labelled = DeepBeliefNetwork((12,), random_state=0, **options)
    for form in (X, sparse.csr_array(X)):
        labelled.fit(form, digits[1][:200])
        assert labelled.sample(3, "d", n_steps=2, means=True).shape == (3, 64)


def test_layers_are_the_same_whatever_comes_on_top(digits):
    X = digits[0][:200]
    options = {"n_iter": 2, "random_state": 0, "monitor": None}
    models = [DeepBeliefNetwork(sizes, **options).fit(X) for sizes in ((9, 8), (9, 8, 70))]
    for one, other in zip(*(model.rbms_ for model in models), strict=False):
        assert_array_equal(one.components_, other.components_)
    # Larger than the layer two below it, the last one begins as the one below it turned over.
    start = DeepBeliefNetwork([9, BernoulliRBM(70, n_iter=0)], **options).fit(X).rbms_
    assert_array_equal(start[1].components_[:64], start[0].components_.T)
    assert_array_equal(start[1].intercept_hidden_[:64], start[0].intercept_visible_)


def test_gaussian_rows_and_transformers_in_a_pipeline(backend):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (300, 2)) @ [[2.0, -1.0, 0.5], [0.0, 1.0, 2.0]]
    X += rng.normal(0, 0.3, X.shape)
    bottom = GaussianRBM(10, variance=0.2, learning_rate=0.01, algorithm="cd", n_iter=20)
    options = {"random_state": 0, "fine_tune": "up-down", "fine_tune_learning_rate": 0.002}
    model = DeepBeliefNetwork([bottom, 8], monitor="epoch", **options).fit(X)
    assert len(model.lower_bound_curve_) == model.n_iter_ == 20 + 10 + 10
    assert len(model.lower_bound_) == 3
    assert model.lower_bound_[-1] == model.lower_bound_curve_[-1]
    drawn = model.sample(2000, n_steps=50)
    assert drawn.dtype == X.dtype
    assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.25)
    with pytest.raises(ValueError, match=r"diverged.*Lower fine_tune_learning_rate \(now 1e\+200"):
        model.set_params(fine_tune_learning_rate=1e200).fit(X)


def test_verbose_and_callbacks(digits, capsys):
    X = digits[0][:100]
    options = {"n_iter": 2, "random_state": 0, "verbose": 1, "fine_tune": "up-down"}
    model = DeepBeliefNetwork((5, 4), fine_tune_n_iter=1, **options).fit(X)
    printed = capsys.readouterr().out.splitlines()
    for line, what, bound in zip(
        printed, ("Layer 1", "Layer 2", "Up-down"), model.lower_bound_, strict=True
    ):
        assert line.startswith(f"[DeepBeliefNetwork] {what}, lower bound = {bound:.3f}, time = ")
    pytest.importorskip("sklearn.callback")

    class StopAtThird:
        def setup(self, estimator, context):
            self.seen = []

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, **told):
            if context.task_name == "epoch":
                self.seen.append(list(estimator.lower_bound_curve_))
            return len(self.seen) == 3

    stop = StopAtThird()
    for fine_tune in ("up-down", "backprop"):
        model = DBNClassifier((5, 4), n_iter=2, fine_tune=fine_tune, monitor="epoch")
        model.set_callbacks(stop).fit(X, digits[1][:100])
        # Layers that were not reached are there, as they begin.
        assert model.n_iter_ == len(stop.seen) == 3
        assert stop.seen[-1] == model.lower_bound_curve_[:3]
        assert model.predict(X).shape == (100,)


@pytest.mark.parametrize("fine_tune, right", [(None, 0.9), ("up-down", 0.92), ("backprop", 0.95)])
def test_digits_are_told_apart(digits, fine_tune, right):
    X, y = digits[0].astype(np.float32), digits[1]
    learned = np.arange(len(X)) % 4 > 0
    options = {"n_iter": 100, "random_state": 0, "algorithm": "cd", "batch_size": 20}
    options |= {"fine_tune": fine_tune, "fine_tune_n_iter": 20}
    model = DBNClassifier((100, 200), **options).fit(X[learned], y[learned])
    assert model.score(X[~learned], y[~learned]) > right
    # What it dreams of a label it takes for the label, more often than not.
    wanted = np.repeat(model.classes_, 20)
    dreams = model.sample(200, wanted, n_steps=100, means=True)
    assert (model.predict(dreams) == wanted).mean() > 0.6
