"""Convolutional networks."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml import backends
from fastml.neural_network._architectures import ARCHITECTURES
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._classifier import NetworkClassifier
from fastml.neural_network._images import (
    MaximalPatches,
    as_rows,
    patches_at,
    sample_shape,
    shaped,
    takes_sequences,
)
from fastml.neural_network._parameters import documented
from fastml.neural_network._regressor import NetworkRegressor
from fastml.neural_network._samples import SamplesOfShape
from fastml.neural_network._task import prepared_rows, stretches
from fastml.nn import Summary, summary
from fastml.nn.layers import Dense, Flatten, Layer, Sequential

__all__ = ["CNNClassifier", "CNNRegressor"]


class _Convolutional(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SamplesOfShape):
    """Layers of the user's choice over images, and a look inside."""

    layers: Any
    input_shape: Any

    _accept_sparse = False
    # Maps of images are much larger than rows.
    _rows_at_once = 512

    _parameter_constraints: dict = BaseNetworkEstimator._parameter_constraints | {
        "layers": [StrOptions(set(ARCHITECTURES)), list, tuple],
        "input_shape": ["array-like", Interval(Integral, 1, None, closed="left"), None],
    }

    def _layers(self, n_outputs: int) -> list[Layer]:
        named = isinstance(self.layers, str)
        hidden = ARCHITECTURES[self.layers](self.input_shape_) if named else list(self.layers)
        shape = Sequential(hidden).output_shape(self.input_shape_)
        if len(shape) > 1:
            hidden = [*hidden, Flatten()]
        return [*hidden, Dense(n_outputs)]

    def _shape_of(self, given: tuple[int, ...]) -> tuple[int, ...]:
        sequences = takes_sequences(self.layers)
        shape = sample_shape(given, self.input_shape, sequences, type(self).__name__)
        # Flat rows, of which nothing else is known, are one channel of a sequence.
        return shape[1:] if sequences and len(shape) == 3 else shape

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, given = as_rows(X)
        if not reset:
            self._check_shape(given)
        X, y = super()._validated(X, y, reset)
        if reset:
            self.input_shape_ = self._shape_of(given if len(given) > 1 else tuple(X.shape[1:]))
        return shaped(X, self.input_shape_), y

    def _until(self, X: Any, layer: Any) -> np.ndarray[Any, Any]:
        """Return what a layer puts out for samples as they were given, on the host."""
        X = self._new_rows(X)
        backend = backends.resolve(X)
        X = prepared_rows(backend, X)
        network = self._network_on(backend)
        parts = [network.forward(part, until=layer) for part in stretches(X, self._rows_at_once)]
        return np.concatenate([backend.to_host(part) for part in parts])

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the features that the output layer sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Features that the network has learned, in the dtype of the samples it was fitted to.
        """
        check_is_fitted(self)
        if len(self.network_.layer.layers) == 1:
            return backends.resolve(X).to_host(self._new_rows(X)[:])
        return self._until(X, -2)

    @property
    def _n_features_out(self) -> int:
        return int(self.network_.views[f"{len(self.network_.layer.layers) - 1}.weight"].shape[0])

    def feature_maps(self, X: Any, layer: int | str = 0) -> np.ndarray[Any, Any]:
        """Return what the units of a layer put out.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as for `fit`.
        layer : int or str, default=0
            Place of the layer in `summary`: a number, from the last one on if it is negative, or a
            string such as "3.1" for a layer in a layer.

        Returns
        -------
        ndarray of shape (n_samples, height, width, n_filters)
            The maps; of a layer without places (n_samples, n_units).

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        check_is_fitted(self)
        return self._until(X, self.network_.place(layer))

    def maximal_patches(
        self, unit: Any, X: Any, layer: int | str = 0, n_patches: int = 9
    ) -> MaximalPatches:
        """Return the parts of the samples that excite a unit most.

        Parameters
        ----------
        unit : int or tuple of int
            A filter of the layer, wherever it responds most in each sample; or one unit by place
            and filter, as (row, column, filter).
        X : array-like of shape (n_samples, ...)
            Samples, as for `fit`.
        layer : int or str, default=0
            Place of the layer, as for `feature_maps`.
        n_patches : int, default=9
            How many are wanted; there is one of each sample at most.

        Returns
        -------
        MaximalPatches
            Patches, what the unit puts out there, and where they are.

        Raises
        ------
        ValueError
            If there is no such layer or unit.

        References
        ----------
        M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks",
        ECCV 2014, figure 2.
        """
        check_is_fitted(self)
        place = self.network_.place(layer)
        seen = self.network_.visits()[place]
        *sizes, n_filters = seen.output_shape
        wanted = tuple(unit) if isinstance(unit, Sequence) else (unit,)
        limits = [n_filters] if len(wanted) == 1 else [*sizes, n_filters]
        each = zip(wanted, limits, strict=False)
        inside = all(isinstance(i, Integral) and 0 <= int(i) < n for i, n in each)
        if len(wanted) != len(limits) or not inside:
            raise ValueError(
                f"unit must be a filter below {n_filters}, or a unit within {seen.output_shape}, "
                f"got {unit!r}."
            )
        maps = self._until(X, place)[..., int(wanted[-1])].reshape(-1, *sizes)
        if len(wanted) > 1:
            where = np.tile(np.array(wanted[:-1], np.int64), (len(maps), 1))
        else:
            flat = maps.reshape(len(maps), -1).argmax(axis=1)
            found = np.unravel_index(flat, sizes) if sizes else []
            where = np.stack(found, axis=1) if sizes else np.zeros((len(maps), 0), np.int64)
        activations = maps[(np.arange(len(maps)), *where.T)]
        samples = np.argsort(-activations, kind="stable")[: int(n_patches)]
        where = where[samples]
        spatial = len(self.input_shape_) - 1
        places = where if sizes else np.zeros((len(samples), spatial), np.int64)
        chosen = backends.resolve(X).to_host(self._new_rows(X)[samples])
        patches, starts = patches_at(chosen, places, seen.field)
        return MaximalPatches(patches, activations[samples], samples, where, starts)

    def summary(self) -> Summary:
        """Return layers, shapes, parameters, memory, multiplications and what units see.

        Returns
        -------
        Summary
            See `fastml.nn.summary`; it prints as a table.
        """
        check_is_fitted(self)
        return summary(self.network_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@documented
class CNNClassifier(_Convolutional, NetworkClassifier):
    """Classification of images by a convolutional network.

    Samples are images, of shape (n_samples, height, width) or with channels last, or rows of their
    values. All that is said of training, targets and losses is as for `MLPClassifier`.

    Parameters
    ----------
    layers : {'small', 'lenet', 'residual'} or list of Layer, default='small'
        Layers of `fastml.nn` up to the output layer, which is put behind them: a `Flatten` where
        it is needed, and a `Dense` of as many units as there are outputs. By name:
        'small' has three or four convolutions of 3 x 3 with layer normalisation and rectifiers,
        and pooling; 'lenet' is LeNet-5; 'residual' has six residual blocks with batch
        normalisation. They are made for the size of the images.
    input_shape : tuple of int, default=None
        Shape of a sample: (height, width) or (height, width, channels), of which X may then have
        flat rows. By default that of the samples of X. Of rows it is a square, if their length is
        one, else (1, n_features). Layers for sequences, such as `Conv1D`, take (length,) or
        (length, channels).
    {training}
    loss : {'log_loss', 'squared_error', 'hinge', 'squared_hinge'} or callable, default='log_loss'
        As of `MLPClassifier`.
    {added}
    class_weight : dict or 'balanced', default=None
        Weights of classes, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    network_ : fastml.nn.Network
        Layers and their weights. Predictions use what is in it.
    input_shape_ : tuple of int
        Shape of a sample, channels last.
    {fitted}

    See Also
    --------
    MLPClassifier : Without convolutions.
    fastml.nn.Conv2D : One of the layers.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86, 1998.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.neural_network import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> images = (X / 16).reshape(-1, 8, 8).astype("float32")
    >>> model = CNNClassifier(max_iter=5, tol=1, n_iter_no_change=4, random_state=0)
    >>> model.fit(images[:1000], y[:1000]).score(images[1000:], y[1000:]) > 0.9
    True
    >>> model.feature_maps(images[:2], layer=0).shape
    (2, 8, 8, 16)
    """

    _parameter_constraints: dict = _Convolutional._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        layers: Any = "small",
        input_shape: Any = None,
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        class_weight: Any = None,
    ) -> None:
        self._set(locals())


@documented
class CNNRegressor(_Convolutional, NetworkRegressor):
    """Regression on images by a convolutional network.

    Samples are images, of shape (n_samples, height, width) or with channels last, or rows of their
    values. All that is said of training, targets and losses is as for `MLPRegressor`.

    Parameters
    ----------
    layers : {'small', 'lenet', 'residual'} or list of Layer, default='small'
        Layers of `fastml.nn` up to the output layer, which is put behind them: a `Flatten` where
        it is needed, and a `Dense` of as many units as there are outputs. By name:
        'small' has three or four convolutions of 3 x 3 with layer normalisation and rectifiers,
        and pooling; 'lenet' is LeNet-5; 'residual' has six residual blocks with batch
        normalisation. They are made for the size of the images.
    input_shape : tuple of int, default=None
        Shape of a sample: (height, width) or (height, width, channels), of which X may then have
        flat rows. By default that of the samples of X. Of rows it is a square, if their length is
        one, else (1, n_features). Layers for sequences, such as `Conv1D`, take (length,) or
        (length, channels).
    {training}
    loss : {'squared_error', 'poisson'} or callable, default='squared_error'
        As of `MLPRegressor`.
    {added}

    Attributes
    ----------
    network_ : fastml.nn.Network
        Layers and their weights. Predictions use what is in it.
    input_shape_ : tuple of int
        Shape of a sample, channels last.
    {fitted}

    See Also
    --------
    MLPRegressor : Without convolutions.
    fastml.nn.Conv2D : One of the layers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import CNNRegressor
    >>> images = np.random.default_rng(0).random((100, 6, 6))
    >>> model = CNNRegressor(max_iter=3, tol=1, n_iter_no_change=2, random_state=0)
    >>> model.fit(images, images.mean(axis=(1, 2))).predict(images).shape
    (100,)
    """

    _parameter_constraints: dict = _Convolutional._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        layers: Any = "small",
        input_shape: Any = None,
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "squared_error",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())
