"""``flask mail``: mails that come in, from a mail server that runs a command or one that hands them on."""

from __future__ import annotations

import logging
import sys

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from portal.commands import mail_listener, running
from portal.commands.mail_delivery import Delivery, NotNow, Refused, deliver
from portal.core import inbound_mail, reply_address
from portal.installation.access_log import configure_logging

log = logging.getLogger(__name__)

#: What mail servers understand of a command that ends so: send it back, and bring it again later.
EX_DATAERR, EX_TEMPFAIL = 65, 75

group = click.Group("mail", help="Mails that customers and staff send to the shop.")


@group.command("ingest")
@click.option(
    "--shop", metavar="HOST", help="The shop of mails that answer none of ours, by its host or public id."
)
@click.option("--sender", metavar="ADDRESS", help="The envelope's sender, empty for none.")
@click.option("--recipient", "recipients", metavar="ADDRESS", multiple=True, help="The envelope's recipient.")
@with_appcontext
def ingest(*, shop: str | None, sender: str | None, recipients: tuple[str, ...]) -> None:
    """Take one mail from the standard input.

    It adds to the ticket that it answers, or opens one. Exit codes are those that mail servers know: 0 taken or
    dropped, 65 refused for good, 75 bring it again later.
    """
    raw = sys.stdin.buffer.read(inbound_mail.MAX_BYTES + 1)
    try:
        outcome = deliver(Delivery(raw, recipients, sender, shop))
    except Refused as error:
        click.echo(f"Refused: {error}.", err=True)
        sys.exit(EX_DATAERR)
    except NotNow as error:
        click.echo(f"Not now: {error}.", err=True)
        sys.exit(EX_TEMPFAIL)
    except Exception as error:
        # A mistake of ours must not send a customer's mail back, or lose it.
        log.exception("a mail could not be taken")
        click.echo(f"Not now: {type(error).__name__}.", err=True)
        sys.exit(EX_TEMPFAIL)
    click.echo(f"{outcome.done.value}{f': {outcome.reason}' if outcome.reason else ''}")


@group.command("listen")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8024, show_default=True, help="The port on 127.0.0.1."
)
@click.option("--smtp", is_flag=True, help="Speak SMTP and not LMTP.")
@click.option(
    "--shop", metavar="HOST", help="The shop of mails that answer none of ours, by its host or public id."
)
@with_appcontext
def listen(*, port: int, smtp: bool, shop: str | None) -> None:
    """Take mails from a mail server on this machine, until told to stop.

    It takes mails to INBOUND_MAIL alone, and says that it has one only once the database has it.
    """
    if reply_address.inbox() is None:
        raise running.Refused("INBOUND_MAIL is not set: it says at which address customers answer mails.")
    try:
        listener = mail_listener.take_port(port)
    except OSError as error:
        raise running.Refused(f"Port {port} cannot be used: {error.strerror}.") from None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    configure_logging(app.config["LOKET"].log_level)
    click.echo(f"Listening on 127.0.0.1:{port}.", err=True)
    mail_listener.run(app, listener, mail_listener.Settings(shop=shop, lmtp=not smtp))
