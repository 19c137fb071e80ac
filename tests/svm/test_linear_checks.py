"""Linear support vector machines meet scikit-learn's expectations of any estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.svm import LinearSVC, LinearSVR

# Repeated rows are to give what weights give, in seven digits.
NEWTON, DESCENT = LinearSVC(tol=1e-12), LinearSVR(tol=1e-12, epsilon=0.1)
OTHERS = [
    LinearSVC(tol=1e-12, dual=False, class_weight="balanced"),
    LinearSVC(penalty="l1", tol=1e-12, C=0.1),
]


@parametrize_with_checks([NEWTON, DESCENT, *OTHERS])
@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_estimator_checks(estimator, check):
    check(estimator)


@parametrize_with_checks([NEWTON, DESCENT])
@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_estimator_checks_of_the_reference(estimator, check):
    with fastml.config_context(backend="reference"):
        check(estimator)
