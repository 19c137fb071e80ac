"""Closed forms of derivatives against the graph's and against numerical derivatives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import softmax

import fastml.matrix_calculus as mc
from fastml import autodiff as ad
from fastml.matrix_calculus import Eye, Matrix, Ones, Scalar, Vector, catalogue, derive

n, m, k = "n", "m", "k"
X, Y, B, D = Matrix("X", n, m), Matrix("Y", n, n), Matrix("B", n, n), Matrix("D", n, n)
A, C, S = Matrix("A", k, n), Matrix("C", m, k), Matrix("S", n, n, symmetric=True)
E, F = Matrix("E", n, m), Matrix("F", m, n)
a, c, d, x = (Vector(name, n) for name in "acdx")
b, e = (Vector(name, m) for name in "be")
s, t = Scalar("s"), Scalar("t")

SIZES = ({"n": 3, "m": 4, "k": 2}, {"n": 1, "m": 1, "k": 3}, {"n": 4, "m": 2, "k": 1})


def numbers(symbols, sizes, seed=0):
    """Return random arrays for symbols: square matrices are invertible, of positive determinant."""
    rng, out = np.random.default_rng(seed), {}
    for symbol in symbols:
        shape = tuple(sizes.get(str(z), z.factor) for z in symbol.shape if str(z) != "1")
        value = rng.uniform(0.3, 1.3, shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            value = value + 3 * np.eye(shape[0])
            value = value + value.T if symbol.data[2] else value
        out[symbol.data[0]] = value
    return out


def columns_first(jacobian, n_out):
    """Turn an array of the result's shape, then the input's, to rows and columns of vec."""
    axes = [*range(n_out)[::-1], *range(n_out, jacobian.ndim)[::-1]]
    return np.transpose(jacobian, axes).reshape(int(np.prod(jacobian.shape[:n_out])), -1)


def check(expression, wrt, sizes, seed=0):
    """Compare the closed form with the graph and with numerical derivatives, in both layouts."""
    name = wrt.data[0]
    symbols = tuple(dict.fromkeys((*expression.symbols(), wrt)))
    at = numbers(symbols, sizes, seed)
    function = expression.compile()

    def f(value):
        return function(**{s.data[0]: value if s == wrt else at[s.data[0]]
                           for s in expression.symbols()})  # fmt: skip

    by_graph = np.asarray(ad.jacobian(f)(at[name]))
    n_out = np.ndim(ad.variable(at[name]).value if expression == wrt else f(at[name]))
    flat = by_graph.reshape(-1, *np.shape(at[name]))
    weights = np.random.default_rng(1).standard_normal(len(flat))

    def weighed(value):
        out = f(value)
        return ad.sum(ad.reshape(out, shape=(-1,)) * weights)

    numerical = ad.numerical_gradient(weighed, [at[name]], 0)
    close(np.tensordot(weights, flat, 1), numerical, 1e-7)
    denominator, numerator = (
        derive(expression, wrt, layout=layout) for layout in ("denominator", "numerator")
    )
    ours, turned = denominator.compile()(**at), numerator.compile()(**at)
    if denominator.kind == "jacobian":
        expected = columns_first(by_graph, n_out)
        if "1" in map(str, denominator.result.shape):
            close(turned, expected.reshape(-1), 1e-9)
        else:
            close(turned, expected, 1e-9)
        close(ours, np.asarray(turned).T, 1e-12)
    elif denominator.kind == "gradient":
        close(ours, by_graph, 1e-9)
        close(turned, np.asarray(by_graph).T, 1e-9)
    else:
        close(ours, by_graph, 1e-9)
        close(turned, by_graph, 1e-9)
    if denominator.by_entry is not None:
        entry = denominator.compile_entry()
        for i, j in np.ndindex(at[name].shape):
            close(entry(**at, i=i, j=j), by_graph[..., i, j], 1e-9)
    return denominator


def close(found, expected, rtol):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = max(np.max(np.abs(expected), initial=0), 1e-3)
    assert np.max(np.abs(found - expected), initial=0) <= rtol * scale


FAMILIES = [
    # Linear and bilinear forms.
    (x.T @ a, x), (a.T @ X @ b, X), (b.T @ X.T @ a, X), (a.T @ Y @ a, Y), (A @ x + A @ a, x),
    (X @ b, X), (X @ b, b), (X, X), (A @ X @ C, X), (X.T @ D, X), (2 * X - 3 * E, X), (s * X, s),
    (s * X, X), (mc.outer(x, b), x), (a.T @ x, b), (X.T, b), (mc.trace(Y) * Y @ x, Y),
    # Quadratic forms.
    (x.T @ B @ x, x), (x.T @ S @ x, x), (b.T @ X.T @ X @ e, X), (b.T @ X.T @ D @ X @ e, X),
    ((X @ b + c).T @ D @ (X @ b + c), X), ((X @ b + c).T @ D @ (X @ b + c), b), (X.T @ B @ X, X),
    ((B @ x + c).T @ D @ (Y @ x + d), x), (x @ x.T, x), (x @ x.T @ a, x), (mc.sum(X) ** 2, X),
    ((x.T @ x) * (a.T @ x), x), (mc.sqrt(x.T @ x), x), (x / (1 + x.T @ x), x),
    # Trace, determinant, inverse.
    (mc.trace(Y), Y), (mc.trace(A @ X @ C), X), (mc.trace(X.T @ B @ X), X), (1 / mc.trace(Y), Y),
    (mc.trace(Y.inv @ B), Y), (mc.det(Y), Y), (mc.det(Y @ B), Y), (mc.det(Y) ** 2, Y),
    (mc.logdet(Y), Y), (mc.logdet(B @ Y), Y), (mc.logdet(X.T @ X + Eye(m)), X), (Y.inv, Y),
    (a.T @ Y.inv @ d, Y), (B @ Y.inv @ x, Y), (mc.logdet(Y.T @ Y + s * Eye(n)), s),
    # Hadamard and Kronecker products.
    (X * E, X), (X * X, X), (mc.trace(F @ (X * E)), X), ((X * E) @ b, X), (mc.sum(X * X * E), X),
    (mc.kron(A, X), X), (mc.kron(X, A), X), (mc.trace(mc.kron(Y, B)), Y), (mc.kron(x, a), x),
    (mc.trace(mc.kron(B, Y)), Y), (mc.trace(mc.kron(Y, B) @ mc.kron(D, Y)), Y),
    (mc.kron(x.T, a), x), (mc.trace(mc.kron(X, A) @ mc.kron(F, A.T)), X),
    (mc.sum(mc.kron(X, A)), X),
    (mc.sum(mc.kron(A, X) * mc.kron(A, E)), X), (mc.kron(a, X) @ b, X), (mc.kron(Y, B).inv, Y),
    # Functions of elements; and where SymPy 1.14 is wrong, besides log det: log-sum-exp, softmax.
    (mc.sum(mc.exp(X)), X), (mc.tanh(X @ b), X), (mc.sigmoid(x).T @ a, x), (mc.sum(mc.log(X)), X),
    (mc.sin(x) + mc.cos(x), x), (X**3, X), (mc.exp(s * t), s), (mc.log(mc.sum(mc.exp(x))), x),
    (mc.logsumexp(x), x), (mc.logsumexp(X @ b), X), (mc.softmax(x), x), (mc.softmax(X @ b), b),
    (mc.softmax(x).T @ B @ mc.softmax(x), x),
]  # fmt: skip
RULES = {row.name for row in catalogue()}


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("expression, wrt", FAMILIES, ids=lambda e: e.text)
def test_agrees_with_the_graph_and_with_differences(expression, wrt, sizes):
    found = check(expression, wrt, sizes)
    assert all(set(step.rules) <= RULES for step in found.steps)


@pytest.mark.parametrize("expression, wrt", FAMILIES, ids=lambda e: e.text)
def test_float32_stays(expression, wrt):
    found = derive(expression, wrt).compile()
    at = numbers(dict.fromkeys((*expression.symbols(), wrt)), SIZES[0])
    narrow = found(**{name: np.float32(value) for name, value in at.items()})
    assert narrow.dtype == np.float32
    close(narrow, found(**at), 1e-4)


@st.composite
def expressions(draw, shape=None, depth=3):
    """Draw an expression of a shape from the symbols above."""
    if shape is None:
        shape = draw(st.sampled_from([("1", "1"), ("n", "1"), ("n", "m"), ("n", "n")]))
    if depth == 0:
        return draw(st.sampled_from(LEAVES[shape]))

    def part(*shape):
        return draw(expressions(shape, depth - 1))

    rows, columns = shape
    kind = draw(st.sampled_from(["leaf", "sum", "scaled", "hadamard", "matmul", "turned", "tanh",
                                 "special", "special"]))  # fmt: skip
    if kind == "sum":
        return part(*shape) - 2 * part(*shape)
    if kind == "scaled":
        return part("1", "1") * part(*shape)
    if kind == "hadamard":
        return part(*shape) * part(*shape)
    if kind == "matmul":
        inner = draw(st.sampled_from(["n", "m"]))
        return part(rows, inner) @ part(inner, columns)
    if kind == "turned":
        return part(columns, rows).T
    if kind == "tanh":
        return mc.tanh(part(*shape))
    if kind == "special" and shape == ("1", "1"):
        z = draw(st.sampled_from(["n", "m"]))
        return draw(st.sampled_from([
            mc.trace(part(z, z)), mc.sum(part("n", z)), part(*shape) / (2 + part(*shape) ** 2),
            mc.logsumexp(mc.tanh(part(z, "1"))), mc.logdet(mc.tanh(part(z, z)) / 10 + 2 * Eye(z)),
            mc.det(mc.tanh(part(z, z)) / 10 + 2 * Eye(z)), part(*shape) ** 3,
            mc.trace(mc.kron(part("n", "n"), part("m", "m"))),
        ]))  # fmt: skip
    if kind == "special" and rows == columns:
        return (mc.tanh(part(*shape)) / 10 + 2 * Eye(rows)).inv
    if kind == "special" and columns == "1":
        return mc.softmax(part(*shape))
    return draw(st.sampled_from(LEAVES[shape]))


# Each with a symbol in it, from which sizes follow.
LEAVES = {
    ("n", "m"): [X, E, F.T], ("m", "n"): [F, X.T], ("n", "n"): [B, S, Y, B + Eye(n)],
    ("m", "m"): [F @ X], ("n", "1"): [x, a, x + Ones(n)], ("m", "1"): [b, e], ("1", "1"): [s, t],
    ("1", "n"): [x.T, a.T], ("1", "m"): [b.T],
}  # fmt: skip


@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(
    expression=expressions(), wrt=st.sampled_from([X, x, Y, b, s]), sizes=st.sampled_from(SIZES),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_random_expressions_agree(expression, wrt, sizes, seed):
    check(expression, wrt, sizes, seed)


def test_gradients_against_scipy():
    at = numbers([X, b, c, D], SIZES[0])
    loss = (X @ b + c).T @ D @ (X @ b + c) + mc.logsumexp(X @ b)

    def f(flat):
        return loss.compile()(**{**at, "X": flat.reshape(3, 4)})

    found = derive(loss, X).compile()(**at)
    np.testing.assert_allclose(
        found.ravel(), approx_fprime(at["X"].ravel(), f, 1e-7), rtol=1e-5, atol=1e-6
    )


def test_softmax_against_scipy():
    logits = np.array([3.2, 5.1, -1.7])
    p = softmax(logits)
    np.testing.assert_allclose(derive(mc.logsumexp(x), x).compile()(logits), p)
    np.testing.assert_allclose(
        derive(mc.softmax(x), x).compile()(logits), np.diag(p) - np.outer(p, p), atol=1e-15
    )


CC, BB, DD = Matrix("C", "p", "q"), Matrix("B", "p", n), Matrix("D", "q", n)
pb, qd = Vector("b", "p"), Vector("d", "q")
GOLDEN = [
    (x.T @ B @ x, x, "(B + B') x", "x' (B + B')"),
    (x.T @ S @ x, x, "2 S x", "2 x' S"),
    (a.T @ X @ b, X, "a b'", "b a'"),
    (mc.trace(A @ X @ C), X, "A' C'", "C A"),
    (mc.trace(X.T @ X), X, "2 X", "2 X'"),
    (mc.trace(Y.inv @ B), Y, "-Y^-T B' Y^-T", "-Y^-1 B Y^-1"),
    (mc.trace(mc.kron(A @ A.T, Y)), Y, "Tr(A A') I_n", "Tr(A A') I_n"),
    (mc.trace(B @ (X * E) @ F), X, "(B' F') o E", "(F B) o E'"),
    (mc.det(Y), Y, "det(Y) Y^-T", "det(Y) Y^-1"),
    (mc.logdet(Y), Y, "Y^-T", "Y^-1"),
    (mc.logdet(B @ Y @ D), Y, "Y^-T", "Y^-1"),
    (mc.logsumexp(x), x, "softmax(x)", "softmax(x)'"),
    (mc.softmax(x), x, "diag(softmax(x)) - softmax(x) softmax(x)'",
     "diag(softmax(x)) - softmax(x) softmax(x)'"),
    (mc.sum(X) ** 2, X, "2 (1_n' X 1_m) 1_n 1_m'", "2 (1_n' X 1_m) 1_m 1_n'"),
    (A @ x, x, "A'", "A"),
    (A @ X @ C, X, "C kron A'", "C' kron A"),
    (X.T @ B @ X, X, "I_m kron (B' X) + K_(m,n) ((B X) kron I_m)",
     "((X' B') kron I_m) K_(n,m) + I_m kron (X' B)"),
    (mc.exp(s * t), s, "t exp(s t)", "t exp(s t)"),
]  # fmt: skip


@pytest.mark.parametrize("expression, wrt, denominator, numerator", GOLDEN, ids=str)
def test_closed_forms_are_the_textbooks(expression, wrt, denominator, numerator):
    assert derive(expression, wrt).text == denominator
    assert derive(expression, wrt, layout="numerator").text == numerator


SECTION_14 = [
    ("gradient of x'a", x.T @ a, x), ("gradient of a'x", a.T @ x, x),
    ("gradient of a'Xb", a.T @ X @ b, X), ("gradient of a'X'b", e.T @ X.T @ c, X),
    ("gradient of a'Xa", a.T @ Y @ a, Y), ("gradient of a'X'a", a.T @ Y.T @ a, Y),
    ("gradient of b'X'Xc", b.T @ X.T @ X @ e, X), ("gradient of x'Bx", x.T @ B @ x, x),
    ("gradient of (Bx+b)'C(Dx+d)", (BB @ x + pb).T @ CC @ (DD @ x + qd), x),
    ("gradient of b'X'DXc", b.T @ X.T @ D @ X @ e, X),
    ("gradient of (Xb+c)'D(Xb+c)", (X @ b + c).T @ D @ (X @ b + c), X),
]  # fmt: skip


@pytest.mark.parametrize("layout", ["denominator", "numerator"])
@pytest.mark.parametrize("name, expression, wrt", SECTION_14, ids=str)
def test_closed_forms_are_the_catalogues(name, expression, wrt, layout):
    # The names of the symbols differ here and there: compared with these put in the same order.
    found = derive(expression, wrt, layout=layout)
    row = catalogue(layout=layout)[name]
    ours = f"d({expression.text})/d{wrt.text} = {found.text}"
    letters = dict(zip(symbol_letters(ours), symbol_letters(row.text), strict=True))
    assert "".join(letters.get(char, char) for char in ours) == row.text


def symbol_letters(text):
    """Return the letters of a formula in the order in which they first appear, without d."""
    return list(dict.fromkeys(char for char in text.replace("d(", "(") if char.isalpha()))


def test_entry_by_entry():
    found = derive(X.T @ B @ X, X)
    assert found.by_entry.text == "X' B J^ij + J^ji B X"
    assert found.elements == "d_lj (X' B)_ki + d_kj (B X)_il"
    assert derive(X @ F, X).elements == "d_ki F_jl"
    assert derive(Y.inv, Y).elements == "-(Y^-1)_ki (Y^-1)_jl"
    assert derive(X * X, X).by_entry.text == "J^ij o X + X o J^ij"
    assert derive(X * X, X).elements is None


def test_a_symbol_called_i_leaves_the_index_another_name():
    i = Matrix("i", n, n)
    found = derive(i @ X, X)
    assert found.indices == ("p", "q")
    close(found.compile_entry()(np.ones((2, 2)), np.ones((2, 3)), 0, 1), [[0, 1, 0], [0, 1, 0]], 0)


def test_explain():
    lines = derive((X @ b + c).T @ D @ (X @ b + c), X).explain().splitlines()
    assert lines == EXPLAINED.splitlines()


EXPLAINED = """\
f     = (X b + c)' D (X b + c)
df    = d((X b + c)' D (X b + c))
      = d((X b + c)') D (X b + c) + (X b + c)' D d(X b + c)       [differential of a product; differential of a constant]
      = d(X b + c)' D (X b + c) + (X b + c)' D d(X b + c)         [differential of a transpose]
      = (d(X b) + dc)' D (X b + c) + (X b + c)' D (d(X b) + dc)   [differential of a sum]
      = (dX b + dc)' D (X b + c) + (X b + c)' D (dX b + dc)       [differential of a product; differential of a constant]
      = b' dX' D (X b + c) + (X b + c)' D dX b                    [differential of a constant]
      = Tr((b (X b + c)' D' + b (X b + c)' D) dX)                 [trace of a scalar; cyclic permutation under the trace; transposition under the trace]
df/dX = D (X b + c) b' + D' (X b + c) b'                          [gradient from the trace form]
      = (D + D') (X b + c) b'                                     [distributive law]
"""  # noqa: E501


def test_latex():
    found = derive(x.T @ B @ x, x)
    assert found.latex == r"\left(B + B^T\right) x"
    lines = found._repr_latex_().splitlines()
    assert lines[0] == r"$$\begin{aligned}"
    assert lines[1] == r"f &= x^T B x \\"
    assert r"\frac{\partial\,f}{\partial\,x}" in found._repr_latex_()
    assert r"\text{distributive law}" in found._repr_latex_()
    whole = (
        Scalar("alpha") * mc.trace(mc.kron(Y.inv.T, B) * mc.kron(B, D)) / mc.det(Y) + mc.log(s) ** 2
    )
    assert whole.latex == (
        r"\alpha \det(Y)^{-1} \mathrm{Tr}(\left(Y^{-T} \otimes B\right) \circ "
        r"\left(B \otimes D\right)) + \ln(s)^{2}"
    )
    assert Matrix("W_out", n, m).latex == r"\mathrm{W\_out}"
    assert Matrix("W", n, m, latex=r"\mathbf{W}").latex == r"\mathbf{W}"


def test_latex_can_be_typeset():
    parse = pytest.importorskip("matplotlib.mathtext").MathTextParser("path").parse
    for expression, wrt in FAMILIES[::6]:
        for step in derive(expression, wrt).steps:
            parse(f"${step.left_latex} = {step.latex}$")


def test_a_derivative_can_be_differentiated_again():
    hessian = derive(derive(mc.logsumexp(x), x).result, x)
    assert hessian.text == "diag(softmax(x)) - softmax(x) softmax(x)'"
    assert derive(derive(x.T @ B @ x, x).result, x).text == "B + B'"


def test_complex_arrays_give_the_analytic_derivative():
    rng = np.random.default_rng(0)
    at = {name: rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
          for name, shape in {"x": 3, "B": (3, 3), "Y": (3, 3)}.items()}  # fmt: skip
    f = x.T @ B @ Y.inv @ x + mc.det(Y)
    found = derive(f, Y).compile()(**at)
    step = 1e-6 * (1 + 1j)
    for entry in np.ndindex(3, 3):
        ahead, behind = at["Y"].copy(), at["Y"].copy()
        ahead[entry] += step
        behind[entry] -= step
        change = f.compile()(**{**at, "Y": ahead}) - f.compile()(**{**at, "Y": behind})
        np.testing.assert_allclose(found[entry], change / (2 * step), rtol=1e-6)


def test_blocks_of_kronecker_products_are_what_the_notes_say():
    G = Matrix("G", 6, 20)
    P, Q = Matrix("P", 2, 4), Matrix("Q", 3, 5)
    found = derive(mc.trace(G.T @ mc.kron(P, Q)), P)
    assert found.text == "blocktrace(G', Q)'"
    at = numbers([G, P, Q], {})
    blocks = at["G"].reshape(2, 3, 4, 5)
    close(found.compile()(**at), np.einsum("ikjl,kl->ij", blocks, at["Q"]), 1e-12)
    found = derive(mc.trace(G.T @ mc.kron(P, Q)), Q)
    assert found.text == "blocksum(P', G')'"
    close(found.compile()(**at), np.einsum("ikjl,ij->kl", blocks, at["P"]), 1e-12)


def test_variables_pass_through_the_compiled_function():
    value = ad.variable(np.array([1.0, 2.0, 3.0]))
    out = (x.T @ x).compile()(value)
    out.backward()
    np.testing.assert_array_equal(value.grad, [2, 4, 6])


def test_expressions_are_simplified():
    assert (X - X).text == "0"
    assert (X + X).text == "2 X"
    assert (Y @ Y.inv @ x).text == "x"
    assert (B @ Y).inv.text == "Y^-1 B^-1"
    assert (A @ X).T.text == "X' A'"
    assert (x @ (a.T @ x)).text == "(a' x) x"
    assert (Eye(n) @ X).text == "X"
    assert (mc.kron(B, Y) @ mc.kron(D, Y.inv)).text == "(B D) kron I_n"
    assert mc.trace(x @ a.T).text == "a' x"
    assert mc.kron(Eye(n), Eye(m)).text == "I_(m n)"
    assert (X * (Ones(n) @ Ones(m).T)).text == "X"
    assert (np.float64(2) * x / 2).text == "x"
    assert (X**0).text == "1_n 1_m'"
    assert (s / s).text == "1"
    assert ((2 * s) ** 2 / 4).text == "s^2"
    assert ((2 * a.T @ x) ** -1).text == "0.5 (a' x)^-1"
    assert (mc.det(Y) * t * s).text == "s t det(Y)"
    assert mc.sqrt(4 * s**0).text == "2"
    assert mc.sqrt(-(s**0)).text == "(-1)^0.5"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: X @ X, r"shapes \(n, m\) and \(n, m\) in X @ X"),
        (lambda: (X @ b) @ X, r"shapes \(n, 1\) and \(n, m\) in \(X b\) @ X"),
        (lambda: X + Y, r"one shape, got shapes \(n, m\) and \(n, n\) in X \+ Y"),
        (lambda: x - 1, r"shapes \(n, 1\) and \(1, 1\) in x - 1"),
        (lambda: X * Y, r"shapes \(n, m\) and \(n, n\) in X \* Y"),
        (lambda: mc.hadamard(x, s), r"shapes \(n, 1\) and \(1, 1\) in x o s"),
        (lambda: X / x, r"Only scalars divide"),
        (lambda: mc.trace(X), r"trace takes a square matrix, got shape \(n, m\) of X"),
        (lambda: mc.det(X), "det takes a square matrix"),
        (lambda: mc.logdet(X.T), "logdet takes a square matrix"),
        (lambda: X.inv, "inv takes a square matrix"),
        (lambda: mc.softmax(X), r"softmax takes a vector, got shape \(n, m\) of X"),
        (lambda: mc.outer(x, X), "outer product takes two vectors"),
        (lambda: Matrix("1x", n, m), "Python identifier"),
        (lambda: Matrix("W", 0, m), "number of rows must be a name"),
        (lambda: Matrix("W", n, m, symmetric=True), "symmetric matrix is square"),
        (lambda: Vector("v", 2.5), "length must be a name"),
        (lambda: derive(X @ b, X @ b), "wrt must be a symbol, got X b"),
        (lambda: derive(x.T @ S @ x, S), "wrt must not be a symmetric matrix, as S is"),
        (lambda: derive(x.T @ x, Vector("x", m)), "The name x stands for two symbols"),
        (lambda: derive(x.T @ a, x, layout="rows"), "layout must be 'denominator' or 'numerator'"),
        (lambda: derive(x.T @ a, x).compile_entry(), "entry by entry"),
        (lambda: derive(derive(mc.kron(A, X * X), X).result, X), "no rule for the differential"),
    ],
)  # fmt: skip
def test_what_does_not_match_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: X @ np.ones((3, 3)), "got ndarray; give arrays a symbol"),
        (lambda: np.ones((3, 3)) @ X, "got ndarray; give arrays a symbol"),
        (lambda: x + True, "got bool"),
        (lambda: x**s, "exponent must be a real number"),
        (lambda: derive("x", x), "expression must be an expression"),
        (lambda: derive(x, "x"), "wrt must be an expression"),
        (lambda: (x.T @ a).compile()(np.ones(2)), "misses a; the arguments are x, a"),
        (lambda: (x.T @ a).compile()(1, 2, 3), "takes 2 arguments"),
        (lambda: (x.T @ x).compile()(y=1), "argument 'y' too many"),
        (lambda: (x.T @ x).compile()(["a", "b"]), "x must be an array of numbers"),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"X": np.ones(3), "b": np.ones(3)}, r"X must be of shape \(n, m\), got an array of"),
        ({"X": np.ones((2, 3)), "b": np.ones(2)}, r"b of shape \(m\).*\(2,\), but m is 3 in X"),
        ({"X": np.ones((2, 3)), "b": np.ones((3, 1))}, r"b must be of shape \(m\)"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        (X @ b).compile()(**arguments)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="s must be of shape a number"):
        (s * x).compile()(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"W must be of shape \(2, n\)"):
        Matrix("W", 2, n).compile()(np.ones((3, 3)))
    with pytest.raises(ValueError, match="The size q does not follow"):
        (mc.trace(Eye("q")) * s).compile()(1.0)
    with pytest.raises(ZeroDivisionError):
        x / 0


def test_singular_matrices_and_negative_determinants_are_refused():
    with pytest.raises(ValueError, match="singular"):
        derive(mc.logdet(Y), Y).compile()(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="negative"):
        mc.logdet(Y).compile()(-np.eye(3))


def test_numbers_of_python_adapt_to_arrays():
    narrow = np.ones((2, 3), np.float32)
    assert (s * X + 1.5 * X).compile()(s=2.5, X=narrow).dtype == np.float32
    assert (s * X).compile()(s=2j, X=narrow).dtype == np.complex64
    assert (s * t).compile()(2, 3) == 6.0


def test_integers_count_as_float64():
    out = derive(x.T @ x, x).compile()([1, 2, 3])
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, [2, 4, 6])
