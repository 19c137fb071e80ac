"""Matrix decompositions."""

from fastml.decomposition._incremental_pca import IncrementalPCA
from fastml.decomposition._kernel_pca import KernelPCA
from fastml.decomposition._pca import PCA

__all__ = ["PCA", "IncrementalPCA", "KernelPCA"]
