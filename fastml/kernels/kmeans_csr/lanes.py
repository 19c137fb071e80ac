"""Device code shared by the kernels for sparse rows: the nearest center, norms and distances."""

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d

# A block takes one row at a time, its threads take centers.
THREADS = 64


@cuda_kernel
def squared_norms(centers, norms):
    # Feature by feature, the order in which `squared_distance` takes features out again.
    for j in range(cuda.grid(1), centers.shape[0], cuda.gridsize(1)):
        total = 0.0
        for t in range(centers.shape[1]):
            total += np.float64(centers[j, t]) * np.float64(centers[j, t])
        norms[j] = total


@cuda_device
def nearest_of_row(data, indices, first, last, columns, half_norms):
    """Return the center that maximises x'c - |c|^2 / 2; all threads of a block call it."""
    scores = cuda.shared.array(THREADS, columns.dtype)
    labels = cuda.shared.array(THREADS, np.int32)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    best = columns.dtype.type(-np.inf)
    label = 0
    for j in range(thread, columns.shape[1], n_threads):
        score = -half_norms[j]
        for e in range(first, last):
            score += data[e] * columns[indices[e], j]
        if score > best:
            best = score
            label = j
    scores[thread] = best
    labels[thread] = label
    cuda.syncthreads()
    best = scores[0]
    label = labels[0]
    for other in range(1, n_threads):
        score, candidate = scores[other], labels[other]
        if score > best or (score == best and candidate < label):
            best = score
            label = candidate
    cuda.syncthreads()
    return label


@cuda_device
def squared_distance(data, indices, first, last, centers, norms, label):
    """Return |x - c|^2 in float64, from the entries of a row and |c|^2."""
    apart = 0.0
    inside = 0.0
    for e in range(first, last):
        c = np.float64(centers[label, indices[e]])
        difference = np.float64(data[e]) - c
        apart += difference * difference
        inside += c * c
    return max(apart + (norms[label] - inside), 0.0)


def norms_of(centers):
    """Return |c|^2 of each center, in float64."""
    norms = as_device(array_module(centers).empty(centers.shape[0], np.float64))
    squared_norms[grid_1d(centers.shape[0], THREADS)](as_device(centers), norms)
    return norms


def prepared(centers):
    """Return the centers feature by feature, so that threads read side by side, and half norms."""
    xp = array_module(centers)
    halves = (centers.astype(np.float64) ** 2).sum(axis=1) * 0.5
    return as_device(xp.ascontiguousarray(centers.T)), as_device(halves.astype(centers.dtype))
