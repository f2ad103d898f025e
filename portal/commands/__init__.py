"""The commands of ``flask``: ``shop``, ``customer``, ``invoice``, ``person``, ``mail``, ``section`` and others."""
