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
    "IncrementalPCA": Row(
        "sklearn/decomposition/tests/test_incremental_pca.py",
        {"sklearn.decomposition.IncrementalPCA": "fastml.decomposition.IncrementalPCA"},
    ),
    "KernelPCA": Row(
        "sklearn/decomposition/tests/test_kernel_pca.py",
        {"sklearn.decomposition.KernelPCA": "fastml.decomposition.KernelPCA"},
    ),
    "Nystroem": Row(
        "sklearn/tests/test_kernel_approximation.py",
        {"sklearn.kernel_approximation.Nystroem": "fastml.kernel_approximation.Nystroem"},
    ),
    "pairwise": Row(
        "sklearn/metrics/tests/test_pairwise.py",
        {
            f"sklearn.metrics.pairwise.{name}": f"fastml.metrics.pairwise.{name}"
            for name in (
                *("additive_chi2_kernel", "chi2_kernel", "cosine_similarity"),
                *("euclidean_distances", "laplacian_kernel", "linear_kernel"),
                *("pairwise_distances_argmin", "pairwise_distances_argmin_min"),
                *("pairwise_kernels", "polynomial_kernel", "rbf_kernel", "sigmoid_kernel"),
            )
        },
    ),
    "SVC": Row("sklearn/svm/tests/test_svm.py", {"sklearn.svm.SVC": "fastml.svm.SVC"}),
    "SVC sparse": Row("sklearn/svm/tests/test_sparse.py", {"sklearn.svm.SVC": "fastml.svm.SVC"}),
    "optimizers": Row(
        "sklearn/neural_network/tests/test_stochastic_optimizers.py",
        {
            f"sklearn.neural_network._stochastic_optimizers.{name}": f"fastml.nn.optimizers.{name}"
            for name in ("AdamOptimizer", "BaseOptimizer", "SGDOptimizer")
        },
    ),
    "MLP": Row(
        "sklearn/neural_network/tests/test_mlp.py",
        {
            "sklearn.neural_network.MLPClassifier": "fastml.neural_network.MLPClassifier",
            "sklearn.neural_network.MLPRegressor": "fastml.neural_network.MLPRegressor",
        },
    ),
    "BernoulliRBM": Row(
        "sklearn/neural_network/tests/test_rbm.py",
        {"sklearn.neural_network.BernoulliRBM": "fastml.neural_network.BernoulliRBM"},
    ),
    "LinearSVC": Row(
        "sklearn/svm/tests/test_svm.py",
        {"sklearn.svm.LinearSVC": "fastml.svm.LinearSVC"},
    ),
    "LinearSVC sparse": Row(
        "sklearn/svm/tests/test_sparse.py",
        {"sklearn.svm.LinearSVC": "fastml.svm.LinearSVC"},
    ),
    "LinearSVR": Row(
        "sklearn/svm/tests/test_svm.py",
        {"sklearn.svm.LinearSVR": "fastml.svm.LinearSVR"},
    ),
}
