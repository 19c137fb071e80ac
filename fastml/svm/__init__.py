"""Support vector machines."""

from fastml.svm._linear_svc import LinearSVC
from fastml.svm._linear_svr import LinearSVR

__all__ = ["LinearSVC", "LinearSVR"]
