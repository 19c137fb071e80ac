"""The line that explains a slow first use."""

import logging
import time

import pytest

from fastml._jit import njit_serial, notice


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
    with notice.notice_if_slow():
        assert wait_for(lambda: caplog.records)
    with notice.notice_if_slow():
        time.sleep(0.1)
    assert [r.name for r in caplog.records] == ["fastml"]
    assert "compiling kernels" in caplog.text
    assert len(caplog.records[0].getMessage().splitlines()) == 1


def test_no_line_for_a_quick_or_a_failed_one(caplog):
    with notice.notice_if_slow():
        pass
    with pytest.raises(TypeError), notice.notice_if_slow():
        raise TypeError
    time.sleep(0.1)
    assert not caplog.records


def test_compiling_a_kernel_is_watched(caplog, monkeypatch):
    monkeypatch.setattr(notice, "SECONDS", 0.0)

    @njit_serial
    def add(x):
        return x + 1

    assert add(1) == 2
    assert wait_for(lambda: caplog.records)
