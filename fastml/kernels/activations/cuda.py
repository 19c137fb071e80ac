"""Activation functions on a CUDA device."""

from fastml._jit.cuda import as_device, cuda, cuda_kernel
from fastml._jit.grid import grid_1d


@cuda_kernel
def _winner_take_all(S, out):
    for row in range(cuda.grid(1), S.shape[0], cuda.gridsize(1)):
        winner = 0
        for j in range(1, S.shape[1]):
            if S[row, j] > S[row, winner]:
                winner = j
        for j in range(S.shape[1]):
            out[row, j] = 0
        out[row, winner] = 1


def winner_take_all(
    S,  # IN (n_rows, n_units)
    out,  # OUT (n_rows, n_units)
):
    _winner_take_all[grid_1d(S.shape[0])](as_device(S), as_device(out))
