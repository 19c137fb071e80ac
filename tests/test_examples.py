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


@pytest.mark.timeout(600)
def test_quickstart_prints_figures_and_writes_pictures(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    done = subprocess.run(
        [sys.executable, QUICKSTART, "--output", tmp_path],
        env={**os.environ, "PYTHONPATH": str(QUICKSTART.parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]

    def figures(what):
        lines = re.findall(rf"^  {what} +(.*)$", done.stdout, re.MULTILINE)
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

    pictures = {path.stem: image.imread(path) for path in tmp_path.glob("*.png")}
    assert set(pictures) == {
        *("china_before_after", "china_palette"),
        *("digits_scree", "digits_projection", "digits_decoded"),
    }
    for name, pixels in pictures.items():
        assert min(pixels.shape[:2]) >= 300, name
        assert pixels[..., :3].std() > 0.05, name


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


def test_chain_rule_prints_the_worked_example_and_writes_pictures(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "chain_rule.py", "--output", tmp_path],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    for by, last, gradient in (("b", "1", "-0.125"), ("w", "x", "-0.25"), ("x", "w", "-0.0625")):
        assert f"  dL/d{by} = dL/dy . dy/ds . ds/d{by}\n" in done.stdout
        assert f"= (y - t) . sigma(s)(1 - sigma(s)) . {last}\n" in done.stdout
        assert f"        = {gradient}\n" in done.stdout
    sizes = dict(re.findall(r"^  (\w+) +(\d\.\de[-+]\d+)$", done.stdout, re.MULTILINE))
    # A quarter at most for each of 29 layers, and weights that keep the size.
    assert float(sizes["sigmoid"]) < 4.0**-29
    assert float(sizes["tanh"]) > 0.01
    assert float(sizes["ReLU"]) > 0.01

    pictures = {path.stem: image.imread(path) for path in tmp_path.glob("*.png")}
    assert set(pictures) == {"neuron_graph", "vanishing_gradient"}
    for name, pixels in pictures.items():
        assert min(pixels.shape[:2]) >= 300, name
        assert pixels[..., :3].std() > 0.05, name


def test_matrix_calculus_prints_catalogue_and_derivations():
    done = subprocess.run(
        [sys.executable, EXAMPLES / "matrix_calculus.py"],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "(A B)^-1 = B^-1 A^-1" in done.stdout
    assert "\ndf/dw = 2 X' (X w - y) + 2 alpha w " in done.stdout
    assert "\nHessian: 2 X' X + 2 alpha I_p\n" in done.stdout
    assert "\ndf/dP = P^-T - (u - mu) (u - mu)' " in done.stdout
    differences = re.findall(r"^Largest difference .*: (\S+)$", done.stdout, re.MULTILINE)
    assert len(differences) == 2
    assert all(float(difference) < 1e-12 for difference in differences)
