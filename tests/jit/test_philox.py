"""The generator gives Random123's published words, compiled or not, and uniforms in [0, 1)."""

import numpy as np
import pytest

from fastml._jit.philox import inlined, philox4x32, uniform_float32, uniform_float64

# kat_vectors of Random123 1.14, philox4x32 with 10 rounds: counter, key, words.
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def arguments(counter, key):
    index, step, stream = counter[0] | counter[1] << 32, counter[2], counter[3]
    return [np.uint64(v) for v in (index, step, stream, key[0] | key[1] << 32)]


@pytest.mark.parametrize("counter, key, words", KNOWN)
@pytest.mark.parametrize("generator", [philox4x32, inlined(philox4x32)], ids=["python", "compiled"])
def test_known_answers(generator, counter, key, words):
    assert tuple(map(int, generator(*arguments(counter, key)))) == words


@pytest.mark.parametrize("counter, key, words", KNOWN)
def test_known_answers_on_arrays(counter, key, words):
    index, *rest = arguments(counter, key)
    got = philox4x32(np.array([index ^ np.uint64(1), index]), *rest)
    assert tuple(int(w[1]) for w in got) == words
    assert all(w[0] != w[1] for w in got)


@pytest.mark.parametrize("compiled", [False, True])
def test_uniforms_reach_their_ends(compiled):
    single, double = uniform_float32, uniform_float64
    if compiled:
        single, double = inlined(single), inlined(double)
    zero, ones = np.uint64(0), np.uint64(2**32 - 1)
    assert single(zero) == 0
    assert single(ones) == 1 - 2.0**-24
    assert double(zero, zero) == 0
    assert double(ones, ones) == 1 - 2.0**-53
    assert double(np.uint64(32), zero) == 2.0**-27
    assert double(zero, np.uint64(64)) == 2.0**-53
    assert type(single(ones)) is (float if compiled else np.float32)
