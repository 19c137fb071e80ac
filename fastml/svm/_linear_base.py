"""What linear support vector machines share: validation, choice of solver, dual attributes."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from fastml._callbacks import CallbackSupportMixin, root_context
from fastml._random import seed_from
from fastml._validation import FLOATS, check_finite_wanted, is_plain, validate
from fastml.backends import fetched, on_device, resolve
from fastml.svm._linear_problem import Joint, Linear, Solution
from fastml.svm._linear_rows import columns_of
from fastml.svm._linear_solvers import (
    Settings,
    solve_dual,
    solve_joint,
    solve_lasso,
    solve_primal,
)

__all__ = ["LinearMachine", "wants_dual", "weighted_rows"]

NONE = 1e-12

# (penalty, loss): for which values of `dual` there is a solver.
_SOLVERS: dict[tuple[str, str], tuple[bool, ...]] = {
    ("l2", "hinge"): (True,),
    ("l2", "squared_hinge"): (False, True),
    ("l1", "squared_hinge"): (False,),
    ("l2", "epsilon_insensitive"): (True,),
    ("l2", "squared_epsilon_insensitive"): (False, True),
}


def wants_dual(dual: Any, penalty: str, loss: str, shape: tuple[int, int]) -> bool:
    """Return whether the dual problem is to be solved.

    Raises
    ------
    ValueError
        Where there is no solver for what is asked, in scikit-learn's words.
    """
    there = _SOLVERS.get((penalty, loss), ())
    if isinstance(dual, str):
        wanted = shape[0] < shape[1]
        dual = wanted if wanted in there else not wanted
    if dual in there:
        return bool(dual)
    reason = f"The combination of penalty='{penalty}' and loss='{loss}' is not supported"
    if there:
        reason = (
            f"The combination of penalty='{penalty}' and loss='{loss}' are not supported when "
            f"dual={dual}"
        )
    raise ValueError(
        f"Unsupported set of arguments: {reason}, Parameters: penalty={penalty!r}, loss={loss!r}, "
        f"dual={dual!r}"
    )


class LinearMachine(CallbackSupportMixin, BaseEstimator):
    """Base of `LinearSVC` and `LinearSVR`."""

    coef_: Any
    intercept_: Any
    dual_coef_: Any
    support_: Any
    duality_gap_: Any
    n_iter_: int
    C: float
    tol: float
    max_iter: int
    fit_intercept: Any
    intercept_scaling: float
    random_state: Any
    verbose: Any
    warm_start: bool
    store_support_vectors: bool

    _parameter_constraints: dict = {
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "fit_intercept": ["boolean", StrOptions({"unpenalised"})],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "dual": ["boolean", StrOptions({"auto"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "store_support_vectors": ["boolean"],
    }

    def _checked(self, X: Any, y: Any, reset: bool, numeric: bool) -> tuple[Any, Any]:
        """Return rows where they live, and one target each on the host."""
        options: dict[str, Any] = {"accept_sparse": "csr", "order": "C"}
        y = fetched(y) if on_device(y) else y
        if on_device(X):
            X = validate(self, X, reset=reset, **options)
            y = _check_y(y, y_numeric=numeric, estimator=self)
            check_consistent_length(np.broadcast_to(0, X.shape[:1]), y)
            return X, y
        if is_plain(X) and _is_plain_target(y, len(X)):
            # What takes longer than small fits would hand them back.
            y = y.astype(np.float64) if numeric else y
            if y.dtype.kind == "f" and check_finite_wanted() and not np.isfinite(y).all():
                assert_all_finite(y, estimator_name=type(self).__name__, input_name="y")
            return validate(self, X, reset=reset, **options), y
        return validate_data(
            self,
            X,
            y,
            reset=reset,
            dtype=FLOATS,
            y_numeric=numeric,
            accept_large_sparse=False,
            ensure_all_finite=check_finite_wanted(),
            **options,
        )

    def _weights(self, sample_weight: Any, X: Any) -> Any:
        """Return a weight of each row in float64, none negative, not all zero."""
        if sample_weight is None:
            return np.ones(X.shape[0])
        stand_in = np.empty((X.shape[0], 0))
        weights = _check_sample_weight(
            sample_weight, stand_in, dtype=np.float64, ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return weights

    def _bias(self, rows: Any) -> tuple[float, bool]:
        """Return the value of the intercept's column, and whether its coefficient is penalised."""
        if isinstance(self.fit_intercept, str):
            # As long as a row, so that descent takes steps of one size in all directions.
            length = float(np.mean(rows.backend.to_host(rows.norms(0.0)))) ** 0.5
            return (length if np.isfinite(length) and length > 0 else 1.0), False
        return (float(self.intercept_scaling) if self.fit_intercept else 0.0), True

    def _solve(self, X: Any, problem: Linear | Joint, dual: bool, shares: Any) -> Solution:
        """Solve the problem, from the coefficients there are with `warm_start`."""
        listener = root_context(self, max_subtasks=self.max_iter)
        listener.call_on_fit_task_begin(estimator=self, X=X)

        def on_round(coefs: Any, intercepts: Any) -> bool:
            epoch = listener.subcontext(task_name="iteration")
            epoch.call_on_fit_task_begin(estimator=self, X=X)
            return epoch.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=lambda: self._shaped(coefs, intercepts, X.dtype),
            )

        watched = bool(getattr(self, "_skl_callbacks", None))
        settings = Settings(
            self.tol, self.max_iter, seed_from(self.random_state), on_round if watched else None
        )
        beta, coefs = self._start(problem)
        tols = self.tol * np.asarray(shares)
        if isinstance(problem, Joint):
            found = solve_joint(problem, settings, beta, _sums(problem, X, beta))
        elif dual:
            found = solve_dual(problem, settings, beta, _sums(problem, X, beta))
        elif problem.lasso:
            columns = columns_of(problem.rows.backend, X, problem.bias)
            found = solve_lasso(problem, columns, settings, coefs, tols)
        else:
            found = solve_primal(problem, settings, coefs, tols)
        listener.call_on_fit_task_end(estimator=self, X=X)
        if found.n_iter >= self.max_iter:
            warnings.warn(
                "Liblinear failed to converge, increase the number of iterations.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return found

    def _start(self, problem: Linear | Joint) -> tuple[Any, Any]:
        """Return dual coefficients and coefficients to start from."""
        n_problems = problem.n_classes if isinstance(problem, Joint) else len(problem.targets)
        n, d = problem.rows.shape
        beta, coefs = np.zeros((n_problems, n)), np.zeros((n_problems, d + 1))
        if not self.warm_start or not hasattr(self, "coef_"):
            return beta, coefs
        found = self._split(np.float64)
        if found.coefs.shape == (n_problems, d):
            coefs[:, :-1] = found.coefs
            if problem.bias:
                coefs[:, -1] = found.intercepts / problem.bias
        if found.beta.shape == beta.shape:
            beta = problem.feasible(found.beta)
        return beta, coefs

    def _split(self, dtype: Any) -> Solution:
        """Return the fitted coefficients as a solution, without sums."""
        coefs = safe_dense(self.coef_)
        beta = np.zeros((len(np.atleast_2d(self.dual_coef_)), self._n_rows))
        beta[:, self.support_] = self.dual_coef_
        coefs = np.atleast_2d(coefs).astype(dtype)
        intercepts = np.broadcast_to(self.intercept_, len(coefs)).astype(dtype)
        return Solution(coefs, intercepts, beta, np.empty(0), self.n_iter_)

    def _shaped(self, coefs: Any, intercepts: Any, dtype: Any) -> dict[str, Any]:
        """Return `coef_` and `intercept_`."""
        intercept = np.asarray(intercepts, dtype) if self.fit_intercept else 0.0
        return {"coef_": np.asarray(coefs, dtype), "intercept_": intercept}

    def _keep(self, X: Any, kept: Any, problem: Linear | Joint, found: Solution) -> None:
        """Set the fitted attributes."""
        for name, value in self._shaped(found.coefs, found.intercepts, X.dtype).items():
            setattr(self, name, value)
        self.n_iter_ = found.n_iter
        scores = problem.rows.scores(found.values, 1.0)
        primal, dual = problem.values(found, scores)
        self.duality_gap_ = primal - dual
        self._n_rows = X.shape[0] if kept is None else len(kept)
        # What rounding left of 0 is none.
        sizes = abs(found.beta).max(axis=0)
        support = np.flatnonzero(sizes > NONE * sizes.max(initial=0.0))
        self.dual_coef_ = found.beta[:, support].astype(X.dtype)
        self.support_ = (support if kept is None else np.flatnonzero(kept)[support]).astype(
            np.int32
        )
        if self.store_support_vectors:
            rows = X[support]
            self._support_vectors = rows.get() if on_device(rows) else rows
        elif hasattr(self, "_support_vectors"):
            del self._support_vectors
        if self.verbose:
            print(f"{type(self).__name__}: {self.n_iter_} iterations, duality gap "
                  f"{self.duality_gap_.max():.3g}")  # fmt: skip

    @property
    def support_vectors_(self) -> Any:
        """The rows of the training data at `support_`, with ``store_support_vectors=True``."""
        if not hasattr(self, "_support_vectors"):
            raise AttributeError(
                f"{type(self).__name__} has no support_vectors_: it keeps no rows of the training "
                "data unless store_support_vectors=True. They are X[model.support_]."
            )
        return self._support_vectors

    def _scores(self, X: Any) -> Any:
        """Return products of the rows with the coefficients, on the host."""
        check_is_fitted(self)
        X = validate(self, X, reset=False, accept_sparse="csr")
        if not on_device(X):
            scores = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        else:
            move = resolve(X).asarray
            coef = move(safe_dense(self.coef_))
            scores = resolve(X).to_host(X @ coef.T) + self.intercept_
        return scores.reshape(-1) if scores.ndim > 1 and scores.shape[1] == 1 else scores

    def _again(self, X: Any, kept: Any, problem: Linear | Joint) -> Solution:
        """Return the solution that the attributes describe, on the rows of the fit."""
        if self._n_rows != (X.shape[0] if kept is None else len(kept)):
            raise ValueError(
                f"X has {X.shape[0]} samples, but {type(self).__name__} was fitted on "
                f"{self._n_rows}: the report is about the training data."
            )
        found = self._split(np.float64)
        beta = found.beta if kept is None else found.beta[:, kept]
        sums = _sums(problem, X, beta)
        return Solution(found.coefs, found.intercepts, beta, sums, found.n_iter)

    def _names(self, n_features: int) -> tuple[str, ...]:
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(n_features)])
        return tuple(map(str, names))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _is_plain_target(y: Any, n_rows: int) -> bool:
    """Return whether scikit-learn would take a vector of numbers as it is."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iuf" and len(y) == n_rows


def _sums(problem: Linear | Joint, X: Any, beta: Any) -> Any:
    """Return the sums of rows times dual coefficients, the last one that of the intercept's."""
    if not beta.any():
        return np.zeros((len(beta), X.shape[1] + 1))
    columns = columns_of(problem.rows.backend, X, problem.bias)
    return columns.scores(np.column_stack([beta, np.zeros(len(beta))]), 0.0)


def safe_dense(coef: Any) -> Any:
    """Return coefficients as an array, also after `sparsify`."""
    return coef.toarray() if hasattr(coef, "toarray") else coef


def weighted_rows(X: Any, y: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
    """Return rows, targets and weights without those of weight zero, and which are left.

    The last is None where none is left out.
    """
    if (weights > 0).all():
        return X, y, weights, None
    kept = weights > 0
    chosen = kept if not on_device(X) else resolve(X).asarray(kept)
    return X[chosen], y[kept], weights[kept], kept
