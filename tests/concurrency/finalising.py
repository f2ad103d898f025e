"""What each of the processes does that issue invoices at once.

Between two invoices that stay it issues one and rolls it back, as a run does that fails after the number was drawn.
"""

from __future__ import annotations

from pathlib import Path
from threading import Barrier

from portal.core import database
from portal.core.tenancy import shop_scope
from portal.extensions import db
from tests.cast import make_invoice
from tests.conftest import make_app


def finalise(url: str, folder: str, shop_id: int, customer_id: int, count: int, together: Barrier) -> None:
    """Waits for the others, then issues ``count`` invoices, each in a transaction of its own."""
    app = make_app(Path(folder), url)
    database.set_reading(False)
    with app.app_context(), shop_scope(shop_id):
        together.wait()
        for turn in range(count):
            make_invoice(customer_id)
            db.session.commit()
            if turn % 3 == 0:
                make_invoice(customer_id)
                db.session.rollback()
