"""What LinearSVC and LinearSVR have beside scikit-learn's: reports, warm starts, callbacks."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import fastml
from fastml.svm import LinearSVC, LinearSVR

X, y = datasets.load_breast_cancer(return_X_y=True)
X = scale(X)
FLOWERS, KINDS = datasets.load_iris(return_X_y=True)
PATIENTS, PROGRESS = datasets.load_diabetes(return_X_y=True)
FITS = {
    "dual": {"dual": True, "C": 0.1},
    "primal": {"dual": False},
    "hinge": {"loss": "hinge", "C": 0.1},
    "l1": {"penalty": "l1", "dual": False},
    "joint": {"multi_class": "crammer_singer", "C": 0.1},
}


@pytest.mark.parametrize("intercept", [True, False, "unpenalised"])
@pytest.mark.parametrize("name", FITS)
def test_the_report_holds_at_a_solution_and_not_beside_it(name, intercept):
    options = {"tol": 1e-6, "max_iter": 50_000, "fit_intercept": intercept, **FITS[name]}
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    model = LinearSVC(**options).fit(X, y, sample_weight=weights)
    report = model.kkt_report(X, y, sample_weight=weights)
    assert report.holds, str(report)
    assert report.gap == pytest.approx(model.duality_gap_[0], abs=1e-9)
    model.coef_ = model.coef_ * 1.05
    moved = model.kkt_report(X, y, sample_weight=weights)
    assert not moved["stationarity"].holds
    assert not moved["duality gap"].holds
    assert "<table>" in moved._repr_html_()
    model.coef_ = model.coef_ / 1.05
    model.dual_coef_ = model.dual_coef_ * np.where(np.arange(len(model.support_)) == 5, -30, 1)
    wrong = model.kkt_report(X, y, sample_weight=weights)["dual feasibility"]
    assert not wrong.holds
    assert f"row {model.support_[5]} is out of bounds" in wrong.sentence


def test_reports_of_several_classes_and_of_regression():
    reports = LinearSVC(tol=1e-6).fit(FLOWERS, KINDS).kkt_report(FLOWERS, KINDS)
    assert [report.holds for report in reports] == [True] * 3
    joint = LinearSVC(max_iter=10_000, **FITS["joint"]).fit(FLOWERS, KINDS)
    assert joint.kkt_report(FLOWERS, KINDS).holds
    for options in ({"epsilon": 20.0}, {"loss": "squared_epsilon_insensitive"}):
        model = LinearSVR(tol=1e-6, fit_intercept="unpenalised", **options)
        report = model.fit(PATIENTS, PROGRESS).kkt_report(PATIENTS, PROGRESS)
        assert report.holds, str(report)
        model.intercept_ = model.intercept_ + 5
        assert not model.kkt_report(PATIENTS, PROGRESS).holds
    with pytest.raises(ValueError, match="X has 3 samples, but LinearSVR was fitted on 442"):
        model.kkt_report(PATIENTS[:3], PROGRESS[:3])


@pytest.mark.parametrize("name", FITS)
def test_a_warm_start_begins_where_the_last_fit_ended(name):
    data = (FLOWERS, KINDS) if name == "joint" else (X, y)
    options = {"max_iter": 20_000, "tol": 1e-4, "random_state": 0, **FITS[name]}
    cold = LinearSVC(**options).fit(*data)
    model = LinearSVC(warm_start=True, **options).fit(*data)
    assert model.n_iter_ == cold.n_iter_
    model.fit(*data)
    assert model.n_iter_ <= max(3, cold.n_iter_ // 2)
    np.testing.assert_allclose(model.coef_, cold.coef_, atol=1e-2 * abs(cold.coef_).max())
    # Other rows: dual coefficients there are none to start from.
    model.fit(data[0][10:], data[1][10:])
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
        model.fit(data[0], np.where(data[1] == 0, 7, data[1]))


@pytest.mark.parametrize("name", FITS)
def test_callbacks_see_every_epoch_and_can_stop(name):
    pytest.importorskip("sklearn.callback")

    class Watch:
        def __init__(self, stop_at):
            self.seen, self.stop_at = [], stop_at

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.task_name == "iteration":
                self.seen.append(fitted_estimator.score(X, y))
            return len(self.seen) >= self.stop_at

    quiet = LinearSVC(random_state=0, max_iter=5000, **FITS[name]).fit(X, y)
    watch = Watch(10**9)
    model = LinearSVC(random_state=0, max_iter=5000, **FITS[name])
    model.set_callbacks(watch).fit(X, y)
    assert len(watch.seen) == model.n_iter_ == quiet.n_iter_
    np.testing.assert_array_equal(model.coef_, quiet.coef_)
    model.set_callbacks(Watch(2)).fit(X, y)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_rows_of_any_kind_give_the_same(backend):
    weights = np.random.default_rng(0).uniform(0, 2, len(KINDS))
    kinds = [
        np.asfortranarray(FLOWERS),
        FLOWERS.astype(">f8"),
        np.repeat(FLOWERS, 2, axis=0)[::2],
        FLOWERS.astype(object),
        sparse.csc_array(FLOWERS),
        sparse.csr_matrix(FLOWERS),
    ]
    FLOWERS.flags.writeable = False
    kinds.append(FLOWERS)
    with fastml.config_context(backend=backend), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in ("primal", "hinge"):
            options = {**FITS[name], "random_state": 0, "max_iter": 20}
            fitted = [LinearSVC(**options).fit(rows, KINDS, weights) for rows in kinds]
            for model in fitted:
                np.testing.assert_allclose(model.coef_, fitted[0].coef_, rtol=1e-6)


def test_support_vectors_are_kept_where_asked_for():
    model = LinearSVC(store_support_vectors=True).fit(X, y)
    np.testing.assert_array_equal(model.support_vectors_, X[model.support_])
    model.set_params(store_support_vectors=False).fit(X, y)
    with pytest.raises(AttributeError, match="unless store_support_vectors=True"):
        model.support_vectors_  # noqa: B018
    assert not hasattr(model, "support_vectors_")
    assert len(pickle.dumps(model)) < X.nbytes / 2


def test_a_verbose_fit_says_how_it_ended(capsys):
    LinearSVC(verbose=1).fit(X, y)
    assert capsys.readouterr().out.startswith("LinearSVC: 9 iterations, duality gap")
