"""What the tests of PCA share."""

import numpy as np

BACKENDS = ["cpu", "reference"]
SOLVERS = ["full", "covariance_eigh", "arpack", "randomized"]


def spectrum_data(n_samples, n_features, dtype=np.float64, seed=0, decay=0.7):
    """Rows about a mean far from zero whose variances fall by `decay` a component."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    factors = rng.standard_normal((n_samples, n_features)) * decay ** np.arange(n_features)
    return (factors @ axes + rng.uniform(-3, 3, n_features)).astype(dtype)
