"""The examples, as the README has users run them."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
QUICKSTART = EXAMPLES / "quickstart.py"


def run(name, output):
    """Run an example; return what it prints and the pictures it draws, by name."""
    image = pytest.importorskip("matplotlib.image")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--output", output],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    pictures = {path.stem: image.imread(path) for path in output.glob("*.png")}
    for name, pixels in pictures.items():
        assert min(pixels.shape[:2]) >= 300, name
        assert pixels[..., :3].std() > 0.05, name
    return done.stdout, set(pictures)


@pytest.mark.timeout(600)
def test_quickstart_prints_figures_and_writes_pictures(tmp_path):
    printed, pictures = run("quickstart", tmp_path)

    def figures(what):
        lines = re.findall(rf"^  {what} +(.*)$", printed, re.MULTILINE)
        return [[float(x) for x in re.findall(r"\d[\d.e+]*", line)] for line in lines]

    assert figures("bits per pixel") == [[6, 24]]
    assert figures("root mean square error")[0][0] == pytest.approx(0.024, abs=0.001)
    (photograph,), (digits,) = figures("compression ratio")
    pixels = 427 * 640
    assert photograph == pytest.approx(pixels * 24 / (pixels * 6 + 64 * 3 * 32), abs=0.01)
    assert digits == pytest.approx(1797 * 64 / (1797 * 16 + 16 * 64 + 64), abs=0.01)
    assert figures("explained variance")[0][0] == pytest.approx(84.9, abs=0.2)
    for ours, theirs in figures("reconstruction error"):
        assert ours == pytest.approx(theirs, rel=0.01)
    assert len(figures("fit")) == 2

    assert pictures == {
        *("china_before_after", "china_palette"),
        *("digits_scree", "digits_projection", "digits_decoded"),
    }


@pytest.mark.timeout(600)
def test_circles(tmp_path):
    printed, pictures = run("circles", tmp_path)
    scores = dict(re.findall(r"accuracy after (\w+) +([\d.]+)%", printed))
    assert float(scores["KernelPCA"]) >= 99
    assert float(scores["PCA"]) < 70
    assert pictures == {"circles_boundaries", "circles_components", "circles_projections"}


def test_progress_is_optional(monkeypatch):
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("quickstart", QUICKSTART)
    quickstart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quickstart)
    for name in ("rich", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    assert list(quickstart.progress(["a", "b"], "Writing")) == ["a", "b"]
    estimator = quickstart.KMeans(2)
    assert quickstart.with_progress_bar(estimator) is estimator
    assert estimator.fit([[0.0], [1.0], [5.0]]).n_iter_ >= 1
