"""The errors that the domain raises and the edge turns into answers.

Messages for people may be lazily translated strings: they are only turned into text where the reader's
language is known. Nothing in here knows about HTTP; the status codes named below are what the web edge picks.
"""

from __future__ import annotations


class CannotStart(RuntimeError):
    """Something was put together wrong, so the portal does not start; the message says in one line what it is."""


class DomainError(Exception):
    """A rule refuses what was asked; the message is a sentence for the person who asked.

    `field` names the form field that the sentence belongs to, or is None when it concerns the whole form.
    The message is any object whose `str()` is the sentence, so a lazy translation is welcome.
    """

    def __init__(self, message: object, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return str(self.message)


class Conflict(DomainError):
    """The object changed meanwhile, or is not in a state that allows this (409)."""


class IllegalMove(Conflict):
    """A lifecycle has no such move from this state; `state` and `move` are kept for the log."""

    def __init__(self, message: object, *, lifecycle: str, state: str, move: str) -> None:
        super().__init__(message)
        self.lifecycle = lifecycle
        self.state = state
        self.move = move

    def __repr__(self) -> str:
        return f"IllegalMove({self.lifecycle}: {self.move!s} from {self.state!s})"


class NotFound(Exception):
    """Does not exist, or belongs to somebody else: whoever asks must not be able to tell which (404)."""


class Forbidden(Exception):
    """The person may see this but lacks the right to do it (403)."""


class NoShop(Exception):
    """Shop-owned data was touched outside any shop's scope: always a mistake in the program."""


class ProviderError(Exception):
    """A payment provider refused or could not be reached.

    `permanent` says that asking again will not help; everything else is worth a retry. The message is for the
    log and the office, never for the customer.
    """

    def __init__(self, message: str, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
