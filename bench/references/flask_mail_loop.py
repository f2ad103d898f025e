"""Flask-Mail sending mails one after the other over one connection, from ready texts; it writes nothing down."""

from __future__ import annotations

from flask import Flask
from flask_mail import Mail, Message


class Loop:
    """A sender with a connection for each batch."""

    def __init__(self, port: int) -> None:
        self._app = Flask(__name__)
        self._app.config.update(
            MAIL_SERVER="127.0.0.1", MAIL_PORT=port, MAIL_DEFAULT_SENDER="shop@example.com"
        )
        self._mail = Mail(self._app)

    def send(self, count: int, *, subject: str, to: str, text: str, html: str) -> None:
        """So many mails with the same words."""
        with self._app.app_context(), self._mail.connect() as connection:
            for _ in range(count):
                connection.send(Message(subject, recipients=[to], body=text, html=html))
