"""What the examples share: a command line, timing, progress bars, strips of colour."""

import argparse
import time
from pathlib import Path

import numpy as np


def output_directory(description: str) -> Path:
    """Return the directory that pictures go to, ``--output`` of the command line; make it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    return output


def save(figures, output):
    """Write figures as PNG files of their names, and say so."""
    for name, figure in progress(figures.items(), "Writing pictures"):
        figure.savefig(output / f"{name}.png", dpi=150)
    print(f"Pictures are in {output}: {', '.join(sorted(figures))}.")


def timed(function, repeats):
    """Return what `function` returns and the least number of seconds that it took."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return result, min(times)


def with_progress_bar(estimator):
    """Attach scikit-learn's progress bar, where scikit-learn has one and rich is installed."""
    try:
        from sklearn.callback import ProgressBar

        return estimator.set_callbacks(ProgressBar())
    except ImportError:
        return estimator


def progress(items, label):
    """Iterate over `items` under a progress bar, or without one where rich is missing."""
    try:
        from rich.progress import track
    except ImportError:
        return items
    return track(items, description=label)


def dark_to_light(colours):
    """Return the order of RGB colours by luminance."""
    return np.argsort(colours @ [0.2126, 0.7152, 0.0722])


def draw_strip(axes, colours, shares):
    """Draw colours side by side, each as wide as its share of the pixels."""
    axes.bar(np.cumsum(shares) - shares, 1, width=shares, align="edge", color=colours)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
