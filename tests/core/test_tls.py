"""Whoever we call over TLS must show a certificate that somebody vouches for."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask import Flask

from portal.core import smtp
from portal.providers.sandbox.client import HttpRequest, over_http


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[int]:
    """The port of a server on localhost whose certificate nobody signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    kept = tmp_path / "server.pem"
    kept.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kept)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                plain, _peer = listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with context.wrap_socket(plain, server_side=True) as caller:
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                plain.close()

    threading.Thread(target=answer, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


def test_a_provider_with_a_strange_certificate_is_not_trusted(strange: int) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        over_http(HttpRequest("GET", f"https://localhost:{strange}/"))


def test_a_mail_server_with_a_strange_certificate_is_not_trusted(
    app: Flask, strange: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        mail = app.extensions["mail"]
        for setting, value in {
            "server": "localhost",
            "port": strange,
            "use_ssl": True,
            "use_tls": False,
        }.items():
            monkeypatch.setattr(mail, setting, value)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            smtp.Connection(mail).configure_host()
