"""Every family of kernels is complete: the same kernels on every backend, each with a case."""

import ast
import importlib
import inspect
import re
import textwrap

import numpy as np
import pytest

from fastml.testing import cases

KERNELS = [(family, name) for family in cases.families() for name in cases.kernels(family)]

# (family, backend, name) of a kernel that a backend cannot have, with the reason. The function
# exists there and raises NotImplementedError with that reason.
KNOWN_GAPS: dict[tuple[str, str, str], str] = {}

# name,  # OUT (n_rows, n_columns) float64
_PARAMETER = re.compile(
    r"\s*(\w+)(?:=[^,#]+)?,\s*# (IN|OUT|INOUT) (scalar|\([^)]*\))( or \(| \w+$|$)"
)


def marked_parameters(kernel):
    """Return {name: (direction, shape)} as the comments behind the parameters say it."""
    lines = inspect.getsource(inspect.unwrap(kernel)).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("def "))
    last = next(i for i, line in enumerate(lines) if line.startswith(")"))
    matches = [_PARAMETER.match(line) for line in lines[first + 1 : last]]
    assert all(matches), f"a parameter without a mark in {lines[first : last + 1]}"
    return {match[1]: (match[2], match[3]) for match in matches}


@pytest.mark.parametrize("family", cases.families())
def test_backends_have_the_same_kernels(family):
    expected = set(cases.kernels(family))
    assert expected
    for backend in cases.BACKENDS:
        assert set(cases.public_names(cases.kernel_module(family, backend))) == expected, backend


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
@pytest.mark.parametrize("family, name", KERNELS)
def test_parameters_and_defaults_agree(family, name, backend):
    def described(which):
        kinds = cases.parameters(family, which, name).parameters.values()
        return [(p.name, p.kind, p.default) for p in kinds]

    assert described(backend) == described("reference")


@pytest.mark.parametrize("family", cases.families())
def test_every_kernel_has_a_case(family):
    module = importlib.import_module(f"fastml.testing.cases.{family}")
    assert set(cases.kernels(family)) <= set(cases.public_names(module))


@pytest.mark.parametrize("family, name", KERNELS)
def test_case_fits_the_kernel(family, name):
    marked = marked_parameters(getattr(cases.kernel_module(family, "cpu"), name))
    assert list(marked) == list(cases.parameters(family, "cpu", name).parameters)
    written = {key for key, (direction, _) in marked.items() if direction != "IN"}
    must = {key for key, (direction, _) in marked.items() if direction == "OUT"}
    for scale in ("tiny", "small"):
        case = cases.case(family, name, np.float32, scale, seed=1)
        assert set(case.args) == set(marked)
        # Of what is read too, not everything need be compared: bounds may differ and be right.
        assert must <= set(case.outputs) <= written
        for key, (_, shape) in marked.items():
            value = case.args[key]
            if shape == "scalar":
                assert np.ndim(value) == 0, key
            else:
                n_axes = len([axis for axis in shape.strip("()").split(",") if axis.strip()])
                assert np.ndim(value) == n_axes, key


def described_parameters(doc):
    """Return {name: (type, description)} of a docstring; names may share an entry."""
    section = doc.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    found = {}
    for head, body in re.findall(r"^(\S.*)\n((?: .*\n?)+)", section, re.MULTILINE):
        names, _, kind = head.partition(" : ")
        found.update(dict.fromkeys(names.split(", "), (kind, body)))
    return found


@pytest.mark.parametrize("family, name", KERNELS)
def test_docstring_names_each_parameter_with_its_shape(family, name):
    module = cases.kernel_module(family, "cpu")
    marked = marked_parameters(getattr(module, name))
    described = described_parameters(inspect.getdoc(getattr(module, name)))
    assert set(described) == set(marked)
    for key, (direction, shape) in marked.items():
        kind, body = described[key]
        other = re.search(r"as for `(\w+)`", body)
        if not kind and other:
            assert marked_parameters(getattr(module, other[1]))[key] == (direction, shape), key
            continue
        assert kind, key
        if shape != "scalar":
            assert shape in kind, key


def signature_strings(source):
    """Return the lines of a module where a CUDA decorator is given a signature."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0].startswith("cuda"):
            # Launches and shapes of shared arrays are calls too; their arguments are no strings.
            constants = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if any(isinstance(value, str) for value in constants):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("family", cases.families())
def test_cuda_kernels_are_compiled_lazily(family):
    assert signature_strings(inspect.getsource(cases.kernel_module(family, "cuda"))) == []


def test_a_signature_is_seen():
    source = """
        @cuda_kernel("void(float32[:])")
        def f(x):
            tile = cuda.shared.array(32, np.float32)
    """
    assert signature_strings(textwrap.dedent(source)) == [2]


def test_known_gaps_are_still_open():
    for (family, backend, name), reason in KNOWN_GAPS.items():
        case = cases.case(family, name, np.float32, "tiny")
        with pytest.raises(NotImplementedError, match=re.escape(reason)):
            cases.run(family, backend, name, case)
