"""One module for each part of the soak, found by its name: `run(seed) -> Part`, and `SECONDS`, when it is ended."""
