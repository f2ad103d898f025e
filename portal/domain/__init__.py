"""The rules of the business: plain functions over models, free of the web."""
