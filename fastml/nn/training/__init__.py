"""The training loop, where batches come from, and what training has come to."""

from fastml.nn.training._lbfgs import train_lbfgs
from fastml.nn.training._loop import DivergenceError, Loss, Settings, train
from fastml.nn.training._sources import Batch, InMemory, Source
from fastml.nn.training._state import TrainingState
from fastml.nn.training._streams import RowsOnDisk, Stream, epoch_batches, is_stream
from fastml.nn.training.checkpoint import load_checkpoint, save_checkpoint

__all__ = [
    "Batch",
    "DivergenceError",
    "InMemory",
    "Loss",
    "RowsOnDisk",
    "Settings",
    "Source",
    "Stream",
    "TrainingState",
    "epoch_batches",
    "is_stream",
    "load_checkpoint",
    "save_checkpoint",
    "train",
    "train_lbfgs",
]
