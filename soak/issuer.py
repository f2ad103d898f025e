"""Issues invoices by the real command, one after another in one process, so that each costs no start of Python.

python -m soak.issuer COUNT SECONDS     prints "issued NUMBER LINK" once the command has committed, else "refused …"
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from config import Config
from portal import create_app
from portal.installation import keys, start
from tests import cast
from tests.browser.installation import invoice_for

CUSTOMERS = ("emma@example.com", "jan@example.com")


def main(count: int, pause: float) -> None:
    config = start.attached(keys.ensure(Config.from_env(os.environ)))
    app = create_app(config)
    path = Path(os.environ["INSTANCE_DIR"]) / f"invoices-{os.getpid()}.json"
    for number in range(count):
        price = f"{5 + number % 90}.{number % 100:02d}"
        path.write_text(json.dumps([invoice_for(CUSTOMERS[number % 2], price=price)]))
        done = app.test_cli_runner().invoke(
            args=["invoice", "create", "--shop", cast.HOST, "--from-json", str(path)]
        )
        for line in done.output.splitlines():
            if done.exit_code == 0 and "/pay/" in line:
                print("issued", line.split()[0], line.split()[-1], flush=True)
        if done.exit_code:
            reason = f"{done.output} {type(done.exception).__name__} {done.exception}"
            print("refused", " ".join(reason.split())[:300], flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
