"""The symbols that users write expressions with."""

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._expression import ONE, Expression, Size, as_size, shape_text

__all__ = ["Eye", "Matrix", "Ones", "Scalar", "Vector"]

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "lambda_"),
    *("mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta"),
    *("Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega"),
)  # fmt: skip


def _symbol(
    name: str, rows: Size, columns: Size, latex: str | None, symmetric: bool = False
) -> Expression:
    if not (isinstance(name, str) and name.isidentifier()):
        raise ValueError(f"The name must be a Python identifier such as 'X', got {name!r}.")
    if latex is None:
        latex = "\\" + name.rstrip("_") if name in _GREEK else name
        if len(latex) > 1 and not latex.startswith("\\"):
            latex = rf"\mathrm{{{latex}}}".replace("_", r"\_")
    return Expression("symbol", (), (name, latex, symmetric), (rows, columns))


def Matrix(
    name: str,
    rows: str | int,
    columns: str | int,
    *,
    symmetric: bool = False,
    latex: str | None = None,
) -> Expression:
    """Make a symbol for a matrix.

    Parameters
    ----------
    name : str
        A Python identifier.
    rows, columns : str or int
        Sizes: names such as "n", or numbers. Equal names are equal sizes.
    symmetric : bool, default=False
        Whether it is its own transpose. Derivatives are not taken by such a matrix, whose elements
        do not vary one by one.
    latex : str, optional
        How LaTeX writes it.

    Returns
    -------
    Expression

    Raises
    ------
    ValueError
        For a name or a size that is none; for a symmetric matrix that is not square.

    Examples
    --------
    >>> from fastml.matrix_calculus import Matrix, Vector
    >>> X, a = Matrix("X", "n", "m"), Vector("a", "n")
    >>> a.T @ X
    a' X
    """
    shape = as_size("number of rows", rows), as_size("number of columns", columns)
    if symmetric and shape[0] != shape[1]:
        raise ValueError(f"A symmetric matrix is square, got {name} of shape {shape_text(shape)}.")
    return _symbol(name, *shape, latex, bool(symmetric))


def Vector(name: str, length: str | int, *, latex: str | None = None) -> Expression:
    """Make a symbol for a vector, which is a column.

    Parameters
    ----------
    name, length, latex
        See `Matrix`.

    Returns
    -------
    Expression
        Of shape (length, 1).
    """
    return _symbol(name, as_size("length", length), ONE, latex)


def Scalar(name: str, *, latex: str | None = None) -> Expression:
    """Make a symbol for a number.

    Parameters
    ----------
    name, latex
        See `Matrix`.

    Returns
    -------
    Expression
        Of shape (1, 1).
    """
    return _symbol(name, ONE, ONE, latex)


def Eye(n: str | int) -> Expression:
    """Return the identity matrix of n rows.

    Parameters
    ----------
    n : str or int
        See `Matrix`.

    Returns
    -------
    Expression
    """
    return b.identity(as_size("number of rows", n))


def Ones(n: str | int) -> Expression:
    """Return the column of n ones.

    Parameters
    ----------
    n : str or int
        See `Matrix`.

    Returns
    -------
    Expression
    """
    return b.ones(as_size("length", n))
