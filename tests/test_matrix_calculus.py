"""The catalogue of matrix calculus: every identity holds, and a wrong one is found out."""

import subprocess
import sys

import numpy as np
import pytest

from fastml.matrix_calculus import _catalogue, catalogue, verify
from fastml.matrix_calculus.__main__ import main

# Section 14 of the specification, in its order.
SECTION_14 = {
    "algebra": [
        "(A B)^-1 = B^-1 A^-1", "(A B C ...)^-1 = ... C^-1 B^-1 A^-1", "(A')^-1 = (A^-1)'",
        "(A + B)' = A' + B'", "(A B)' = B' A'", "(A B C ...)' = ... C' B' A'",
        "(A^H)^-1 = (A^-1)^H", "(A + B)^H = A^H + B^H", "(A B)^H = B^H A^H",
        "(A B C ...)^H = ... C^H B^H A^H",
    ],
    "differentials": [
        "dA = 0", "d(a X) = a dX", "d(Tr(X)) = Tr(dX)", "d(X Y) = dX Y + X dY",
        "d(X o Y) = dX o Y + X o dY", "d(X kron Y) = dX kron Y + X kron dY",
        "d(X^-1) = -X^-1 dX X^-1", "d(det(X)) = Tr(adj(X) dX) = det(X) Tr(X^-1 dX)",
        "d(ln det(X)) = Tr(X^-1 dX)", "d(X') = (dX)'",
        "d(X^H) = (dX)^H",
    ],
    "gradients": [
        "d(x' a)/dx = a", "d(a' x)/dx = a", "d(a' X b)/dX = a b'", "d(a' X' b)/dX = b a'",
        "d(a' X a)/dX = a a'", "d(a' X' a)/dX = a a'", "dX/dX_ij = J^ij",
        "d(X A)_ij/dX_mn = d_im A_nj = (J^mn A)_ij", "d(X' A)_ij/dX_mn = d_in A_mj = (J^nm A)_ij",
        "d/dX_ij sum_klmn X_kl X_mn = 2 sum_kl X_kl", "d(b' X' X c)/dX = X (b c' + c b')",
        "d((B x + b)' C (D x + d))/dx = B' C (D x + d) + D' C' (B x + b)",
        "d(X' B X)_kl/dX_ij = d_lj (X' B)_ki + d_kj (B X)_il",
        "d(X' B X)/dX_ij = X' B J^ij + J^ji B X", "d(x' B x)/dx = (B + B') x",
        "d(b' X' D X c)/dX = D' X b c' + D X c b'",
        "d((X b + c)' D (X b + c))/dX = (D + D') (X b + c) b'",
    ],
}  # fmt: skip


@pytest.mark.parametrize("group", SECTION_14)
def test_section_14_is_there(group):
    assert [row.text for row in catalogue(group) if row.text in SECTION_14[group]] == (
        SECTION_14[group]
    )


@pytest.mark.parametrize("layout", ["denominator", "numerator"])
def test_every_identity_holds(layout):
    found = verify(layout=layout)
    assert len(found) == len(catalogue()) >= sum(map(len, SECTION_14.values()))
    assert found.failed == ()
    assert found.largest_error < 1e-6
    assert all(row.n_shapes == 5 for row in found)
    assert [row.name for row in found if not row.complex] == [
        row.name for row in catalogue() if row.domain.startswith("real;") or row.domain == "real"
    ]


@pytest.mark.parametrize("form", ["closed_form", "by_autodiff", "second_form"])
def test_a_wrong_identity_is_found_out(monkeypatch, form):
    right = _catalogue.differential_identities()
    # The differential of a constant, which is 0, stays so when it is scaled.
    kept = [row for row in right[1:] if getattr(row, form) is not None]
    wrong = [row._replace(**{form: off(getattr(row, form))}) for row in kept]
    monkeypatch.setattr(_catalogue, "differential_identities", lambda: wrong)
    found = verify(1, group="differentials")
    assert len(found) >= 1
    assert [row.name for row in found.failed] == [row.name for row in wrong]


def off(form):
    return lambda **inputs: form(**inputs) * (1 + 1e-5)


def test_a_wrong_shape_and_a_wrong_nan_are_found_out(monkeypatch):
    right = catalogue("gradients")["gradient of x'Bx"]
    wrong = [
        right._replace(closed_form=lambda x, B: B),
        right._replace(closed_form=lambda x, B: x * np.nan),
    ]
    monkeypatch.setattr(_catalogue, "gradient_identities", lambda layout: wrong)
    found = verify(1, group="gradients")
    assert len(found.failed) == 2


def test_gradient_of_a_determinant_of_a_singular_matrix():
    row = catalogue()["differential of a determinant"]
    inputs = {"X": np.diag([2.0, 3.0, 0.0]), "dX": np.arange(9.0).reshape(3, 3)}
    assert row.closed_form(**inputs) == pytest.approx(6 * 8)
    assert row.by_autodiff(**inputs) == pytest.approx(6 * 8)
    assert row.by_numbers(**inputs) == pytest.approx(6 * 8)


def test_layouts_are_each_others_transpose():
    inputs = {"a": np.arange(2.0), "X": np.ones((2, 3)), "b": np.arange(3.0) + 1}
    one, other = (catalogue(layout=v)["gradient of a'Xb"] for v in ("denominator", "numerator"))
    assert (one.text, other.text) == ("d(a' X b)/dX = a b'", "d(a' X b)/dX = b a'")
    assert other.latex.endswith("= b a^T")
    for form in ("closed_form", "by_autodiff", "by_numbers"):
        np.testing.assert_allclose(
            getattr(one, form)(**inputs), np.outer([0, 1], [1, 2, 3]), atol=1e-12
        )
        np.testing.assert_array_equal(
            getattr(other, form)(**inputs), getattr(one, form)(**inputs).T
        )


def test_the_catalogue_is_a_table():
    whole = catalogue()
    names = [row.name for row in whole]
    assert len(set(names)) == len(names) == len(whole)
    assert {row.group for row in whole} == {"algebra", "differentials", "gradients", "rules"}
    assert all(row.group == "gradients" for row in catalogue("gradients"))
    assert whole[0] == whole[names[0]]
    title, line, first = repr(whole).splitlines()[:3]
    assert title.split() == ["group", "name", "text", "domain", "shapes"]
    assert set(line) == {"-", " "}
    assert first.split("  ")[0] == "algebra"
    assert "A, B invertible" in first
    html = whole._repr_html_()
    assert "<td>$(AB)^{-1} = B^{-1} A^{-1}$</td>" in html
    assert html.count("<tr>") == len(whole) + 1
    with pytest.raises(KeyError, match="No row is called 'nothing'"):
        whole["nothing"]


def test_latex_can_be_typeset():
    parse = pytest.importorskip("matplotlib.mathtext").MathTextParser("path").parse
    for row in catalogue():
        parse(f"${row.latex}$")


def test_the_same_seed_gives_the_same_errors():
    alone, among = verify(2, group="algebra"), verify(2)
    assert list(alone) == [row for row in among if row.group == "algebra"]
    assert [row.error for row in verify(2, 1, group="algebra")] != [row.error for row in alone]


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: catalogue("tensors"),
            "group must be one of algebra, differentials, gradients, rules",
        ),
        (
            lambda: catalogue(layout="mixed"),
            "layout must be 'denominator' or 'numerator', got 'mixed'",
        ),
        (lambda: verify(0), "n_shapes must be a positive int, got 0"),
        (lambda: verify(2.0), "n_shapes must be a positive int"),
        (lambda: verify(rtol=0), "rtol must be positive"),
        (lambda: verify(rtol=np.nan), "rtol must be positive"),
    ],
)
def test_bad_parameters_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_command_line():
    run = subprocess.run(
        [sys.executable, "-m", "fastml.matrix_calculus", "--shapes", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for texts in SECTION_14.values():
        assert all(text in run.stdout for text in texts)
    assert "largest relative error" in run.stdout


def test_command_line_fails_with_an_identity(capsys):
    assert main(["--group", "algebra", "--shapes", "2", "--rtol", "1e-30"]) == 1
    out, err = capsys.readouterr()
    assert "inverse of a product" in out
    assert "FAILED: inverse of a product" in err
    assert main(["--group", "gradients", "--shapes", "1", "--layout", "numerator"]) == 0
    assert "d(a' X b)/dX = b a'" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--shapes", "0"])
    assert "n_shapes must be a positive int" in capsys.readouterr().err
