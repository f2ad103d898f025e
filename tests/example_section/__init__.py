"""An installable section as a third party writes it, and the test that loads it."""
