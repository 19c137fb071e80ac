"""Small restricted Boltzmann machines against the enumeration of all their states."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logsumexp

import fastml
from fastml.neural_network import BernoulliRBM, GaussianRBM


def states(n_units):
    """All states of some binary units."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=n_units)))


def machine(cls, n_visible, n_hidden, seed, scale=1.0, dtype=np.float64, **options):
    """Return a fitted estimator with random parameters."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(4, n_visible))
    model = cls(n_hidden, n_iter=0, random_state=0, **options).fit(X.astype(dtype))
    model.components_ = rng.normal(0, scale, (n_hidden, n_visible)).astype(dtype)
    model.intercept_hidden_ = rng.normal(size=n_hidden).astype(dtype)
    model.intercept_visible_ = rng.normal(size=n_visible).astype(dtype)
    if cls is GaussianRBM:
        model.variance_ = rng.uniform(0.5, 2, n_visible).astype(dtype)
    return model


def log_joint(model):
    """-E of all pairs of states, visible ones along the first axis."""
    v, h = states(len(model.intercept_visible_)), states(len(model.intercept_hidden_))
    linear = (v @ model.intercept_visible_)[:, None] + h @ model.intercept_hidden_
    return linear + v @ model.components_.T @ h.T


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.mark.parametrize("n_visible, n_hidden", [(1, 1), (5, 3), (4, 7), (9, 2)])
def test_energies_means_and_partition_by_enumeration(backend, n_visible, n_hidden):
    model = machine(BernoulliRBM, n_visible, n_hidden, seed=1)
    v, h, joint = states(n_visible), states(n_hidden), log_joint(model)
    marginal = logsumexp(joint, axis=1)
    assert_allclose(model.free_energy(v), -marginal, rtol=1e-12)
    conditional = np.exp(joint - marginal[:, None])
    assert_allclose(model.transform(v), conditional @ h, rtol=1e-12)
    backwards = np.exp(joint - logsumexp(joint, axis=0))
    assert_allclose(model.inverse_transform(h), backwards.T @ v, rtol=1e-12)
    assert_allclose(model.log_partition(), (logsumexp(joint), 0.0), rtol=1e-12)
    likelihood = model.log_likelihood(v)
    assert_allclose(likelihood, marginal - logsumexp(joint), rtol=1e-11, atol=1e-12)
    assert_allclose(model.log_likelihood(v, logsumexp(joint)), likelihood, rtol=1e-11, atol=1e-12)


def test_gaussian_energies_and_partition_by_quadrature(backend):
    model = machine(GaussianRBM, 1, 4, seed=2)
    grid = np.linspace(-30, 30, 20001)[:, None]
    density = np.exp(-model.free_energy(grid))
    total = density.sum() * (grid[1, 0] - grid[0, 0])
    assert_allclose(model.log_partition().value, np.log(total), rtol=1e-10)
    several = machine(GaussianRBM, 3, 5, seed=3)
    v, h = np.random.default_rng(0).normal(size=(6, 3)), states(5)
    b, variance = several.intercept_visible_, several.variance_
    energy = ((v - b) ** 2 / (2 * variance)).sum(axis=1)[:, None] - h @ several.intercept_hidden_
    energy = energy - (v / variance) @ several.components_.T @ h.T
    assert_allclose(several.free_energy(v), -logsumexp(-energy, axis=1), rtol=1e-12)
    assert_allclose(several.score_samples(v), -several.free_energy(v))
    assert_allclose(several.inverse_transform(h), b + h @ several.components_, rtol=1e-12)


def test_annealed_partition_within_three_standard_errors():
    rng = np.random.default_rng(0)
    deviations = []
    for seed in range(50):
        n_visible, n_hidden = rng.integers(2, 17), rng.integers(2, 13)
        cls = GaussianRBM if seed % 10 == 9 else BernoulliRBM
        scale = 0.3 if cls is GaussianRBM else rng.uniform(0.2, 1.0)
        model = machine(cls, n_visible, n_hidden, seed, scale)
        estimate = model.log_partition("ais", n_chains=200, n_betas=200, random_state=seed)
        assert 0 < estimate.standard_error < 0.2
        exact = model.log_partition("exact")
        deviations.append((estimate.value - exact.value) / estimate.standard_error)
    assert np.abs(deviations).max() < 3
    # Errors that are far too large would pass too.
    assert 0.6 < np.std(deviations) < 1.4


def enumerated_gradient(model, X):
    """Gradient of the mean log-likelihood by weights, visible and hidden biases."""
    v = states(X.shape[1])
    p = np.exp(model.log_likelihood(v))
    h, h_data = model.transform(v), model.transform(X)
    weights = h_data.T @ X / len(X) - (h * p[:, None]).T @ v
    return weights, X.mean(axis=0) - p @ v, h_data.mean(axis=0) - p @ h


@pytest.mark.parametrize("algorithm", ["cd", "pcd"])
def test_expected_update_after_many_steps_is_the_gradient(algorithm):
    rng = np.random.default_rng(0)
    X = np.tile(rng.integers(0, 2, (8, 6)).astype(float), (2500, 1))
    model = machine(
        BernoulliRBM, 6, 4, seed=4, scale=0.7,
        algorithm=algorithm, k=40, learning_rate=1e-3, batch_size=len(X),
    )  # fmt: skip
    expected = enumerated_gradient(model, X)
    before = model.components_, model.intercept_visible_, model.intercept_hidden_
    model.partial_fit(X)
    after = model.components_, model.intercept_visible_, model.intercept_hidden_
    for new, old, gradient in zip(after, before, expected, strict=True):
        # Means of 20000 independent values of variance 1/4 at most: five standard errors.
        assert_allclose((new - old) / 1e-3, gradient, atol=5 * 0.5 / np.sqrt(len(X)))


def test_one_step_from_the_data_is_another_direction():
    X = np.tile(np.eye(6), (3000, 1))
    options = {"seed": 4, "scale": 2.5, "algorithm": "cd", "learning_rate": 1e-3}
    model = machine(BernoulliRBM, 6, 4, **options)
    expected, before = enumerated_gradient(model, X)[0], model.components_
    biased = (model.partial_fit(X).components_ - before) / 1e-3
    assert np.abs(biased - expected).max() > 10 * 0.5 / np.sqrt(len(X))


@pytest.mark.parametrize("learned", [False, True])
def test_expected_gaussian_update_is_the_gradient(learned):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 2)) * [1.0, 0.7] + [0.3, -0.2]
    model = machine(
        GaussianRBM, 2, 2, seed=5, scale=0.6, variance="learned" if learned else 1.0,
        algorithm="cd", k=60, learning_rate=1e-4, batch_size=len(X),
    )  # fmt: skip
    names = ["components_", "intercept_visible_", "intercept_hidden_"]
    names += ["variance_"] * learned
    before = {name: getattr(model, name).copy() for name in names}

    def likelihood():
        return model.log_likelihood(X).mean()

    slopes = {name: np.empty_like(value) for name, value in before.items()}
    for name, value in before.items():
        for place in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                moved = value.copy()
                # By the logarithm of the variance.
                moved[place] = (
                    moved[place] * np.exp(sign * 1e-5)
                    if name == "variance_"
                    else moved[place] + sign * 1e-5
                )
                setattr(model, name, moved)
                ends.append(likelihood())
            slopes[name][place] = (ends[0] - ends[1]) / 2e-5
            setattr(model, name, value)
    model.partial_fit(X)
    for name, value in before.items():
        after = getattr(model, name)
        change = np.log(after / value) if name == "variance_" else after - value
        # Squares of values of variance two, in units of variances of a half.
        assert_allclose(change / 1e-4, slopes[name], atol=0.08, err_msg=name)
    if not learned:
        assert_allclose(model.variance_, 1.0 * model.variance_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stationary_distribution_of_gibbs_steps(backend, dtype):
    model = machine(BernoulliRBM, 4, 3, seed=6, scale=0.8, dtype=dtype)
    n = 20_000
    start = np.random.default_rng(0).integers(0, 2, (n, 4)).astype(dtype)
    v = model.gibbs(start, n_steps=30)
    assert v.dtype == bool
    counts = np.bincount(v @ [8, 4, 2, 1], minlength=16)
    expected = n * np.exp(model.log_likelihood(states(4).astype(dtype)))
    assert stats.chisquare(counts, expected * n / expected.sum()).pvalue > 1e-3
    # Successive calls draw other numbers, and a copy made before draws the same.
    assert (model.gibbs(start) != model.gibbs(start)).any()


def test_gaussian_samples_have_the_moments_of_the_model():
    model = machine(GaussianRBM, 2, 3, seed=7, scale=0.6, batch_size=20_000)
    X = model.sample(20_000, n_steps=50)
    h = states(3)
    inputs = h @ model.components_
    b, variance = model.intercept_visible_, model.variance_
    log_weight = ((b * inputs + inputs**2 / 2) / variance).sum(axis=1)
    log_weight = log_weight + h @ model.intercept_hidden_
    weight = np.exp(log_weight - logsumexp(log_weight))
    means = b + inputs
    mean = weight @ means
    spread = variance + weight @ (means - mean) ** 2
    assert_allclose(X.mean(axis=0), mean, atol=5 * np.sqrt(spread.max() / 20_000))
    assert_allclose(X.var(axis=0), spread, rtol=0.08)


def test_dropout_fits_the_geometric_mean_over_all_masks():
    model = BernoulliRBM(3, dropout=0.25, random_state=0, learning_rate=0.5)
    X = np.random.default_rng(0).integers(0, 2, (40, 4)).astype(float)
    model.fit(X)
    v, h, masks = states(4), states(3), states(3)
    weights, biases = model.components_ / 0.75, model.intercept_hidden_ / 0.75
    chance = np.prod(np.where(masks == 1, 0.75, 0.25), axis=1)
    log_mean = sum(
        p * ((h * mask) @ biases + v @ weights.T @ (h * mask).T)
        for p, mask in zip(chance, masks, strict=True)
    )
    log_mean += (v @ model.intercept_visible_)[:, None]
    expected = logsumexp(log_mean, axis=1) - logsumexp(log_mean)
    assert_allclose(model.log_likelihood(v), expected, rtol=1e-10)


def test_dropped_units_learn_nothing_from_a_row():
    X = np.ones((1, 4))
    model = BernoulliRBM(400, dropout=0.5, random_state=0, algorithm="cd", learning_rate=0.1)
    model.partial_fit(X)
    still = np.abs(model.intercept_hidden_) == 0
    assert 0.4 < still.mean() < 0.6


def test_pseudo_likelihood_of_one_unit_is_exact(backend):
    model = machine(BernoulliRBM, 5, 3, seed=8)
    v = states(5)
    units = np.random.RandomState(model.random_state).randint(0, 5, len(v))
    other = v.copy()
    other[np.arange(len(v)), units] = 1 - other[np.arange(len(v)), units]
    log_odds = model.log_likelihood(v) - model.log_likelihood(other)
    assert_allclose(model.score_samples(v), 5 * np.log(expit(log_odds)), rtol=1e-9)
