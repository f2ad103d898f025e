"""Invoices, credit notes and what has been paid of them."""
