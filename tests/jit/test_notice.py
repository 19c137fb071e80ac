"""The line that explains a slow first use."""

import logging
import time

import pytest

from fastml._jit import notice


@pytest.fixture(autouse=True)
def quick(monkeypatch, caplog):
    monkeypatch.setattr(notice, "SECONDS", 0.02)
    notice._shown.clear()
    caplog.set_level(logging.WARNING, logger="fastml")


def wait_for(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_one_line_for_all_slow_compilations(caplog):
    first, second = notice.SlowCompile(), notice.SlowCompile()
    first.start()
    assert wait_for(lambda: caplog.records)
    first.stop()
    second.start()
    time.sleep(0.1)
    second.stop()
    assert [r.name for r in caplog.records] == ["fastml"]
    assert "compiling kernels" in caplog.text
    assert len(caplog.records[0].getMessage().splitlines()) == 1


def test_no_line_for_a_quick_one(caplog):
    compilation = notice.SlowCompile()
    compilation.start()
    compilation.stop()
    time.sleep(0.1)
    assert not caplog.records
