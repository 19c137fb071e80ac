"""Batches of what does not fit into memory: rows of a file, and what iterators bring."""

import numpy as np
import pytest
import scipy.sparse as sp

from fastml.backends import resolve
from fastml.nn.training import InMemory
from fastml.nn.training._streams import RowsOnDisk, Stream, epoch_batches, is_stream


@pytest.fixture
def pictures(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (50, 4, 3))
    mapped[:] = np.random.default_rng(0).integers(256, size=mapped.shape)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"batch_size": 1}])
@pytest.mark.parametrize("shape", [None, (12,), (4, 3, 1)])
def test_rows_on_disk_make_the_batches_of_rows_in_memory(pictures, options, shape):
    backend, y = resolve(np.zeros(1)), np.arange(50)
    whole = pictures.astype(np.float32).reshape(50, *(shape or (4, 3)))
    options = {"batch_size": 8, "seed": 5, **options}
    on_disk = RowsOnDisk(backend, pictures, np.float32, shape)
    pairs = zip(
        InMemory(backend, on_disk, y, **options).batches(3),
        InMemory(backend, whole, y, **options).batches(3),
        strict=True,
    )
    for read, held in pairs:
        assert type(read.X) is np.ndarray
        assert read.X.dtype == np.float32
        np.testing.assert_array_equal(read.X, held.X)
        np.testing.assert_array_equal(read.y, held.y)
    assert len(on_disk) == 50


def as_float64(X, y, weight):
    return np.asarray(X, np.float64), np.asarray(y), weight


def test_a_stream_makes_batches_of_what_a_function_or_a_loader_brings():
    def batches(epoch):
        for i in range(3):
            yield np.full((2, 1), 10 * epoch + i), [i, i]

    for epoch in range(2):
        found = list(Stream(batches, as_float64).batches(epoch))
        assert [batch.X[0, 0] for batch in found] == [10 * epoch + i for i in range(3)]
        assert [(batch.rows.start, batch.rows.stop) for batch in found] == [(0, 2), (2, 4), (4, 6)]
        assert [batch.total for batch in found] == [2, 2, 2]

    class Loader:
        def __iter__(self):
            return iter([([[1]], [2], np.array([0.5])), [[[1]], [2]]])

    for epoch in range(2):
        first, second = Stream(Loader(), as_float64).batches(epoch)
        assert (first.total, second.total) == (0.5, 1)
        assert second.weight is None


def test_what_is_no_source_of_batches_is_refused():
    with pytest.raises(TypeError, match=r"generator is used up after one epoch\. Give a"):
        list(epoch_batches((pair for pair in [(1, 2)]), 0))
    with pytest.raises(ValueError, match="has none for epoch 4"):
        list(epoch_batches(lambda epoch: [], 4))
    for wrong in (np.zeros((3, 2)), (1,), (1, 2, 3, 4), {"X": 1, "y": 2}):
        with pytest.raises(TypeError, match=r"must yield \(X, y\) or .*, got"):
            list(epoch_batches(lambda epoch, wrong=wrong: [wrong], 0))


def test_streams_are_told_from_arrays(pictures):
    pandas = pytest.importorskip("pandas")
    for X in (
        *(pictures, np.zeros((2, 2)), [[1, 2]], ((1, 2),), "text", None, 3, sp.eye_array(3)),
        *(pandas.DataFrame({"a": [1]}), pandas.Series([1]), memoryview(b"a")),
    ):
        assert not is_stream(X)
    for X in (lambda epoch: [], iter([(1, 2)]), {1: 2}.items(), (pair for pair in [(1, 2)])):
        assert is_stream(X)
