"""Machine code on disk: found again, never stale, damaged or another user's."""

import itertools
import os
import pickle
import time
from pathlib import Path

import numba
import numpy as np
import pytest

from fastml._jit import cache
from tests.jit.toy import copy_package, finish, run, start

TOTAL = """
import numpy as np
from fastml.kernels.toy import cpu
print(cpu.total(np.arange(4.0)), sum(cpu.total.serial.stats.cache_hits.values()))
"""


def triple(x):
    return 3 * x


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in use as the cache."""
    monkeypatch.setenv("FASTML_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_stores", {})
    # Somebody may be editing the package while its tests run.
    monkeypatch.setattr(cache, "_stamps", lambda: cache._IMPORTED_STAMPS)
    return tmp_path / "cache"


@pytest.fixture
def new_process(monkeypatch):
    """Forget what was opened, as a new process has not."""
    return lambda: monkeypatch.setattr(cache, "_stores", {})


def compiled(func=triple, variant="serial"):
    dispatcher = numba.njit(func)
    dispatcher._cache = cache.KernelCache(func, variant)
    return dispatcher


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def hits(dispatcher):
    return sum(dispatcher.stats.cache_hits.values())


def test_code_is_found_again(folder):
    one = compiled()
    assert one(2) == 6
    assert hits(one) == 0
    other = compiled()
    assert other(2) == 6
    assert hits(other) == 1
    assert Path(other.stats.cache_path).parent == folder
    assert len(files(folder)) == 1
    assert files(folder)[0].stat().st_mode & 0o777 == 0o600
    assert files(folder)[0].parent.stat().st_mode & 0o777 == 0o700


def test_one_file_for_each_signature_and_variant(folder):
    one = compiled()
    assert (one(2), one(2.0), compiled(variant="parallel")(2)) == (6, 6.0, 6)
    assert len(files(folder)) == 3


def make(factor):
    def times(x):
        return factor * x

    return times


def test_captured_values_tell_functions_apart(folder):
    assert compiled(make(2))(1) == 2
    assert compiled(make(3))(1) == 3
    assert cache._closure_key(make(2.5)) == ("2.5",)
    for function in (triple, numba.njit(triple)):
        assert cache._closure_key(make(function)) == (f"{__name__}.triple()",)
    assert cache._closure_key(make(numba.njit(make(1)))) != cache._closure_key(
        make(numba.njit(make(2)))
    )
    assert cache._closure_key(make(np.ones(2))) is None
    unnamed = compiled(make(np.ones(2)))
    np.testing.assert_array_equal(unnamed(2.0), [2, 2])
    assert len(files(folder)) == 2


def damage(kind, path):
    data = path.read_bytes()
    if kind == "empty":
        data = b""
    elif kind == "truncated":
        data = data[:-100]
    elif kind == "flipped bit":
        data = data[:500] + bytes([data[500] ^ 1]) + data[501:]
    else:
        content = {
            "not a pickle": b"rubbish",
            "another key": pickle.dumps(("key", ())),
            "not code": pickle.dumps((pickle.loads(data[32:])[0], (1, 2))),
        }[kind]
        data = cache.hashlib.sha256(content).digest() + content
    path.write_bytes(data)


@pytest.mark.parametrize(
    "kind", ["empty", "truncated", "flipped bit", "not a pickle", "another key", "not code"]
)
def test_a_damaged_file_is_made_again(folder, kind):
    compiled()(2)
    (path,) = files(folder)
    sound = path.read_bytes()
    damage(kind, path)
    assert path.read_bytes() != sound
    again = compiled()
    assert again(2) == 6
    assert hits(again) == 0
    assert files(folder) == [path]
    third = compiled()
    assert third(2) == 6
    assert hits(third) == 1


def test_nowhere_to_write(tmp_path, monkeypatch, folder):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTML_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(RuntimeWarning, match="Compiled kernels are not kept.*FASTML_CACHE_DIR") as w:
        assert compiled()(2) == 6
    assert len(w) == 1
    assert compiled()(2) == 6  # no second warning, which would be an error


def test_no_home(monkeypatch, folder):
    monkeypatch.setenv("FASTML_CACHE_DIR", "~nobody-of-this-name/cache")
    with pytest.warns(RuntimeWarning, match="not kept"):
        assert compiled()(2) == 6


def test_a_cache_that_is_only_read(folder, monkeypatch, new_process):
    compiled()(2)
    new_process()

    def refuse(*args, **kwargs):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    warm = compiled()
    assert warm(2) == 6
    assert hits(warm) == 1
    with pytest.warns(RuntimeWarning, match="read-only file system"):
        assert warm(2.0) == 6.0
    assert warm(np.float32(2)) == 6
    again = compiled()
    assert again(2) == 6
    assert hits(again) == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
class TestOtherUsers:
    def test_directory_that_others_can_write(self, folder, new_process):
        compiled()(2)
        files(folder)[0].parent.chmod(0o770)
        new_process()
        refused = compiled()
        with pytest.warns(RuntimeWarning, match="writable by other users"):
            assert refused(2) == 6
        assert hits(refused) == 0

    def test_directory_of_another_user(self, folder, new_process, monkeypatch):
        compiled()(2)
        new_process()
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        refused = compiled()
        with pytest.warns(RuntimeWarning, match="belongs to another user"):
            assert refused(2) == 6
        assert hits(refused) == 0

    def test_file_that_others_can_write(self, folder):
        compiled()(2)
        files(folder)[0].chmod(0o666)
        refused = compiled()
        assert refused(2) == 6
        assert hits(refused) == 0


def test_directory_goes_while_in_use(folder):
    one = compiled()
    one(2)
    cache.shutil.rmtree(one.stats.cache_path)
    assert one(2.0) == 6.0
    assert len(files(folder)) == 1


def test_old_directories_are_removed(folder):
    now = time.time()
    old = [folder / f"{cache.PREFIX}{i:02d}" for i in range(cache.KEEP + 3)]
    foreign = folder / "thesis"
    for age, path in enumerate([*old, foreign]):
        path.mkdir(parents=True)
        os.utime(path, (now - 1000 * age - 1000,) * 2)
    compiled()(2)
    left = {path for path in folder.iterdir() if path.name != Path(files(folder)[0]).parent.name}
    assert left == {*old[: cache.KEEP], foreign}


def test_use_renews_a_directory(folder, new_process):
    compiled()(2)
    directory = files(folder)[0].parent
    os.utime(directory, (1000, 1000))
    new_process()
    compiled()(2)
    assert time.time() - directory.stat().st_mtime < 600


def test_nothing_is_loaded_or_kept_once_sources_changed(folder, monkeypatch):
    compiled()(2)
    monkeypatch.setattr(cache, "_stamps", lambda: [*cache._IMPORTED_STAMPS, ("new.py", 0, 0)])
    changed = compiled()
    assert (changed(2), changed(2.0)) == (6, 6.0)
    assert hits(changed) == 0
    assert len(files(folder)) == 1


def test_disabled(folder):
    off = compiled()
    off._cache.disable()
    assert off(2) == 6
    assert files(folder) == []
    off._cache.enable()
    assert off(2.0) == 6.0
    assert len(files(folder)) == 1


def test_functions_from_elsewhere_are_not_cached():
    dispatcher = numba.njit(triple)
    assert cache.attach_cache(dispatcher, "serial") is dispatcher
    assert dispatcher.stats.cache_path is None
    assert not isinstance(dispatcher._cache, cache.KernelCache)


def test_directory_name_follows_the_target_and_the_versions(monkeypatch):
    magic = ("x86_64-linux-gnu", "znver4", "+avx512f")
    names = {cache.directory_name(magic)}
    names.add(cache.directory_name((*magic[:2], "-avx512f")))
    names.add(cache.directory_name((magic[0], "haswell", magic[2])))
    monkeypatch.setattr(cache, "_VERSIONS", ("other",))
    names.add(cache.directory_name(magic))
    assert len(names) == 4
    assert all(name.startswith(cache.PREFIX) for name in names)


def test_root(monkeypatch, tmp_path):
    monkeypatch.delenv("FASTML_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache.cache_root() == tmp_path / "fastml"
    monkeypatch.setenv("FASTML_CACHE_DIR", str(tmp_path / "mine"))
    assert cache.cache_root() == tmp_path / "mine"


NAME = """
from numba.core.registry import cpu_target
from fastml._jit import cache
print(cache.directory_name(cpu_target.target_context.codegen().magic_tuple()))
"""


def test_any_edit_and_any_cpu_has_its_own_directory(tmp_path):
    package = copy_package(tmp_path)
    edits = ["kernels/toy/scalar.py", "_jit/tile.py", "blocks.py", "kernels/toy/new.py"]
    names = [run(NAME, package)]
    assert run(NAME, package) == names[0]
    # Not a source of kernels: an edit of it costs no compilation.
    (package / "config.py").write_text((package / "config.py").read_text() + "\n")
    names.append(run(NAME, package, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="+avx2"))
    for edit in edits:
        with open(package / edit, "a") as file:
            file.write("\n# edited\n")
        names.append(run(NAME, package))
    assert all(a != b for a, b in itertools.combinations(names, 2))


def test_an_edited_leaf_is_seen_by_its_callers(tmp_path):
    package = copy_package(tmp_path)
    store = str(tmp_path / "cache")
    assert run(TOTAL, package, FASTML_CACHE_DIR=store) == "14.0 0"
    assert run(TOTAL, package, FASTML_CACHE_DIR=store) == "14.0 1"
    (package / "kernels" / "toy" / "scalar.py").write_text("def square(x):\n    return x * x * x\n")
    assert run(TOTAL, package, FASTML_CACHE_DIR=store) == "36.0 0"


def test_eight_cold_processes_together(tmp_path):
    package = copy_package(tmp_path)
    processes = [start(TOTAL, package, FASTML_CACHE_DIR=str(tmp_path / "cache")) for _ in range(8)]
    assert {finish(process).split()[0] for process in processes} == {"14.0"}
    assert len(files(tmp_path / "cache")) == 1
    assert run(TOTAL, package, FASTML_CACHE_DIR=str(tmp_path / "cache")) == "14.0 1"


def test_read_only_install(tmp_path):
    package = copy_package(tmp_path)
    for path in [package, *package.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = set(package.rglob("*"))
    store = str(tmp_path / "cache")
    python = {"FASTML_CACHE_DIR": store, "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(TOTAL, package, **python) == "14.0 0"
    assert run(TOTAL, package, **python) == "14.0 1"
    assert set(package.rglob("*")) == before
    for path in [package, *package.rglob("*")]:
        path.chmod(0o755)
