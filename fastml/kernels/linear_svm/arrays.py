"""What NumPy, and CuPy beside it, need for a trust-region Newton method: products with a matrix."""

import numpy as np
import scipy.sparse

from fastml._jit.cuda import array_module
from fastml.kernels.linear_svm.scalar import ETA, INNER, ROUNDING, new_radius


def matrix(data, indices, indptr, width):
    """Return the rows as an array, or as a sparse matrix, in float64."""
    xp = array_module(data)
    n = indptr.shape[0] - 1
    if indices.size == 0 and data.size == n * width:
        return data.reshape(n, width).astype(np.float64)
    if xp is np:
        return scipy.sparse.csr_array((data.astype(np.float64), indices, indptr), (n, width))
    from cupyx.scipy.sparse import csr_matrix

    parts = (data.astype(np.float64), indices, indptr.astype(np.int32))
    return csr_matrix(parts, (n, width))


def times(X, vector, bias):
    """Return X times a vector, whose last element belongs to a column of `bias`."""
    return X @ vector[:-1] + vector[-1] * bias


def transposed_times(X, vector, bias):
    """Return that matrix, transposed, times a vector."""
    xp = array_module(vector)
    return xp.append(X.T @ vector, bias * vector.sum())


def excess(scores, target, epsilon, symmetric):
    """Return by how much scores miss their targets beyond what is free, with its sign."""
    xp = array_module(scores)
    apart = scores - target
    if symmetric:
        return xp.maximum(apart - epsilon, 0) + xp.minimum(apart + epsilon, 0)
    return xp.where(target > 0, xp.minimum(apart, 0), xp.maximum(apart, 0))


class Objective:
    """Half the square of the coefficients and the squared losses of all rows."""

    def __init__(self, X, target, price, bias, epsilon, symmetric, kept):
        self.X, self.target, self.price, self.bias = X, target, price, bias
        self.epsilon, self.symmetric, self.kept = epsilon, symmetric, kept

    def at(self, coefs):
        """Return the value, the gradient, and the second derivatives of the rows' losses."""
        over = excess(times(self.X, coefs, self.bias), self.target, self.epsilon, self.symmetric)
        force = 2 * self.price * over
        value = 0.5 * float(self.kept @ coefs**2) + 0.5 * float(force @ over)
        gradient = self.kept * coefs + transposed_times(self.X, force, self.bias)
        return value, gradient, 2 * self.price * (over != 0)

    def curved(self, stiffness, vector):
        """Return the matrix of second derivatives times a vector."""
        along = stiffness * times(self.X, vector, self.bias)
        return self.kept * vector + transposed_times(self.X, along, self.bias)


def length_of(vector):
    """Return the Euclidean length."""
    return float(vector @ vector) ** 0.5


def steihaug(objective, stiffness, gradient, radius):
    """Return the step of conjugate gradients within a radius, and what they have left."""
    step, residual, direction = 0 * gradient, -gradient, -gradient
    square = float(residual @ residual)
    enough = INNER * square**0.5
    for _ in range(gradient.size + 50):
        if square**0.5 <= enough:
            break
        product = objective.curved(stiffness, direction)
        curvature = float(direction @ product)
        far = square / curvature if curvature > 0 else np.inf
        if not length_of(step + far * direction) <= radius:
            std, sts, dtd = (float(a @ b) for a, b in
                             ((step, direction), (step, step), (direction, direction)))  # fmt: skip
            root = (std * std + dtd * max(radius**2 - sts, 0.0)) ** 0.5
            far = (radius**2 - sts) / (std + root) if std >= 0 else (root - std) / dtd
            return step + far * direction, residual - far * product
        step, residual = step + far * direction, residual - far * product
        before, square = square, float(residual @ residual)
        direction = residual + square / before * direction
    return step, residual


def trust_region(objective, coefs, gradient_out, state, tol, n_steps):
    """Take steps of the trust-region Newton method for one problem."""
    steps, radius, first, solved = (float(x) for x in state)
    value, gradient, stiffness = objective.at(coefs)
    if first < 0:
        first = radius = length_of(gradient)
    if length_of(gradient) <= tol * first:
        solved = 1.0
    left = n_steps
    while not solved and left > 0:
        step, residual = steihaug(objective, stiffness, gradient, radius)
        along, length = float(gradient @ step), length_of(step)
        predicted = -0.5 * (along - float(step @ residual))
        new = objective.at(coefs + step)
        actual = value - new[0]
        radius = new_radius(min(radius, length) if steps == 0 else radius, length, actual,
                           predicted, along)  # fmt: skip
        if actual > ETA[0] * predicted:
            coefs += step
            value, gradient, stiffness = new
            steps, left = steps + 1, left - 1
            if length_of(gradient) <= tol * first:
                solved = 1.0
        if actual <= 0 and predicted <= 0:
            solved = 1.0
        if max(abs(actual), abs(predicted)) <= ROUNDING * value:
            solved = 1.0
    gradient_out[:] = gradient
    state[:] = array_module(state).asarray([steps, radius, first, solved])


def prices(target, weights, costs):
    """Return the price of a unit of each row's loss."""
    return weights * array_module(target).where(target > 0, costs[1], costs[0])


def squared_norms(data, indices, indptr, bias, norms):
    """Compute the square of each row's length, with the column of the intercept."""
    xp = array_module(data)
    owners = xp.searchsorted(indptr, xp.arange(data.size), side="right") - 1
    squares = data.astype(np.float64) ** 2
    norms[:] = xp.bincount(owners, squares, minlength=norms.size) + bias**2


def decision_values(data, indices, indptr, coefs, bias, scores):
    """Compute each row's product with every problem's coefficients."""
    X = matrix(data, indices, indptr, coefs.shape[1] - 1)
    for k in range(len(coefs)):
        scores[k] = times(X, coefs[k], bias)


def newton_steps(
    data, indices, indptr, targets, weights, costs, bias, epsilon, symmetric, penalised, tols,
    n_steps, coefs, gradients, progress,
):  # fmt: skip
    """Take steps of the trust-region Newton method."""
    X = matrix(data, indices, indptr, coefs.shape[1] - 1)
    kept = array_module(coefs).ones(coefs.shape[1])
    kept[-1] = penalised
    for k in range(len(targets)):
        price = prices(targets[k], weights, costs[k])
        objective = Objective(X, targets[k], price, bias, epsilon, symmetric, kept)
        trust_region(objective, coefs[k], gradients[k], progress[k], float(tols[k]), n_steps)
