"""Neural networks as estimators."""

from fastml.neural_network._cnn import CNNClassifier, CNNRegressor
from fastml.neural_network._mlp import MLPClassifier, MLPRegressor

__all__ = ["CNNClassifier", "CNNRegressor", "MLPClassifier", "MLPRegressor"]
