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
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

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
        DeepBeliefNetwork([ANY_ROWS, 5], fine_tune="up-down", fine_tune_n_iter=2),
        DeepBeliefNetwork([REAL_ROWS], label_units=False),
        DBNClassifier([REAL_ROWS, 20], fine_tune_learning_rate=0.01),
        DBNClassifier([REAL_ROWS, 20], fine_tune=None),
        DBNClassifier([REAL_ROWS, 20], fine_tune="up-down"),
    ]
)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)
