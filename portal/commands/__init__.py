"""The commands of ``flask``: ``flask shop``, ``customer``, ``invoice``, ``person`` and ``demo``."""
