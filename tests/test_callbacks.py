"""The stand-ins for scikit-learn's callback interface, beside the real one where there is one."""

import inspect

import pytest
from sklearn.base import BaseEstimator

import fastml
from fastml import _callbacks
from fastml._callbacks import (
    CallbackSupportMixin,
    InertCallbackSupportMixin,
    InertContext,
    inert_with_callbacks,
    with_callbacks,
)


def make_iterative(mixin, decorator):
    """Return an estimator class written against the callback interface, as ours are."""

    class Iterative(mixin, BaseEstimator):
        @decorator
        def fit(self, X=None, y=None):
            context = self._init_callback_context(max_subtasks=10)
            context.call_on_fit_task_begin(estimator=self, X=X)
            for i in range(10):
                step = context.subcontext(task_name="iteration")
                step.call_on_fit_task_begin(estimator=self, X=X, y=y)
                self.n_iter_ = i + 1
                if step.call_on_fit_task_end(
                    estimator=self, reconstruction_attributes=lambda: {"n_iter_": self.n_iter_}
                ):
                    break
            context.call_on_fit_task_end(estimator=self)
            return self

    return Iterative


@pytest.mark.parametrize(
    "mixin, decorator",
    [
        (InertCallbackSupportMixin, inert_with_callbacks),
        (CallbackSupportMixin, with_callbacks),
    ],
)
def test_fit_without_callbacks_runs_to_the_end(mixin, decorator):
    estimator = make_iterative(mixin, decorator)()
    assert estimator.set_callbacks() is estimator
    assert estimator.fit().n_iter_ == 10


def test_inert_estimator_refuses_callbacks():
    estimator = make_iterative(InertCallbackSupportMixin, inert_with_callbacks)()
    with pytest.raises(RuntimeError, match=r"scikit-learn 1\.9"):
        estimator.set_callbacks(object())


def test_real_callbacks_see_every_task_and_can_stop_the_fit():
    pytest.importorskip("sklearn.callback")

    class StopAtThird:
        def setup(self, estimator, context):
            self.begun, self.torn_down = [], False

        def teardown(self, estimator, context):
            self.torn_down = True

        def on_fit_task_begin(self, estimator, context):
            self.begun.append(context.task_name)

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            return context.parent is not None and fitted_estimator.n_iter_ == 3

    callback = StopAtThird()
    estimator = make_iterative(CallbackSupportMixin, with_callbacks)().set_callbacks(callback)
    assert estimator.fit().n_iter_ == 3
    assert callback.begun == ["fit"] + ["iteration"] * 3
    assert callback.torn_down


@pytest.mark.parametrize(
    "inert, real, names",
    [
        (
            InertContext,
            "CallbackContext",
            ["subcontext", "call_on_fit_task_begin", "call_on_fit_task_end"],
        ),
        (
            InertCallbackSupportMixin,
            "CallbackSupportMixin",
            ["set_callbacks", "_init_callback_context"],
        ),
    ],
)
def test_stand_ins_have_the_parameters_of_the_real_ones(inert, real, names):
    real = getattr(pytest.importorskip("sklearn.callback"), real)
    for name in names:
        ours, theirs = (inspect.signature(getattr(owner, name)) for owner in (inert, real))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default) for p in theirs.parameters.values()
        ]


def test_the_real_interface_is_used_where_there_is_one():
    real = pytest.importorskip("sklearn.callback")
    assert _callbacks.CallbackSupportMixin is real.CallbackSupportMixin


@pytest.fixture
def bars(monkeypatch):
    """Stand in for scikit-learn's progress bar; return those that were set up."""
    pytest.importorskip("sklearn.callback")
    shown = []

    class Bar:
        def setup(self, estimator, context):
            shown.append(self)

        def teardown(self, estimator, context):
            self.torn_down = True

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            pass

    monkeypatch.setattr(_callbacks, "ProgressBar", Bar)
    return shown


def test_the_option_progress_shows_a_bar_for_one_fit(bars):
    estimator = make_iterative(CallbackSupportMixin, with_callbacks)()
    estimator.fit()
    assert bars == []
    with fastml.config_context(progress=True):
        estimator.fit()
    assert len(bars) == 1
    assert bars[0].torn_down
    estimator.fit()
    assert len(bars) == 1


def test_a_bar_of_the_users_is_not_doubled_and_stays(bars):
    mine = _callbacks.ProgressBar()
    estimator = make_iterative(CallbackSupportMixin, with_callbacks)().set_callbacks(mine)
    with fastml.config_context(progress=True):
        estimator.fit().fit()
    assert bars == [mine, mine]


def test_progress_that_cannot_be_shown_warns_and_fits(monkeypatch):
    monkeypatch.setattr(_callbacks, "ProgressBar", None)
    estimator = make_iterative(CallbackSupportMixin, with_callbacks)()
    with (
        fastml.config_context(progress=True),
        pytest.warns(UserWarning, match="'progress' needs scikit-learn 1.9 and rich"),
    ):
        assert estimator.fit().n_iter_ == 10


def test_scikit_learns_bar_is_drawn(capsys):
    pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    estimator = make_iterative(CallbackSupportMixin, with_callbacks)()
    with fastml.config_context(progress=True):
        assert estimator.fit().n_iter_ == 10
    assert "Iterative" in capsys.readouterr().out


def test_the_signature_of_fit_is_kept():
    assert list(
        inspect.signature(make_iterative(CallbackSupportMixin, with_callbacks).fit).parameters
    ) == ["self", "X", "y"]
