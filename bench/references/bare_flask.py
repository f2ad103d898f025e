"""Bare Flask: a word without template, database or log-in. What no Flask page can be faster than."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello() -> str:
    """The word."""
    return "hello"
