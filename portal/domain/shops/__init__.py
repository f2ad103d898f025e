"""The shop, its domains and its number series."""
