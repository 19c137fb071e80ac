"""Neural networks as estimators."""

from fastml.neural_network._autoencoder import Autoencoder
from fastml.neural_network._cnn import CNNClassifier, CNNRegressor
from fastml.neural_network._dbn import DeepBeliefNetwork
from fastml.neural_network._dbn_classifier import DBNClassifier
from fastml.neural_network._gaussian_rbm import GaussianRBM
from fastml.neural_network._lstm import LSTMClassifier, LSTMRegressor
from fastml.neural_network._mlp import MLPClassifier, MLPRegressor
from fastml.neural_network._rbm import BernoulliRBM
from fastml.neural_network._recursive_classifier import RecursiveClassifier
from fastml.neural_network._recursive_regressor import RecursiveRegressor
from fastml.neural_network._rnn import RNNClassifier, RNNRegressor
from fastml.neural_network._seq2seq_classifier import Seq2SeqClassifier
from fastml.neural_network._seq2seq_regressor import Seq2SeqRegressor

__all__ = [
    "Autoencoder", "BernoulliRBM", "CNNClassifier", "CNNRegressor", "DBNClassifier",
    "DeepBeliefNetwork", "GaussianRBM", "LSTMClassifier", "LSTMRegressor", "MLPClassifier",
    "MLPRegressor", "RNNClassifier", "RNNRegressor", "RecursiveClassifier", "RecursiveRegressor",
    "Seq2SeqClassifier", "Seq2SeqRegressor",
]  # fmt: skip
