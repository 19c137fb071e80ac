"""Linear support vector machines on a CUDA device.

Sums over all rows are CuPy's products. Coordinate descent takes a row after another, each of which
waits for the one before: on a device that is one block, some 2 microseconds a row, where a core of
the host needs 20 to 60 nanoseconds; fetching X costs less than one epoch. So these epochs are run
on the host, by its kernels, and their results are copied back.
"""

from fastml.kernels.linear_svm import arrays, cpu

# What epochs write.
_WRITTEN = ("beta", "alpha", "coefs", "residuals", "order", "shrunk", "progress")


def _on_host(kernel, given):
    """Run a kernel of the CPU on copies in host memory, and copy back what it wrote."""
    on_device = {name for name, a in given.items() if hasattr(a, "get")}
    copies = {name: a.get() if name in on_device else a for name, a in given.items()}
    kernel(**copies)
    for name in on_device.intersection(_WRITTEN):
        given[name].set(copies[name])


def squared_norms(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    bias,  # IN scalar
    norms,  # OUT (n_samples,)
):
    arrays.squared_norms(data, indices, indptr, bias, norms)


def decision_values(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    coefs,  # IN (n_problems, n_features + 1)
    bias,  # IN scalar
    scores,  # OUT (n_problems, n_samples)
):
    arrays.decision_values(data, indices, indptr, coefs, bias, scores)


def dual_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    norms,  # IN (n_samples,)
    targets,  # IN (n_problems, n_samples)
    offsets,  # IN (n_problems,)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    bias,  # IN scalar
    epsilon,  # IN scalar
    symmetric,  # IN scalar
    squared,  # IN scalar
    tol,  # IN scalar
    seed,  # IN scalar
    n_epochs,  # IN scalar
    beta,  # INOUT (n_problems, n_samples)
    coefs,  # INOUT (n_problems, n_features + 1)
    order,  # INOUT (n_problems, n_samples)
    progress,  # INOUT (n_problems, 6)
):
    _on_host(cpu.dual_epochs, locals())


def lasso_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_columns + 1,)
    targets,  # IN (n_problems, n_samples)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    penalised,  # IN scalar
    tols,  # IN (n_problems,)
    seed,  # IN scalar
    n_epochs,  # IN scalar
    coefs,  # INOUT (n_problems, n_columns)
    residuals,  # INOUT (n_problems, n_samples)
    order,  # INOUT (n_problems, n_columns)
    progress,  # INOUT (n_problems, 5)
):
    _on_host(cpu.lasso_epochs, locals())


def joint_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    norms,  # IN (n_samples,)
    labels,  # IN (n_samples,)
    uppers,  # IN (n_samples,)
    offsets,  # IN (n_classes,)
    bias,  # IN scalar
    tol,  # IN scalar
    seed,  # IN scalar
    n_epochs,  # IN scalar
    alpha,  # INOUT (n_samples, n_classes)
    coefs,  # INOUT (n_classes, n_features + 1)
    order,  # INOUT (n_samples,)
    shrunk,  # INOUT (n_samples, n_classes)
    progress,  # INOUT (5,)
):
    _on_host(cpu.joint_epochs, locals())


def newton_steps(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    targets,  # IN (n_problems, n_samples)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    bias,  # IN scalar
    epsilon,  # IN scalar
    symmetric,  # IN scalar
    penalised,  # IN scalar
    tols,  # IN (n_problems,)
    n_steps,  # IN scalar
    coefs,  # INOUT (n_problems, n_features + 1)
    gradients,  # OUT (n_problems, n_features + 1)
    progress,  # INOUT (n_problems, 4)
):
    arrays.newton_steps(
        data,
        indices,
        indptr,
        targets,
        weights,
        costs,
        bias,
        epsilon,
        symmetric,
        penalised,
        tols,
        n_steps,
        coefs,
        gradients,
        progress,
    )
