"""Convolutions of images, and their gradients: direct, channels last."""
