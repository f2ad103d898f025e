"""The bars of speed, measured: every part runs beside its reference in one run, and the ratio is what counts."""
