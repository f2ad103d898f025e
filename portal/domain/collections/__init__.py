"""Cases on overdue invoices and payment plans."""
