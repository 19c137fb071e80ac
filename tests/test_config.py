"""Options: values, scope (threads, asynchronous tasks, contexts) and environment."""

import asyncio
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastml
from fastml import config as config_module
from fastml.config import Config, config_context, get_config, set_config


@pytest.fixture(autouse=True)
def restored_default():
    before = get_config()
    yield
    config_module._default = before


def in_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]


def test_set_config_changes_only_what_is_named():
    set_config(num_threads=3)
    set_config(check_finite=False)
    assert get_config() == Config(backend=get_config().backend, num_threads=3, check_finite=False)


def test_context_restores_everything_even_after_an_error_and_a_set_config_inside():
    before = get_config()
    with pytest.raises(KeyError), config_context(backend="reference"):
        set_config(num_threads=7, progress=True)
        assert get_config().backend == "reference"
        assert get_config().num_threads == 7
        raise KeyError
    assert get_config() == before


def test_contexts_nest():
    with config_context(num_threads=2):
        with config_context(backend="reference") as inner:
            assert (inner.backend, inner.num_threads) == ("reference", 2)
        assert get_config().num_threads == 2


@pytest.mark.parametrize("name, resolved", [("gpu", "cuda"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_backend_names(name, resolved):
    with config_context(backend=name):
        assert get_config().backend == resolved


def test_num_threads_takes_numpy_integers():
    with config_context(num_threads=np.int64(2)):
        assert type(get_config().num_threads) is int


def test_config_is_immutable_and_pickles():
    config = Config(num_threads=2)
    with pytest.raises(AttributeError):
        config.num_threads = 3
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"backend": "tpu"}, ValueError, "'backend' must be one of 'auto', .*, got 'tpu'"),
        ({"backend": "CPU"}, ValueError, "'backend' must be one of"),
        ({"backend": None}, ValueError, "'backend' must be one of .*, got None"),
        ({"backend": ["cpu"]}, ValueError, "'backend' must be one of"),
        ({"num_threads": 0}, ValueError, "'num_threads' must be None or .* at least 1, got 0"),
        ({"num_threads": -1}, ValueError, "'num_threads'"),
        ({"num_threads": 2.0}, TypeError, "'num_threads'"),
        ({"num_threads": True}, TypeError, "'num_threads'"),
        ({"check_finite": 1}, TypeError, "'check_finite' must be True or False, got 1"),
        ({"progress": "yes"}, TypeError, "'progress' must be True or False"),
        ({"device": "cpu"}, TypeError, "Unknown option 'device'; expected one of backend, "),
    ],
)
def test_bad_values_are_named_and_change_nothing(options, error, words):
    before = get_config()
    with pytest.raises(error, match=words):
        set_config(**options)
    with pytest.raises(error, match=words), config_context(**options):
        pytest.fail("the context was entered")
    assert get_config() == before


def test_main_thread_sets_the_default_of_threads():
    set_config(num_threads=5)
    assert in_thread(get_config).num_threads == 5


def test_a_thread_keeps_its_own_options():
    before = get_config()

    def work():
        set_config(num_threads=9)
        return get_config().num_threads

    assert in_thread(work) == 9
    assert get_config() == before


def test_a_context_of_the_main_thread_is_not_seen_by_threads():
    before = get_config()
    with config_context(num_threads=6):
        assert in_thread(get_config) == before
        set_config(num_threads=8)
        assert in_thread(get_config) == before


def test_threads_in_contexts_do_not_mix():
    barrier = threading.Barrier(4)
    seen = [None] * 4

    def work(i):
        with config_context(num_threads=i + 1):
            barrier.wait(timeout=30)
            seen[i] = get_config().num_threads
            barrier.wait(timeout=30)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 2, 3, 4]


def test_async_tasks_keep_their_own_options():
    before = get_config()

    async def setter(count):
        set_config(num_threads=count)
        await asyncio.sleep(0)
        return get_config().num_threads

    async def holder(count):
        with config_context(num_threads=count):
            await asyncio.sleep(0)
            return get_config().num_threads

    async def main():
        return await asyncio.gather(setter(11), holder(12), setter(13), holder(14))

    assert asyncio.run(main()) == [11, 12, 13, 14]
    assert get_config() == before


def run_with_environment(**variables):
    code = "import fastml; c = fastml.get_config(); print(c.backend, c.num_threads)"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTML_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "variables, printed",
    [
        ({}, "auto None"),
        ({"FASTML_BACKEND": "", "FASTML_NUM_THREADS": ""}, "auto None"),
        ({"FASTML_BACKEND": "gpu", "FASTML_NUM_THREADS": "3"}, "cuda 3"),
    ],
)
def test_environment(variables, printed):
    done = run_with_environment(**variables)
    assert (done.stdout.strip(), done.returncode) == (printed, 0), done.stderr


@pytest.mark.parametrize(
    "variables",
    [{"FASTML_BACKEND": "tpu"}, {"FASTML_NUM_THREADS": "0"}, {"FASTML_NUM_THREADS": "many"}],
)
def test_bad_environment_is_named(variables):
    done = run_with_environment(**variables)
    assert done.returncode != 0
    (name,) = variables
    assert f"ValueError: Environment variable {name} must be" in done.stderr


def test_a_bad_environment_does_not_break_the_import():
    done = subprocess.run(
        [sys.executable, "-c", "import fastml.config"],
        env={**os.environ, "FASTML_BACKEND": "tpu"},
        check=False,
    )
    assert done.returncode == 0


def test_public_names_are_the_modules():
    assert fastml.set_config is set_config
    assert fastml.config_context is config_context
