"""The report of versions."""

import numba
import numpy as np

import fastml


def test_show_versions_prints_what_is_installed(capsys):
    with fastml.config_context(num_threads=1):
        fastml.show_versions()
    facts = {}
    for line in capsys.readouterr().out.splitlines():
        name, _, fact = line.partition(": ")
        facts[name.strip()] = fact
    assert facts["fastml"] == fastml.__version__
    assert facts["numpy"] == np.__version__
    assert facts["numba"] == numba.__version__
    assert facts["num_threads"] == "1"
    assert facts["threads"] == str(numba.config.NUMBA_NUM_THREADS)
    assert "lanes" in facts["tile, float32"]
    assert facts["driver"]
