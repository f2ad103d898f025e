"""The package's own tests need it installed: ``test_example_warranty.py`` sees to that and runs them."""

collect_ignore = ["tests"]
