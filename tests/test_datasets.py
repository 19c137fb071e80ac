"""Loaders of real formats, on files made here, and the task with a known answer."""

import gzip
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression

from fastml.datasets import (
    SHAPES,
    load_idx,
    load_image_folder,
    load_mnist,
    make_shapes,
    save_idx,
    shapes_posterior,
)

IDX_TYPES = ("u1", "i1", "i2", "i4", "f4", "f8")
SHAPES_UP_TO_4D = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
@given(st.data())
def test_idx_comes_back_as_it_was_written(folder, name, data):
    dtype = data.draw(st.sampled_from([order + t for t in IDX_TYPES for order in "<>"]))
    array = data.draw(hnp.arrays(dtype, SHAPES_UP_TO_4D))
    save_idx(folder / name, array)
    for mmap_mode in ("r", "c", None):
        loaded = load_idx(folder / name, mmap_mode=mmap_mode)
        np.testing.assert_array_equal(loaded, array)
        assert loaded.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "code, kind", [(8, "B"), (9, "b"), (0x0B, "h"), (0x0C, "i"), (0x0D, "f"), (0x0E, "d")]
)
def test_idx_is_read_as_the_format_says(tmp_path, code, kind):
    numbers = [1, 2, 3, 4, 5, 100]
    written = struct.pack(">BBBBII", 0, 0, code, 2, 2, 3) + struct.pack(f">6{kind}", *numbers)
    (tmp_path / "x").write_bytes(written)
    assert load_idx(tmp_path / "x").tolist() == [numbers[:3], numbers[3:]]
    save_idx(tmp_path / "y", load_idx(tmp_path / "x"))
    assert (tmp_path / "y").read_bytes() == written


def test_idx_is_mapped_where_it_is_not_compressed(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    save_idx(tmp_path / "x", array)
    save_idx(tmp_path / "x.gz", array)
    mapped = load_idx(tmp_path / "x")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    changed = load_idx(tmp_path / "x", mmap_mode="c")
    changed[:] = 0
    np.testing.assert_array_equal(load_idx(tmp_path / "x"), array)
    for copy in (load_idx(tmp_path / "x", mmap_mode=None), load_idx(tmp_path / "x.gz")):
        assert type(copy) is np.ndarray
        copy[:] = 0


def test_a_damaged_idx_file_is_named_and_what_is_wrong_with_it(tmp_path):
    array = np.arange(600, dtype=np.int16).reshape(20, 30)
    save_idx(tmp_path / "x", array)
    save_idx(tmp_path / "x.gz", array)
    whole, packed = (tmp_path / "x").read_bytes(), (tmp_path / "x.gz").read_bytes()
    assert gzip.decompress(packed) == whole
    claims_too_much = whole[:4] + b"\xff" * 8 + whole[12:]
    flipped = packed[:40] + bytes([packed[40] ^ 255]) + packed[41:]
    for damaged, message in (
        (b"", "not an IDX file"),
        (b"PNG what is this", "not an IDX file.*50 4e 47 20"),
        (b"\0\0\x0a\x01" + whole[4:], "not an IDX file"),
        (whole[:9], "cut short: it ends before the sizes of its 2 dimensions"),
        (whole[:-1], r"cut short.*\(20, 30\).*int16 takes 1200 bytes.*only 1199"),
        (whole + b"\0", "damaged.*1200 bytes, and the file holds more"),
        (claims_too_much, "cut short"),
        (packed[:5], "gzip cannot unpack"),
        (packed[:-12], "gzip cannot unpack"),
        (flipped, "gzip cannot unpack"),
        (packed[:-6] + b"\0" + packed[-5:], "gzip cannot unpack"),
        (gzip.compress(whole[:-1]), "cut short"),
        (gzip.compress(whole + b"\0"), "damaged"),
        (gzip.compress(claims_too_much), "cut short"),
        (gzip.compress(b"text"), "not an IDX file"),
    ):
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(ValueError, match=f"/damaged .*{message}"):
            load_idx(tmp_path / "damaged")
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_idx(tmp_path / "nothing")
    with pytest.raises(ValueError, match="mmap_mode must be"):
        load_idx(tmp_path / "x", mmap_mode="w+")


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex64, bool, "U3"])
def test_idx_refuses_types_that_it_has_no_name_for(tmp_path, dtype):
    with pytest.raises(ValueError, match=r"uint8, int8, int16, int32, float32, float64, got"):
        save_idx(tmp_path / "x", np.zeros(3, dtype))
    assert not (tmp_path / "x").exists()


def write_mnist(folder, endings=("", ".gz"), separator="-"):
    """Write a tiny data set under MNIST's names; return its arrays by part."""
    rng = np.random.default_rng(0)
    parts = {}
    for (part, n), ending in zip({"train": 7, "t10k": 3}.items(), endings, strict=True):
        images = rng.integers(256, size=(n, 4, 5), dtype=np.uint8)
        labels = rng.integers(10, size=n, dtype=np.uint8)
        save_idx(folder / f"{part}-images{separator}idx3-ubyte{ending}", images)
        save_idx(folder / f"{part}-labels{separator}idx1-ubyte{ending}", labels)
        parts[part] = images, labels
    return parts


@pytest.mark.parametrize("endings, separator", [(("", ".gz"), "-"), ((".gz", ""), ".")])
def test_mnist(tmp_path, endings, separator):
    parts = write_mnist(tmp_path, endings, separator)
    for subset, names in (("train", ["train"]), ("test", ["t10k"]), ("all", ["train", "t10k"])):
        images, labels = (
            np.concatenate(arrays) for arrays in zip(*map(parts.get, names), strict=True)
        )
        loaded = load_mnist(tmp_path, subset=subset)
        np.testing.assert_array_equal(loaded.images, images)
        np.testing.assert_array_equal(loaded.target, labels)
        assert np.shares_memory(loaded.images, loaded.data)
        X, y = load_mnist(tmp_path, subset=subset, return_X_y=True)
        np.testing.assert_array_equal(X, images.reshape(len(images), 20))
        np.testing.assert_array_equal(y, labels)


def test_mnist_says_what_is_missing_or_does_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no file train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    with pytest.raises(ValueError, match="subset must be one of"):
        load_mnist(tmp_path, subset="validation")
    write_mnist(tmp_path, ("", ""))
    save_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(5, np.uint8))
    with pytest.raises(ValueError, match=r"7 images, and .*train-labels-idx1-ubyte 5 labels"):
        load_mnist(tmp_path)
    save_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((3, 20), np.uint8))
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte should have 3 dimensions"):
        load_mnist(tmp_path, subset="test")
    write_mnist(tmp_path, ("", ""))
    save_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((3, 6, 6), np.uint8))
    with pytest.raises(ValueError, match=r"differ in size: \(4, 5\) and \(6, 6\)"):
        load_mnist(tmp_path, subset="all")


@pytest.fixture
def image_folder(tmp_path):
    """Three images of two classes, and things that are none."""
    Image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(256, size=(3, 6, 8, 3), dtype=np.uint8)
    for name, image in zip(["cat/b.png", "cat/more/c.bmp", "dog/a.PNG"], pixels, strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / name)
    for name in ("cat/notes.txt", "dog/.hidden.png", "README.md"):
        (tmp_path / name).write_text("no image", encoding="utf-8")
    (tmp_path / ".git").mkdir()
    return tmp_path, pixels


def test_image_folder(image_folder):
    path, pixels = image_folder
    loaded = load_image_folder(path)
    np.testing.assert_array_equal(loaded.images, pixels)
    assert loaded.target.tolist() == [0, 0, 1]
    assert loaded.target_names == ["cat", "dog"]
    assert loaded.filenames == [str(path / n) for n in ("cat/b.png", "cat/more/c.bmp", "dog/a.PNG")]
    assert load_image_folder(path, mode="L").images.shape == (3, 6, 8)
    assert (load_image_folder(path, mode="RGBA").images[..., 3] == 255).all()
    assert load_image_folder(path, size=5).images.shape == (3, 5, 5, 3)
    assert load_image_folder(path, size=(4, 3)).images.shape == (3, 4, 3, 3)
    np.testing.assert_array_equal(load_image_folder(path, size=(6, 8)).images, pixels)


def test_image_folder_turns_pictures_upright_and_keeps_the_high_bits(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3) << 13
    Image.fromarray(grey).save(tmp_path / "a" / "1.png")
    exif = Image.Exif()
    exif[0x0112] = 8  # a quarter turn
    turned = np.rot90((grey >> 8).astype(np.uint8), -1)
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "a" / "2.png", exif=exif)
    for image in load_image_folder(tmp_path, mode="L").images:
        np.testing.assert_array_equal(image, grey >> 8)


def test_image_folder_says_what_is_wrong(image_folder, monkeypatch):
    path, _ = image_folder
    Image = pytest.importorskip("PIL.Image")
    for options, message in (
        ({"mode": "CMYK"}, "mode must be one of"),
        ({"size": 0}, "size must be a positive integer"),
        ({"size": 2.5}, "size must be a positive integer"),
        ({"size": (1, 2, 3)}, "size must be a positive integer"),
    ):
        with pytest.raises(ValueError, match=message):
            load_image_folder(path, **options)
    Image.new("L", (3, 2)).save(path / "dog" / "small.png")
    with pytest.raises(ValueError, match=r"small.png has 2 x 3 pixels, and .*b.png 6 x 8.*size="):
        load_image_folder(path)
    whole = (path / "cat/b.png").read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:20], b"", b"text"):
        (path / "cat/b.png").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"b.png cannot be read as an image"):
            load_image_folder(path, size=4)
    for missing, message in (
        (path / "nowhere", "There is no folder"),
        (path / "dog", "has no folders in it"),
        (path / "cat", "more has no images|has no folders"),
    ):
        if missing == path / "cat":
            (path / "cat/more/c.bmp").unlink()
        with pytest.raises(FileNotFoundError, match=message):
            load_image_folder(missing)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="needs Pillow"):
        load_image_folder(path)


def test_shapes_have_one_answer_without_noise():
    X, y = make_shapes(400, size=9, noise=0, random_state=0)
    assert X.shape == (400, 9, 9)
    assert X.dtype == np.float32
    assert set(y) == set(range(len(SHAPES)))
    # As bright as each other, and no picture of two classes.
    assert (X.sum(axis=(1, 2)) == 9).all()
    classes = {}
    for image, label in zip(X, y, strict=True):
        assert classes.setdefault(image.tobytes(), label) == label
    # Every class in every place, in the long run: 5 x 5 places of 5 shapes.
    assert len(classes) >= 110
    np.testing.assert_array_equal(shapes_posterior(X, noise=0.05).argmax(axis=1), y)


@pytest.mark.parametrize("noise", [0.5, 0.7])
def test_the_posterior_of_shapes_knows_how_often_it_is_right(noise):
    X, y = make_shapes(4000, size=12, noise=noise, random_state=3)
    posterior = shapes_posterior(X, noise=noise)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    right = posterior.argmax(axis=1) == y
    expected = posterior.max(axis=1)
    # Five standard errors of a difference whose mean is 0.
    error = np.std(right - expected) / np.sqrt(len(X))
    assert abs(np.mean(right - expected)) < 5 * error
    assert right.mean() > 0.75


def test_the_posterior_of_shapes_is_bayes_rule_over_all_templates():
    X, _ = make_shapes(20, size=7, noise=0.4, random_state=0)
    posterior = shapes_posterior(X, noise=0.4)
    clean, classes = make_shapes(2000, size=7, noise=0, random_state=1)
    clean, where = np.unique(clean, axis=0, return_index=True)
    assert len(clean) == 5 * 9
    # As float64, in which float32 noise is exact.
    likelihood = np.exp(-((X[:, None].astype(float) - clean) ** 2).sum(axis=(2, 3)) / (2 * 0.4**2))
    joint = np.stack([likelihood[:, classes[where] == c].sum(axis=1) for c in range(5)], axis=1)
    np.testing.assert_allclose(posterior, joint / joint.sum(axis=1, keepdims=True), rtol=1e-6)


def test_shapes_are_beyond_a_linear_classifier():
    X, y = make_shapes(2000, noise=0.3, random_state=0)
    new_X, new_y = make_shapes(2000, noise=0.3, random_state=1)
    linear = LogisticRegression(C=0.01).fit(X.reshape(2000, -1), y)
    assert linear.score(new_X.reshape(2000, -1), new_y) < 0.3
    assert (shapes_posterior(new_X, noise=0.3).argmax(axis=1) == new_y).mean() > 0.999


def test_shapes_follow_random_state():
    first, again = (make_shapes(5, random_state=7) for _ in range(2))
    state = np.random.RandomState(7)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[0], make_shapes(5, random_state=state)[0])
    assert (make_shapes(5, random_state=state)[0] != first[0]).any()
    assert make_shapes(0)[0].shape == (0, 16, 16)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_samples": -1}, "n_samples must be an integer of at least 0"),
        ({"n_samples": 2.5}, "n_samples must be"),
        ({"size": 4}, "size must be an integer of at least 5"),
        ({"noise": -1}, "noise must be"),
        ({"noise": np.nan}, "noise must be"),
    ],
)
def test_shapes_refuse_impossible_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        make_shapes(**{"n_samples": 3, **options})


def test_the_posterior_refuses_what_it_cannot_read():
    with pytest.raises(ValueError, match="X must have the shape"):
        shapes_posterior(np.zeros((3, 256)), noise=1)
    with pytest.raises(ValueError, match="noise must be a number above 0"):
        shapes_posterior(np.zeros((3, 16, 16)), noise=0)
