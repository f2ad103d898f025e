"""Flask and Jinja alone: a list of 60 rows from words that are ready. "The limit" of what a page here can be."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template

app = Flask(__name__)

STATES = [{"label": "Paid", "tone": "green"}, {"label": "Unpaid", "tone": "orange"}]
COLUMNS = ["Number", "Date", "Due", "Status", "Amount", "Still to pay"]
MENU = [
    {"url": f"/{name.lower()}", "label": name, "icon": name.lower(), "active": name == "Invoices"}
    for name in ("Home", "Invoices", "Orders", "Subscriptions", "Payments", "Profile", "Support", "Shop")
]


def _row(place: int) -> dict[str, Any]:
    day = place % 28 + 1
    return {
        "id": f"i{place:021}",
        "number": f"2026-{place:04}",
        "date": f"2026-10-{day:02}",
        "date_long": f"Thursday, {day} October 2026",
        "date_short": f"{day} Oct 2026",
        "due": f"2026-11-{day:02}",
        "due_long": f"Sunday, {day} November 2026",
        "due_short": f"{day} Nov 2026",
        "state": STATES[place % 7 == 0],
        "total": f"€ {place}.95",
        "left": f"€ {place}.95" if place % 7 == 0 else "",
        "late": place % 14 == 0,
    }


ROWS = [_row(place) for place in range(60)]


@app.get("/")
def page() -> str:
    """The list."""
    return render_template("list.html", title="Invoices", menu=MENU, columns=COLUMNS, rows=ROWS)
