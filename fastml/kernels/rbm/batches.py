"""Updates batch by batch in whole-array operations, by NumPy or by CuPy."""

import numpy as np


def _mean(rows):
    return rows.mean(axis=0, dtype=np.float64)


def _move(parameter, gradient, rate, momentum, velocity):
    """Move a parameter along its gradient, and by a share of its last change."""
    change = rate * gradient
    if len(velocity):
        velocity *= momentum
        velocity += change.astype(velocity.dtype, copy=False)
        change = velocity
    parameter += change.astype(parameter.dtype, copy=False)


# Of a fit that diverges the caller tells.
@np.errstate(over="ignore", invalid="ignore")
def train(
    hidden_step, visible_step, xp, X, batch_size, rates, persistent, n_gibbs, momentum,
    weight_decay, sparsity_target, sparsity_cost, sparsity_decay, learn_variance, first_update,
    weights, visible_bias, hidden_bias, log_variance, velocity, bias_velocity, activity, chains,
):  # fmt: skip
    """Learn from successive batches; see `cpu.train`.

    ``hidden_step(visible, update, step)`` returns means and draws of hidden units, and
    ``visible_step(hidden, step)`` draws of visible ones, in terms of the parameters as they are.
    """
    n_visible, n_hidden = weights.shape
    gaussian = len(log_variance) > 0
    moving = (
        bias_velocity[:n_visible],
        bias_velocity[n_visible : n_visible + n_hidden],
        bias_velocity[n_visible + n_hidden :],
    )
    for batch, rate in enumerate(rates.tolist()):
        data = X[batch * batch_size : (batch + 1) * batch_size]
        update = int(first_update) + batch
        step = update * (int(n_gibbs) + 1)
        precision = xp.exp(-log_variance).astype(X.dtype) if gaussian else X.dtype.type(1)
        scaled = data * precision
        data_means, drawn = hidden_step(scaled, update, step)
        samples = chains if persistent else chains[: len(data)]
        if not persistent:
            samples[:] = drawn
        for _ in range(n_gibbs):
            step += 1
            model = visible_step(samples, step)
            model_scaled = model * precision
            model_means, samples[:] = hidden_step(model_scaled, update, step)
        gradient = scaled.T @ data_means / len(data)
        gradient -= model_scaled.T @ model_means / len(model)
        if gaussian and learn_variance:
            spread = _mean((data - visible_bias) ** 2) - _mean((model - visible_bias) ** 2)
            slope = 0.5 * spread * precision - (weights * gradient).sum(axis=1)
            _move(log_variance, slope, rate, momentum, moving[2])
        towards_data = _mean(data_means) - _mean(model_means)
        if sparsity_cost > 0:
            activity *= sparsity_decay
            activity += (1 - sparsity_decay) * _mean(data_means)
            pull = sparsity_cost * (sparsity_target - activity)
            gradient += xp.outer(_mean(scaled), pull).astype(X.dtype)
            towards_data += pull
        gradient -= X.dtype.type(weight_decay) * weights
        _move(weights, gradient, X.dtype.type(rate), X.dtype.type(momentum), velocity)
        _move(visible_bias, _mean(scaled) - _mean(model_scaled), rate, momentum, moving[0])
        _move(hidden_bias, towards_data, rate, momentum, moving[1])
