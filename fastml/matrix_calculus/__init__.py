"""Matrix calculus: identities that prove themselves, and derivatives in closed form."""

from fastml.matrix_calculus._catalogue import Verification, Verified, catalogue, verify
from fastml.matrix_calculus._derivative import Derivative, Step
from fastml.matrix_calculus._derive import derive
from fastml.matrix_calculus._expression import Expression
from fastml.matrix_calculus._identity import Identity
from fastml.matrix_calculus._operators import (
    cos,
    det,
    exp,
    hadamard,
    inv,
    kron,
    log,
    logdet,
    logsumexp,
    outer,
    sigmoid,
    sin,
    softmax,
    sqrt,
    sum,
    tanh,
    trace,
)  # fmt: skip
from fastml.matrix_calculus._symbols import Eye, Matrix, Ones, Scalar, Vector
from fastml.matrix_calculus._table import Table

__all__ = [
    "Derivative", "Expression", "Eye", "Identity", "Matrix", "Ones", "Scalar", "Step", "Table",
    "Vector", "Verification", "Verified", "catalogue", "cos", "derive", "det", "exp", "hadamard",
    "inv", "kron", "log", "logdet", "logsumexp", "outer", "sigmoid", "sin", "softmax", "sqrt",
    "sum", "tanh", "trace", "verify",
]  # fmt: skip
