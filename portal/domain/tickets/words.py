"""The words by which tickets are found."""

from __future__ import annotations

from portal.core.word_index import WordIndex
from portal.domain.tickets.models import Ticket, TicketWord

#: What a ticket is found by, besides its number and whose it is.
TICKETS = WordIndex(Ticket, TicketWord, "ticket_id", ("subject",))
