"""Fits that are killed at any moment, and go on from their checkpoint to the same bits."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fastml.nn.training import load_checkpoint

FIT = """
import hashlib, sys, warnings
import numpy as np
from fastml.datasets import make_shapes
from fastml.neural_network import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore")
number, path = int(sys.argv[1]), sys.argv[2] or None
options = [
    {"early_stopping": True, "n_iter_no_change": 100, "dropout": 0.2},
    {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.05},
    {"solver": "rmsprop", "learning_rate": "cosine", "batch_size": 37, "checkpoint_every": 3},
    {"solver": "adamw", "input_dropout": 0.1, "max_norm": 1.0, "restore_best_weights": True},
][number % 4]
cls = MLPRegressor if number % 8 > 3 else MLPClassifier
X, y = make_shapes(400, random_state=number)
X = X.reshape(400, -1).astype("f8" if number % 3 else "f4")
model = cls(
    hidden_layer_sizes=(128, 64), max_iter=12, random_state=number, checkpoint=path, **options
)
print("begun", flush=True)
model.fit(X, y)
held = hashlib.sha256(b"".join(a.tobytes() for a in model.coefs_ + model.intercepts_))
held.update(repr((model.loss_curve_, model.validation_scores_, model.n_iter_)).encode())
print(held.hexdigest())
"""


def start(number, path="", n_threads=1):
    """Start a fit in a process of its own; return the process once it is about to begin."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(n_threads)}
    fit = subprocess.Popen(
        [sys.executable, "-c", FIT, str(number), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert fit.stdout.readline() == "begun\n"
    return fit


def finish(fit):
    printed, _ = fit.communicate()
    assert fit.returncode == 0
    return printed.strip()


def written(path):
    """Return what tells one version of a file from another."""
    return os.stat(path).st_ino if path.exists() else None


def wait_to_kill(fit, path, rng):
    """Wait until soon after a checkpoint was written, or as often for no more than a moment."""
    before = written(path)
    for _ in range(rng.integers(3)):
        while fit.poll() is None and written(path) == before:
            time.sleep(0.001)
        before = written(path)
    time.sleep(rng.uniform(0, 0.05))


def storm(folder, n_kills):
    """Kill fits at random moments; return how many fits were seen to end in the right bits."""
    rng = np.random.default_rng(n_kills)
    n_killed = n_fits = 0
    while n_killed < n_kills:
        path = folder / f"fit {n_fits}"
        undisturbed = finish(start(n_fits))
        n_epochs, resumed = 0, ""
        while not resumed:
            fit = start(n_fits, path, n_threads=1 + n_killed % 2)
            # Once all kills are spent the fit may end.
            if n_killed < n_kills:
                wait_to_kill(fit, path, rng)
            if n_killed < n_kills and fit.poll() is None:
                fit.send_signal(signal.SIGKILL)
                fit.communicate()
                n_killed += 1
                if path.exists():
                    _, meta = load_checkpoint(path)
                    assert meta["state"]["epoch"] >= n_epochs
                    n_epochs = meta["state"]["epoch"]
            else:
                resumed = finish(fit)
        assert resumed == undisturbed
        n_fits += 1
    return n_fits


@pytest.mark.timeout(300)
def test_killed_fits_end_in_the_bits_of_undisturbed_ones(tmp_path):
    assert storm(tmp_path, 4) >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_leave_readable_checkpoints_and_the_same_bits(tmp_path):
    assert storm(tmp_path, 100) >= 5
