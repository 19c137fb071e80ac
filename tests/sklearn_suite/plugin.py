"""The pytest plugin that swaps classes, keeps to the tests that use them, and minds exceptions."""

import importlib
from collections.abc import Mapping, Sequence

import pytest
from sklearn.base import BaseEstimator

from .table import Row

# More exceptions than this share of the tests would mean that the class is not a replacement.
MAX_EXCEPTIONS = 0.03


def resolve(dotted):
    """Return the object that a dotted name stands for."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def names(item):
    """Return what an item may be listed as: with its parameters, and without."""
    return {item.nodeid, item.nodeid.partition("[")[0]}


class SwapPlugin:
    """Swap in what `rows` say, and run what is left of their tests."""

    def __init__(self, rows: Sequence[Row], exceptions: Mapping[str, str]):
        self.swaps = {name: target for row in rows for name, target in row.swaps.items()}
        self.files = tuple(dict.fromkeys(row.file for row in rows))
        self.exceptions = {
            test: reason
            for test, reason in exceptions.items()
            if test.startswith(tuple(f"{file}::" for file in self.files))
        }
        self.ours = {}

    def pytest_sessionstart(self, session):
        """Replace public names; no test file is imported yet."""
        for dotted, target in self.swaps.items():
            module, _, name = dotted.rpartition(".")
            self.ours[name] = resolve(target)
            setattr(importlib.import_module(module), name, self.ours[name])

    def concerns_us(self, item):
        """Whether a test exercises a swapped class or function.

        A test parametrised by estimators does if one of them is ours; any other if it names one of
        the swapped objects.
        """
        values = getattr(item, "callspec", None)
        classes = [
            value if isinstance(value, type) else type(value)
            for value in (values.params.values() if values else ())
        ]
        estimators = [cls for cls in classes if issubclass(cls, BaseEstimator)]
        if estimators:
            return any(cls in self.ours.values() for cls in estimators)
        names = set(item.function.__code__.co_names)
        # Named in the test's module, or as an attribute of a module that is: svm.LinearSVC.
        homes = [item.module, *(getattr(item.module, name, None) for name in names)]
        return any(
            getattr(home, name, None) is self.ours[name]
            for name in names & set(self.ours)
            for home in homes
        )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        """Deselect tests of other classes; expect the exceptions to fail."""
        kept = [item for item in items if self.concerns_us(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        # A file may have other rows, which are not run now, and exceptions of theirs.
        missing = set(self.exceptions).difference(*map(names, items))
        marked = 0
        for item in kept:
            listed = names(item) & set(self.exceptions)
            marked += bool(listed)
            for test in listed:
                item.add_marker(pytest.mark.xfail(reason=self.exceptions[test], strict=True))
        if missing:
            raise pytest.UsageError(f"Exceptions that are no tests: {sorted(missing)}.")
        for file in self.files:
            if not any(item.nodeid.startswith(f"{file}::") for item in kept):
                raise pytest.UsageError(f"{file} has no test of what is swapped in.")
        if marked >= MAX_EXCEPTIONS * len(kept):
            limit = f"{MAX_EXCEPTIONS:.0%} of {len(kept)} tests"
            raise pytest.UsageError(f"{marked} exceptions reach {limit}.")
        items[:] = kept
