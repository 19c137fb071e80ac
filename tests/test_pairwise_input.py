"""What kernels and distances take, and what they refuse in scikit-learn's words."""

import numpy as np
import pytest
from sklearn.metrics import pairwise as theirs

import fastml
from fastml.metrics import pairwise as ours
from tests.test_pairwise import DTYPES, KERNELS, both, rows


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


KINDS = {
    "read only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "columns first": np.asfortranarray,
    "every other": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "big endian": lambda X: X.astype(">f8"),
    "half": lambda X: X.astype(np.float16),
    "integers": lambda X: (4 * X).astype(int),
    "lists": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_input(kind):
    X, Y = KINDS[kind](rows(30, 6)), KINDS[kind](rows(11, 6, seed=1))
    for name, options in KERNELS.items():
        got, expected = both(name, X, Y, **options)
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    got, expected = both("pairwise_distances_argmin_min", X, Y)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_allclose(got[1], expected[1])


def test_a_frame_is_taken():
    pandas = pytest.importorskip("pandas")
    X = rows(9, 4)
    np.testing.assert_array_equal(ours.rbf_kernel(pandas.DataFrame(X)), ours.rbf_kernel(X))


def test_two_precisions_meet_in_the_wider():
    X, Y = rows(5, 3, np.float32), rows(4, 3)
    got, expected = both("rbf_kernel", X, Y)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("where", ["X", "Y"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@DTYPES
def test_what_is_not_finite_is_refused(value, dtype, where, backend):
    X, Y = rows(300, 5, dtype), rows(40, 5, dtype, seed=1)
    (X if where == "X" else Y)[37, 2] = value
    word = "NaN" if np.isnan(value) else "infinity"
    for name in (*KERNELS, "pairwise_distances_argmin_min", "pairwise_distances_argmin"):
        # A negative value is found first.
        kind = f"contains (negative values|{word})"
        with pytest.raises(ValueError, match=kind):
            getattr(ours, name)(X, Y)
        if where == "X" and name in KERNELS:
            with pytest.raises(ValueError, match=kind):
                getattr(ours, name)(X)


def test_what_is_not_finite_is_let_in_on_demand():
    X = np.array([[1.0, np.nan], [1.0, 2.0]])
    with fastml.config_context(check_finite=False):
        assert np.isnan(ours.rbf_kernel(X)[0, 1])


@pytest.mark.parametrize("name", ["linear_kernel", "euclidean_distances"])
def test_large_values_that_are_finite_are_taken(name):
    X = np.array([[1e30, 0.0], [0.0, 1.0]], np.float32)
    assert getattr(ours, name)(X)[0, -1] in (0.0, np.inf)


BAD = [
    ("rbf_kernel", ([[1.0]],), {"gamma": -1}),
    ("rbf_kernel", ([[1.0]],), {"gamma": "scale"}),
    ("laplacian_kernel", ([[1.0]],), {"gamma": 0}),
    ("chi2_kernel", ([[1.0]],), {"gamma": None}),
    ("sigmoid_kernel", ([[1.0]],), {"coef0": None}),
    ("polynomial_kernel", ([[1.0]],), {"degree": 0.5}),
    ("linear_kernel", ([[1.0]],), {"dense_output": 2}),
    ("euclidean_distances", ([[1.0]],), {"squared": "no"}),
    ("euclidean_distances", ([[1.0]],), {"X_norm_squared": [1.0, 2.0]}),
    ("linear_kernel", ([1.0, 2.0],), {}),
    ("linear_kernel", (None,), {}),
    ("linear_kernel", ([["a"]],), {}),
    ("linear_kernel", (np.ones((2, 3)), np.ones((2, 4))), {}),
    ("linear_kernel", (np.ones((0, 3)),), {}),
    ("linear_kernel", (np.ones((2, 0)),), {}),
    ("linear_kernel", (np.ones((2, 2)) * 1j,), {}),
    ("chi2_kernel", (-np.ones((2, 2)),), {}),
    ("chi2_kernel", (np.ones((2, 2)), -np.ones((2, 2))), {}),
    ("pairwise_kernels", ([[1.0]],), {"metric": "cubic"}),
    ("pairwise_kernels", ([[1.0]],), {"n_jobs": 1.5}),
    ("pairwise_kernels", (np.ones((2, 3)),), {"metric": "precomputed"}),
    ("pairwise_distances_argmin", ([[1.0]], [[1.0]]), {"axis": 2}),
    ("pairwise_distances_argmin_min", ([[1.0]], [[1.0]]), {"metric": "near"}),
    ("pairwise_distances_argmin_min", ([[1.0]], [[1.0]]), {"metric_kwargs": 3}),
    ("pairwise_distances_argmin_min", (np.ones((2, 3)), np.ones((2, 4))), {}),
]


@pytest.mark.parametrize("name, args, options", BAD)
def test_refused_as_scikit_learn_does(name, args, options):
    errors = []
    for module in (ours, theirs):
        with pytest.raises((ValueError, TypeError)) as caught:
            getattr(module, name)(*args, **options)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


def test_what_we_alone_refuse():
    X = rows(3, 2)
    with pytest.raises(ValueError, match="gamma must be a single number"):
        ours.rbf_kernel(X, gamma=np.ones(3))
    np.testing.assert_array_equal(
        ours.rbf_kernel(X, gamma=np.array(0.5)), ours.rbf_kernel(X, gamma=0.5)
    )
    with pytest.raises(TypeError, match="unexpected keyword argument 'degree'"):
        ours.pairwise_kernels(X, metric="rbf", degree=2)
