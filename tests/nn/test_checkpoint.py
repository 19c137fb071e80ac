"""The file of a checkpoint: comes back as it was, and is whole whatever happens."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastml.nn.training import load_checkpoint, save_checkpoint

NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.floats(allow_nan=False), st.booleans())
VALUES = st.recursive(
    st.one_of(NUMBERS, st.text(), st.none()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
ARRAYS = hnp.arrays(
    st.one_of(
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        hnp.integer_dtypes(endianness="?"),
        hnp.unsigned_integer_dtypes(endianness="?"),
        hnp.boolean_dtypes(),
    ),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoint")


@given(
    st.dictionaries(st.text("abc.01", min_size=1), ARRAYS, max_size=4),
    st.dictionaries(st.text(), VALUES, max_size=4),
)
def test_what_was_saved_comes_back(folder, arrays, meta):
    save_checkpoint(folder / "x", arrays, meta)
    loaded, again = load_checkpoint(folder / "x")
    assert again == meta
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype.newbyteorder("=")
        assert loaded[name].shape == array.shape
        same = array.astype(array.dtype.newbyteorder("="))
        assert loaded[name].tobytes() == same.tobytes()
    assert os.listdir(folder) == ["x"]


def test_layouts_and_special_numbers(tmp_path):
    array = np.arange(24.0).reshape(4, 6)
    array[0, 0], array[0, 1] = np.nan, -0.0
    array.flags.writeable = False
    arrays = {"turned": array.T, "strided": array[::-2, ::2], "scalar": np.float32(0.1)}
    save_checkpoint(tmp_path / "x", arrays, {"loss": [np.inf, 0.1]})
    loaded, meta = load_checkpoint(tmp_path / "x")
    for name, wanted in arrays.items():
        np.testing.assert_array_equal(loaded[name], wanted)
        loaded[name][...] = 0
    assert np.signbit(load_checkpoint(tmp_path / "x")[0]["turned"][1, 0])
    assert meta == {"loss": [np.inf, 0.1]}


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros(2, complex), np.array([None])])
def test_what_a_checkpoint_does_not_hold_is_refused(tmp_path, array):
    save_checkpoint(tmp_path / "x", {}, {"epoch": 1})
    with pytest.raises(TypeError, match=r"real numbers and booleans, w is"):
        save_checkpoint(tmp_path / "x", {"w": array}, {})
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(tmp_path / "x", {}, {"random_state": np.random.default_rng()})
    assert load_checkpoint(tmp_path / "x") == ({}, {"epoch": 1})


def test_damage_is_seen_wherever_it_is(tmp_path):
    path = tmp_path / "fit.safetensors"
    save_checkpoint(path, {"w": np.arange(5.0), "b": np.ones(2, np.float32)}, {"epoch": 3})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:n] for n in rng.integers(len(whole), size=40)]
    for place in rng.integers(len(whole), size=200):
        damaged.append(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    damaged += [b"", b"text", whole + b"\0"]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"fit.safetensors is (damaged|not a checkpoint)"):
            load_checkpoint(path)


def test_other_files_are_told_apart(tmp_path):
    safetensors.numpy.save_file({"w": np.zeros(2)}, tmp_path / "weights")
    with pytest.raises(ValueError, match="weights is not a checkpoint of fastml"):
        load_checkpoint(tmp_path / "weights")
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_checkpoint(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_checkpoint(tmp_path / "nowhere" / "x", {}, {})
    with pytest.raises(IsADirectoryError):
        load_checkpoint(tmp_path)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "x", {"w": np.zeros(2)}, {})

    def fails(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path / "x", {"w": np.ones(2)}, {})
    np.testing.assert_array_equal(load_checkpoint(tmp_path / "x")[0]["w"], [0, 0])
    assert os.listdir(tmp_path) == ["x"]


def test_the_data_is_on_disk_before_it_gets_the_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, c=call: (done.append(n), c(*a))[1])
    save_checkpoint(tmp_path / "x", {"w": np.zeros(2)}, {})
    assert done == ["fsync", "replace", "fsync"]


def test_a_link_stays_a_link_and_permissions_are_the_usual_ones(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "x")
    for epoch in range(2):
        save_checkpoint(tmp_path / "link", {}, {"epoch": epoch})
    assert (tmp_path / "link").is_symlink()
    assert load_checkpoint(tmp_path / "real" / "x")[1] == {"epoch": 1}
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "real" / "x").stat().st_mode == (tmp_path / "other").stat().st_mode


WRITER = """
import itertools, sys
import numpy as np
from fastml.nn.training import save_checkpoint
for i in itertools.count():
    save_checkpoint(sys.argv[1], {"w": np.full(200_000, i)}, {"i": i})
    if i == 0:
        print("ready", flush=True)
"""


def test_kill_at_any_moment_leaves_a_whole_file_and_no_litter(tmp_path):
    path, rng = tmp_path / "x", np.random.default_rng(0)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(rng.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        arrays, meta = load_checkpoint(path)
        assert (arrays["w"] == meta["i"]).all()
    # A process that is not there any more left this; the test's own is at work on that.
    (tmp_path / f".x.{writer.pid}.tmp").write_bytes(b"part")
    (tmp_path / f".x.{os.getppid()}.tmp").write_bytes(b"part")
    (tmp_path / ".x.notes.tmp").write_bytes(b"mine")
    save_checkpoint(path, {}, {})
    assert set(os.listdir(tmp_path)) == {"x", f".x.{os.getppid()}.tmp", ".x.notes.tmp"}
