"""A fit of a deep belief network: layer by layer, then fine-tuning."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from fastml._callbacks import root_context
from fastml._random import seed_from
from fastml.backends import Backend
from fastml.neural_network._dbn_tuning import back_propagation
from fastml.neural_network._dbn_updown import UpDown
from fastml.neural_network._gaussian_rbm import GaussianRBM
from fastml.neural_network._rbm_machine import pieces
from fastml.neural_network._rbm_passes import Passes

# Rows that bounds are found for while a model is fitted.
MOST_ROWS = 1000


class Fit:
    """One fit.

    Parameters
    ----------
    estimator : BaseDBN
        Whose; gets its attributes pass by pass.
    X : array or CSR matrix of shape (n_rows, n_features)
        Rows, validated.
    numbers : ndarray of shape (n_rows,) or None
        Numbers of their labels.
    backend : Backend
        Where it runs.
    """

    def __init__(self, estimator: Any, X: Any, numbers: Any, backend: Backend) -> None:
        self.estimator, self.X, self.backend = estimator, X, backend
        rng = check_random_state(estimator.random_state)
        self.numbers, self.shares = numbers, None
        self.n_labels = len(estimator.classes_) if numbers is not None else 0
        if self.n_labels and estimator.label_units:
            self.shares = np.eye(self.n_labels, dtype=np.dtype(str(X.dtype)))[numbers]
        self.machines = estimator._machines(X)
        self.seed, self.bound_seed, self.tuning_seed = (seed_from(rng) for _ in range(3))
        # A layer is the same whatever comes on top of it.
        key = rng.randint(np.iinfo(np.int32).max)
        self.rngs = [np.random.RandomState([key, number]) for number in range(len(self.machines))]
        for machine, own in zip(self.machines, self.rngs, strict=True):
            machine.random_state = own.randint(np.iinfo(np.int32).max)
        some: Any = slice(None)
        if X.shape[0] > MOST_ROWS:
            some = np.sort(rng.permutation(X.shape[0])[:MOST_ROWS])
        self.watched = X[some]
        self.n_passes, self.stopped = 0, False
        estimator.rbms_, estimator.lower_bound_, estimator.lower_bound_curve_ = [], [], []
        for name in ("coefs_", "intercepts_"):
            estimator.__dict__.pop(name, None)

    def run(self) -> None:
        """Fit the layers one after another, and fine-tune them."""
        estimator = self.estimator
        most = sum(machine.n_iter for machine in self.machines)
        most += estimator.fine_tune_n_iter * (estimator.fine_tune is not None)
        self.context = root_context(estimator, max_subtasks=most)
        self.context.call_on_fit_task_begin(estimator=estimator, X=self.X)
        for number, machine in enumerate(self.machines):
            self._add(number, machine)
        if estimator.fine_tune == "up-down":
            self._up_down()
        elif estimator.fine_tune == "backprop":
            n_iter = 0 if self.stopped else estimator.fine_tune_n_iter
            about = (self.backend, n_iter, self.tuning_seed, self._told)
            back_propagation(estimator, self.X, self.numbers, *about)
        self.context.call_on_fit_task_end(estimator=estimator, X=self.X)

    def _passes(self, most: int) -> Iterator[int]:
        """Yield the numbers of passes, until all are made or a callback ends the fit."""
        for number in range(most):
            if self.stopped:
                return
            task = self._task()
            yield number
            self._end(task)

    def _task(self) -> Any:
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, X=self.X)
        return task

    def _end(self, task: Any) -> bool:
        self.n_passes += 1
        self.estimator.n_iter_ = self.n_passes
        attributes = self.estimator._fitted_attributes
        told = {"estimator": self.estimator, "X": self.X}
        if task.call_on_fit_task_end(**told, reconstruction_attributes=attributes):
            self.stopped = True
        return self.stopped

    def _told(self, state: Any) -> bool:
        """Tell callbacks of an epoch of back-propagation."""
        return self._end(self._task())

    def _add(self, number: int, machine: Any) -> None:
        """Fit a machine to what the layers below make of the rows."""
        estimator, begun = self.estimator, time.perf_counter()
        top = number == len(self.machines) - 1
        machine._n_labels = self.n_labels if top and self.shares is not None else 0
        estimator._take_layers(number)
        rows = self._rows(number, machine)
        passes = Passes(machine, rows, self.rngs[number], self.backend)
        machine.n_features_in_ = rows.shape[1]
        estimator.rbms_.append(machine)
        estimator._n_features_out = machine.n_components
        self._begin(number, machine)
        for each in self._passes(machine.n_iter):
            # Other states each time: the bound is one on what is expected of them.
            again = each > 0 and number > 0
            passes.once(self._rows(number, machine) if again else None)
            if estimator.monitor == "epoch":
                self._look(f"Layer {number + 1}, pass {each + 1}", begun)
        if estimator.monitor == "epoch":
            estimator.lower_bound_ += estimator.lower_bound_curve_[-1:]
        elif estimator.monitor == "layer":
            estimator.lower_bound_.append(self._look(f"Layer {number + 1}", begun))
        elif estimator.verbose:
            print(f"{self._name()} Layer {number + 1}, {_seconds(begun)}")

    def _rows(self, number: int, machine: Any) -> Any:
        """Return rows for a machine: states drawn of the units below, and labels."""
        X, shares = self.X, self.shares if machine._n_labels else None
        if number == 0:
            if shares is None:
                return X
            if sp.issparse(X):
                return sp.csr_array(sp.hstack([X, shares]))
            return self.backend.xp.hstack([X, self.backend.asarray(shares)])
        net = self.estimator._net(self.backend, number)
        drawn = [
            net.draw(rows, self.seed, self.n_passes, first)[-1]
            for first, rows in pieces(X, self.backend, X.dtype)
        ]
        found = drawn[0] if len(drawn) == 1 else self.backend.xp.concatenate(drawn)
        if shares is None:
            return found
        return self.backend.xp.hstack([found, self.backend.asarray(shares)])

    def _begin(self, number: int, machine: Any) -> None:
        """Have a machine begin as the one below it, turned over, where that is large enough.

        Then the distribution of the units between them stays as it is, and so does the bound
        (Hinton, Osindero and Teh 2006).
        """
        weights = machine.components_
        n_labels, dtype = machine._n_labels, weights.dtype
        n_below = weights.shape[1] - n_labels
        if n_labels:
            weights[:, n_below:] = 0
            counts = np.bincount(self.numbers, minlength=n_labels)
            machine.intercept_visible_[n_below:] = np.log(counts / counts.sum()).astype(dtype)
        below = self.machines[number - 1] if number else None
        if below is None or isinstance(below, GaussianRBM):
            return
        n_units = below.components_.shape[1]
        if n_units <= len(weights):
            weights[:n_units, :n_below] = below.components_.T
            machine.intercept_visible_[:n_below] = below.intercept_hidden_
            machine.intercept_hidden_[:n_units] = below.intercept_visible_

    def _up_down(self) -> None:
        estimator, begun = self.estimator, time.perf_counter()
        tuning = UpDown(estimator, self.backend, self.tuning_seed)
        for each in self._passes(estimator.fine_tune_n_iter):
            tuning.once(self.X, self.shares)
            tuning.keep()
            if estimator.monitor == "epoch":
                self._look(f"Up-down, pass {each + 1}", begun)
        if estimator.monitor == "epoch":
            estimator.lower_bound_ += estimator.lower_bound_curve_[-1:]
        elif estimator.monitor == "layer":
            estimator.lower_bound_.append(self._look("Up-down", begun))

    def _look(self, what: str, begun: float) -> float:
        """Find the bound of rows watched; write it to the curve, or say it."""
        estimator = self.estimator
        value = estimator._mean_bound(self.watched, self.backend, self.bound_seed)
        if estimator.monitor == "epoch":
            estimator.lower_bound_curve_.append(value)
        if estimator.verbose:
            print(f"{self._name()} {what}, lower bound = {value:.3f}, {_seconds(begun)}")
        return float(value)

    def _name(self) -> str:
        return f"[{type(self.estimator).__name__}]"


def _seconds(begun: float) -> str:
    return f"time = {time.perf_counter() - begun:.2f}s"
