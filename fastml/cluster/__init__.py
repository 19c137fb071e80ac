"""Clustering and vector quantisation."""

from fastml.cluster._functions import k_means, kmeans_plusplus
from fastml.cluster.kmeans import KMeans
from fastml.cluster.minibatch_kmeans import MiniBatchKMeans
from fastml.cluster.winner_take_all import WinnerTakeAll

__all__ = ["KMeans", "MiniBatchKMeans", "WinnerTakeAll", "k_means", "kmeans_plusplus"]
