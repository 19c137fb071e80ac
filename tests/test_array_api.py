"""The estimator checks of input from array API libraries, which run under SCIPY_ARRAY_API=1 only.

SciPy reads the variable when it is imported, hence a process of its own; the rest of the tests run
as most users do, without it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_array_api_checks_pass_and_none_skips():
    files = [
        path for path in HERE.glob("test_*.py") if "@parametrize_with_checks" in path.read_text()
    ]
    assert len(files) >= 2
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-q", "-k", "check_array_api_input", *files],
        cwd=HERE.parent,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert re.search(r"\d+ passed", done.stdout)
    assert "skipped" not in done.stdout
