"""An installable section with all its parts as a third party writes it, and the test that installs and runs it."""
