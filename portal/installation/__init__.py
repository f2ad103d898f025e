"""The local installation: what `make run` and `make serve` start, watch over and stop."""
