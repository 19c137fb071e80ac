"""The convention for where derivatives' rows and columns go, stated once.

Denominator layout: the gradient of a scalar by X has the shape of X, and the Jacobian of a vector f
by a vector x has a row for each element of x and a column for each of f. Numerator layout is its
transpose. Derivatives entry by entry, such as those of X'BX by X_ij, have the shape of what is
differentiated in both. Vectors are arrays of one dimension, rows and columns alike; vec puts the
columns of a matrix below one another.
"""

__all__ = ["LAYOUTS", "checked_layout"]

LAYOUTS = ("denominator", "numerator")


def checked_layout(layout: str) -> str:
    """Return a layout; refuse what is none."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be 'denominator' or 'numerator', got {layout!r}.")
    return layout
