"""What the tests of autoencoders share."""

import numpy as np
from sklearn.datasets import load_digits

from fastml.nn import Conv2D, Conv2DTranspose, Dense, Flatten, Reshape, UpSampling2D

DIGITS = load_digits().data / 16
_RNG = np.random.default_rng(0)
# Three directions of five, and a little noise.
X = _RNG.standard_normal((150, 3)) @ (np.eye(3, 5) + np.eye(3, 5, 1)) + 2
X += 0.1 * _RNG.standard_normal(X.shape)
WEIGHT = _RNG.uniform(0, 2, len(X))
UNIT = (X - X.min()) / (X.max() - X.min())
FEW = {"max_iter": 4, "random_state": 0}
CONVOLUTIONS = {
    "encoder": [Conv2D(4, 3, "relu", stride=2, padding="same"), Flatten(), Dense(3)],
    "decoder": [
        Dense(16, "relu"), Reshape((2, 2, 4)), UpSampling2D(),
        Conv2DTranspose(1, 3, stride=2, padding="same"),
    ],
}  # fmt: skip
