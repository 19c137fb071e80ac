"""Clustering and vector quantisation."""

from fastml.cluster._functions import k_means, kmeans_plusplus
from fastml.cluster.kmeans import KMeans
from fastml.cluster.minibatch_kmeans import MiniBatchKMeans

__all__ = ["KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"]
