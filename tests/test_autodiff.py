"""The computation graph: what it records, what backward leaves behind, derivatives of functions."""

import gc
import threading
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastml
from fastml import autodiff as ad


def test_the_package_is_public():
    assert fastml.autodiff is ad
    assert all(hasattr(ad, name) for name in ad.__all__)
    assert len(set(ad.__all__)) == len(ad.__all__)


def test_backward_gives_leaves_their_gradient_and_again_the_same():
    x, w = ad.variable(np.array([1.0, 2.0]), name="x"), ad.variable([3.0, 4.0])
    loss = ad.sum(x * w + x**2)
    loss.backward()
    assert_array_equal(x.grad, w.value + 2 * x.value)
    assert_array_equal(w.grad, x.value)
    loss.backward()
    assert_array_equal(w.grad, x.value)
    loss.backward(accumulate=True)
    assert_array_equal(w.grad, 2 * x.value)
    assert loss.grad is None


def test_a_seed_weighs_the_elements_of_a_result():
    x = ad.variable(np.arange(3.0))
    (x * x).backward([1, 0, 2])
    assert_array_equal(x.grad, [0, 0, 8])
    with pytest.raises(ValueError, match=r"shape \(3,\) has no single gradient"):
        (x * x).backward()
    with pytest.raises(
        ValueError, match=r"seed must have the shape of the result, \(3,\), got \(2,\)"
    ):
        (x * x).backward(np.ones(2))


def test_a_variable_that_nothing_is_known_of_has_no_gradient():
    with pytest.raises(ValueError, match="depends on a variable"):
        ad.sum(ad.Variable(np.ones(3), needs_grad=False)).backward()
    x = ad.variable(1.0)
    with ad.no_grad():
        assert not (x * x).needs_grad
    assert (x * x).needs_grad
    y = x * ad.stop_gradient(x * x)
    y.backward()
    assert x.grad == 1.0


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, object])
def test_variables_are_of_floats(dtype):
    with pytest.raises(TypeError, match="float32, float64, complex64 or complex128"):
        ad.variable(np.ones(3, dtype))


def test_numbers_and_lists_become_float64_and_arrays_are_not_copied():
    assert ad.variable(3).dtype == ad.variable([1, 2]).dtype == np.float64
    assert ad.variable([1j]).dtype == np.complex128
    x = np.ones(3, np.float32)
    assert ad.variable(x).value is x
    with pytest.raises(TypeError, match="variable already"):
        ad.variable(ad.variable(1.0))


def test_shapes_that_do_not_match_are_refused_by_name_and_expression():
    a, b = ad.variable(np.ones((2, 3))), np.ones(4)
    for name, operation in (
        ("add", lambda: a + b), ("matmul", lambda: a @ b), ("solve", lambda: ad.solve(a, b)),
        ("concatenate", lambda: ad.concatenate([a, b])), ("reshape", lambda: a.reshape(7)),
        ("broadcast_to", lambda: np.broadcast_to(a, (3, 2))), ("inv", lambda: ad.inv(a)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=rf"{name} does not take shapes \(2, 3\)"):
            operation()
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(4,\) in <\(2, 3\)> \+ <\(4,\)>"):
        a + b
    with pytest.raises(ValueError, match="arrays to stack must have one shape"):
        ad.stack([a, b])
    with pytest.raises(ValueError, match="subscripts 'ij->i' are for 1 arrays, got 2"):
        ad.einsum("ij->i", a, b)


def test_matrices_that_functions_are_not_defined_on():
    singular = ad.variable(np.ones((2, 2)))
    with pytest.raises(ValueError, match="inv of a singular matrix"):
        ad.inv(singular)
    with pytest.raises(ValueError, match="solve with a singular matrix"):
        ad.solve(singular, np.ones(2))
    for matrix in (singular, ad.variable(np.diag([1.0, -1.0]))):
        with pytest.raises(ValueError, match="determinant is zero or negative"):
            ad.logdet(matrix)
        with pytest.raises(ValueError, match="not positive definite"):
            ad.cholesky(matrix - 1e-3 * np.eye(2))
    with pytest.raises(ValueError, match="real matrices"):
        ad.logdet(ad.variable(np.eye(2) * 1j))


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    x = np.array([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]])
    ad.check_grad(ad.det, x)
    assert_allclose(ad.grad(ad.det)(x)[0], [4, 4, -4], atol=1e-12)


def test_variables_behave_as_arrays():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 2, (2, 3, 3))
    x = ad.variable(a)
    for f in (
        lambda x: x + 1, lambda x: 1 - x, lambda x: 2 * x / 3, lambda x: 3 / x, lambda x: x**2,
        lambda x: 2.0**x, lambda x: b @ x, lambda x: x @ b, lambda x: -x, abs, lambda x: x.T,
        lambda x: x[1], lambda x: x[:, None, ::2], lambda x: x[[0, 0]], lambda x: x[x > 1],
        lambda x: x.sum(), lambda x: x.mean(axis=0), lambda x: x.max(1),
        lambda x: x.var(axis=1, ddof=1), lambda x: x.reshape(9), lambda x: x.reshape((1, -1)),
        lambda x: x.transpose(1, 0), lambda x: x.std(), lambda x: x.astype("float64"),
        lambda x: x.cumsum(axis=1), lambda x: x.clip(0.7, 1.2), np.exp, np.log, np.tanh, np.sqrt,
        np.linalg.inv, np.linalg.det, np.transpose, np.trace, lambda x: np.einsum("ij,kj", x, b),
        lambda x: np.concatenate([x, b]), lambda x: np.kron(x, b), lambda x: np.where(x > 1, x, b),
        lambda x: np.maximum(x, b), lambda x: np.stack([x, b], axis=1),
        lambda x: np.outer(x[0], b[0]), lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, axis=1), lambda x: np.linalg.slogdet(x)[1],
        lambda x: np.linalg.solve(x, b), lambda x: np.dot(x[0], b[0]),
        lambda x: np.squeeze(x[:, :1]), lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.prod(x, axis=0),
    ):  # fmt: skip
        made, expected = f(x), f(a)
        assert isinstance(made, ad.Variable)
        assert_allclose(made.value, expected, rtol=1e-12)
        ad.check_grad(lambda x, f=f: ad.sum(f(x)), a, rtol=1e-5)
    assert (len(x), x.shape, x.ndim, x.size) == (3, (3, 3), 2, 9)
    assert_array_equal(x > 1, a > 1)
    assert_array_equal([row.value for row in x], a)
    assert float(ad.variable(2.0)) == complex(ad.variable(2.0)) == ad.variable(2.0).item() == 2
    assert bool(ad.variable(1.0))
    assert "name='w'" in repr(ad.variable(1.0, name="w"))
    assert "by exp" in repr(ad.exp(x))


def test_arguments_too_many_are_refused_not_ignored():
    x = ad.variable(np.ones((2, 3)))
    assert ad.sum(x, 0, True).shape == (1, 3)
    with pytest.raises(TypeError, match="sum takes 3 positional arguments at most, got 4"):
        ad.sum(x, 0, True, None)


def test_what_numpy_has_and_the_graph_has_not_is_refused():
    x = ad.variable(np.ones(3))
    with pytest.raises(TypeError, match=r"numpy\.floor has no gradient"):
        np.floor(x)
    with pytest.raises(TypeError, match=r"numpy\.median has no gradient"):
        np.median(x)
    with pytest.raises(TypeError, match="use its attribute `value`"):
        np.asarray(x)
    with pytest.raises(TypeError, match="cannot be iterated"):
        iter(ad.variable(1.0))


def test_float32_stays_and_mixed_gradients_have_the_dtype_of_their_variable():
    x, y = ad.variable(np.ones(3, np.float32)), ad.variable(np.ones(3))
    assert ad.softmax(2.0 * x + 1).dtype == np.float32
    ad.sum(x * y).backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    z = ad.variable(np.ones(2, np.complex64))
    ad.sum(ad.absolute(z * x[0])).backward()
    assert (x.grad.dtype, z.grad.dtype) == (np.float32, np.complex64)


def test_functions_of_plain_arrays_give_plain_arrays():
    assert type(ad.exp(np.ones(2))) is np.ndarray
    assert type(ad.einsum("ii", np.eye(2))) is np.float64
    assert_allclose(ad.logsumexp(np.array([-np.inf, 0.0, 1000.0])), 1000)
    assert ad.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert_allclose(ad.sigmoid(np.array([-1000.0, 0.0, 1000.0])), [0, 0.5, 1])


def test_deep_graphs_do_not_recurse():
    x = ad.variable(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    y.backward()
    assert_allclose(float(x.grad), 1.00001**100_000)
    del y
    gc.collect()


def test_memory_of_gradients_is_freed_on_the_way():
    n, size = 30, 100_000

    def peak(**options):
        x = ad.variable(np.ones(size))
        y = x
        for _ in range(n):
            y = ad.exp(-y)
        tracemalloc.start()
        ad.sum(y).backward(**options)
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    # A few gradients at a time, of thirty.
    assert peak() < 8 * size * 6
    x = ad.variable(np.ones(size))
    y = ad.sum(ad.exp(x) * x)
    inner = y.inputs[0]
    y.backward(free=True)
    assert inner.inputs == ()
    with pytest.raises(ValueError, match="freed by an earlier backward"):
        y.backward()


def test_gradients_by_variables_within_count_every_path():
    x = ad.variable(2.0)
    y = x * x
    loss = y * x
    by_x, by_y = ad.gradients(loss, [x, y])
    assert (by_x, by_y) == (12.0, 2.0)
    other = ad.variable(np.ones(2))
    assert_array_equal(ad.gradients(loss, [other])[0], [0, 0])
    assert x.grad is None


def test_grad_nests_and_takes_several_arguments():
    third = ad.grad(ad.grad(ad.grad(lambda x: x**4)))
    assert_allclose(third(2.0), 48)
    value, (a, b) = ad.value_and_grad(lambda x, y, scale: scale * x * y, argnums=(0, -2))(
        3.0, 4.0, 2
    )
    assert (float(value), float(a), float(b)) == (24, 8, 6)
    # A variable of an outer derivative, met only inside.
    mixed = ad.grad(lambda x: x * ad.grad(lambda y: x * y * y)(3.0))
    assert_allclose(mixed(5.0), 60)
    assert float(ad.grad(lambda x: 7.0)(1.0)) == 0
    with pytest.raises(ValueError, match="argnums must name positional arguments"):
        ad.grad(lambda x: x, argnums=1)(1.0)
    with pytest.raises(ValueError, match="no single gradient"):
        ad.grad(lambda x: x)(np.ones(2))


def test_jacobian_hessian_and_their_product_with_a_vector():
    rng = np.random.default_rng(0)
    A, x, v = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal(4)
    assert_allclose(ad.jacobian(lambda x: A @ ad.tanh(x))(x), A * (1 - np.tanh(x) ** 2))
    assert ad.jacobian(lambda x: ad.stack([x, x]))(np.ones((2, 3))).shape == (2, 2, 3, 2, 3)
    assert ad.jacobian(lambda x: np.ones(2))(x).shape == (2, 4)
    assert ad.jacobian(lambda x: x[:0])(x).shape == (0, 4)

    def f(x):
        return ad.logsumexp(A @ x)

    H = ad.hessian(f)(x)
    s = np.exp(A @ x) / np.exp(A @ x).sum()
    assert_allclose(H, A.T @ (np.diag(s) - np.outer(s, s)) @ A, rtol=1e-10, atol=1e-12)
    assert_allclose(ad.hvp(f)(v, x), H @ v, rtol=1e-10, atol=1e-12)


def test_check_grad_says_which_entry_differs():
    wrong = ad.primitive(
        "wrong_square_for_a_test", np.square, lambda g, out, a: g * a * [2, 2, 2.1]
    )
    try:
        with pytest.raises(AssertionError, match=r"by input 0 differs at entry \(2,\)"):
            ad.check_grad(lambda x: ad.sum(wrong(x)), [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match="already"):
            ad.primitive("exp", np.exp)
    finally:
        del ad.PRIMITIVES["wrong_square_for_a_test"]
    x = np.array([0.1, 2.0])
    assert ad.check_grad(lambda x: ad.sum(ad.exp(x) * ad.sin(x)), x, analytic=True).error < 1e-14
    assert ad.check_grad(lambda x: ad.sum(ad.exp(1000 * x)), x[:1], rtol=1e-6).error < 1e-6
    with pytest.raises(ValueError, match="complex step has no room"):
        ad.check_grad(lambda x: ad.sum(ad.absolute(x)), x * 1j, analytic=True)


def test_scopes_nest_and_threads_do_not_share_modes():
    x, seen = ad.variable(1.0), []
    with ad.scope("layer"), ad.scope("gate"):
        y = ad.exp(x)
        thread = threading.Thread(target=lambda: seen.append(ad.exp(x).scope))
        thread.start()
        thread.join()
    assert (y.scope, ad.exp(x).scope, seen) == ("layer/gate", "", [""])
    with pytest.raises(ValueError, match="without '/'"), ad.scope("a/b"):
        pass
