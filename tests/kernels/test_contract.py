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

_PARAMETER = re.compile(r"\s*(\w+)(?:=[^,#]+)?,\s*# (IN|OUT|INOUT) (scalar|\(.*\))$")


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
def test_every_case_has_a_kernel(family):
    module = importlib.import_module(f"fastml.testing.cases.{family}")
    assert set(cases.public_names(module)) == set(cases.kernels(family))


@pytest.mark.parametrize("family, name", KERNELS)
def test_case_fits_the_kernel(family, name):
    marked = marked_parameters(getattr(cases.kernel_module(family, "cpu"), name))
    assert list(marked) == list(cases.parameters(family, "cpu", name).parameters)
    written = {key for key, (direction, _) in marked.items() if direction != "IN"}
    for scale in ("tiny", "small"):
        case = cases.case(family, name, np.float32, scale, seed=1)
        assert set(case.args) == set(marked)
        assert set(case.outputs) == written
        for key, (_, shape) in marked.items():
            value = case.args[key]
            if shape == "scalar":
                assert np.ndim(value) == 0, key
            else:
                n_axes = len([axis for axis in shape.strip("()").split(",") if axis.strip()])
                assert np.ndim(value) == n_axes, key


@pytest.mark.parametrize("family, name", KERNELS)
def test_docstring_names_each_parameter_with_its_shape(family, name):
    kernel = getattr(cases.kernel_module(family, "cpu"), name)
    doc = inspect.getdoc(kernel)
    for key, (direction, shape) in marked_parameters(kernel).items():
        entry = re.search(rf"^{key} : (.*)\n((?: .*\n?)+)", doc, re.MULTILINE)
        assert entry, f"{key} is not described"
        if shape != "scalar":
            assert entry[1].startswith(f"{shape} "), key
        if direction == "OUT":
            assert "Written" in entry[2], key


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


@pytest.mark.parametrize("gap", KNOWN_GAPS)
def test_known_gaps_are_still_open(gap):
    family, backend, name = gap
    case = cases.case(family, name, np.float32, "tiny")
    with pytest.raises(NotImplementedError, match=re.escape(KNOWN_GAPS[gap])):
        cases.run(family, backend, name, case)
