"""Why a backup cannot be made, read or put back."""

from __future__ import annotations


class BackupError(Exception):
    """One sentence for whoever is at the terminal; it never repeats what stands in a row."""


class BadArchive(BackupError):
    """The archive is damaged, cut short, or was not made by Loket."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The archive is damaged or not one of Loket's: {what}.")


class WrongPassphrase(BackupError):
    """The archive is encrypted with another passphrase."""
