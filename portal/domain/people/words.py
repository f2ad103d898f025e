"""The words by which customers are found."""

from __future__ import annotations

from portal.core.word_index import WordIndex
from portal.domain.people.models import Customer, CustomerWord

#: What a customer is found by.
CUSTOMERS = WordIndex(
    Customer, CustomerWord, "customer_id", ("name", "company", "email", "vat_number", "chamber_number")
)
