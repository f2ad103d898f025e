"""Whatever can be typed, into every form and every address of the portal: see `soak/parts/fuzz.py`."""
