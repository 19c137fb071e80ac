"""Support vector machines."""

from fastml.svm._linear_svc import LinearSVC
from fastml.svm._linear_svr import LinearSVR
from fastml.svm._svc import SVC

__all__ = ["SVC", "LinearSVC", "LinearSVR"]
