"""How an area tells those to its right that something happened: past tense, inside the transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Receiver = TypeVar("Receiver", bound=Callable[..., None])


class Signal:
    """Something that happened. Receivers run in the sender's transaction, in the order in which they connected.

    A receiver only calls actions; what it raises fails the whole change, as it must.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._receivers: list[Callable[..., None]] = []

    def connect(self, receiver: Receiver) -> Receiver:
        """Registers a receiver; a decorator. Connected twice, it still runs once."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)
        return receiver

    def send(self, **values: Any) -> None:
        """Tells every receiver."""
        for receiver in self._receivers:
            receiver(**values)


_signals: dict[str, Signal] = {}


def signal(name: str) -> Signal:
    """The signal of a name, made on first use."""
    return _signals.setdefault(name, Signal(name))
