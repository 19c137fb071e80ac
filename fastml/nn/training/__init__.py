"""The training loop that all networks share."""

from fastml.nn.training.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["load_checkpoint", "save_checkpoint"]
