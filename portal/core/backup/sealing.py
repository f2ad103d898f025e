"""Encryption of an archive with a passphrase, in pieces, so that neither size nor order can be tampered with.

The key comes from the passphrase by scrypt. Each piece is sealed with AES-256-GCM under a nonce that holds its place
and whether it is the last one: pieces left out, added, repeated or swapped do not open.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from portal.core.backup.errors import BadArchive, WrongPassphrase

MAGIC = b"loket backup, sealed, 1\n"
PIECE = 1 << 20
TAG = 16
SHORTEST_PASSPHRASE = 12

_SALT, _PROOF = 16, 32
HEADER = len(MAGIC) + _SALT + _PROOF


class Sink(Protocol):
    """Where an archive is written to."""

    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    """Where an archive is read from; fewer bytes than asked for mean its end."""

    def read(self, size: int, /) -> bytes: ...


class Sealer:
    """Encrypts what is written to it; ``finish`` writes the last piece."""

    def __init__(self, file: Sink, passphrase: str) -> None:
        salt = secrets.token_bytes(_SALT)
        key, proof = _derive(passphrase, salt)
        self._file, self._cipher = file, AESGCM(key)
        self._header = MAGIC + salt + proof
        self._waiting, self._number = bytearray(), 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        """Takes any number of bytes; whole pieces go out at once."""
        self._waiting += data
        while len(self._waiting) > PIECE:
            self._seal(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]

    def finish(self) -> None:
        """Writes what is left as the piece that says it is the last."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._header))
        self._number += 1


class Opener:
    """Decrypts what a ``Sealer`` wrote; ``WrongPassphrase`` at once, ``BadArchive`` where a piece does not open."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._header = file.read(HEADER)
        if len(self._header) != HEADER or not self._header.startswith(MAGIC):
            raise BadArchive("it ends within its header")
        salt, proof = self._header[len(MAGIC) : -_PROOF], self._header[-_PROOF:]
        key, expected = _derive(passphrase, salt)
        if not hmac.compare_digest(expected, proof):
            raise WrongPassphrase("This is not the passphrase of the archive.")
        self._file, self._cipher = file, AESGCM(key)
        self._open, self._number = bytearray(), 0
        self._next = file.read(PIECE + TAG)
        if not self._next:
            raise BadArchive("it ends after its header")

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        while len(self._open) < size and self._next:
            sealed, self._next = self._next, self._file.read(PIECE + TAG)
            try:
                piece = self._cipher.decrypt(_nonce(self._number, last=not self._next), sealed, self._header)
            except (InvalidTag, ValueError):
                raise BadArchive(
                    f"it was changed or cut off, {self._number} MiB from its beginning or later"
                ) from None
            self._number += 1
            self._open += piece
        taken = bytes(self._open[:size])
        del self._open[:size]
        return taken


def _derive(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """The key, and a proof from which neither the key nor the passphrase can be had more cheaply than by guessing.

    The costs are part of the format and not read from the archive: one that asks for all memory would be obeyed.
    """
    # The same words typed on another keyboard may be other code points.
    words = unicodedata.normalize("NFC", passphrase).encode()
    derived = Scrypt(salt=salt, length=64, n=2**17, r=8, p=1).derive(words)
    return derived[:32], hashlib.sha256(derived[32:]).digest()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
