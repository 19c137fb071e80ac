"""Losses as nodes of the graph."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable, primitive
from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import Backend, on_device, resolve
from fastml.kernels.losses import forms
from fastml.losses._sums import as_number, block_rows, merged

__all__ = [
    "binary_cross_entropy", "cross_entropy", "hinge", "poisson", "softmax_cross_entropy",
    "squared", "squared_hinge",
]  # fmt: skip


class Reduction(NamedTuple):
    """What is made of the losses of the samples: ``factor * sum_i weight_i loss_i``.

    Attributes
    ----------
    each : bool
        Whether they are not added up.
    factor : float
        Of the sum.
    weight : ndarray or None
        Of each sample; None for ones.
    """

    each: bool = False
    factor: float = 1.0
    weight: Any = None


def _weights(backend: Backend, how: Reduction, dtype: Any) -> Any:
    if how.weight is None:
        return backend.empty(0, dtype)
    return backend.asarray(how.weight, dtype).reshape(-1)


def _reduced(
    backend: Backend, how: Reduction, weights: Any, losses: Any, totals: Any, like: Any, shape: Any
) -> Any:
    stays = on_device(like) and backend.xp is not np
    if how.each:
        found = losses * weights if len(weights) else losses
        return (found if stays else backend.to_host(found)).reshape(shape)
    total = how.factor * merged(backend, totals)
    return as_number(backend, total, losses.dtype, stays)


def _scale(backend: Backend, g: Any, how: Reduction, dtype: Any) -> Any:
    """Return what the gradient of each sample's loss is multiplied by: one number, or one each."""
    scale = g * how.factor
    if how.weight is not None:
        scale = scale * _like(how.weight, scale)
    elif isinstance(scale, float | np.generic):
        return backend.xp.array([scale], dtype)
    return backend.asarray(scale, dtype).reshape(-1)


def _like(constant: Any, array: Any) -> Any:
    """Return a constant of the host where an array lives, in its dtype."""
    xp = np if not on_device(value_of(array)) else resolve(value_of(array)).xp
    return xp.asarray(constant, dtype=array.dtype)


def _composed_scale(g: Any, how: Reduction, n_axes: int) -> Any:
    """Return the same for the graph, of a shape that broadcasts over a sample's outputs."""
    scale = g * how.factor
    if how.weight is not None:
        scale = scale * _like(how.weight, g)
    if scale.ndim == 0:
        return scale
    return p.reshape(scale, shape=(*scale.shape, *(1,) * (n_axes - scale.ndim)))


def _matrix(backend: Backend, a: Any, dtype: Any = None) -> Any:
    """Return an array of samples as rows."""
    a = backend.asarray(a, dtype)
    n = a.shape[0] if a.ndim else 1
    return a.reshape(n, a.size // n if n else math.prod(a.shape[1:]))


def _elementwise(
    name: str,
    kind: int,
    slope: Callable[[Any, Any], Any],
    by_target: Callable[[Any, Any], Any],
    **written: Any,
) -> Any:
    """Register a loss that adds up over the outputs of a sample.

    Parameters
    ----------
    name : str
        Of the loss.
    kind : int
        Of its kernels.
    slope, by_target : callable
        Derivatives by output and target, ``f(o, t)``, made of primitives, for gradients that are to
        be differentiated again.
    **written
        Example of the primitive. Its text is its name: what is summed, and by which weights,
        depends on the reduction.
    """

    def forward(o: Any, t: Any, how: Reduction) -> Any:
        backend = resolve(o)
        outputs = _matrix(backend, o)
        targets = _matrix(backend, t, outputs.dtype)
        n, k = outputs.shape
        rows = block_rows(n, k)
        weights = _weights(backend, how, outputs.dtype)
        losses = backend.empty(n if how.each else 0, outputs.dtype)
        totals = backend.empty(-(-n // rows) if k else 0, np.float64)
        if not k:
            losses[:] = 0
        kernels = backend.kernels("losses")
        kernels.forward(kind, outputs, targets, weights, rows, losses, totals)
        return _reduced(backend, how, weights, losses, totals, o, o.shape[:1])

    def by_output(g: Any, out: Any, o: Any, t: Any, how: Reduction) -> Any:
        if Variable in (type(g), type(o), type(t)):
            return _composed_scale(g, how, o.ndim) * slope(o, t)
        backend = resolve(o)
        outputs = _matrix(backend, o)
        targets = _matrix(backend, t, outputs.dtype)
        gradient = backend.empty(outputs.shape, outputs.dtype)
        scale = _scale(backend, g, how, outputs.dtype)
        backend.kernels("losses").backward(kind, outputs, targets, scale, gradient)
        stays = on_device(o) and backend.xp is not np
        return (gradient if stays else backend.to_host(gradient)).reshape(o.shape)

    def by_targets(g: Any, out: Any, o: Any, t: Any, how: Reduction) -> Any:
        return _composed_scale(g, how, o.ndim) * by_target(o, t)

    return primitive(name, forward, by_output, by_targets, **written)


def _example(outputs: Callable[..., Any], targets: Callable[..., Any]) -> Any:
    """Return examples of every reduction, and of samples of several axes."""

    def examples(rng: np.random.Generator) -> Any:
        weight = np.array([0.5, 2.0, 1.0])
        ways = (Reduction(), Reduction(False, 1 / 3), Reduction(True), Reduction(True, 1.0, weight))
        found: list[Any] = [
            ((outputs(rng, (3, 4)), targets(rng, (3, 4))), {"how": how}) for how in ways
        ]
        how = Reduction(False, 0.5, weight)
        for shape in ((3,), (3, 2, 2)):
            found.append(((outputs(rng, shape), targets(rng, shape)), {"how": how}))
        return found

    return examples


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape)


def _inside(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0.2, 0.8, shape)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.9, 1.1, shape)


def _known(t: Any) -> Any:
    """Return 0 where a target is 0, whatever the output, else 1."""
    value = value_of(t)
    return (value != 0).astype(value.dtype)


def _ratio(o: Any, t: Any) -> Any:
    known = _known(t)
    return -t / p.where(known == 0, known + 1, o)


def _inside_margin(o: Any, t: Any) -> Any:
    margin = value_of(t) * value_of(o)
    return (margin < 1).astype(margin.dtype)


squared = _elementwise(
    "squared", forms.SQUARED, lambda o, t: o - t, lambda o, t: t - o,
    example=_example(_normal, _normal),
)  # fmt: skip
cross_entropy = _elementwise(
    "cross_entropy", forms.CROSS_ENTROPY, _ratio, lambda o, t: -p.log(o),
    example=_example(_inside, _inside),
)  # fmt: skip
binary_cross_entropy = _elementwise(
    "binary_cross_entropy", forms.BINARY_CROSS_ENTROPY,
    lambda o, t: p.sigmoid(o) - t, lambda o, t: -o,
    example=_example(_normal, _inside),
)  # fmt: skip
hinge = _elementwise(
    "hinge", forms.HINGE,
    lambda o, t: -t * _inside_margin(o, t), lambda o, t: -o * _inside_margin(o, t),
    example=_example(_normal, _signs),
)  # fmt: skip
squared_hinge = _elementwise(
    "squared_hinge", forms.SQUARED_HINGE,
    lambda o, t: -2 * t * ((1 - t * o) * _inside_margin(o, t)),
    lambda o, t: -2 * o * ((1 - t * o) * _inside_margin(o, t)),
    example=_example(_normal, _signs),
)  # fmt: skip
poisson = _elementwise(
    "poisson", forms.POISSON, lambda o, t: p.exp(o) - t, lambda o, t: -o,
    example=_example(_normal, _inside),
)  # fmt: skip


def _classes(backend: Backend, y: Any, t: Any) -> tuple[Any, Any, Any]:
    """Return logits as rows, labels, and targets as rows; one of the latter two is empty."""
    y = backend.asarray(y)
    logits = y.reshape(math.prod(y.shape[:-1]), y.shape[-1])
    if t.dtype.kind in "iu":
        labels = backend.asarray(t, np.int64).reshape(-1)
        return logits, labels, backend.empty((0, logits.shape[1]), logits.dtype)
    targets = backend.asarray(t, logits.dtype).reshape(logits.shape)
    return logits, backend.empty(0, np.int64), targets


def _softmax_forward(y: Any, t: Any, how: Reduction) -> Any:
    """Cross-entropy of labels, or of probabilities, and the softmax of logits."""
    backend = resolve(y)
    logits, labels, targets = _classes(backend, y, t)
    n, k = logits.shape
    rows = block_rows(n, k)
    weights = _weights(backend, how, logits.dtype)
    losses = backend.empty(n if how.each else 0, logits.dtype)
    totals = backend.empty(-(-n // rows), np.float64)
    kernels = backend.kernels("losses")
    kernels.softmax_forward(logits, labels, targets, weights, rows, losses, totals)
    return _reduced(backend, how, weights, losses, totals, y, y.shape[:-1])


def _by_logits(g: Any, out: Any, y: Any, t: Any, how: Reduction) -> Any:
    if Variable in (type(g), type(y), type(t)):
        shares = p.softmax(y)
        if value_of(t).dtype.kind in "iu":
            slope = shares - _one_hot(value_of(t), value_of(y))
        else:
            slope = p.sum(t, axis=-1, keepdims=True) * shares - t
        return _composed_scale(g, how, y.ndim) * slope
    backend = resolve(y)
    logits, labels, targets = _classes(backend, y, t)
    gradient = backend.empty(logits.shape, logits.dtype)
    scale = _scale(backend, g, how, logits.dtype)
    backend.kernels("losses").softmax_backward(logits, labels, targets, scale, gradient)
    stays = on_device(y) and backend.xp is not np
    return (gradient if stays else backend.to_host(gradient)).reshape(y.shape)


def _one_hot(labels: Any, y: Any) -> Any:
    classes = _like(np.arange(y.shape[-1]), labels)
    return (labels[..., None] == classes).astype(y.dtype)


def _by_probabilities(g: Any, out: Any, y: Any, t: Any, how: Reduction) -> Any:
    return _composed_scale(g, how, y.ndim) * -p.log_softmax(y)


def _logits_and_targets(rng: np.random.Generator) -> Any:
    y = rng.standard_normal((3, 4))
    labels, shares = np.array([2, 0, 3]), rng.dirichlet(np.ones(4), 3)
    how = Reduction(False, 0.5, np.array([0.5, 2.0, 1.0]))
    several = rng.standard_normal((2, 2, 3)), np.array([[0, 2], [1, 1]])
    return [
        ((y, labels), {"how": Reduction(False, 1 / 3)}), ((y, labels), {"how": Reduction(True)}),
        ((y, labels), {"how": how}), ((y, shares), {"how": how}),
        ((y, shares), {"how": Reduction(True)}), (several, {"how": Reduction()}),
    ]  # fmt: skip


softmax_cross_entropy = primitive(
    "softmax_cross_entropy", _softmax_forward, _by_logits, _by_probabilities,
    example=_logits_and_targets,
)  # fmt: skip
