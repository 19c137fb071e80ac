"""One result of the threads of a CUDA block, from a share of each, in an order that is fixed."""

from fastml._jit.cuda import cuda, cuda_device, simulated

__all__ = ["block_max", "block_sum", "threads_for"]

_MOST_THREADS = 256


def threads_for(n_items):
    """Return how many threads of a block to give so many items: a power of two."""
    if simulated():
        return 4
    n_threads = 32
    while n_threads < _MOST_THREADS and 2 * n_threads <= n_items:
        n_threads *= 2
    return n_threads


@cuda_device
def block_max(value, shares):
    """Return the largest of the threads' values; all threads of the block call it."""
    thread, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    shares[thread] = value
    cuda.syncthreads()
    while half:
        if thread < half and shares[thread + half] > shares[thread]:
            shares[thread] = shares[thread + half]
        cuda.syncthreads()
        half //= 2
    result = shares[0]
    cuda.syncthreads()
    return result


@cuda_device
def block_sum(value, shares):
    """Return the sum of the threads' values; all threads of the block call it."""
    thread, half = cuda.threadIdx.x, cuda.blockDim.x // 2
    shares[thread] = value
    cuda.syncthreads()
    while half:
        if thread < half:
            shares[thread] += shares[thread + half]
        cuda.syncthreads()
        half //= 2
    result = shares[0]
    cuda.syncthreads()
    return result
