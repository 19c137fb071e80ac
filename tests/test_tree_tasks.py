"""Networks over trees go on to deeper trees than they learned from."""

import importlib
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
DEEPER = (5, 6, 8, 10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", ["logic", "arithmetic"])
def test_expressions_deeper_than_those_learned(monkeypatch, task, seed):
    monkeypatch.syspath_prepend(EXAMPLES)
    expressions = importlib.import_module("expressions")
    shares = expressions.compared(task, n_learned=3000, depths=DEEPER, seed=seed)
    print(f"{task} {seed}: levels {DEEPER}")
    for name, found in shares.items():
        print(f"  {name}", np.round(found, 3))
    assert min(shares["TreeLSTM"]) >= 0.95
    # It is the tree that helps: the same symbols in a row do not do.
    assert shares["LSTM"][-1] < 0.8
