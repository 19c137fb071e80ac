"""Support vector machines."""

from fastml.svm._svc import SVC

__all__ = ["SVC"]
