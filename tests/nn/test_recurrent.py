"""Recurrent functions beside PyTorch's modules, and results that depend on nothing else."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastml
from fastml import autodiff as ad
from fastml.nn import functional as F

KINDS = ("LSTM", "GRU", "RNN")


def draw(kind, rng, D, H, n_layers=1, n_directions=1, bias=True, dtype=np.float64):
    """Return weights of layers and directions."""
    width = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind] * H
    found = []
    for i in range(n_layers * n_directions):
        n = D if i < n_directions else H * n_directions
        shapes = [(width, n), (width, H), (width,), (width,)][: 4 if bias else 2]
        found.append([rng.uniform(-1, 1, s).astype(dtype) / np.sqrt(H) for s in shapes])
    return [[a.astype(dtype) for a in given] for given in found]


class Configuration:
    """A module of PyTorch, input for it and how both are called."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.kind = KINDS[seed % 3]
        self.dtype = (np.float64, np.float32)[seed // 3 % 2]
        self.n_layers, self.n_directions = (int(rng.integers(1, n)) for n in (4, 3))
        self.batch_first, self.bias = bool(rng.integers(2)), bool(rng.integers(4))
        self.nonlinearity = ("tanh", "relu")[rng.integers(2)]
        self.D, self.H, self.B, self.T = (int(rng.integers(1, n)) for n in (9, 40, 24, 8))
        self.how = ("whole", "lengths", "packed")[rng.integers(3)]
        self.lengths = np.full(self.B, self.T)
        if self.how != "whole":
            self.lengths = rng.integers(1, self.T + 1, self.B)
        shape = (self.B, self.T, self.D) if self.batch_first else (self.T, self.B, self.D)
        self.x = rng.standard_normal(shape).astype(self.dtype)
        n = self.n_layers * self.n_directions
        n_first = 0 if rng.integers(3) == 0 else 2 if self.kind == "LSTM" else 1
        self.first = [
            rng.standard_normal((n, self.B, self.H)).astype(self.dtype) for _ in range(n_first)
        ]
        self.weights = draw(
            self.kind, rng, self.D, self.H, self.n_layers, self.n_directions, self.bias, self.dtype
        )

    def seeds(self, results):
        rng = np.random.default_rng(0)
        return [rng.standard_normal(a.shape).astype(self.dtype) for a in results]

    def theirs(self, torch):
        """Return PyTorch's results and its gradients."""
        more = {"nonlinearity": self.nonlinearity} if self.kind == "RNN" else {}
        module = getattr(torch.nn, self.kind)(
            self.D, self.H, self.n_layers, bias=self.bias, batch_first=self.batch_first,
            bidirectional=self.n_directions == 2, **more,
        ).to(torch.float64 if self.dtype == np.float64 else torch.float32)  # fmt: skip
        flat = [a for given in self.weights for a in given]
        with torch.no_grad():
            for parameter, a in zip(module.parameters(), flat, strict=True):
                parameter.copy_(torch.from_numpy(a))
        leaves = [torch.tensor(a, requires_grad=True) for a in (self.x, *self.first)]
        x, *first = leaves
        hx = None if not first else tuple(first) if self.kind == "LSTM" else first[0]
        if self.how != "whole":
            x = torch.nn.utils.rnn.pack_padded_sequence(
                x, torch.from_numpy(self.lengths), self.batch_first, enforce_sorted=False
            )
        y, last = module(x, hx)
        if self.how != "whole":
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, self.batch_first, total_length=self.T)
        results = [y, *(last if self.kind == "LSTM" else (last,))]
        pairs = zip(results, self.seeds(results), strict=True)
        total = sum((a * torch.from_numpy(g)).sum() for a, g in pairs)
        gradients = torch.autograd.grad(total, [*leaves, *module.parameters()])
        return [a.detach().numpy() for a in (*results, *gradients)]

    def rows(self):
        """Return which elements of the padded input those of the packed one are."""
        steps = [np.arange(n) for n in self.lengths]
        who = np.repeat(np.arange(self.B), self.lengths)
        return (who, np.concatenate(steps)) if self.batch_first else (np.concatenate(steps), who)

    def ours(self):
        x, *first = leaves = [ad.variable(a) for a in (self.x, *self.first)]
        weights = [[ad.variable(a) for a in given] for given in self.weights]
        hx = None if not first else tuple(first) if self.kind == "LSTM" else first[0]
        options = {"bidirectional": self.n_directions == 2}
        if self.kind == "RNN":
            options["nonlinearity"] = self.nonlinearity
        if self.how == "packed":
            x = ad.getitem(x, index=self.rows()), np.append(0, np.cumsum(self.lengths))
        else:
            options["batch_first"] = self.batch_first
            options["lengths"] = self.lengths if self.how == "lengths" else None
        y, last = getattr(F, self.kind.lower())(x, weights, hx, **options)
        results = [y, *(last if self.kind == "LSTM" else (last,))]
        shapes = [(*self.x.shape[:2], self.n_directions * self.H), *(a.shape for a in results[1:])]
        seeds = self.seeds([np.empty(s) for s in shapes])
        if self.how == "packed":
            seeds[0] = seeds[0][self.rows()]
        total = sum(ad.sum(a * g) for a, g in zip(results, seeds, strict=True))
        flat = [a for given in weights for a in given]
        gradients = ad.gradients(total, [*leaves, *flat])
        values = [a.value for a in results]
        if self.how == "packed":
            padded = np.zeros(shapes[0], self.dtype)
            padded[self.rows()] = values[0]
            values[0] = padded
        return [*values, *gradients]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    n_threads = torch.get_num_threads()
    # Where other threads keep the cores busy, PyTorch's would wait for each other all the time.
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_results_and_gradients_are_pytorchs(start, torch):
    for seed in range(start, start + 20):
        configuration = Configuration(seed)
        theirs, ours = configuration.theirs(torch), configuration.ours()
        eps = 100 * np.finfo(configuration.dtype).eps
        for got, expected in zip(ours, theirs, strict=True):
            assert got.dtype == configuration.dtype
            size = max(1, np.abs(expected).max(initial=0))
            assert_allclose(
                got, expected, rtol=0, atol=eps * size, err_msg=str(vars(configuration))
            )


def pieces(kind, dtype, H):
    """Return weights, and sequences of many lengths."""
    rng = np.random.default_rng(3)
    weights = draw(kind, rng, 5, H, 2, 2, dtype=dtype)
    lengths = rng.integers(1, 30, 67)
    return weights, [rng.standard_normal((n, 5)).astype(dtype) for n in lengths]


def run(kind, x, weights, **options):
    y, last = getattr(F, kind.lower())(x, weights, bidirectional=True, **options)
    return y, np.concatenate(last if kind == "LSTM" else (last,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind, H", [("LSTM", 16), ("GRU", 21), ("RNN", 40), ("LSTM", 3)])
def test_a_sequence_has_the_same_bits_anywhere(kind, H, dtype):
    weights, sequences = pieces(kind, dtype, H)
    offsets = np.cumsum([0, *map(len, sequences)])
    y, last = run(kind, (np.concatenate(sequences), offsets), weights)
    parts = np.split(y, offsets[1:-1])
    padded = np.full((40, len(sequences), 5), np.nan, dtype)
    for i, s in enumerate(sequences):
        padded[: len(s), i] = s
    lengths = [len(s) for s in sequences]
    y_padded, last_padded = run(kind, padded, weights, lengths=lengths)
    first = (np.concatenate(sequences[30:50]), offsets[30:51] - offsets[30])
    y_few, last_few = run(kind, first, weights)
    assert_array_equal(last_padded, last)
    assert_array_equal(last_few, last[:, 30:50])
    assert_array_equal(y_few, y[offsets[30] : offsets[50]])
    for i, s in enumerate(sequences):
        assert_array_equal(y_padded[: len(s), i], parts[i])
        assert not y_padded[len(s) :, i].any()
        if i % 5 == 0:
            y_alone, last_alone = run(kind, s, weights)
            assert_array_equal(y_alone, parts[i])
            assert_array_equal(last_alone, last[:, i])


def test_gradients_by_a_sequence_have_the_same_bits_in_any_batch():
    weights, sequences = pieces("LSTM", np.float32, 16)
    weights = [[ad.variable(a) for a in given] for given in weights]

    def gradient(chosen):
        x = ad.variable(np.concatenate([sequences[i] for i in chosen]))
        offsets = np.cumsum([0, *(len(sequences[i]) for i in chosen)])
        y, _ = F.lstm((x, offsets), weights, bidirectional=True)
        return np.split(ad.gradients(ad.sum(ad.square(y)), [x])[0], offsets[1:-1])

    whole = gradient(range(67))
    for chosen in ([5], [7, 66, 3], range(30)):
        for i, found in zip(chosen, gradient(chosen), strict=True):
            assert_array_equal(found, whole[i])


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_gives_the_same_bits(kind):
    rng = np.random.default_rng(0)
    x = ad.variable(rng.standard_normal((25, 60, 16)).astype(np.float32))
    weights = [[ad.variable(a) for a in draw(kind, rng, 16, 48, dtype=np.float32)[0]]]
    found = []
    for n_threads in (1, 2):
        with fastml.config_context(num_threads=n_threads):
            y, _ = getattr(F, kind.lower())(x, weights)
            found.append([y.value, *ad.gradients(ad.sum(ad.square(y)), [x, *weights[0]])])
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


def test_leaky_units_move_a_share_of_the_way():
    rng = np.random.default_rng(0)
    ((w, u, b, d),) = draw("RNN", rng, 3, 4)
    x = rng.standard_normal((6, 3))
    y, last = F.rnn(x, [(w, u, b, d)], leak=0.3)
    h = np.zeros(4)
    for t in range(6):
        h = 0.7 * h + 0.3 * np.tanh(w @ x[t] + b + u @ h + d)
        assert_allclose(y[t], h, rtol=1e-12)
    assert_array_equal(last[0], y[-1])


def test_both_forms_of_the_gru_are_one_without_a_reset():
    rng = np.random.default_rng(0)
    ((w, u, b, d),) = draw("GRU", rng, 3, 4)
    # A gate that is open all the time.
    w[:4], u[:4], b[:4] = 0, 0, 100
    x = rng.standard_normal((6, 2, 3))
    results = [F.gru(x, [(w, u, b, d)], reset_after=after)[0] for after in (True, False)]
    assert_allclose(*results, rtol=1e-12)
    b[:4] = 0
    assert np.abs(F.gru(x, [(w, u, b, d)])[0] - results[0]).max() > 1e-3


def test_masks_of_states_are_the_same_in_all_steps():
    rng = np.random.default_rng(0)
    weights = draw("LSTM", rng, 3, 8)
    x = rng.standard_normal((20, 4, 3))
    how = {"recurrent_dropout": 0.5, "training": True, "seed": 1}
    y, _ = F.lstm(x, weights, **how)
    assert_array_equal(y, F.lstm(x, weights, **how)[0])
    assert np.abs(y - F.lstm(x, weights, **how | {"step": 1})[0]).max() > 1e-3
    # Of a state that stays as it is, the product that enters the gates stays too.
    w, _, b, d = (np.zeros_like(a) for a in draw("RNN", rng, 3, 8)[0])
    out, _ = F.rnn(x, [(w, np.eye(8), b, d)], np.full((1, 4, 8), 0.5), "relu", **how)
    scale = out[0] / 0.5
    assert set(np.unique(scale)) == {0.0, 2.0}
    for t in range(1, 20):
        assert_allclose(out[t], out[t - 1] * scale)


def test_dropout_between_layers_leaves_the_last_alone():
    rng = np.random.default_rng(0)
    weights = draw("GRU", rng, 3, 30, 2)
    x = rng.standard_normal((5, 4, 3))
    how = {"dropout": 0.5, "training": True, "seed": 1}
    y, _ = F.gru(x, weights, **how)
    assert (y != 0).all()
    inner, _ = F.gru(x, weights[:1])
    # The second layer sees the first one's states with some of them dropped.
    expected, _ = F.gru(F.dropout(inner.reshape(20, 30), seed=1).reshape(inner.shape), weights[1:])
    assert_array_equal(y, expected)
    assert_array_equal(F.gru(x, weights, dropout=0.5)[0], F.gru(x, weights)[0])


ONES = np.ones((4, 2, 3))
BAD = {
    "input must have shape": lambda w: F.lstm(np.ones(3), w),
    "at least one step": lambda w: F.lstm(np.ones((0, 2, 3)), w),
    "lengths must be 2 numbers from 1 to 4": lambda w: F.lstm(ONES, w, lengths=[0, 4]),
    "lengths must be a one-dimensional": lambda w: F.lstm(ONES, w, lengths=[1.0, 2]),
    "the input is a single one": lambda w: F.lstm(np.ones((4, 3)), w, lengths=[4]),
    "offsets must go up from 0 to the 4": lambda w: F.lstm((np.ones((4, 3)), [0, 2, 2, 4]), w),
    "flat must have shape": lambda w: F.lstm((np.ones(4), [0, 4]), w),
    "a packed input is": lambda w: F.lstm((np.ones((4, 3)),), w),
    "weight_ih in weights": lambda w: F.lstm(np.ones((4, 2)), w),
    "weight_hh in weights": lambda w: F.gru(np.ones((4, 3)), [(np.ones((6, 3)), np.ones((8, 2)))]),
    "got 3 items": lambda w: F.lstm(np.ones((4, 3)), [w[0][:3]]),
    "each of 2 directions": lambda w: F.lstm(np.ones((4, 3)), w, bidirectional=True),
    "h_0 must have shape": lambda w: F.lstm(np.ones((4, 3)), w, (np.ones(2), np.ones(2))),
    "hx must be a pair": lambda w: F.lstm(np.ones((4, 3)), w, np.ones((1, 2))),
    "nonlinearity must be": lambda w: F.rnn(np.ones((4, 3)), w, None, "sigmoid"),
    "leak must be": lambda w: F.rnn(np.ones((4, 3)), w, leak=0),
    "dropout must be": lambda w: F.lstm(np.ones((4, 3)), w, dropout=1.5),
    "Complex data": lambda w: F.lstm(np.ones((4, 3), complex), w),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused(message):
    weights = draw("LSTM", np.random.default_rng(0), 3, 2)
    with pytest.raises(ValueError, match=message):
        BAD[message](weights)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8", "i4"])
def test_unusual_dtypes(dtype):
    weights = draw("LSTM", np.random.default_rng(0), 3, 2, dtype=np.float32)
    x = (np.arange(24).reshape(4, 2, 3) % 5).astype(dtype)
    expected, _ = F.lstm(x.astype(np.float64), [[a.astype(float) for a in weights[0]]])
    assert_allclose(F.lstm(x, weights)[0], expected, rtol=1e-5)
