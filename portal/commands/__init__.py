"""The commands of ``flask``: ``flask shop``, ``customer``, ``invoice``, ``person``, ``mail`` and ``demo``."""
