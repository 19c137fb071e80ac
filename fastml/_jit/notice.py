"""One line that says why the first use of a kernel takes its time."""

import logging
import threading

SECONDS = 1.0
_shown = threading.Event()


class SlowCompile:
    """Logs a notice, once in a process, when a compilation takes more than `SECONDS`."""

    def __init__(self):
        self._timer = None

    def start(self):
        """Note that a compilation starts."""
        if _shown.is_set():
            return
        self._timer = threading.Timer(SECONDS, _show)
        self._timer.daemon = True
        self._timer.start()

    def stop(self):
        """Note that it has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _show():
    if not _shown.is_set():
        _shown.set()
        logging.getLogger("fastml").warning(
            "fastml is compiling kernels for this machine; later runs start without this wait."
        )
