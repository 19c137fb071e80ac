"""LinearSVC and LinearSVR beside liblinear (scikit-learn): the same tolerance, either solver."""

import numpy as np
from scipy import sparse
from sklearn import svm

from fastml.svm import LinearSVC, LinearSVR

from . import common

# Rows, columns, share of entries that are not 0, C. On many dense rows it is small: with a larger
# one descent, ours and liblinear's, goes on to its limit of epochs.
SIZES = {
    "dense": (50_000, 100, 1.0, 5e-4),
    "sparse": (20_000, 20_000, 1e-3, 1.0),
    "100 rows": (100, 20, 1.0, 0.1),
    "1000 rows": (1000, 20, 1.0, 0.01),
    "many rows": (200_000, 20, 1.0, 1.0),
}


def problem(n_rows, n_columns, density, dtype=np.float64):
    """Return normal rows, dense or sparse, and scores with noise."""
    rng = np.random.default_rng(0)
    if density == 1:
        X = rng.standard_normal((n_rows, n_columns)).astype(dtype)
    else:
        X = sparse.random(
            n_rows, n_columns, density, format="csr", random_state=0, dtype=dtype,
            data_rvs=rng.standard_normal,
        )  # fmt: skip
    scores = X @ rng.standard_normal(n_columns)
    scores = scores / scores.std()
    return X, scores + 0.3 * rng.standard_normal(n_rows)


class _Ratio(common.Benchmark):
    classes = (LinearSVC, svm.LinearSVC)
    options = {}
    sizes = tuple(SIZES)

    def prepare(self, backend, size):
        *shape, C = SIZES[size]
        self.X, scores = problem(*shape)
        self.y = self.targets(scores)

        # How many epochs descent takes is a matter of luck where rows are few.
        seeds = range(5 if shape[0] <= 1000 else 1)

        def fit(cls):
            models = [cls(random_state=seed, C=C, **self.options) for seed in seeds]
            return lambda: [model.fit(self.X, self.y) for model in models][-1]

        self.ours, self.liblinear = map(fit, self.classes)

    def targets(self, scores):
        return np.where(scores > 0, 1, -1)

    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_liblinear(self, backend, size):
        return common.ratio(self.ours, self.liblinear)

    def track_iterations_over_liblinear(self, backend, size):
        return self.ours().n_iter_ / self.liblinear().n_iter_

    track_ratio_to_liblinear.unit = track_iterations_over_liblinear.unit = "x"


class Dual(_Ratio):
    """Coordinate descent, squared hinge."""

    sizes = ("dense", "sparse", "100 rows", "1000 rows")
    options = {"dual": True}


class Hinge(Dual):
    """Coordinate descent, hinge."""

    options = {"dual": True, "loss": "hinge"}


class Primal(_Ratio):
    """Trust-region Newton method: what is taken by default where rows outnumber features."""

    sizes = ("dense", "100 rows", "1000 rows", "many rows")
    options = {"dual": False}


class Lasso(Primal):
    """l1 penalty."""

    sizes = ("100 rows", "1000 rows", "sparse")
    options = {"dual": False, "penalty": "l1"}


class Joint(Dual):
    """Crammer and Singer's problem, of five classes."""

    sizes = ("100 rows", "1000 rows", "sparse")
    options = {"multi_class": "crammer_singer"}

    def targets(self, scores):
        return np.digitize(scores, [-1, -0.3, 0.3, 1])


class Regression(_Ratio):
    """LinearSVR by coordinate descent."""

    classes = (LinearSVR, svm.LinearSVR)
    sizes = ("dense", "sparse", "100 rows", "1000 rows")
    options = {"epsilon": 0.1}

    def targets(self, scores):
        return scores


class SquaredRegression(Regression):
    """LinearSVR by the Newton method."""

    sizes = ("dense", "100 rows", "1000 rows", "many rows")
    options = {"epsilon": 0.1, "loss": "squared_epsilon_insensitive", "dual": False}
