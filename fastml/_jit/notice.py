"""One line that says why the first use of a kernel takes its time."""

import contextlib
import logging
import threading

SECONDS = 1.0
_shown = threading.Event()


@contextlib.contextmanager
def notice_if_slow():
    """Log a notice, once in a process, when the body takes more than `SECONDS`."""
    if _shown.is_set():
        yield
        return
    timer = threading.Timer(SECONDS, _show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _show():
    if not _shown.is_set():
        _shown.set()
        logging.getLogger("fastml").warning(
            "fastml is compiling kernels for this machine; later runs start without this wait, "
            "unless the kernels cannot be kept on disk."
        )
