"""What a program of ours makes is for its own user alone, wherever the settings put it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_a_database_in_another_folder_is_nobody_elses(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "-m", "flask", "shop", "list"],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "INSTANCE_DIR": str(tmp_path / "instance"),
            "DATABASE_URL": f"sqlite:///{elsewhere / 'shop.sqlite'}",
        },
        umask=0o022,
        capture_output=True,
        check=False,
    )
    made = [path for path in tmp_path.rglob("*") if path != elsewhere]
    assert {"shop.sqlite", "secret.key", "field.key"} <= {path.name for path in made}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []
