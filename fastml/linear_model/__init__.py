"""Linear models, and networks of a single layer."""

from fastml.linear_model._single_layer import SingleLayerClassifier, SingleLayerRegressor

__all__ = ["SingleLayerClassifier", "SingleLayerRegressor"]
