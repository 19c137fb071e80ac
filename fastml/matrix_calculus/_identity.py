"""An identity, and how its inputs are drawn and its three forms compared."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastml import autodiff as ad
from fastml.matrix_calculus import _proof as proof

__all__ = ["Identity", "algebra", "change", "draw", "gradient", "tensor", "transposed"]

Shapes = Mapping[str, tuple[str, ...]]
Form = Callable[..., Any]


class Identity(NamedTuple):
    """An identity of the catalogue.

    The functions take the inputs by name, arrays of the shapes that `shapes` says, and return the
    same array in three ways.

    Attributes
    ----------
    group : str
        "algebra", "differentials", "gradients", or "rules" for what derivations use besides.
    name : str
        What it is called; unique.
    text, latex : str
        The formula.
    domain : str
        What it holds for.
    shapes : str
        Sizes of the symbols.
    closed_form : callable
        The right side in NumPy.
    by_autodiff : callable
        The same by `fastml.autodiff`.
    by_numbers : callable
        The left side evaluated, or differentiated by extrapolated central differences.
    second_form : callable or None
        A second right side, where the formula has two.
    sizes : dict
        Sizes of the symbols, as data.
    regular : str
        Names of the symbols that are drawn invertible, with a real positive determinant.
    holds_complex : bool
        Whether it holds for complex matrices.
    """

    group: str
    name: str
    text: str
    latex: str
    domain: str
    shapes: str
    closed_form: Form
    by_autodiff: Form
    by_numbers: Form
    second_form: Form | None
    sizes: Shapes
    regular: str
    holds_complex: bool


def _identity(
    group: str, name: str, text: str, latex: str, sizes: str, forms: tuple[Form, Form, Form], *,
    second_form: Form | None = None, regular: str = "", domain: str = "", real: bool = False,
) -> Identity:  # fmt: skip
    shapes = {part.split()[0]: tuple(part.split()[1:]) for part in sizes.split(",")}
    shown = ", ".join(
        f"{k} {' x '.join(v) or 'scalar'}" for k, v in shapes.items() if k[0] != "d" or len(k) == 1
    )
    conditions = ["real" if real else "real or complex"]
    if regular:
        conditions.append(domain or f"{', '.join(regular)} invertible")
    elif domain:
        conditions.append(domain)
    return Identity(
        group, name, text, latex, "; ".join(conditions), shown, *forms, second_form, shapes,
        regular, not real,
    )  # fmt: skip


def algebra(
    name: str, text: str, latex: str, sizes: str, left: Form, right: Form, *,
    graph: Form | None = None, group: str = "algebra", **more: Any,
) -> Identity:  # fmt: skip
    """Make an identity of two sides.

    Parameters
    ----------
    name, text, latex
        See `Identity`.
    sizes : str
        Such as "A n m, B m k".
    left, right : callable
        The two sides, written with operators and NumPy's functions.
    graph : callable, optional
        The left side for variables; `left` by default, which takes them too.
    **more
        Further attributes.
    """

    def by_autodiff(**inputs: Any) -> Any:
        out = (graph or left)(**{k: ad.variable(v) for k, v in inputs.items()})
        return out.value if isinstance(out, ad.Variable) else out

    return _identity(group, name, text, latex, sizes, (right, by_autodiff, left), **more)


def change(
    name: str, text: str, latex: str, sizes: str, f: Form, closed: Form, *,
    graph: Form | None = None, wrt: str = "X", group: str = "differentials", **more: Any,
) -> Identity:  # fmt: skip
    """Make an identity for a differential, d f(X)[dX].

    Parameters
    ----------
    name, text, latex, sizes
        As for `algebra`; directions are drawn besides.
    f : callable
        What is differentiated.
    closed : callable
        Its differential; takes dX as well.
    graph : callable, optional
        `f` for variables, where they cannot be passed to `f` itself.
    wrt : str, default="X"
        Names of the symbols that vary.
    **more
        Further attributes.
    """
    shapes = dict(part.strip().partition(" ")[::2] for part in sizes.split(","))
    sizes += "".join(f", d{k} {shapes[k]}" for k in wrt)
    directions = {f"d{k}": k for k in wrt}

    def apart(inputs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        steps = {k: inputs[d] for d, k in directions.items()}
        return {k: v for k, v in inputs.items() if k not in directions}, steps

    def by_autodiff(**inputs: Any) -> Any:
        return proof.along(graph or f, *apart(inputs))

    def by_numbers(**inputs: Any) -> Any:
        return proof.by_numbers(f, *apart(inputs))

    return _identity(group, name, text, latex, sizes, (closed, by_autodiff, by_numbers), **more)


def tensor(
    name: str, text: str, latex: str, sizes: str, f: Form, closed: Form, *, wrt: str = "X",
    graph: Form | None = None, group: str = "gradients", **more: Any,
) -> Identity:  # fmt: skip
    """Make an identity for derivatives entry by entry, in the result's and then X's indices.

    Parameters
    ----------
    name, text, latex, sizes, f, closed, graph
        As for `change`.
    wrt : str, default="X"
        The symbol that varies.
    **more
        Further attributes.
    """

    def by_autodiff(**inputs: Any) -> Any:
        return proof.by_graph(graph or f, inputs, wrt)

    def by_numbers(**inputs: Any) -> Any:
        x = inputs[wrt]
        out = None
        for n, (entry, unit) in enumerate(proof.units(x)):
            # Analytic functions have one derivative in every direction of the complex plane.
            turn = np.exp(1j * n) if np.iscomplexobj(x) else 1.0
            found = proof.by_numbers(f, inputs, {wrt: turn * unit}) / turn
            if out is None:
                out = np.empty((*found.shape, *x.shape), found.dtype)
            out[(..., *entry)] = found
        return out

    return _identity(group, name, text, latex, sizes, (closed, by_autodiff, by_numbers), **more)


def gradient(
    layout: str, name: str, f: str, by: str, texts: tuple[str, str], latexes: tuple[str, str],
    sizes: str, function: Form, closed: Form, **more: Any,
) -> Identity:  # fmt: skip
    """Make an identity for the gradient of a scalar, in a layout.

    Parameters
    ----------
    layout : {"denominator", "numerator"}
    name : str
        See `Identity`.
    f : str
        The scalar, as text; its LaTeX follows.
    by : str
        The symbol that varies.
    texts, latexes : (str, str)
        The gradient in denominator layout, and in numerator layout.
    sizes : str
        See `algebra`.
    function, closed : callable
        The scalar, and its gradient in denominator layout.
    **more
        Further attributes.
    """
    turned = layout == "numerator"
    right, right_latex = texts[turned], latexes[turned]
    identity = tensor(
        name, f"d({f})/d{by} = {right}",
        rf"\frac{{\partial\, {_primes(f)}}}{{\partial {by}}} = {right_latex}",
        sizes, function, closed, wrt=by, **more,
    )  # fmt: skip
    return transposed(identity, when=turned)


def transposed(identity: Identity, *, when: bool) -> Identity:
    """Return an identity with the arrays of all its forms transposed, or as it is."""
    if not when:
        return identity

    def turned(form: Form) -> Form:
        return lambda **inputs: form(**inputs).T

    return identity._replace(
        closed_form=turned(identity.closed_form),
        by_autodiff=turned(identity.by_autodiff),
        by_numbers=turned(identity.by_numbers),
    )


def _primes(text: str) -> str:
    return text.replace("'", "^T")


def draw(
    identity: Identity, sizes: Mapping[str, int], rng: np.random.Generator, is_complex: bool
) -> dict[str, Any]:
    """Return random inputs for an identity.

    Parameters
    ----------
    identity : Identity
    sizes : dict of str to int
        A length for each name of a size.
    rng : numpy.random.Generator
    is_complex : bool
        Whether to draw complex numbers.
    """
    out = {}
    for symbol, names in identity.sizes.items():
        shape = tuple(sizes[n] for n in names)
        x = rng.standard_normal(shape)
        if is_complex:
            x = (x + 1j * rng.standard_normal(shape)) / np.sqrt(2)
        out[symbol] = _regular(x, rng) if symbol in identity.regular else x
    return out


def _regular(x: Any, rng: np.random.Generator) -> Any:
    """Return a matrix with singular values in [1/2, 2], of a real positive determinant."""
    u, _, vh = np.linalg.svd(x)
    out = (u * rng.uniform(0.5, 2.0, len(x))) @ vh
    det = np.linalg.det(out)
    # So that its logarithm is real, and far from the branch cut.
    out[:, 0] *= np.conj(det) / abs(det)
    return out
