"""What LinearSVC and LinearSVR cannot be fitted on is refused in scikit-learn's words."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import svm

from fastml.svm import LinearSVC, LinearSVR

RNG = np.random.default_rng(0)
X, y = RNG.standard_normal((12, 3)), np.arange(12) % 2
NAN = np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X)
BAD = {
    "NaN": (NAN, y),
    "NaN float32": (NAN.astype(np.float32), y),
    "NaN sparse": (sparse.csr_array(NAN), y),
    "infinity": (np.where(np.isnan(NAN), np.inf, X), y),
    "NaN in y": (X, np.where(y > 0, np.nan, y)),
    "no y": (X, None),
    "fewer targets": (X, y[:-1]),
    "two-dimensional y": (X, np.column_stack([y, y])),
    "strings": ([["a", "b", "c"]] * 12, y),
    "one dimension": (X[0], y[:3]),
    "three dimensions": (X[None], y),
    "no rows": (X[:0], y[:0]),
    "no columns": (X[:, :0], y),
    "complex": (X + 1j, y),
}
PAIRS = {
    "LinearSVC": (LinearSVC(), svm.LinearSVC()),
    "LinearSVR": (LinearSVR(), svm.LinearSVR()),
}


def refusals(pair, act):
    """Return type and words of the errors of ours and of scikit-learn's."""
    found = []
    for model in pair:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            act(model)
        found.append((caught.type, str(caught.value)))
    return found


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_bad_input_is_refused_in_the_same_words(pair, name):
    ours, theirs = refusals(pair, lambda model: model.fit(*BAD[name]))
    assert ours == theirs


@pytest.mark.parametrize(
    "params",
    [
        {"penalty": "l1", "loss": "hinge"},
        {"penalty": "l1", "loss": "hinge", "dual": True},
        {"penalty": "l1", "dual": True},
        {"loss": "hinge", "dual": False},
        {"C": 0},
        {"C": "a"},
        {"tol": 0.0},
        {"penalty": "l3"},
        {"multi_class": "ovo"},
        {"intercept_scaling": 0},
        {"max_iter": -1},
        {"class_weight": "heavy"},
        {"class_weight": {5: 1.0}},
    ],
)
def test_bad_parameters_are_refused_in_the_same_words(params):
    pair = LinearSVC(**params), svm.LinearSVC(**params)
    ours, theirs = refusals(pair, lambda model: model.fit(X, y))
    assert ours == theirs


def test_what_is_ours_is_refused_by_name():
    with pytest.raises(ValueError, match="'fit_intercept' parameter of LinearSVC must be"):
        LinearSVC(fit_intercept="maybe").fit(X, y)
    with pytest.raises(ValueError, match="'epsilon' parameter of LinearSVR must be a float in"):
        LinearSVR(epsilon=-1.0).fit(X, y)
    with pytest.raises(ValueError, match="the data contains only one class"):
        LinearSVC().fit(X, np.zeros(12))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        LinearSVC().fit(X, X[:, 0])
    for model in (LinearSVC(), LinearSVR()):
        with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
            model.fit(X, y, sample_weight=-np.ones(12))
        with pytest.raises(ValueError, match="must contain at least one non-zero number"):
            model.fit(X, y, sample_weight=np.zeros(12))
        with pytest.raises(ValueError, match="X has 2 features, but"):
            model.fit(X, y).predict(X[:, :2])
