"""Derive gradients symbolically, check them, and solve ridge regression with what was derived.

Prints the catalogue of identities with the largest error of each, then the derivation of the
gradient of a least-squares loss, its Hessian, and the gradient of a Gaussian's log-likelihood.
"""

import numpy as np

from fastml import autodiff as ad
from fastml.matrix_calculus import Matrix, Scalar, Vector, derive, logdet, verify


def main() -> None:
    """Run the example."""
    print(verify(), "\n")

    X, w, y = Matrix("X", "n", "p"), Vector("w", "p"), Vector("y", "n")
    alpha = Scalar("alpha")
    residual = X @ w - y
    loss = residual.T @ residual + alpha * w.T @ w
    gradient = derive(loss, w)
    hessian = derive(gradient.result, w)
    print("Ridge regression\n")
    print(gradient.explain(), "\n")
    print(f"Hessian: {hessian.text}\n")

    rng = np.random.default_rng(0)
    at = {"X": rng.standard_normal((50, 4)), "y": rng.standard_normal(50), "alpha": 2.0}
    start = np.ones(4)
    # The loss is quadratic: one of Newton's steps arrives.
    step = np.linalg.solve(hessian.compile()(**at, w=start), gradient.compile()(**at, w=start))
    found = start - step
    expected = np.linalg.solve(at["X"].T @ at["X"] + 2.0 * np.eye(4), at["X"].T @ at["y"])
    report("weights, from the normal equations", found, expected)
    by_graph = ad.grad(lambda v: loss.compile()(**at, w=v))(start)
    report("gradient, from the graph", gradient.compile()(**at, w=start), by_graph)

    P, u, mu = Matrix("P", "p", "p"), Vector("u", "p"), Vector("mu", "p")
    likelihood = logdet(P) - (u - mu).T @ P @ (u - mu)
    print("\nA Gaussian's log-likelihood, twice, by its precision\n")
    print(derive(likelihood, P).explain())


def report(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Print how far two arrays are apart."""
    print(f"Largest difference of the {what}: {np.max(np.abs(ours - theirs)):.1e}")


if __name__ == "__main__":
    main()
