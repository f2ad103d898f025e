"""The revisions of this package's table; ``flask section revision warranty -m "…"`` writes the next one."""
