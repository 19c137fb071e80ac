"""How many dimensions data have, by Minka's approximation of the Bayesian evidence."""

from typing import Any

import numpy as np
from scipy.special import gammaln

__all__ = ["evidence", "infer_dimension"]

# Eigenvalues below this count as zero.
TINY = 1e-15


def evidence(spectrum: Any, rank: int, n_samples: float) -> float:
    """Return the log-evidence that data have `rank` dimensions and spherical noise.

    Equation 30 of T. P. Minka, "Automatic choice of dimensionality for PCA", NIPS 2000.

    Parameters
    ----------
    spectrum : array of shape (n_features,)
        Eigenvalues of the covariance matrix, largest first.
    rank : int
        Dimensions, from 1 to n_features - 1.
    n_samples : float
        Number of samples, or their weight.

    Returns
    -------
    float
        -inf where the last of the `rank` eigenvalues is zero.
    """
    spectrum = np.asarray(spectrum, dtype=np.float64)
    n_features = spectrum.shape[0]
    if not 1 <= rank < n_features:
        raise ValueError("the tested rank should be in [1, n_features - 1]")
    if spectrum[rank - 1] < TINY:
        return -np.inf
    dims = (n_features - np.arange(rank)) / 2
    log_prior = -rank * np.log(2) + np.sum(gammaln(dims) - dims * np.log(np.pi))
    noise = max(TINY, spectrum[rank:].sum() / (n_features - rank))
    log_fit = np.log(spectrum[:rank]).sum() + np.log(noise) * (n_features - rank)
    free = n_features * rank - rank * (rank + 1) / 2

    # The Hessian's determinant: all pairs of a kept direction and one after it.
    smoothed = np.where(np.arange(n_features) < rank, spectrum, noise)
    kept, later = np.triu_indices(rank, 1, n_features)
    factors = (spectrum[kept] - spectrum[later]) * (1 / smoothed[later] - 1 / smoothed[kept])
    # Equal eigenvalues have no Hessian; a tiny factor keeps the comparison of ranks finite.
    log_hessian = np.log(np.maximum(factors, TINY)).sum() + kept.size * np.log(n_samples)
    return float(
        log_prior
        - n_samples / 2 * log_fit
        + (free + rank) / 2 * np.log(2 * np.pi)
        - log_hessian / 2
        - rank / 2 * np.log(n_samples)
    )


def infer_dimension(spectrum: Any, n_samples: float) -> int:
    """Return the number of dimensions, from 1 to n_features - 1, with the largest evidence.

    A single feature, for which no rank can be tested, gives 0.
    """
    if len(spectrum) == 1:
        return 0
    ranks = range(1, len(spectrum))
    return 1 + int(np.argmax([evidence(spectrum, rank, n_samples) for rank in ranks]))
