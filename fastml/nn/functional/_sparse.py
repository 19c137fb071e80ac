"""Products with sparse rows, which are constants of the graph."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.autodiff import primitive
from fastml.autodiff._primitive import Operation

__all__ = ["sparse_product"]


def _product(W: Any, rows: Any) -> Any:
    """Sparse rows times a matrix."""
    return rows @ W


def _adjoint(g: Any, out: Any, W: Any, rows: Any) -> Any:
    return sparse_product(g, rows=rows.T)


def _example(rng: np.random.Generator) -> Any:
    thin = np.where(rng.uniform(size=(5, 4)) < 0.5, rng.standard_normal((5, 4)), 0)
    return (rng.standard_normal((4, 3)),), {"rows": sp.csr_array(thin)}


sparse_product: Operation = primitive(
    "sparse_product", _product, _adjoint,
    text="rows @ {0}", latex=r"S\,{0}", example=_example,
)  # fmt: skip
