"""Autoencoders."""

from numbers import Integral, Real
from typing import Any

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from fastml._callbacks import with_callbacks
from fastml.neural_network._autoencoder_methods import AutoencoderMethods
from fastml.neural_network._parameters import documented
from fastml.nn.training import is_stream

__all__ = ["Autoencoder"]


@documented
class Autoencoder(AutoencoderMethods):
    """A network that learns to reproduce its input by way of a code.

    An encoder maps rows to their code, a decoder maps that back: the mean distance of rows and
    what comes back is minimised, and penalties on weights and code.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(32,)
        Units of the encoder's layers; the last one is the code. The decoder has the others in
        opposite order.
    activation : str or callable, default='relu'
        Of hidden units: 'identity', 'logistic', 'tanh', 'relu', any other name of
        `fastml.activations`, or a function made of primitives of `fastml.autodiff`.
    {training}
    code_activation : str or callable, default='auto'
        Of the code. 'auto' is 'identity' where there are other hidden layers, and `activation`
        where there are none.
    out_activation : str or callable, default='auto'
        Of the outputs: 'auto' is what belongs to the loss, 'logistic' for 'log_loss' and else
        'identity'.
    loss : {'auto', 'squared_error', 'log_loss'} or callable, default='auto'
        Half the squared distance of a row and its reconstruction; or the cross-entropy of values
        within [0, 1], added up over features. 'auto' is the latter where all X of the first fit is
        within [0, 1] and neither `out_activation` nor `activation` is 'identity'. A callable
        takes outputs, rows and `sample_weight`, as functions of `fastml.losses` do, and gives the
        mean.
    tied : bool, default=False
        Whether the decoder has the encoder's weights, transposed. Both uses add to their gradient,
        and penalties count them once.
    init : {'random', 'pca', 'rbm'}, default='random'
        What the weights are at first. 'pca': each layer puts out the principal components of what
        comes to it, and the decoder's layers undo that. 'rbm': a series of restricted Boltzmann
        machines is trained, each on what the hidden units of the last one say, and unrolled (Hinton
        and Salakhutdinov 2006). The first is a `BernoulliRBM` for X within [0, 1], else a
        `GaussianRBM`; a code of 'identity' has Gaussian hidden units.
    pretraining : dict, default=None
        Parameters of the machines of ``init='rbm'``, such as ``{'n_iter': 20}``.
        By default they learn by contrastive divergence, 20 times over, in batches of 20.
        ``learning_rate``, 0.1 by default, is that of binary units; machines that have Gaussian ones
        learn at a tenth of it.
    noise : {'masking', 'gaussian', 'salt_and_pepper'}, default=None
        What is done to the rows in training, which the network learns to undo: values are set to
        0, have normal draws added, or are set to the least or the largest value of all.
    noise_level : float, default=0.25
        Probability of a value to be changed, or standard deviation of the draws.
    sparsity_target : float, default=None
        Mean activation that is asked of each unit of the code, in (0, 1); for codes of activation
        'logistic'.
    sparsity_cost : float, default=1.0
        Factor of the penalty: the Kullback-Leibler divergence of the target and the mean over a
        batch, added up over units.
    contractive : float, default=0.0
        Factor of the mean squared Frobenius norm of the code's Jacobian, which is exact: one
        product for each layer of an encoder of dense layers, one backward pass for each element of
        the code for other layers.
    dropout : float, default=0.0
        Probability of a hidden unit, other than those of the code, to be left out, in [0, 1).
    encoder, decoder : list of Layer, default=None
        Layers of `fastml.nn`, such as convolutions, in place of `hidden_layer_sizes`. The decoder
        ends in sums, which `out_activation` is applied to. It puts out as many values as a sample
        has.
    input_shape : tuple of int, default=None
        Shape of a sample for `encoder`: (height, width) or (height, width, channels), of which X
        may then have flat rows. By default that of the samples of X. Layers for sequences take
        (length,) or (length, channels).
    {added}

    Attributes
    ----------
    encoder_, decoder_ : fastml.nn.Network
        Layers and their weights. All that is computed uses what is in them. With `tied` the
        decoder has a copy of the encoder's weights.
    coefs_, intercepts_ : list of ndarray
        Weights and biases of all layers, those of the encoder first: views of the networks' own.
    data_range_ : tuple of float
        Least and largest value of the rows of the first fit.
    input_shape_ : tuple of int
        Shape of a sample, channels last.
    {fitted}

    See Also
    --------
    fastml.decomposition.PCA : What linear units come to.

    Notes
    -----
    The weights of linear units that minimise the squared error span the first principal components
    (Baldi and Hornik 1989): see `principal_angles`.

    References
    ----------
    P. Baldi and K. Hornik, "Neural networks and principal component analysis", Neural Networks 2,
    1989. G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
    networks", Science 313, 2006. P. Vincent et al., "Stacked denoising autoencoders", JMLR 11,
    2010. S. Rifai et al., "Contractive auto-encoders", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.neural_network import Autoencoder
    >>> X = load_digits().data / 16
    >>> model = Autoencoder((16,), learning_rate_init=0.01, tol=0.1, random_state=0).fit(X)
    >>> model.transform(X).shape
    (1797, 16)
    >>> model.score(X) > 0.7
    True
    """

    _parameter_constraints: dict = AutoencoderMethods._parameter_constraints | {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str, callable],
        "code_activation": [str, callable],
        "out_activation": [str, callable],
        "loss": [StrOptions({"auto", "squared_error", "log_loss"}), callable],
        "tied": ["boolean"],
        "init": [StrOptions({"random", "pca", "rbm"})],
        "pretraining": [dict, None],
        "noise": [StrOptions({"masking", "gaussian", "salt_and_pepper"}), None],
        "noise_level": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "contractive": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "encoder": [list, tuple, None],
        "decoder": [list, tuple, None],
        "input_shape": ["array-like", Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (32,),
        activation: Any = "relu",
        *,
        code_activation: Any = "auto",
        out_activation: Any = "auto",
        loss: Any = "auto",
        tied: bool = False,
        init: str = "random",
        pretraining: dict[str, Any] | None = None,
        noise: str | None = None,
        noise_level: float = 0.25,
        sparsity_target: float | None = None,
        sparsity_cost: float = 1.0,
        contractive: float = 0.0,
        dropout: float = 0.0,
        encoder: Any = None,
        decoder: Any = None,
        input_shape: Any = None,
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
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "Autoencoder":
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or source of batches
            Rows; float32 stays float32, other dtypes become float64. Of a `numpy.memmap` each
            batch is read when it is its turn, so that it may be larger than memory. A source of
            batches, as `MLPRegressor.fit` takes it, yields ``(X, y)`` or ``(X, y, sample_weight)``,
            of which y is not looked at. With `encoder`, X may have samples of any shape.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        if is_stream(X):
            if self.init != "random":
                raise ValueError(
                    f"init={self.init!r} needs all rows at once, X is a source of batches."
                )
            y = None
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "Autoencoder":
        """Train the network for one epoch more.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self : object
            The estimator, fitted to what it has seen.
        """
        return self._fit(X, y, sample_weight, incremental=True)
