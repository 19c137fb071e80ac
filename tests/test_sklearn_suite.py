"""scikit-learn's own tests on our classes, and the plugin that swaps them in."""

import subprocess
import sys
from pathlib import Path

import pytest

from .sklearn_suite.plugin import SwapPlugin
from .sklearn_suite.table import TABLE, Row

pytest_plugins = "pytester"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TABLE)
def test_scikit_learns_own_tests_pass(name):
    done = subprocess.run(
        [sys.executable, "-m", "tests.sklearn_suite", name],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]


SUITE = """
import pytest
from sklearn.base import BaseEstimator
from library_under_test import Fast, Other, helper

@pytest.mark.parametrize("Estimator", [Fast, Other])
def test_by_class(Estimator):
    assert Estimator().speed == "fast"

@pytest.mark.parametrize("estimator", [Fast(), Other()])
def test_by_instance(estimator):
    assert estimator.speed == "fast"

def test_by_name():
    assert Fast().speed == "fast"

def test_helper():
    assert helper() == "private"

def test_private():
    assert Fast()._hidden

@pytest.mark.parametrize("i", range(50))
def test_many(i):
    assert Fast().speed == "fast"
"""
LIBRARY = """
from sklearn.base import BaseEstimator
class {name}(BaseEstimator):
    speed = "{speed}"
"""
FILE = "test_library.py"


@pytest.fixture
def swapped():
    """Return what is swapped in, by a row each."""
    return ["Fast"]


@pytest.fixture
def suite(pytester, swapped):
    """Run the plugin on a small library's tests, with the exceptions given."""
    library = LIBRARY.format(name="Fast", speed="slow") + LIBRARY.format(name="Other", speed="slow")
    pytester.makepyfile(
        library_under_test=library + "def helper():\n    return 'private'\n",
        replacement=LIBRARY.format(name="Fast", speed="fast"),
        test_library=SUITE,
    )
    pytester.syspathinsert()
    rows = [Row(FILE, {f"library_under_test.{name}": "replacement.Fast"}) for name in swapped]

    def run(**exceptions):
        listed = {f"{FILE}::{test}": reason for test, reason in exceptions.items()}
        listed["elsewhere.py::test_a"] = "of a row that is not run"
        return pytester.runpytest_inprocess(FILE, plugins=[SwapPlugin(rows, listed)])

    return run


def test_swapped_classes_are_tested_and_exceptions_expected_to_fail(suite):
    result = suite(test_private="reads an attribute of scikit-learn's")
    # Out: Other by class and by instance, and the helper.
    result.assert_outcomes(passed=53, xfailed=1, deselected=3)


@pytest.mark.parametrize("swapped", [["Fast", "Other"]])
def test_two_rows_may_share_a_file(suite):
    result = suite(test_private="reads an attribute of scikit-learn's")
    # Out: the helper alone; nothing runs twice.
    result.assert_outcomes(passed=55, xfailed=1, deselected=1)


@pytest.mark.parametrize("swapped", [["Other"]])
def test_exceptions_may_be_of_another_row_of_the_file(suite):
    result = suite(test_private="names a class that is not swapped in now")
    result.assert_outcomes(passed=2, deselected=55)


def test_an_unlisted_failure_fails_the_run(suite):
    suite().assert_outcomes(passed=53, failed=1, deselected=3)


def test_an_exception_that_passes_fails_the_run(suite):
    suite(test_by_name="out of date").assert_outcomes(passed=52, failed=2, deselected=3)


@pytest.mark.parametrize("test, words", [("test_gone", "no tests"), ("test_many", "50 exceptions")])
def test_wrong_lists_of_exceptions_are_refused(suite, test, words):
    result = suite(**{test: "a reason"})
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{words}*"])
