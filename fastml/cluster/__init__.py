"""Clustering and vector quantisation."""

from fastml.cluster._functions import k_means, kmeans_plusplus
from fastml.cluster.kmeans import KMeans

__all__ = ["KMeans", "k_means", "kmeans_plusplus"]
