"""Explanations of gradients: the chain rule in symbols and numbers."""

import html.parser
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from fastml import autodiff as ad
from fastml.autodiff import _expression as e
from fastml.autodiff._chain import Chain
from fastml.autodiff._local import derivative_of, edges, pulled
from fastml.autodiff._template import read
from tests.autodiff_cases import cases, is_float


def neuron(x, w, b, t):
    """One sigmoid neuron with half the squared error, as in the notes."""
    x, w, b, t = (ad.variable(v, name) for v, name in ((x, "x"), (w, "w"), (b, "b"), (t, "t")))
    s = w * x + b
    s.name = "s"
    y = ad.sigmoid(s)
    y.name = "y"
    return 0.5 * (y - t) ** 2, x, w, b


WORKED_EXAMPLE = """\
dL/db

Forward
  x = 2
  w = 0.5
  b = -1
  t = 1
  s = w x + b = 0
  y = sigma(s) = 0.5
  L = 1/2 (y - t)^2 = 0.125

Local derivatives
  dL/dy = y - t = -0.5
  dy/ds = sigma(s)(1 - sigma(s)) = 0.25
  ds/db = 1

Chain rule
  dL/db = dL/dy . dy/ds . ds/db
        = (y - t) . sigma(s)(1 - sigma(s)) . 1
        = -0.5 . 0.25 . 1
        = -0.125

Check
  The backward pass gives -0.125; the largest difference is 0."""


def test_the_worked_example():
    loss, _, _, b = neuron(2.0, 0.5, -1.0, 1.0)
    explanation = ad.explain(loss, b)
    assert str(explanation) == repr(explanation) == WORKED_EXAMPLE
    assert explanation.value == explanation.gradient == -0.125


def test_the_worked_example_by_weight_and_input():
    loss, x, w, _ = neuron(2.0, 0.5, -1.0, 1.0)
    assert (
        "= (y - t) . sigma(s)(1 - sigma(s)) . x\n        = -0.5 . 0.25 . 2\n        = -0.25"
        in str(ad.explain(loss, w))
    )
    assert "(1 - sigma(s)) . w\n        = -0.5 . 0.25 . 0.5\n        = -0.0625" in str(
        ad.explain(loss, x)
    )


def test_signs_are_those_of_calculus():
    # With (t - y) in place of (y - t), as the notes print, the gradient would be negative.
    loss, _, w, b = neuron(-3.0, -1.0, -1.0, 0.0)
    text = str(ad.explain(loss, b))
    y = 1 / (1 + np.exp(-2.0))
    assert f"dL/dy = y - t = {y:.6g}" in text
    assert f"= {y:.6g} . {y * (1 - y):.6g} . 1\n        = {y * y * (1 - y):.6g}" in text
    assert f". (-3)\n        = {-3 * y * y * (1 - y):.6g}" in str(ad.explain(loss, w))


def test_paths_are_added_up():
    a = ad.variable(3.0, "a")
    p, q = a * a, ad.exp(-a) / 2
    p.name, q.name = "p", "q"
    explanation = ad.explain(p * q - a, a)
    text = str(explanation)
    assert "Path 1 of 3: L -> q -> a\n  dL/da = dL/dq . dq/da\n        = p . (-1/2 exp(-a))" in text
    assert "Path 2 of 3: L -> p -> a\n  dL/da = dL/dp . dp/da\n        = q . 2 a" in text
    assert "Path 3 of 3: L -> a\n  dL/da = -1\n" in text
    first, second = -9 * np.exp(-3) / 2, 6 * np.exp(-3) / 2
    assert (
        f"dL/da = path 1 + path 2 + path 3 = ({first:.6g}) + {second:.6g} + (-1) = "
        f"{first + second - 1:.6g}"
    ) in text
    assert_allclose(explanation.value, first + second - 1, rtol=1e-14)


def test_what_has_no_name_is_written_out():
    x = ad.variable(2.0, "x")
    loss = ad.sin(x * x) + x * ad.stop_gradient(x) - x / (1 + x)
    text = str(ad.explain(loss, x))
    assert "L = sin(x^2) + 2 x - x / (1 + x) = " in text
    assert "dL/dx = -1 / (1 + x) + x / (1 + x)^2 + 2 + 2 x cos(x^2) = " in text


def test_a_cross_entropy_keeps_its_brackets():
    y, t = ad.variable(0.25, "y"), ad.variable(1.0, "t")
    loss = -(t * ad.log(y) + (1 - t) * ad.log(1 - y))
    text = str(ad.explain(loss, y))
    assert "L = -(t ln y + (1 - t) ln(1 - y)) = 1.38629" in text
    assert "dL/dy = (1 - t) / (1 - y) - t / y = -4" in text


def layer():
    rng = np.random.default_rng(0)
    x = ad.variable(rng.standard_normal(4), "x")
    weights = ad.variable(rng.standard_normal((3, 4)), "W")
    s = weights @ x
    y = ad.tanh(s)
    s.name, y.name = "s", "y"
    return ad.sum((y - np.array([1.0, 0.0, -1.0])) ** 2), weights, x, s, y


def test_arrays_have_shapes_and_backward_products():
    loss, weights, _, _, y = layer()
    explanation = ad.explain(loss, weights)
    text = str(explanation)
    assert "c1 = [1, 0, -1]\n" in text
    assert f"W  = (3, 4), norm {np.linalg.norm(weights.value):.6g}\n" in text
    assert "s  = W x = [" in text
    assert "L  = sum((y - c1)^2) = " in text
    by_y = 2 * (y.value - [1, 0, -1])
    slope = 1 - y.value**2
    assert f"dL/dy = 2 (y - c1) = [{', '.join(f'{v:.6g}' for v in by_y)}]" in text
    assert f"dy/ds = 1 - tanh(s)^2 = diagonal [{', '.join(f'{v:.6g}' for v in slope)}]" in text
    assert "ds/dW = backward product with x' = Jacobian (3) x (3, 4), norm " in text
    assert f"dL/dy . dy/ds         = [{', '.join(f'{v:.6g}' for v in by_y * slope)}]" in text
    norm = np.linalg.norm(explanation.gradient)
    assert f"dL/dy . dy/ds . ds/dW = (3, 4), norm {norm:.6g}" in text
    assert_allclose(explanation.value, explanation.gradient, rtol=1e-14)


def test_a_diagonal_matrix_is_a_matrix():
    d, x = ad.variable(np.diag([1.0, 2.0]), "D"), ad.variable([3.0, 4.0], "x")
    s = d @ x
    s.name = "s"
    assert "  ds/dx = backward product with D' = diagonal [1, 2]\n" in str(
        ad.explain(ad.sum(s * s), x)
    )
    # Not multiplied out as if it were element by element.
    assert "  dL/dx = [6, 32]\n" in str(ad.explain(ad.sum((d @ x) * (d @ x)), x))


def test_operations_without_a_formula_are_numbers_only():
    x = ad.variable([[2.0, 0.5], [0.5, 1.0]], "X")
    c = ad.cholesky(x)
    c.name = "C"
    text = str(ad.explain(ad.sum(c[1:]), x))
    assert re.search(r"dC/dX = Jacobian \(2, 2\) x \(2, 2\), norm \d", text)
    assert "L = sum(C[1:]) = " in text


def test_long_expressions_are_cut_by_symbols():
    x = ad.variable(0.5)
    y = x
    for _ in range(30):
        y = ad.sin(y) + 0.25 * y
    explanation = ad.explain(y, x)
    text = str(explanation)
    assert "  v2  = sin(v1) + 1/4 v1 = " in text
    assert re.search(r"  dv2/dv1 += 1/4 \+ cos\(v1\) = ", text)
    assert max(map(len, text.splitlines())) < 600
    assert_allclose(explanation.value, explanation.gradient, rtol=1e-12)


def test_many_paths_are_not_all_written_out():
    y = x = ad.variable(0.5, "x")
    for _ in range(60):
        a, b = ad.sin(y), ad.cos(y)
        a.name, b.name = "a", "b"
        y = a + b
        y.name = "y"
    explanation = ad.explain(y, x, max_paths=3)
    text = str(explanation)
    assert f"Path 3 of {2**60}: " in text
    assert "Path 4" not in text
    assert f"path 1 + path 2 + path 3 + {2**60 - 3} more = " in text
    assert f"Written out are 3 of {2**60} paths; see max_paths." in text
    # Names that are given twice are told apart.
    assert "y_60" in text
    assert_allclose(explanation.value, explanation.gradient, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_sum_over_paths_is_the_gradient(data):
    x = ad.variable(data.draw(st.floats(0.2, 2.0)), "x")
    made = [x, ad.variable(0.7, "w")]
    for _ in range(data.draw(st.integers(1, 12))):
        a, b = (made[data.draw(st.integers(0, len(made) - 1))] for _ in range(2))
        operation = data.draw(st.sampled_from(["+", "-", "*", "/", "sin", "sigmoid", "power"]))
        made.append(
            {
                "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
                "sin": lambda a, b: ad.sin(a) + x, "sigmoid": lambda a, b: ad.sigmoid(a * b),
                "/": lambda a, b: a / (1 + b * b), "power": lambda a, b: (2 + ad.tanh(a)) ** b,
            }[operation](a, b)
        )  # fmt: skip
        if data.draw(st.booleans()):
            made[-1].name = data.draw(st.sampled_from(["u", "v", "h_1", "alpha"]))
    loss = made[-1] + 0 * x
    explanation = ad.explain(loss, x, max_paths=5)
    assert_allclose(explanation.value, explanation.gradient, rtol=1e-10, atol=1e-12)
    chain = Chain(loss, x)
    values = {symbol.text: node.value for node, symbol in chain.naming.symbols.items()}
    for link in (link for links in chain.links.values() for link in links):
        assert_allclose(evaluated(link.expression, values), link.local.value, rtol=1e-9, atol=1e-12)
    # Every name that is used is said to be something.
    text = str(explanation)
    forward = text[: text.index("Local derivatives")]
    assert set(re.findall(r"\bd(\w+)/d", text)) <= set(re.findall(r"^  (\w+) +=", forward, re.M))


def test_complex_values_take_the_backward_pass():
    c = ad.variable(1 + 2j, "c")
    m = c * c
    m.name = "m"
    explanation = ad.explain(ad.absolute(m), c)
    assert_allclose(explanation.value, 2 * abs(1 + 2j) * (1 + 2j) / abs(1 + 2j))
    assert "m = c^2 = -3+4j" in str(explanation)


def test_single_precision_and_intermediate_variables():
    loss, _, _, s, y = layer()
    assert_allclose(ad.explain(loss, s).value, 2 * (y.value - [1, 0, -1]) * (1 - y.value**2))
    x = ad.variable(np.float32(0.5), "x")
    explanation = ad.explain(ad.sigmoid(x) * 2, x)
    assert explanation.value.dtype == np.float32


# -- the ways to print


class Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def explanations():
    loss, _, _, b = neuron(2.0, 0.5, -1.0, 1.0)
    yield ad.explain(loss, b)
    loss, weights, *_ = layer()
    yield ad.explain(loss, weights)
    alpha, odd = ad.variable(0.3, "alpha"), ad.variable(2e-9, "a <b>_%{#}\\")
    h = ad.log(ad.sqrt(alpha) + odd / 3) ** 3 + ad.maximum(alpha, odd) ** 0.5
    h.name = "h_12"
    yield ad.explain(h * ad.absolute(odd - alpha) / (1 - alpha) + h, alpha)


def test_html_is_well_formed():
    for explanation in explanations():
        page = explanation._repr_html_()
        parser = Balanced()
        parser.feed(page)
        parser.close()
        assert parser.open == []
        assert parser.seen.count("table") >= 3
        assert "<b>_" not in page


def test_latex_is_well_formed():
    mathtext = pytest.importorskip("matplotlib.mathtext").MathTextParser("path")
    for explanation in explanations():
        latex = explanation.latex
        assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") >= 3
        outside = re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", latex, flags=re.DOTALL)
        assert outside.count("$") % 2 == 0
        for block in re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", latex, re.DOTALL):
            for row in block.split(" \\\\\n"):
                left, right = re.split(r"(?<!\\)&=", row)
                for side in (left, right):
                    if side.strip():
                        mathtext.parse(f"${side.strip()}$")
    assert r"\frac{\partial h_{12}}{\partial \alpha}" in latex


def test_latex_of_the_worked_example():
    loss, _, _, b = neuron(2.0, 0.5, -1.0, 1.0)
    latex = ad.explain(loss, b).latex
    assert r"L &= \frac{1}{2}\,(y - t)^{2} = 0.125" in latex
    assert (
        r"\frac{\partial L}{\partial b} &= \frac{\partial L}{\partial y} \cdot "
        r"\frac{\partial y}{\partial s} \cdot \frac{\partial s}{\partial b}"
    ) in latex
    assert r"&= (y - t) \cdot \sigma(s)(1 - \sigma(s)) \cdot 1 \\" in latex


# -- expressions


A, B, C = (e.Symbol(name, name) for name in "abc")
MINUS_B = e.multiplied(e.Number(-1.0), B)
MINUS_OF_SUM = e.multiplied(e.Number(-1.0), e.added(A, MINUS_B))


@pytest.mark.parametrize(
    "built, text, latex",
    [
        (e.multiplied(e.Number(0.5), e.Number(2.0), A), "a", "a"),
        (e.multiplied(A, e.raised(A, e.Number(-1.0))), "1", "1"),
        (e.multiplied(A, B, A), "a^2 b", r"a^{2}\,b"),
        (e.multiplied(e.Number(0.0), A), "0", "0"),
        (e.added(A, MINUS_B, B), "a", "a"),
        (e.added(A, A, e.Number(1.0), e.Number(-1.0)), "2 a", r"2\,a"),
        (MINUS_OF_SUM, "-(a - b)", "-(a - b)"),
        (e.added(C, MINUS_OF_SUM), "c - (a - b)", "c - (a - b)"),
        (read("{0} / {1}", (e.added(A, B), C)), "(a + b) / c", r"\frac{a + b}{c}"),
        (read("{0} / (2 {1})", (A, B)), "a / (2 b)", r"\frac{a}{2\,b}"),
        (read("-{0} / {1}^2", (A, e.Number(3.0))), "-1/9 a", r"-\frac{1}{9}\,a"),
        (read("{1} * {0}^({1} - 1)", (A, e.Number(3.0))), "3 a^2", r"3\,a^{2}"),
        (read("{1} * {0}^({1} - 1)", (A, B)), "b a^(b - 1)", r"b\,a^{b - 1}"),
        (read("{0} ** {1}", (A, e.Number(0.5))), "sqrt(a)", r"\sqrt{a}"),
        (read("ln {0}", (A,)), "ln a", r"\ln a"),
        (read("ln {0}", (e.added(A, B),)), "ln(a + b)", r"\ln (a + b)"),
        (read("[{low} < {0}]", (A,), (("low", "0.5"),)), "[0.5 < a]", "[0.5 < a]"),
        (read("[not {0}]", (A,)), "[not a]", r"[\neg a]"),
        (e.Number(1.5e-9), "1.5e-09", r"1.5 \cdot 10^{-9}"),
    ],
)  # fmt: skip
def test_expressions_simplify(built, text, latex):
    assert e.text_of(built) == text
    assert e.latex_of(built) == latex


@pytest.mark.parametrize("text", ["", "{0} +", "({0}", "{0} ? {1}", "{7}", "{name}", "{0} )"])
def test_what_is_not_an_expression_is_not_read(text):
    assert read(text, (A, B)) is None


def evaluated(expression, values):
    """Compute an expression from the values of its symbols, with the primitives' own functions."""
    if isinstance(expression, e.Number):
        return expression.value
    if isinstance(expression, e.Symbol):
        return values[expression.text]
    if isinstance(expression, e.Sum):
        return sum(evaluated(term, values) for term in expression.terms)
    if isinstance(expression, e.Product):
        return np.prod(
            np.broadcast_arrays(*(evaluated(f, values) for f in expression.factors)), axis=0
        )
    if isinstance(expression, e.Power):
        return evaluated(expression.base, values) ** evaluated(expression.exponent, values)
    args = [evaluated(arg, values) for arg in expression.args]
    if expression.text.startswith("["):
        condition = expression.text[1:-1].replace(" = ", " == ").replace("not ", "~")
        condition = condition.replace("max(", "np.max(").replace("min(", "np.min(")
        filled = condition.format(
            *(f"args[{i}]" for i in range(len(args))), **dict(expression.params)
        )
        parts = re.fullmatch(r"(.+) < (.+) < (.+)", filled)
        filled = f"({parts[1]} < {parts[2]}) & ({parts[2]} < {parts[3]})" if parts else filled
        return eval(filled, {"np": np, "args": args})
    if expression.text == "{0}'":
        return np.swapaxes(args[0], -1, -2) if np.ndim(args[0]) > 1 else args[0]
    if expression.text == "softmax({0})":
        # Of whatever log-sum-exp was taken.
        return np.exp(args[0]) / np.sum(np.exp(args[0]))
    (forward,) = (p.forward for p in ad.PRIMITIVES.values() if p.text == expression.text)
    return forward(*args)


# What getitem selects is not written so that it could be computed.
WRITTEN = [case for case in cases() if ad.PRIMITIVES[case[0]].partials and case[0] != "getitem"]


@pytest.mark.parametrize("name, number, inputs, params", WRITTEN)
def test_local_derivatives_are_written_right(name, number, inputs, params):
    primitive = ad.PRIMITIVES[name]
    variables = tuple(ad.variable(x) if is_float(x) else x for x in inputs)
    out = ad.Variable(primitive.forward(*inputs, **params), primitive, variables, inputs, params)
    values = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs)}
    symbols = tuple(e.Symbol(key, key) for key in values)
    for i, x in edges(out):
        local = derivative_of(lambda g, i=i: pulled(out, i, g), out.value, x.value)
        text, latex = primitive.partials[i]
        assert text
        assert latex
        if local.form != "jacobian":
            expression = read(text, symbols, tuple((k, str(v)) for k, v in params.items()))
            written = evaluated(expression, values)
            assert_allclose(np.broadcast_to(written, x.shape), local.value, rtol=1e-10, atol=1e-12)


# -- input that cannot be explained


def test_bad_input():
    x, w = ad.variable(2.0, "x"), ad.variable([1.0, 2.0], "w")
    loss = ad.sum(w) * 3
    with pytest.raises(TypeError, match="loss must be a variable, got float"):
        ad.explain(2.0, x)
    with pytest.raises(TypeError, match="wrt must be a variable, got str"):
        ad.explain(loss, "w")
    with pytest.raises(ValueError, match=r"loss must be one real number, .* shape \(2,\)"):
        ad.explain(w * 2, w)
    with pytest.raises(ValueError, match="loss must be one real number, got complex"):
        ad.explain(ad.variable(1j) * 2, x)
    with pytest.raises(ValueError, match="L does not depend on x"):
        ad.explain(loss, x)
    with pytest.raises(ValueError, match="L does not depend on x"):
        ad.explain(ad.sign(x) + ad.sum(w), x)
    with pytest.raises(ValueError, match="wrt must not be the loss itself"):
        ad.explain(loss, loss)
    with ad.no_grad():
        constant = x * 2
    with pytest.raises(ValueError, match="loss must depend on variables"):
        ad.explain(constant, x)
    with pytest.raises(ValueError, match="wrt must depend on variables"):
        ad.explain(loss, constant)
    with pytest.raises(ValueError, match="max_paths must be 1 or more, got 0"):
        ad.explain(loss, w, max_paths=0)
    loss.backward(free=True)
    with pytest.raises(ValueError, match="freed by an earlier"):
        ad.explain(loss, w)
