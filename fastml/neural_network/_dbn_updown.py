"""Fine-tuning by up-down, the contrastive form of wake-sleep."""

import copy
from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.kernels.rbm.scalar import VISIBLE
from fastml.neural_network._rbm_half_step import HalfStep
from fastml.neural_network._rbm_machine import pieces
from fastml.neural_network._rbm_training import learn

# What the top machine learns with beside its `k`, `algorithm` and `weight_decay`.
PLAIN = {
    "momentum": 0.0,
    "dropout": 0.0,
    "sparsity_target": None,
    "learning_rate_schedule": "constant",
}


class UpDown:
    """Passes of up-down over rows (Hinton, Osindero and Teh 2006, appendix B).

    On the way up states are recognised, and generative weights learn to make those below of those
    above. The top machine learns by contrastive divergence. On the way down from where its chains
    got, states are generated, and recognition weights learn to tell those above from those below.

    Parameters
    ----------
    estimator : BaseDBN
        With layers that are fitted.
    backend : Backend
        Where it runs.
    seed : int
        Key of the draws.
    """

    def __init__(self, estimator: Any, backend: Backend, seed: int) -> None:
        self.estimator, self.backend, self.seed = estimator, backend, seed
        self.rate = estimator._fine_tuning_rate()
        self.net = estimator._net(backend, len(estimator.rbms_) - 1, own=True)
        self.top = copy.copy(estimator.rbms_[-1])
        self.top.set_params(learning_rate=self.rate, **PLAIN)
        self.top._velocities = None
        self.size = estimator.batch_size
        self.state = self.top._state(backend, self.size)
        self.n_steps = 0

    def once(self, X: Any, shares: Any) -> None:
        """Go through all rows, and their labels as rows of 0 and 1, or None."""
        dtype = self.state.weights.dtype
        if shares is not None:
            shares = self.backend.asarray(shares)
        for first, rows in pieces(X, self.backend, dtype, self.size):
            for start in range(0, len(rows), self.size):
                place = slice(first + start, first + start + self.size)
                labels = None if shares is None else shares[place]
                self._step(rows[start : start + self.size], labels)

    # Of a fit that diverges `keep` tells.
    @np.errstate(over="ignore", invalid="ignore")
    def _step(self, rows: Any, labels: Any) -> None:
        awake = self.net.draw(rows, self.seed, self.n_steps)
        n_units, visible = awake[-1].shape[1], awake[-1]
        if labels is not None:
            visible = self.backend.xp.hstack([visible, labels])
        learn(visible, len(visible), self.state, self.top._rules(), self.backend, 0)
        state = self.state
        chains = state.chains if self.top.algorithm == "pcd" else state.chains[: len(rows)]
        turned = self.backend.asarray(state.weights[:n_units].T)
        bias = state.visible_bias[:n_units].astype(turned.dtype)
        generate = HalfStep(self.backend, turned, bias, VISIBLE)
        key = self.seed + len(self.net.directed), self.n_steps
        asleep = self.net.dream(generate.draw(chains, *key), self.seed, self.n_steps)
        for number, layer in enumerate(self.net.directed):
            pair = slice(number, number + 2)
            layer.learn(awake[pair], asleep[pair], self.rate)
        self.n_steps += 1

    def keep(self) -> None:
        """Set what is fitted.

        Raises
        ------
        ValueError
            If parameters are no longer finite.
        """
        estimator, host = self.estimator, self.backend.to_host
        halves = [half for layer in self.net.directed for half in (layer.up, layer.down)]
        arrays = [np.array(host(a)) for half in halves for a in (half.weights, half.bias)]
        if not all(np.isfinite(a).all() for a in arrays):
            raise ValueError(
                f"{type(estimator).__name__} diverged: fine_tune='up-down' made parameters "
                f"infinite or NaN. Lower fine_tune_learning_rate (now {self.rate})."
            )
        estimator.recognition_coefs_ = arrays[::4]
        estimator.recognition_intercepts_ = arrays[1::4]
        estimator.generative_coefs_ = arrays[2::4]
        estimator.generative_intercepts_ = arrays[3::4]
        self.top._keep(self.state, self.backend)
        fitted = {name: value for name, value in vars(self.top).items() if name.endswith("_")}
        vars(estimator.rbms_[-1]).update(fitted)
