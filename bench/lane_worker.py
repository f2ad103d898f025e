"""A worker of the portal as the installation runs it: ``python -m bench.lane_worker mail billing``."""

from __future__ import annotations

import sys

from bench.inside import application


def main(lanes: list[str]) -> None:
    """Until told to stop."""
    from portal.core import jobs
    from portal.installation.hooks import warm

    app = application()
    warm(app)
    with app.app_context():
        jobs.run_worker(lanes)


if __name__ == "__main__":
    main(sys.argv[1:])
