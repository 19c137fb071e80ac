"""Principal components in the feature space of a kernel."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_psd_eigenvalues, check_is_fitted

from fastml._validation import validate
from fastml.backends import Backend, on_device, resolve
from fastml.decomposition._axes import signs_of
from fastml.decomposition._kernel_matrix import (
    CentredKernel,
    RecomputedMatrix,
    StoredMatrix,
    precomputed,
)
from fastml.decomposition._kernel_solvers import (
    IN_PLACE,
    Task,
    buffer_bytes,
    choose_solver,
    eigenpairs,
)
from fastml.decomposition._memory import Budget, make_budget
from fastml.kernels.factorize.blas import one_blas_thread
from fastml.metrics._checked_gram import dense_on, gram_times, rows_on
from fastml.metrics._gamma import GAMMA_RULES, resolve_gamma
from fastml.metrics._kernel_estimator import GAMMA, KernelEstimator
from fastml.metrics._precomputed import require_square

__all__ = ["KernelPCA"]


class KernelPCA(KernelEstimator):
    """Kernel principal component analysis.

    Eigenvectors of the kernel matrix, centred in feature space: for centred features phi the
    eigenvectors v of ``K = phi phi'`` give the directions ``phi' v / sqrt(lambda)`` of largest
    variance [1]_.

    Parameters
    ----------
    n_components : int, default=None
        Number of components. None keeps all whose eigenvalue is not zero.
    kernel : {'linear', 'poly', 'rbf', 'sigmoid', 'laplacian', 'cosine', 'precomputed'} or \
callable, default='linear'
        The kernel. A callable takes two rows and `kernel_params`, and returns a finite number.
        With 'precomputed' X is the kernel matrix, of shape (n_samples, n_samples) in `fit`,
        symmetric or so once it is centred, and (n_samples, n_samples_fit) in `transform`.
    gamma : float, {'scale', 'median', 'nearest'} or None, default=None
        Coefficient of 'rbf', 'laplacian', 'poly' and 'sigmoid', positive; other kernels ignore it.
        None stands for ``1 / n_features``; 'scale' for ``1 / (n_features * X.var())``; 'median' for
        ``1 / (2 m**2)`` with the median distance m between rows; 'nearest' for ``1 / (2 s**2)``
        with s five times the mean distance of a row to its nearest neighbour. `Notes` says more.
    degree : float, default=3
        Exponent of 'poly'.
    coef0 : float, default=1
        Added to the product in 'poly' and 'sigmoid'.
    kernel_params : dict, default=None
        Keyword arguments of a callable kernel.
    alpha : float, default=1.0
        Strength of the ridge regression that learns the inverse transform.
    fit_inverse_transform : bool, default=False
        Whether to learn the inverse transform [2]_; not with a precomputed kernel or sparse rows.
    eigen_solver : {'auto', 'dense', 'arpack', 'randomized', 'krylov', 'matrix_free'}, \
default='auto'
        - 'dense': LAPACK, on the centred matrix.
        - 'arpack': Lanczos' method by ARPACK, for ``n_components < n_samples``.
        - 'randomized': few power iterations [3]_: approximate, and takes the largest eigenvalues
          by modulus.
        - 'krylov': a block Lanczos method with thick restarts, which converges to the eigenpairs
          of 'dense' and checks their residuals.
        - 'matrix_free': the same on blocks of the kernel matrix that are computed for each
          product anew, so that no n x n matrix is in memory.
        - 'auto': 'dense' for up to 200 rows and for more than 0.07 n_samples components; else
          'arpack' for a matrix of up to 4 MB, and 'krylov' for a larger one; 'matrix_free' where
          those need more than `memory_limit`.
    tol : float, default=0
        Convergence tolerance of 'arpack', 'krylov' and 'matrix_free', relative; 0 stands for what
        the dtype holds.
    max_iter : int, default=None
        Most iterations of 'arpack', and products with the matrix of 'krylov' and 'matrix_free'.
    iterated_power : int >= 0 or 'auto', default='auto'
        Power iterations of 'randomized'.
    remove_zero_eig : bool, default=False
        Whether to drop components whose eigenvalue is zero, as is always done with
        ``n_components=None``.
    random_state : int, RandomState instance or None, default=None
        For 'arpack' and 'randomized', where they are asked for by name. The others, and 'auto',
        give the same result each time.
    copy_X : bool, default=True
        Whether `X_fit_` is a copy of X.
    n_jobs : int, default=None
        Threads that call a callable kernel. Other kernels use the threads of fastml's
        configuration.
    memory_limit : int, str or None, default=None
        How much memory `fit` may take beyond its input: bytes, or a string such as '500MB' (powers
        of 1000) or '2GiB' (powers of 1024). None stands for what is free when `fit` is called.
    inverse_gamma : float, {'scale', 'median', 'nearest'} or None, default=None
        gamma of the ridge regression's kernel, which is between projections; None stands for
        `gamma_`.

    Attributes
    ----------
    eigenvalues_ : ndarray of shape (n_components,)
        Eigenvalues of the centred kernel matrix, largest first.
    eigenvectors_ : ndarray of shape (n_samples, n_components)
        Eigenvectors; the entry that is largest in size is positive in each.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Eigenvalues over the trace of the centred kernel matrix, which is exact for every solver.
    gamma_ : float
        The coefficient used.
    inverse_gamma_ : float
        The coefficient used by the ridge regression; with `fit_inverse_transform`.
    eigen_solver_ : str
        The solver used.
    X_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The rows given to `fit`.
    dual_coef_ : ndarray of shape (n_samples, n_features)
        Coefficients of the ridge regression; with `fit_inverse_transform`.
    X_transformed_fit_ : ndarray of shape (n_samples, n_components)
        Projections of the rows given to `fit`; with `fit_inverse_transform`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names that are all strings.

    Raises
    ------
    MemoryError
        By `fit`, before anything large is allocated, where a solver needs more memory than
        `memory_limit`. The message says how much, and which solver would do.
    ValueError
        For a precomputed matrix that is not square or not symmetric, a kernel with significant
        negative eigenvalues, and parameters out of their range.
    TypeError
        For a callable kernel that returns no number.

    Notes
    -----
    gamma's rules. 'median': m is the median over the pairs of at most 1000 rows (A. Gretton et
    al., "A kernel two-sample test", JMLR 13, 2012, section 8). 'nearest': the mean over at most
    1000 rows of the distance to the nearest row that is not equal, times five (Q. Wang, "Kernel
    principal component analysis and its applications in face recognition and active shape
    models", arXiv 1207.3538). Samples are the same for the same number of rows.

    Centring takes no second matrix: 'dense' centres in place, and all other solvers multiply by
    the matrix as it is, and take the mean out of vectors.

    Every fitted attribute has the same bits for any number of threads.

    References
    ----------
    .. [1] B. Schoelkopf, A. Smola and K.-R. Mueller, "Kernel principal component analysis",
       ICANN 1997.
    .. [2] G. H. Bakir, J. Weston and B. Schoelkopf, "Learning to find pre-images", NIPS 2003.
    .. [3] N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness", SIAM
       Review 53, 2011.

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from fastml.decomposition import KernelPCA
    >>> X, y = make_circles(400, factor=0.3, noise=0.05, random_state=0)
    >>> kpca = KernelPCA(2, kernel="rbf", gamma=2.0)
    >>> projections = kpca.fit_transform(X)
    >>> projections.shape
    (400, 2)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "kernel": [
            StrOptions({"linear", "poly", "rbf", "sigmoid", "laplacian", "cosine", "precomputed"}),
            callable,
        ],
        "gamma": GAMMA,
        "degree": [Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "kernel_params": [dict, None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_inverse_transform": ["boolean"],
        "eigen_solver": [
            StrOptions({"auto", "dense", "arpack", "randomized", "krylov", "matrix_free"})
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "iterated_power": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "remove_zero_eig": ["boolean"],
        "random_state": ["random_state"],
        "copy_X": ["boolean"],
        "n_jobs": [None, Integral],
        "memory_limit": [Interval(Integral, 1, None, closed="left"), str, None],
        "inverse_gamma": GAMMA,
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        kernel: str | Callable[..., Any] = "linear",
        gamma: float | str | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        alpha: float = 1.0,
        fit_inverse_transform: bool = False,
        eigen_solver: str = "auto",
        tol: float = 0,
        max_iter: int | None = None,
        iterated_power: Any = "auto",
        remove_zero_eig: bool = False,
        random_state: Any = None,
        copy_X: bool = True,
        n_jobs: int | None = None,
        memory_limit: int | str | None = None,
        inverse_gamma: float | str | None = None,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.alpha = alpha
        self.fit_inverse_transform = fit_inverse_transform
        self.eigen_solver = eigen_solver
        self.tol = tol
        self.max_iter = max_iter
        self.iterated_power = iterated_power
        self.remove_zero_eig = remove_zero_eig
        self.random_state = random_state
        self.copy_X = copy_X
        self.n_jobs = n_jobs
        self.memory_limit = memory_limit
        self.inverse_gamma = inverse_gamma

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "KernelPCA":
        """Find the principal components of X in feature space.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, or with ``kernel='precomputed'`` their kernel matrix.
        y : Ignored
            Ignored.

        Returns
        -------
        self : KernelPCA
            The fitted estimator.
        """
        self._fit(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Find the principal components of X, and project X on them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, or with ``kernel='precomputed'`` their kernel matrix.
        y : Ignored
            Ignored.

        Returns
        -------
        X_new : array of shape (n_samples, n_components)
            The projections; on the device for an `X` that lives there, else in host memory.
        """
        backend = self._fit(X)
        projections = self._projections()
        return backend.asarray(projections) if on_device(X) else projections

    def transform(self, X: Any) -> Any:
        """Project X on the principal components.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or with ``kernel='precomputed'`` the kernel matrix between them and the training
            rows, of shape (n_samples, n_samples_fit).

        Returns
        -------
        X_new : array of shape (n_samples, n_components)
            The projections; on the device for an `X` that lives there, else in host memory.
        """
        check_is_fitted(self)
        X = validate(self, X, reset=False, accept_sparse="csr")
        backend = resolve(X)
        # (K - 1 c' - r 1' + m) a, where r are the means of the new rows: what centring takes from K
        # is taken from `a`, so that the matrix is only multiplied.
        lengths = np.sqrt(self.eigenvalues_)
        scaled = self.eigenvectors_ / np.where(lengths > 0, lengths, 1)
        scaled = np.where(lengths > 0, scaled, 0).astype(np.float64)
        means = self._column_means
        with one_blas_thread():
            constant = (means - means.mean()) @ scaled
        dtype = np.result_type(X.dtype, self.eigenvectors_.dtype)
        right = backend.asarray(scaled - scaled.mean(axis=0), X.dtype)
        out = backend.empty((X.shape[0], right.shape[1]), np.float64)
        if self._is_precomputed:
            backend.kernels("linalg").multiply(dense_on(backend, X), right, out)
        else:
            others = rows_on(backend, self.X_fit_, X.dtype)
            gram_times(self._row_kernel(backend), rows_on(backend, X), others, right, out)
        out -= backend.asarray(constant)
        out = out.astype(dtype)
        return out if on_device(X) else backend.to_host(out)

    def _projections(self) -> Any:
        return self.eigenvectors_ * np.sqrt(self.eigenvalues_)

    def _fit(self, X: Any) -> Backend:
        """Fit, and return the backend that did."""
        self._check_inverse(X)
        X = validate(self, X, reset=True, accept_sparse="csr", copy=self.copy_X)
        if self._is_precomputed:
            require_square(X)
        backend = resolve(X)
        budget = make_budget(self.memory_limit, backend)
        n_samples = X.shape[0]
        task = Task(
            n_samples=n_samples,
            n_components=min(self.n_components or n_samples, n_samples),
            itemsize=X.dtype.itemsize,
            has_matrix=self._is_precomputed,
            with_inverse=self.fit_inverse_transform,
            tol=self.tol,
            max_iter=self.max_iter,
            iterated_power=self.iterated_power,
            random_state=0 if self.eigen_solver == "auto" else self.random_state,
        )
        self.eigen_solver_ = choose_solver(self.eigen_solver, task, budget)
        matrix = self._matrix(backend, X, task, budget)
        values, vectors, trace = eigenpairs(self.eigen_solver_, matrix, task)
        self._keep(values, vectors, trace, X.dtype)
        self._column_means = backend.to_host(matrix.column_means)
        del matrix
        self.X_fit_ = backend.to_host(X) if on_device(X) else X
        if self.fit_inverse_transform:
            self._learn_inverse(backend, self._projections(), self.X_fit_)
        return backend

    def _matrix(self, backend: Backend, X: Any, task: Task, budget: Budget) -> CentredKernel:
        """Return the kernel matrix of validated rows, and set `gamma_`."""
        if self._is_precomputed:
            if self.gamma in GAMMA_RULES:
                raise ValueError(
                    f"gamma={self.gamma!r} is taken from rows, and with kernel='precomputed' there "
                    "are none. Leave gamma at None: a precomputed kernel has no use for it."
                )
            self.gamma_ = resolve_gamma(self.gamma, backend, X)
            in_place = self.eigen_solver_ in IN_PLACE
            return precomputed(backend, dense_on(backend, X), in_place)
        self.gamma_ = resolve_gamma(self.gamma, backend, X)
        kernel = self._row_kernel(backend)
        rows = rows_on(backend, X)
        if self.eigen_solver_ == "matrix_free":
            return CentredKernel(RecomputedMatrix(kernel, rows, buffer_bytes(task, budget)))
        return CentredKernel(StoredMatrix(backend, kernel.gram(rows)))

    def _keep(self, values: Any, vectors: Any, trace: float, dtype: Any) -> None:
        """Set the fitted attributes from eigenvalues and rows of eigenvectors."""
        values = _check_psd_eigenvalues(values.astype(dtype), enable_warnings=False)
        vectors = vectors * signs_of(vectors)[:, None]
        if self.remove_zero_eig or self.n_components is None:
            values, vectors = values[values > 0], vectors[values > 0]
        self.eigenvalues_ = values
        self.eigenvectors_ = np.ascontiguousarray(vectors.T, dtype=dtype)
        shares = values / trace if trace > 0 else np.zeros(values.shape)
        self.explained_variance_ratio_ = shares.astype(dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.pairwise = self._is_precomputed
        return tags

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` returns."""
        return self.eigenvalues_.shape[0]
