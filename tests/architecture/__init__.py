"""House rules that matter for safety, as tests; each failure says what to write instead."""
