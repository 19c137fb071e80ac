"""Linear programs in MPS and LP files, which HiGHS parses."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["read"]


def read(path: "str | os.PathLike[str]") -> dict[str, Any]:
    """Return the arguments that make a `LinearProgram` of a file; see `LinearProgram.from_file`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    highs, core = _highs()
    highs.setOptionValue("output_flag", False)
    if highs.readModel(str(path)) == core.HighsStatus.kError:
        raise ValueError(f"HiGHS cannot read {path}: it must be an MPS or LP file, named so.")
    lp = highs.getLp()
    n = lp.num_col_
    if any(int(kind) for kind in lp.integrality_):
        raise ValueError(f"{path} asks for integers; this is no linear program.")
    entries = lp.a_matrix_
    kind = sp.csc_array if entries.format_ == core.MatrixFormat.kColwise else sp.csr_array
    shape = (lp.num_row_, n)
    A = sp.csr_array(kind((entries.value_, entries.index_, entries.start_), shape=shape))
    low, high = np.array(lp.row_lower_, dtype=float), np.array(lp.row_upper_, dtype=float)
    equal = low == high
    above, below = ~equal & np.isfinite(high), ~equal & np.isfinite(low)
    rows = sp.vstack([A[above], -A[below]], format="csr")
    return {
        "c": np.array(lp.col_cost_),
        "A": rows,
        "b": np.concatenate([high[above], -low[below]]),
        "A_eq": A[equal],
        "b_eq": low[equal],
        "bounds": list(zip(lp.col_lower_, lp.col_upper_, strict=True)),
        "maximize": lp.sense_ == core.ObjSense.kMaximize,
        "offset": lp.offset_,
        "names": list(lp.col_names_) or None,
    }


def _highs() -> tuple[Any, Any]:
    """Return an instance of HiGHS and the module that it is from: SciPy's own, or highspy."""
    try:
        from scipy.optimize._highspy import _core
    except ImportError:
        try:
            import highspy
        except ImportError as error:
            raise ImportError(
                "Reading MPS and LP files needs SciPy 1.15, or highspy: "
                "python -m pip install highspy."
            ) from error
        return highspy.Highs(), highspy
    return _core._Highs(), _core
