"""Linear support vector machines meet scikit-learn's expectations of any estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.svm import LinearSVC, LinearSVR


# Repeated rows are to give what weights give, in seven digits.
@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [
        LinearSVC(tol=1e-12),
        LinearSVC(tol=1e-12, dual=False, class_weight="balanced"),
        LinearSVC(penalty="l1", tol=1e-12, max_iter=600),
        LinearSVR(tol=1e-12, epsilon=0.1),
    ]
)
@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)
