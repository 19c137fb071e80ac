"""Optimisers: against PyTorch's and NumPy's formulas; schedules, clipping, resuming."""

import math

import numpy as np
import pytest

import fastml
from fastml.nn.optimizers import (
    AdaGradOptimizer,
    AdamOptimizer,
    AdamWOptimizer,
    BaseOptimizer,
    Penalty,
    RMSPropOptimizer,
    SGDOptimizer,
    clip_norm,
    clip_scale,
    clip_value,
    gradient_norm,
)

torch = pytest.importorskip("torch")

PAIRS = {
    "sgd": (lambda p: SGDOptimizer(p, 0.1, momentum=0), lambda p: torch.optim.SGD(p, 0.1)),
    "adagrad": (lambda p: AdaGradOptimizer(p, 0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    "rmsprop": (
        lambda p: RMSPropOptimizer(p, 0.05, 0.9),
        lambda p: torch.optim.RMSprop(p, 0.05, 0.9),
    ),
    "adamw": (
        lambda p: AdamWOptimizer(p, 0.05, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.1),
    ),
    # PyTorch adds epsilon to another root.
    "adam": (
        lambda p: AdamOptimizer(p, 0.05, epsilon=1e-15),
        lambda p: torch.optim.Adam(p, 0.05, eps=1e-15),
    ),
}
MAKERS = {
    **{name: ours for name, (ours, _) in PAIRS.items()},
    "momentum": lambda p: SGDOptimizer(p, 0.1),
    "heavy ball": lambda p: SGDOptimizer(p, 0.1, nesterov=False),
}


def start(dtype=np.float64, n=300):
    rng = np.random.default_rng(0)
    return rng.normal(size=n).astype(dtype), [rng.normal(size=n).astype(dtype) for _ in range(5)]


@pytest.mark.parametrize("name", PAIRS)
def test_same_as_pytorch(name):
    ours, theirs = PAIRS[name]
    w, gradients = start()
    tensor = torch.tensor(w, requires_grad=True)
    mine, peer = ours([w]), theirs([tensor])
    for g in gradients:
        mine.update_params([w], [g])
        tensor.grad = torch.tensor(g)
        peer.step()
    np.testing.assert_allclose(w, tensor.detach().numpy(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_take_the_steps_of_the_formula_exactly(dtype):
    w, gradients = start(dtype, 100_003)
    adam = AdamOptimizer([w], 0.01)
    expected, first, second, real = w.copy(), 0 * w, 0 * w, dtype
    for t, g in enumerate(gradients, 1):
        adam.update_params([w], [g])
        first = real(0.9) * first + real(1 - 0.9) * g
        second = real(0.999) * second + real(1 - 0.999) * g**2
        rate = 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected += -real(rate) * first / (np.sqrt(second) + real(1e-8))
    np.testing.assert_array_equal(w, expected)


@pytest.mark.parametrize("name", MAKERS)
def test_many_arrays_are_as_one(name):
    w, gradients = start()
    parts = [w[:20].copy().reshape(4, 5), w[20:].copy()]
    one, several = MAKERS[name]([w]), MAKERS[name](parts)
    for g in gradients:
        one.update_params([w], [g])
        several.update_params(parts, [g[:20].reshape(4, 5), g[20:]])
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), w)


@pytest.mark.parametrize("name", MAKERS)
def test_going_on_from_a_state(name):
    w, gradients = start(np.float32)
    other, first = w.copy(), MAKERS[name]([w])
    for g in gradients:
        first.update_params([w], [g])
    began = MAKERS[name]([other])
    for g in gradients[:2]:
        began.update_params([other], [g])
    resumed = MAKERS[name]([other])
    resumed.load_state(began.state())
    for g in gradients[2:]:
        resumed.update_params([other], [g])
    np.testing.assert_array_equal(other, w)
    with pytest.raises(ValueError, match="state must hold"):
        resumed.load_state({"learning_rate": 0.1, "more": 1})
    if len(began.state()) > 1:
        wrong = MAKERS[name]([w[:3].copy()]).state()
        with pytest.raises(ValueError, match="must be of shape"):
            resumed.load_state(wrong)


@pytest.mark.parametrize("name", MAKERS)
def test_a_penalty_is_a_part_of_the_gradient(name):
    w, gradients = start()
    other = w.copy()
    spans = np.array([[3, 70], [100, 290]])
    inside = np.zeros(w.size)
    for first, last in spans:
        inside[first:last] = 1
    one, two = MAKERS[name]([w]), MAKERS[name]([other])
    if name == "adamw":
        one.weight_decay = two.weight_decay = 0
    for g in gradients:
        one.update_params([w], [g], penalty=Penalty(0.1, 0.2, [spans]), scale=0.5)
        two.update_params([other], [0.5 * g + inside * (0.1 * np.sign(other) + 0.2 * other)])
    np.testing.assert_allclose(w, other, rtol=1e-13, atol=1e-15)


def test_weights_decay_in_the_spans_of_the_penalty():
    w = np.ones(6)
    optimizer = AdamWOptimizer([w], 0.1, weight_decay=0.5)
    spans = [np.array([[1, 3]])]
    optimizer.update_params([w], [np.zeros(6)], penalty=Penalty(spans=spans))
    np.testing.assert_allclose(w, [1, 0.95, 0.95, 1, 1, 1], rtol=1e-15)


def test_a_penalty_on_everything():
    w = np.array([1.0, -2.0])
    optimizer = SGDOptimizer([w], 1.0, momentum=0)
    optimizer.update_params([w], [np.zeros(2)], penalty=Penalty(l1=0.5))
    assert w.tolist() == [0.5, -1.5]


@pytest.mark.parametrize("name", MAKERS)
def test_arrays_that_kernels_do_not_take(name):
    w, gradients = start(n=40)
    unusual = {
        "strided": np.repeat(w, 2)[::2],
        "big-endian": w.astype(">f8"),
        "half": w.astype(np.float16),
    }
    for kind, a in unusual.items():
        expected = a.astype(np.float32 if kind == "half" else np.float64)
        one, two = MAKERS[name]([a]), MAKERS[name]([expected])
        one.update_params([a], [gradients[0]])
        two.update_params([expected], [gradients[0].astype(expected.dtype)])
        np.testing.assert_array_equal(a, expected.astype(a.dtype), err_msg=kind)


def test_schedules():
    w = [np.zeros(3)]
    scaling = SGDOptimizer(w, 0.1, "invscaling", power_t=0.25)
    scaling.iteration_ends(15)
    assert scaling.learning_rate == 0.1 / 16**0.25
    cosine = AdamOptimizer(w, 0.1, lr_schedule="cosine", t_max=100)
    rates = []
    for t in (0, 50, 100, 200):
        cosine.iteration_ends(t)
        rates.append(cosine.learning_rate)
    np.testing.assert_allclose(rates, [0.1, 0.05, 0, 0], atol=1e-17)
    for optimizer in (BaseOptimizer(0.5), SGDOptimizer(w, 0.5), AdamOptimizer(w, 0.5)):
        optimizer.iteration_ends(10)
        assert optimizer.learning_rate == 0.5
        assert optimizer.trigger_stopping("", False)


def test_adaptive_says_what_it_does(capsys):
    optimizer = SGDOptimizer([np.zeros(1)], 2e-6, "adaptive")
    assert not optimizer.trigger_stopping("No better.", True)
    assert optimizer.learning_rate == 2e-6 / 5
    assert optimizer.trigger_stopping("No better.", True)
    assert capsys.readouterr().out == (
        "No better. Setting learning rate to 0.000000\n"
        "No better. Learning rate too small. Stopping.\n"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping(dtype):
    g = np.random.default_rng(0).normal(size=50_001).astype(dtype)
    norm = np.linalg.norm(g.astype(np.float64))
    assert gradient_norm([g[:7], g[7:]]) == pytest.approx(norm, rel=1e-12)
    assert clip_scale([g], 2 * norm) == 1
    assert clip_scale([g], norm / 4) == pytest.approx(0.25, rel=1e-12)
    parts = [g[:7].copy(), g[7:].copy()]
    tensors = [torch.tensor(part, requires_grad=True) for part in parts]
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.grad = torch.tensor(part)
    torch.nn.utils.clip_grad_norm_(tensors, 3.0)
    assert clip_norm(parts, 3.0) == pytest.approx(norm, rel=1e-12)
    for tensor, part in zip(tensors, parts, strict=True):
        np.testing.assert_allclose(part, tensor.grad.numpy(), rtol=1e-5, atol=1e-7)
    clip_value(parts, 0.01)
    assert max(abs(part).max() for part in parts) == dtype(0.01)
    assert gradient_norm([]) == 0
    assert math.isnan(clip_scale([np.array([np.nan])], 1.0))


def test_same_bits_for_any_number_of_threads():
    g = np.random.default_rng(0).normal(size=200_003).astype(np.float32)
    norms = set()
    for n_threads in (1, 2):
        with fastml.config_context(num_threads=n_threads):
            norms.add(gradient_norm([g]))
    assert len(norms) == 1


def _frozen():
    w = np.zeros(3)
    w.flags.writeable = False
    return w


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: SGDOptimizer([], lr_schedule="none"), ValueError, "lr_schedule must be one of"),
        (lambda: SGDOptimizer([], lr_schedule="cosine"), ValueError, "needs a t_max above 0"),
        (
            lambda: SGDOptimizer([np.zeros(3)]).update_params([np.zeros(3)], [np.zeros(2)]),
            ValueError,
            "must have the shape of its parameters",
        ),
        (
            lambda: SGDOptimizer([np.zeros(3)]).update_params([_frozen()], [np.zeros(3)]),
            ValueError,
            "must be writeable",
        ),
        (
            lambda: SGDOptimizer([np.zeros(3, int)]).update_params(
                [np.zeros(3, int)], [np.ones(3)]
            ),
            TypeError,
            "must be real floats",
        ),
        (lambda: clip_norm([np.ones(2)], 0), ValueError, "max_norm must be above 0"),
        (lambda: clip_value([np.ones(2)], -1), ValueError, "max_value must be at least 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
