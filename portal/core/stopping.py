"""Being told to stop: a flag and a pipe, as a signal handler may neither take a lock nor rely on an exception.

An exception raised in a handler is lost when it falls into a destructor, and ``threading.Event.set`` can wait for
a lock that the interrupted code holds.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class Stop:
    """Whether this process was asked to end; made after any fork."""

    def __init__(self) -> None:
        self.asked = False
        self._reader, self._writer = os.pipe()

    def listen(self) -> None:
        """From here on SIGTERM and SIGINT ask."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signals."""
        if not self.asked:
            self.asked = True
            os.write(self._writer, b".")

    def wait(self, seconds: float) -> None:
        """Sleeps, but not on after being asked."""
        select.select([self._reader], [], [], max(0.0, seconds))
