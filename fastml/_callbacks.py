"""scikit-learn's callback interface, with inert stand-ins where scikit-learn is older than 1.9.

An estimator is written once, against the interface of `sklearn.callback`: it derives from
`CallbackSupportMixin`, decorates `fit` by `with_callbacks`, opens a root context by
``root_context(self, max_subtasks=...)`` and one `subcontext` for each iteration. Before
1.9 these do nothing. The option `progress` is served here too.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from fastml.config import get_config

__all__ = ["CallbackSupportMixin", "root_context", "with_callbacks"]

Method = TypeVar("Method", bound=Callable[..., Any])


class InertContext:
    """Stands where `sklearn.callback.CallbackContext` would, and calls nothing."""

    def subcontext(
        self,
        task_name: str = "",
        task_id: int | None = None,
        max_subtasks: int | None = 0,
        sequential_subtasks: bool = True,
    ) -> "InertContext":
        """Return the context of a subtask."""
        return self

    def call_on_fit_task_begin(
        self,
        *,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        reconstruction_attributes: Any = None,
    ) -> "InertContext":
        """Tell that a task begins."""
        return self

    def call_on_fit_task_end(
        self,
        *,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        reconstruction_attributes: Any = None,
    ) -> bool:
        """Tell that a task has ended; True would ask the fit to stop."""
        return False


class InertCallbackSupportMixin:
    """Stands where `sklearn.callback.CallbackSupportMixin` would."""

    def set_callbacks(self, *callbacks: Any) -> "InertCallbackSupportMixin":
        """Refuse callbacks, which this scikit-learn cannot call.

        Parameters
        ----------
        *callbacks : callback instances
            Must be empty.

        Returns
        -------
        self : estimator instance
            The estimator instance itself.
        """
        if callbacks:
            raise RuntimeError("Callbacks need scikit-learn 1.9 or later.")
        return self

    def _init_callback_context(
        self,
        task_name: str = "fit",
        task_id: int = 0,
        max_subtasks: int | None = 0,
        sequential_subtasks: bool = True,
    ) -> InertContext:
        return InertContext()


def inert_with_callbacks(method: Method) -> Method:
    """Return `method` as it is: there are no callbacks to tear down."""
    return method


try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar
    from sklearn.callback import with_callbacks as managed
except ImportError:
    CallbackSupportMixin, managed = InertCallbackSupportMixin, inert_with_callbacks
    ProgressBar = None


def root_context(estimator: Any, max_subtasks: int | None) -> Any:
    """Open the context of a fit; an inert one, which costs nothing, where nobody listens.

    Parameters
    ----------
    estimator : estimator instance
        Derives from `CallbackSupportMixin`.
    max_subtasks : int or None
        The most subtasks the fit has, None if that is not known.

    Returns
    -------
    CallbackContext or InertContext
    """
    if getattr(estimator, "_skl_callbacks", None):
        return estimator._init_callback_context(max_subtasks=max_subtasks)
    return InertContext()


def with_callbacks(method: Method) -> Method:
    """Run a fit with its callbacks, and under a progress bar if the option `progress` says so.

    Parameters
    ----------
    method : method
        Of an estimator that derives from `CallbackSupportMixin`.

    Returns
    -------
    method
        Callbacks are torn down after it, whether it returns or raises.
    """
    run = managed(method)

    @functools.wraps(method)
    def wrapper(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        own = getattr(estimator, "_skl_callbacks", [])
        if not get_config().progress or _shows_progress(estimator, own):
            return run(estimator, *args, **kwargs)
        bar = _progress_bar()
        if bar is None:
            return run(estimator, *args, **kwargs)
        estimator.set_callbacks(*own, bar)
        try:
            return run(estimator, *args, **kwargs)
        finally:
            estimator.set_callbacks(*own)

    return cast(Method, wrapper)


def _shows_progress(estimator: Any, callbacks: list[Any]) -> bool:
    """Whether the estimator has a progress bar, or is fitted inside one that could have."""
    if hasattr(estimator, "_parent_callback_ctx"):
        return True
    return ProgressBar is not None and any(isinstance(c, ProgressBar) for c in callbacks)


def _progress_bar() -> Any:
    try:
        return ProgressBar()
    except (ImportError, TypeError):  # no rich; no ProgressBar to call
        message = "Option 'progress' needs scikit-learn 1.9 and rich; fitting without it."
        warnings.warn(message, UserWarning, stacklevel=3)
        return None
