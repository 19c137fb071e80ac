"""Neural networks as estimators."""

from fastml.neural_network._gaussian_rbm import GaussianRBM
from fastml.neural_network._rbm import BernoulliRBM

__all__ = ["BernoulliRBM", "GaussianRBM"]
