"""The commands of ``flask``: a way in for the shop beside the office."""

from __future__ import annotations

from flask import Flask

from portal.commands import backup, customers, demo, invoices, mail, people, sections, shops


def install(app: Flask) -> None:
    """Hangs the commands on the application."""
    for group in (
        shops.group,
        customers.group,
        people.person,
        invoices.group,
        demo.group,
        backup.group,
        mail.group,
        sections.group,
    ):
        app.cli.add_command(group)
