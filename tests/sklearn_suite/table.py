"""Which of scikit-learn's test files are run, and what is swapped in for them.

A new estimator is one more row.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One test file of scikit-learn, and the public names replaced before it is imported."""

    file: str
    swaps: dict[str, str]


TABLE = {
    "KMeans": Row(
        "sklearn/cluster/tests/test_k_means.py",
        {
            "sklearn.cluster.KMeans": "fastml.cluster.KMeans",
            "sklearn.cluster.k_means": "fastml.cluster.k_means",
            "sklearn.cluster.kmeans_plusplus": "fastml.cluster.kmeans_plusplus",
        },
    ),
    "MiniBatchKMeans": Row(
        "sklearn/cluster/tests/test_k_means.py",
        {"sklearn.cluster.MiniBatchKMeans": "fastml.cluster.MiniBatchKMeans"},
    ),
    "PCA": Row(
        "sklearn/decomposition/tests/test_pca.py",
        {"sklearn.decomposition.PCA": "fastml.decomposition.PCA"},
    ),
}
