"""Small deep belief networks against the enumeration of all their states."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logsumexp

import fastml
from fastml.neural_network import BernoulliRBM, DBNClassifier, DeepBeliefNetwork


def states(n_units):
    """All states of some binary units."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=n_units)))


def log_bernoulli(units, logits):
    """log P of rows of units (along the first axis), given rows of logits (along the second)."""
    return units @ logits.T - np.logaddexp(0, logits).sum(axis=1)


def layers(model):
    """Recognition and generative weights and biases of each directed layer."""
    return list(
        zip(
            *(model.recognition_coefs_, model.recognition_intercepts_),
            *(model.generative_coefs_, model.generative_intercepts_),
            strict=True,
        )
    )


def log_top(model, labels=False):
    """log P of all states under the top, with each label (along the second axis) or summed."""
    top = model.rbms_[-1]
    n_labels = len(model.classes_) if hasattr(model, "classes_") else 0
    units = states(top.components_.shape[1] - n_labels)
    shares = np.eye(n_labels) if n_labels else np.zeros((1, 0))
    visible = np.array([[*h, *y] for h in units for y in shares])
    inputs = visible @ top.components_.T + top.intercept_hidden_
    found = visible @ top.intercept_visible_ + np.logaddexp(0, inputs).sum(axis=1)
    found = (found - logsumexp(found)).reshape(len(units), -1)
    return found if labels else logsumexp(found, axis=1)


def below(model, function, values):
    """Go down from values of the states under the top to values of all rows."""
    for up, up_bias, down, down_bias in reversed(layers(model)):
        lower, upper = states(len(down_bias)), states(len(up_bias))
        log_p = log_bernoulli(lower, upper @ down + down_bias)
        log_q = log_bernoulli(upper, lower @ up + up_bias).T
        values = function(log_p, log_q, values)
    return values


def log_likelihood(model):
    """log P of all rows there are."""
    return below(model, lambda p, q, above: logsumexp(p + above, axis=1), log_top(model))


def bound(model, values=None):
    """The lower bound on it."""
    values = log_top(model) if values is None else values
    return below(model, lambda p, q, above: (np.exp(q) * (p + above - q)).sum(axis=1), values)


def data(seed, n_features=6, n_patterns=3, n_rows=300):
    """Rows of a few patterns with some bits flipped, and which pattern it is."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 2, (n_patterns, n_features))
    y = rng.integers(0, n_patterns, n_rows)
    return (patterns[y] ^ (rng.uniform(size=(n_rows, n_features)) < 0.05)).astype(float), y


def place(X):
    """Numbers of rows among all states."""
    return (X @ 2 ** np.arange(X.shape[1])[::-1]).astype(int)


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def network(seed, sizes, y=None, scale=1.0, **options):
    """Return a fitted network with random parameters, and rows."""
    rng = np.random.default_rng(seed)
    X, labels = data(seed)
    options = {"n_iter": 0, "random_state": seed, "monitor": None} | options
    model = DeepBeliefNetwork(sizes, **options).fit(X, None if y is None else labels)
    kept = ("recognition_coefs_", "recognition_intercepts_", "generative_coefs_")
    for name in (*kept, "generative_intercepts_"):
        setattr(model, name, [rng.normal(0, scale, a.shape) for a in getattr(model, name)])
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        shape = getattr(model.rbms_[-1], name).shape
        setattr(model.rbms_[-1], name, rng.normal(0, scale, shape))
    return model, X, labels


@pytest.mark.parametrize("sizes", [(3,), (4, 3), (4, 3, 5)])
@pytest.mark.parametrize("labelled", [None, True])
def test_bounds_by_enumeration(backend, sizes, labelled):
    model, X, y = network(1, sizes, labelled)
    if len(sizes) > 1:
        assert (bound(model) < log_likelihood(model)).all()
    else:
        assert_allclose(bound(model), log_likelihood(model))
    log_z = model.log_partition()
    assert log_z.standard_error == 0
    repeats = np.tile(X[:10], (400, 1)) if len(sizes) > 1 else X[:10]
    found = model.lower_bound(repeats, n_draws=5, random_state=0).reshape(-1, 10)
    error = 5 * found.std(axis=0) / np.sqrt(len(found)) + 1e-10
    assert (np.abs(found.mean(axis=0) - bound(model)[place(X[:10])]) < error).all()
    given = model.lower_bound(X[:10], n_draws=3, random_state=0, log_partition=log_z)
    assert_allclose(model.lower_bound(X[:10], n_draws=3, random_state=0), given)
    if labelled:
        found = model.lower_bound(repeats, np.tile(y[:10], len(repeats) // 10), random_state=0)
        joint = [bound(model, log_top(model, True)[:, c])[place(X[:10])] for c in range(3)]
        expected = np.choose(y[:10], joint)
        found = found.reshape(-1, 10)
        error = 5 * found.std(axis=0) / np.sqrt(len(found)) + 1e-10
        assert (np.abs(found.mean(axis=0) - expected) < error).all()


def test_annealed_partition_with_labels():
    model, _, _ = network(2, (5, 6), y=True)
    exact, estimate = (model.log_partition(m, random_state=0) for m in ("exact", "ais"))
    assert 0 < estimate.standard_error < 0.1
    assert abs(estimate.value - exact.value) < 3 * estimate.standard_error


def test_label_probabilities_are_those_of_the_free_energies(backend):
    X, y = data(3)
    options = {"random_state": 0, "n_iter": 3, "fine_tune": None}
    model = DBNClassifier((5, 4), **options).fit(X, y)
    (up, up_bias, _, _) = layers(model)[0]
    means = expit(X @ up + up_bias)
    top = model.rbms_[-1]
    energies = np.stack(
        [top.free_energy(np.hstack([means, np.eye(3)[[c] * len(X)]])) for c in range(3)], axis=1
    )
    expected = np.exp(-energies - logsumexp(-energies, axis=1, keepdims=True))
    assert_allclose(model.predict_proba(X), expected, rtol=1e-9)
    by_label = [top.transform(np.hstack([means, np.eye(3)[[c] * len(X)]])) for c in range(3)]
    features = np.einsum("nc,cnj->nj", expected, by_label)
    assert_allclose(model.transform(X), features, rtol=1e-9)


@pytest.mark.parametrize("label", [None, 1])
def test_samples_have_the_probabilities_of_the_model(backend, label):
    model, _, _ = network(4, (3, 4), y=True, scale=0.7)
    n = 20_000
    drawn = model.sample(n, label, n_steps=30)
    assert drawn.dtype == bool
    joint = log_top(model, True)
    values = logsumexp(joint, axis=1) if label is None else joint[:, 1] - logsumexp(joint[:, 1])
    log_p = below(model, lambda p, q, above: logsumexp(p + above, axis=1), values)
    counts = np.bincount(place(drawn), minlength=len(log_p))
    assert stats.chisquare(counts, n * np.exp(log_p)).pvalue > 1e-3
    assert (model.sample(50, n_steps=3) != model.sample(50, n_steps=3)).any()


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_does_not_fall_when_a_layer_is_added_and_trained(seed):
    X, _ = data(seed, n_features=8, n_patterns=8)
    options = {"batch_size": 20, "learning_rate_schedule": "linear"}
    first, second = (
        BernoulliRBM(n, algorithm="cd", learning_rate=0.3, n_iter=400, **options) for n in (4, 8)
    )
    third = BernoulliRBM(4, k=5, learning_rate=0.02, n_iter=100, **options)
    found = []
    for machines in ([first], [first, second], [first, second, third]):
        fit = DeepBeliefNetwork(machines, random_state=seed, monitor=None).fit
        if found:
            # Once it is added the model is what it was.
            passes, machines[-1].n_iter = machines[-1].n_iter, 0
            assert_allclose(bound(fit(X))[place(X)].mean(), found[-1], rtol=1e-9)
            machines[-1].n_iter = passes
        found.append(bound(fit(X))[place(X)].mean())
    assert found[1] > found[0] + 1e-3
    # What is left to learn is less than what steps along drawn gradients go astray.
    assert found[2] > found[1] - 1e-3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("labelled", [False, True])
def test_up_down_raises_the_likelihood(seed, labelled):
    X, y = data(seed)
    options = {"n_iter": 30, "learning_rate": 0.1, "random_state": seed, "monitor": None}
    options |= {"batch_size": 20, "fine_tune": "up-down", "fine_tune_learning_rate": 0.05}
    greedy, tuned = (
        DeepBeliefNetwork((4, 5), fine_tune_n_iter=n, **options).fit(X, y if labelled else None)
        for n in (0, 60)
    )
    before, after = (log_likelihood(model)[place(X)].mean() for model in (greedy, tuned))
    assert after > before
