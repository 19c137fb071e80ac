"""What estimators of networks share: parameters, training, prediction."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastml._callbacks import CallbackSupportMixin
from fastml._validation import validate
from fastml.neural_network._fitting import Fitting
from fastml.neural_network._heads import activated
from fastml.neural_network._on_disk import rows_on_disk
from fastml.neural_network._parameters import CONSTRAINTS
from fastml.neural_network._task import backend_of, prepared_rows, stretches
from fastml.nn.layers import Run

__all__ = ["BaseNetworkEstimator"]


class BaseNetworkEstimator(CallbackSupportMixin, Fitting):
    """Estimators that are networks; a subclass says of which layers, and what targets are.

    A subclass has `_layers`. One that keeps its weights otherwise than as ``network_`` overrides
    `_new_network`, `_load`, `_attributes`, `_is_begun` and `_sums_of`.
    """

    _parameter_constraints: dict = CONSTRAINTS
    _accept_sparse: Any = ("csr", "csc")
    # Rows of a prediction that go through the network at a time.
    _rows_at_once = 4096

    def _new_rows(self, X: Any) -> Any:
        """Return rows for a fitted estimator, checked."""
        check_is_fitted(self)
        check = rows_on_disk if isinstance(X, np.memmap) else validate
        return check(self, X, reset=False, accept_sparse=self._accept_sparse)

    def _sums(self, X: Any, run: Run | None = None) -> np.ndarray[Any, Any]:
        """Return the sums of the last layer for checked rows, on the host."""
        backend = backend_of(X)
        X = prepared_rows(backend, X)
        found = (self._sums_of(part, run) for part in stretches(X, self._rows_at_once))
        parts = [backend.to_host(part) for part in found]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _outputs(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the outputs of the network for rows as they were given."""
        sums = self._sums(self._new_rows(X))
        return activated(self.out_activation_, sums)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        return tags
