"""Run scikit-learn's own tests on fastml's classes.

Rows of the table come first, if any; what follows goes to pytest, as in
``python -m tests.sklearn_suite KMeans -x -k elkan``.
"""

import itertools
import os
import sys
from pathlib import Path

import pytest
import sklearn

from .exceptions import EXCEPTIONS
from .plugin import SwapPlugin
from .table import TABLE


def main(arguments: list[str]) -> int:
    """Run the rows named, or all; return pytest's exit code."""
    names = list(itertools.takewhile(TABLE.__contains__, arguments))
    rows = [TABLE[name] for name in names or TABLE]
    exceptions: dict[str, str] = {}
    for name in names or TABLE:
        exceptions |= EXCEPTIONS.get(name, {})

    os.environ.setdefault("SKLEARN_RUN_FLOAT32_TESTS", "1")
    site = Path(sklearn.__file__).parent.parent
    return pytest.main(
        [
            # scikit-learn's settings, not fastml's: its warnings are its own business.
            *("-c", os.devnull, f"--rootdir={site}", f"--confcutdir={site}"),
            *("-p", "no:cacheprovider", "-q", "-rfE"),
            *(str(site / file) for file in dict.fromkeys(row.file for row in rows)),
            *arguments[len(names) :],
        ],
        plugins=[SwapPlugin(rows, exceptions)],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
