"""``flask demo``: the demo shop, small or large."""

from __future__ import annotations

import click
from flask import current_app

from portal import demo
from portal.commands.running import Lines, in_installation
from portal.core.errors import DomainError

group = click.Group("demo", help="Make the demo shop.")


@group.command("load")
@click.option("--customers", type=int, default=0, help="So many accounts more, to try a large shop.")
@click.option("--invoices", type=int, default=0, help="So many invoices of theirs.")
@in_installation
def load(*, customers: int, invoices: int) -> Lines:
    """Make the demo shop in an empty database. It takes seconds, or minutes for a million invoices."""
    if not current_app.config["DEMO"]:
        raise DomainError(
            "The demo has known passwords, so it needs an installation of its own: set LOKET_MODE=demo."
        )
    demo.load(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        port=current_app.config["PORT"],
        customers=customers,
        invoices=invoices,
    )
    return ["The demo shop is there."]
