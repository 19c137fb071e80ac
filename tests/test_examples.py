"""The examples, as the README has users run them."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


class Run(NamedTuple):
    """What an example printed and drew."""

    printed: str
    pictures: set[str]

    def figures(self, what):
        """Return the numbers of each line that begins with a label."""
        lines = re.findall(rf"^  {what} +(.*)$", self.printed, re.MULTILINE)
        return [[float(x) for x in re.findall(r"\d[\d.e+]*", line)] for line in lines]


def run(name, *options, output=None):
    """Run an example, and see that its pictures are not empty."""
    if output is not None:
        image = pytest.importorskip("matplotlib.image")
        options = (*options, "--output", output)
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *options],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    pictures = {} if output is None else {p.stem: image.imread(p) for p in output.glob("*.png")}
    for picture, pixels in pictures.items():
        assert min(pixels.shape[:2]) >= 300, picture
        assert pixels[..., :3].std() > 0.05, picture
    return Run(done.stdout, set(pictures))


@pytest.mark.timeout(600)
def test_quickstart_prints_figures_and_writes_pictures(tmp_path):
    ran = run("quickstart", output=tmp_path)

    assert ran.figures("bits per pixel") == [[6, 24]]
    assert ran.figures("root mean square error")[0][0] == pytest.approx(0.024, abs=0.001)
    (photograph,), (digits,) = ran.figures("compression ratio")
    pixels = 427 * 640
    assert photograph == pytest.approx(pixels * 24 / (pixels * 6 + 64 * 3 * 32), abs=0.01)
    assert digits == pytest.approx(1797 * 64 / (1797 * 16 + 16 * 64 + 64), abs=0.01)
    assert ran.figures("explained variance")[0][0] == pytest.approx(84.9, abs=0.2)
    for ours, theirs in ran.figures("reconstruction error"):
        assert ours == pytest.approx(theirs, rel=0.01)
    assert len(ran.figures("fit")) == 2

    assert ran.pictures == {
        *("china_before_after", "china_palette"),
        *("digits_scree", "digits_projection", "digits_decoded"),
    }


@pytest.mark.timeout(600)
def test_palettes_of_equal_quality_and_dead_units_repaired(tmp_path):
    ran = run("palettes", output=tmp_path)
    # What a line says: seconds of the fits, PSNR, dead units.
    names = ("k-means", "mini-batch k-means", "winner takes all", "None", "conscience", "leaky")
    psnr, dead = zip(*(ran.figures(name)[0][-2:] for name in names), strict=True)
    assert psnr[:3] == pytest.approx([30.8] * 3, abs=0.3)
    assert dead[:3] == (0, 0, 0)
    assert dead[3] >= 6
    assert max(dead[4:]) <= 1
    assert psnr[5] > psnr[3]
    names = ("photographs", "detail", "colours", "dead_units")
    assert ran.pictures == {f"palettes_{name}" for name in names}


@pytest.mark.timeout(600)
def test_circles(tmp_path):
    ran = run("circles", output=tmp_path)
    scores = {name: ran.figures(f"accuracy after {name}")[0][0] for name in ("KernelPCA", "PCA")}
    assert scores["KernelPCA"] >= 99
    assert scores["PCA"] < 70
    assert ran.pictures == {"circles_boundaries", "circles_components", "circles_projections"}


@pytest.mark.timeout(600)
def test_svc(tmp_path):
    ran = run("svc", output=tmp_path)
    sizes = ran.figures("support vectors")
    # The larger C, the fewer support vectors, and the smaller the share of them at C.
    assert [n for n, _ in sizes] == sorted((n for n, _ in sizes), reverse=True)
    shares = [at_bound / n for n, at_bound in sizes]
    assert shares == sorted(shares, reverse=True)
    for primal, dual in ran.figures("primal and dual objective"):
        assert primal == pytest.approx(dual, rel=1e-5)
    assert all(accuracy > 93 for (accuracy,) in ran.figures("accuracy on new rows"))
    assert "KKT conditions: all hold" in ran.printed
    assert ran.pictures == {"svc_moons"}


@pytest.mark.timeout(600)
def test_softmax_loss_is_that_of_the_notes(tmp_path):
    ran = run("softmax_loss", output=tmp_path)
    assert ran.figures("exponential") == [[24.53, 164.02, 0.18]]
    assert ran.figures("softmax") == [[0.13, 0.87, 0.0]]
    assert ran.figures("loss") == [[2.04, 0.13]]
    (sigmoid,), (relu,) = ran.figures("sigmoid"), ran.figures("relu")
    assert sigmoid[0] < 1e-6
    assert relu == [1]
    assert ran.pictures == {f"softmax_{name}" for name in ("loss", "activations", "vanishing")}


@pytest.mark.timeout(600)
def test_duality(tmp_path):
    ran = run("duality", output=tmp_path)
    assert "x      doors = 2, windows = 6" in ran.printed
    assert "Solution: x = 0, y = -1, where f0 = 1 (case 2)." in ran.printed
    assert ran.printed.count("KKT conditions: all hold") == 1
    assert ran.printed.count("KKT conditions: 1 fail (tolerance 1e-06): stationarity") == 1
    assert ran.pictures == {"linear_program", "kkt_cases", "dual_function"}


def test_progress_is_optional(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(EXAMPLES)
    spec = importlib.util.spec_from_file_location("quickstart", EXAMPLES / "quickstart.py")
    quickstart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quickstart)
    for name in ("rich", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    helpers = sys.modules["helpers"]
    assert list(helpers.progress(["a", "b"], "Writing")) == ["a", "b"]
    estimator = quickstart.KMeans(2)
    assert quickstart.with_progress_bar(estimator) is estimator
    assert estimator.fit([[0.0], [1.0], [5.0]]).n_iter_ >= 1


@pytest.mark.timeout(600)
def test_denoise_leaves_less_noise_by_kernel_pca(tmp_path):
    ran = run("denoise", output=tmp_path)
    errors = [found for found, *_ in ran.figures(".* error")]
    clean, noisy, pca, kernel_pca, theirs = errors
    assert clean == 0
    assert noisy == pytest.approx(0.3, abs=0.005)
    assert pca == pytest.approx(0.181, abs=0.003)
    assert kernel_pca == pytest.approx(0.149, abs=0.003)
    assert theirs == pytest.approx(kernel_pca, abs=2e-4)
    assert ran.pictures == {"denoise_digits", "denoise_errors"}


def test_chain_rule_prints_the_worked_example_and_writes_pictures(tmp_path):
    ran = run("chain_rule", output=tmp_path)
    for by, last, gradient in (("b", "1", "-0.125"), ("w", "x", "-0.25"), ("x", "w", "-0.0625")):
        assert f"  dL/d{by} = dL/dy . dy/ds . ds/d{by}\n" in ran.printed
        assert f"= (y - t) . sigma(s)(1 - sigma(s)) . {last}\n" in ran.printed
        assert f"        = {gradient}\n" in ran.printed
    sizes = dict(re.findall(r"^  (\w+) +(\d\.\de[-+]\d+)$", ran.printed, re.MULTILINE))
    # A quarter at most for each of 29 layers, and weights that keep the size.
    assert float(sizes["sigmoid"]) < 4.0**-29
    assert float(sizes["tanh"]) > 0.01
    assert float(sizes["ReLU"]) > 0.01
    assert ran.pictures == {"neuron_graph", "vanishing_gradient"}


def test_matrix_calculus_prints_catalogue_and_derivations():
    printed = run("matrix_calculus").printed
    assert "(A B)^-1 = B^-1 A^-1" in printed
    assert "\ndf/dw = 2 X' (X w - y) + 2 alpha w " in printed
    assert "\nHessian: 2 X' X + 2 alpha I_p\n" in printed
    assert "\ndf/dP = P^-T - (u - mu) (u - mu)' " in printed
    differences = re.findall(r"^Largest difference .*: (\S+)$", printed, re.MULTILINE)
    assert len(differences) == 2
    assert all(float(difference) < 1e-12 for difference in differences)


@pytest.mark.timeout(600)
def test_gradient_descent_in_three_regimes(tmp_path):
    ran = run("gradient_descent", output=tmp_path)
    regimes = {name: ran.figures(name)[0] for name in ("stochastic", "mini-batch", "full batch")}
    assert [figures[:2] for figures in regimes.values()] == [[1, 3072], [16, 192], [256, 12]]
    off = [figures[-1] for figures in regimes.values()]
    assert max(off) < 0.2
    # The noise of few samples is what keeps it from the least loss.
    assert off[0] > off[1] > off[2]
    assert [found[0] < 0.2 for found in ran.figures(r"batch_size=\d+ +off by")] == [True] * 3
    for found, expected in ran.figures(r"samples \d+"):
        assert found == pytest.approx(expected, rel=0.1)
    names = ("paths", "losses", "directions")
    assert ran.pictures == {f"gradient_descent_{name}" for name in names}


@pytest.mark.timeout(600)
def test_dropout_generalises_and_is_an_ensemble(tmp_path):
    ran = run("dropout", output=tmp_path)
    rates = {rate: (recognised, loss) for rate, _, recognised, loss in ran.figures("dropout")}
    for rate in (0.3, 0.4, 0.5):
        assert rates[rate][0] > rates[0][0] + 0.4
        assert rates[rate][1] < 0.9 * rates[0][1]
    (error,) = re.findall(r"^  geometric mean +(\S+)$", ran.printed, re.MULTILINE)
    assert float(error) < 1e-13
    assert ran.figures("slope")[0][0] == pytest.approx(0.5, abs=0.04)
    recognised = [figures[-1] for figures in ran.figures("quarter")]
    assert recognised == sorted(recognised, reverse=True)
    assert recognised[0] > 98
    assert ran.pictures == {f"dropout_{name}" for name in ("rates", "masks", "doubts")}


@pytest.mark.timeout(600)
def test_edges_by_convolution_and_correlation(tmp_path):
    ran = run("edges", output=tmp_path)
    assert "[a b c] is ['c' 'b' 'a']" in ran.printed
    lines = re.findall(
        r"^  (\w.*?) +correlation (\S+) +correlation with it flipped (\S+) +SciPy (\S+) ",
        ran.printed,
        re.MULTILINE,
    )
    assert len(lines) == 6
    for name, correlated, flipped, theirs in lines:
        symmetric = name in ("blur", "Laplacian")
        assert (float(correlated) < 1e-3) == symmetric
        assert max(float(flipped), float(theirs)) < 1e-5
    names = ("photograph", "flipping", "points", "colours")
    assert ran.pictures == {f"edges_{name}" for name in names}


@pytest.mark.timeout(600)
def test_digits_by_three_networks(tmp_path):
    ran = run("digits", output=tmp_path)
    least = {"softmax regression": 95, "MLP": 97.5, "CNN": 98.5}
    for name, bar in least.items():
        assert ran.figures(name)[0][0] >= bar
    assert ran.pictures == {f"digits_{n}" for n in ("losses", "confusion", "filters", "patches")}


@pytest.mark.timeout(600)
def test_rbm_features_tell_digits_apart_better_than_pixels(tmp_path):
    ran = run("rbm_digits", output=tmp_path)

    assert ran.pictures == {"rbm_filters", "rbm_dreams"}
    (pixels,), (features,) = ran.figures("recognised from pixels") + ran.figures(
        "recognised from RBM features"
    )
    assert features > pixels + 5


@pytest.mark.timeout(600)
def test_deep_codes_of_digits_lose_less_than_principal_components(tmp_path):
    ran = run("autoencoder_digits", output=tmp_path)

    assert ran.pictures == {
        f"autoencoder_{name}" for name in ("codes", "map", "reconstructions", "filters")
    }
    names = ("2 principal components", "deep autoencoder", "deep, not pretrained")
    (pca,), (deep,), (by_chance,) = (ran.figures(name)[0] for name in names)
    assert deep < pca / 1.5
    assert deep < by_chance


@pytest.mark.timeout(600)
def test_digits_dreamt_by_a_deep_belief_network(tmp_path):
    ran = run("dbn_digits", output=tmp_path)
    # Without their minus signs.
    one, two, tuned = (bound for (bound,) in ran.figures(r"lower bound on log p\(image\),"))
    assert one > two > tuned
    assert ran.figures("recognised by their label units")[0][0] > 95
    assert ran.figures("dreams of a label taken for it")[0][0] > 80
    assert ran.pictures == {"dbn_told", "dbn_free"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_strings_are_spelled_backwards(tmp_path):
    ran = run("reversal", output=tmp_path)
    memory, beams, plain, _ = ran.figures("right, . at a time")
    assert min(memory[:5]) > 0.9
    assert np.mean(memory) > np.mean(plain)
    assert np.mean(beams) > np.mean(memory) - 0.05
    assert ran.pictures == {"reversal"}


@pytest.mark.timeout(600)
def test_expressions_of_more_levels_are_evaluated_along_their_trees(tmp_path):
    ran = run("expressions", output=tmp_path)

    assert ran.pictures == {"expressions"}
    for trees, symbols in zip(ran.figures("TreeLSTM"), ran.figures("LSTM"), strict=True):
        assert min(trees) >= 95
        assert symbols[-1] < 80


@pytest.mark.timeout(600)
def test_sunspots_forecast_with_doubts_and_as_a_stream(tmp_path):
    ran = run("forecast", output=tmp_path)
    names = ("last year's", "autoregression", "LSTM")
    naive, linear, ours = (ran.figures(f"{name} +root mean square error")[0][0] for name in names)
    assert naive == pytest.approx(30.4, abs=0.1)
    assert ours < naive / 1.7
    assert ours < 1.1 * linear
    (masks,), (both,) = (ran.figures(f"masks {rest}")[0] for rest in ("alone", "and noise"))
    assert masks < 80 < both
    assert "in other bits: 0 of 309" in ran.printed
    assert ran.pictures == {"forecast_years", "forecast_futures"}


def test_linear_svm_draws_the_margin_and_the_gap(tmp_path):
    ran = run("linear_svm", output=tmp_path)

    assert ran.pictures == {"margin", "duality_gap"}
    assert ran.printed.count("KKT conditions: all hold") == 2
    # In two dimensions a margin rests on three rows.
    assert re.findall(r"(\d+) rows on it", ran.printed) == ["3", "3"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_gates_of_the_adding_problem(tmp_path):
    ran = run("gates", output=tmp_path)
    errors = [ran.figures(name)[0][0] for name in ("LSTM", "plain units")]
    assert errors[0] < 0.02
    assert errors[1] > 0.14
    lost = [ran.figures(f"{name} +powers of ten lost")[0][0] for name in ("LSTM", "plain units")]
    assert lost[1] > lost[0] + 4
    assert ran.pictures == {"gates_steps", "gates_gradients"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_characters_cost_less_than_counting_says(tmp_path):
    ran = run("characters", output=tmp_path)
    alike, alone, counted, xz, ours = (
        ran.figures(name)[0][0]
        for name in ("each alike", "counted alone", "after 4 counted", "xz", "LSTM")
    )
    assert ours < xz < counted < alone < alike
    assert ran.pictures == {"characters"}
