"""What deep belief networks have in common: parameters, fitting, what is fitted."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions

from fastml import backends
from fastml._callbacks import CallbackSupportMixin
from fastml._validation import validate
from fastml.backends import Backend
from fastml.neural_network._dbn_fitting import Fit
from fastml.neural_network._dbn_methods import DBNMethods
from fastml.neural_network._dbn_net import Directed, Model, Net
from fastml.neural_network._dbn_top import Top
from fastml.neural_network._gaussian_rbm import GaussianRBM
from fastml.neural_network._rbm import BernoulliRBM
from fastml.neural_network._rbm_base import BaseRBM
from fastml.neural_network._rows_and_targets import checked_pair

# Parameters of machines that a number of units alone stands for.
OF_MACHINES = (
    "learning_rate", "batch_size", "n_iter", "algorithm", "k", "momentum", "weight_decay",
    "learning_rate_schedule",
)  # fmt: skip
# Of fine-tuning, where none is given.
RATES = {"up-down": 0.01, "backprop": 0.001}


class BaseDBN(DBNMethods, CallbackSupportMixin, BaseEstimator):
    """Base class of deep belief networks."""

    _parameter_constraints: dict = {
        name: BaseRBM._parameter_constraints[name]
        for name in (*OF_MACHINES, "verbose", "random_state")
    } | {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "label_units": ["boolean"],
        "fine_tune": [StrOptions({"up-down", "backprop"}), None],
        "fine_tune_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "fine_tune_n_iter": [Interval(Integral, 0, None, closed="left")],
        "monitor": [StrOptions({"layer", "epoch"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100, 100),
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "pcd",
        k: int = 1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        learning_rate_schedule: str = "constant",
        label_units: bool = True,
        fine_tune: str | None = None,
        fine_tune_learning_rate: float | None = None,
        fine_tune_n_iter: int = 10,
        monitor: str | None = "layer",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.k = k
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.learning_rate_schedule = learning_rate_schedule
        self.label_units = label_units
        self.fine_tune = fine_tune
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.fine_tune_n_iter = fine_tune_n_iter
        self.monitor = monitor

    def _fit(self, X: Any, y: Any) -> Any:
        backend = backends.resolve(X)
        self.__dict__.pop("classes_", None)
        # Machines read all rows at once.
        X = X.view(np.ndarray) if isinstance(X, np.memmap) else X
        if y is not None and (self.label_units or self.fine_tune == "backprop"):
            X, y = checked_pair(self, X, y, reset=True, accept_sparse="csr")
            numbers = self._numbered(y)
        else:
            X, numbers = validate(self, X, reset=True, accept_sparse="csr"), None
        Fit(self, X, numbers, backend).run()
        return self

    def _machines(self, X: Any) -> list[Any]:
        """Return machines to fit, bottom first, checked against each other and the rows."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if np.iterable(sizes) else [sizes]
        if not sizes:
            raise ValueError("hidden_layer_sizes must have a layer or more, got none.")
        options = {name: getattr(self, name) for name in OF_MACHINES}
        machines = []
        for number, size in enumerate(sizes):
            if isinstance(size, BaseRBM):
                machine = clone(size)
            elif isinstance(size, int | np.integer) and not isinstance(size, bool) and size > 0:
                machine = BernoulliRBM(int(size), **options)
            else:
                raise ValueError(
                    "hidden_layer_sizes must hold ints of at least 1, BernoulliRBM or GaussianRBM, "
                    f"got {size!r}."
                )
            machine._validate_params()
            if number and isinstance(machine, GaussianRBM):
                raise ValueError("GaussianRBM is for the first of hidden_layer_sizes alone.")
            if number and machine.validation_fraction:
                raise ValueError(
                    "validation_fraction is for the first machine of hidden_layer_sizes alone."
                )
            machines.append(machine)
        if len(machines) == 1 and isinstance(machines[0], GaussianRBM) and self._labelled():
            raise ValueError(
                "Label units need a top of binary units: put a layer on GaussianRBM in "
                "hidden_layer_sizes, or set label_units=False."
            )
        machines[0]._validated(X, reset=True)
        return machines

    def _labelled(self) -> bool:
        """Whether there are label units."""
        return self.label_units and hasattr(self, "classes_")

    def _fine_tuning_rate(self) -> float:
        rate = self.fine_tune_learning_rate
        return RATES[str(self.fine_tune)] if rate is None else float(rate)

    def _take_layers(self, n_directed: int) -> None:
        """Set the weights of directed layers, as the machines have them."""
        lower = self.rbms_[:n_directed]
        pairs = [_upwards(machine) for machine in lower]
        self.recognition_coefs_ = [coef for coef, _ in pairs]
        self.recognition_intercepts_ = [intercept for _, intercept in pairs]
        self.generative_coefs_ = [machine.components_ for machine in lower]
        self.generative_intercepts_ = [machine.intercept_visible_ for machine in lower]

    def _upward_layers(self) -> tuple[list[Any], list[Any]]:
        """Return weights and biases of all layers upwards, the top without its labels."""
        coef, intercept = _upwards(self.rbms_[-1])
        n_labels = self.rbms_[-1]._n_labels
        if n_labels:
            # As many of each as there are.
            shares = np.exp(self.rbms_[-1].intercept_visible_[-n_labels:])
            intercept = intercept + shares / shares.sum() @ coef[-n_labels:]
            coef = coef[:-n_labels]
        return [*self.recognition_coefs_, coef], [*self.recognition_intercepts_, intercept]

    def _net(self, backend: Backend, n_directed: int, own: bool = False) -> Net:
        """Return directed layers on a backend, as copies where they are to be changed."""
        variance = self.rbms_[0]._variance() if self.rbms_ else None
        kept = (
            *(self.recognition_coefs_, self.recognition_intercepts_),
            *(self.generative_coefs_, self.generative_intercepts_),
        )
        directed = []
        for number in range(n_directed):
            arrays = [np.array(each[number], copy=own or None) for each in kept]
            directed.append(
                Directed(backend, arrays[:2], arrays[2:], variance if number == 0 else None)
            )
        return Net(directed)

    def _whole(self, backend: Backend, dtype: Any = None) -> Model:
        """Return directed layers and the top on a backend."""
        net = self._net(backend, len(self.rbms_) - 1)
        top = self.rbms_[-1]
        arrays = top.components_, top.intercept_visible_, top.intercept_hidden_
        if dtype is not None:
            arrays = tuple(a.astype(dtype) for a in arrays)
        return Model(net, Top(backend, *arrays, top._n_labels, top._variance()))

    def _fitted_attributes(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k.endswith("_") or k == "_n_features_out"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _upwards(machine: Any) -> tuple[Any, Any]:
    """Return a machine's weights and bias from visible units as they are to hidden ones."""
    coef, variance = machine.components_.T, machine._variance()
    return coef if variance is None else coef / variance[:, None], machine.intercept_hidden_
