"""Estimators whose samples have a shape, or are rows of the same values."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._images import as_rows, shaped

__all__ = ["SamplesOfShape"]


class SamplesOfShape(BaseNetworkEstimator):
    """Estimators fitted to samples of `input_shape_`, which may also be given as rows."""

    input_shape_: tuple[int, ...]

    def _check_shape(self, given: tuple[int, ...]) -> None:
        """Refuse samples of another shape than those of the fit; rows are for the check of rows."""
        shape = self.input_shape_
        if len(given) > 1 and given != shape and (*given, 1) != shape:
            raise ValueError(
                f"X has samples of shape {given}, but {type(self).__name__} was fitted to samples "
                f"of shape {shape}."
            )

    def _new_rows(self, X: Any) -> Any:
        check_is_fitted(self)
        X, given = as_rows(X)
        self._check_shape(given)
        X = super()._new_rows(X)
        return X if len(self.input_shape_) == 1 else shaped(X, self.input_shape_)
