"""Layers: descriptions of a function, of its parameters and of the shapes it takes."""

from fastml.nn.layers._containers import Sequential
from fastml.nn.layers._convolution import Conv1D, Conv2D
from fastml.nn.layers._dense import Activation, Dense, Flatten
from fastml.nn.layers._dropout import DropConnect, Dropout
from fastml.nn.layers._embedding import Embedding
from fastml.nn.layers._layer import Layer, Parameter, Run
from fastml.nn.layers._noise import GaussianNoise, MaskingNoise, SaltAndPepperNoise
from fastml.nn.layers._normalization import BatchNorm, LayerNorm
from fastml.nn.layers._pooling import AvgPool1D, AvgPool2D, GlobalAvgPool, MaxPool1D, MaxPool2D
from fastml.nn.layers._recurrent import GRU, LSTM, LeakyRNN, SimpleRNN
from fastml.nn.layers._recurrent_stack import RecurrentStack
from fastml.nn.layers._residual import Residual
from fastml.nn.layers._transposed import (
    Conv1DTranspose,
    Conv2DTranspose,
    Reshape,
    UpSampling1D,
    UpSampling2D,
)
from fastml.nn.layers._tree import TreeEmbedding, TreeLSTM, TreeRNN

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DropConnect",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "Layer",
    "LayerNorm",
    "LeakyRNN",
    "MaskingNoise",
    "MaxPool1D",
    "MaxPool2D",
    "Parameter",
    "RecurrentStack",
    "Reshape",
    "Residual",
    "Run",
    "SaltAndPepperNoise",
    "Sequential",
    "SimpleRNN",
    "TreeEmbedding",
    "TreeLSTM",
    "TreeRNN",
    "UpSampling1D",
    "UpSampling2D",
]
