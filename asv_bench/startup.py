"""What a user waits for before the first result: imports, and the first fit of a process."""

import statistics
import subprocess
import sys

IMPORT = """
import time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""
FIRST_FIT = """
import time
import numpy as np
from {module} import {name}
X = np.random.RandomState(0).standard_normal((2000, 16)).astype(np.float32)
times = []
for _ in range(2):
    start = time.perf_counter()
    {name}(4, random_state=0).fit(X)
    times.append(time.perf_counter() - start)
print(times[0] - times[1])
"""


def median_of_processes(code, runs=5):
    """Run code in fresh processes; return the median of the number it prints."""

    def once():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return float(done.stdout.split()[-1])

    once()  # files into the page cache, kernels into the kernel cache
    return statistics.median(once() for _ in range(runs))


class Import:
    """Imports in a fresh process."""

    timeout = 300.0

    def track_import_fastml(self):
        return median_of_processes(IMPORT.format(statement="import fastml"))

    def track_kmeans_over_sklearn(self):
        ours = median_of_processes(IMPORT.format(statement="from fastml.cluster import KMeans"))
        peer = "from sklearn.cluster import KMeans"
        return ours / median_of_processes(IMPORT.format(statement=peer))

    def track_pca_over_sklearn(self):
        ours = median_of_processes(IMPORT.format(statement="from fastml.decomposition import PCA"))
        peer = "from sklearn.decomposition import PCA"
        return ours / median_of_processes(IMPORT.format(statement=peer))

    track_import_fastml.unit = "s"
    track_kmeans_over_sklearn.unit = track_pca_over_sklearn.unit = "x"


class FirstFit:
    """Seconds by which the first fit of a process outlasts the second, kernels cached."""

    timeout = 300.0
    param_names = ("estimator",)
    params = (["cluster.KMeans", "decomposition.PCA"],)

    def track_first_fit(self, estimator):
        package, name = estimator.split(".")
        return median_of_processes(FIRST_FIT.format(module=f"fastml.{package}", name=name))

    track_first_fit.unit = "s"
