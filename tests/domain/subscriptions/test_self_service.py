"""What a customer may do, over every setting of the product and every status."""

from __future__ import annotations

from itertools import product

import pytest

from portal.domain.subscriptions.models import SubscriptionStatus as S
from portal.domain.subscriptions.self_service import Act, Toggles, makes_sense


@pytest.mark.parametrize("settings", list(product((True, False), repeat=4)))
def test_the_product_allows(settings: tuple[bool, bool, bool, bool]) -> None:
    master, pause, cancel, offers = settings
    allowed = {act for act in Act if Toggles(*settings).allow(act)}
    assert allowed == {
        act
        for act, own in ((Act.PAUSE, pause), (Act.RESUME, pause), (Act.CANCEL, cancel), (Act.SWITCH, offers))
        if master and own
    }


#: The statuses in which each makes sense while no cancellation waits; with one only resuming does.
SENSE = {
    Act.PAUSE: {S.TRIAL, S.ACTIVE},
    Act.RESUME: {S.PAUSED},
    Act.CANCEL: {S.PENDING_MANDATE, S.TRIAL, S.ACTIVE, S.PAUSED, S.SUSPENDED, S.FAILED},
    Act.SWITCH: {S.TRIAL, S.ACTIVE},
}


@pytest.mark.parametrize(("act", "status"), list(product(Act, S)))
def test_the_status_makes_sense(act: Act, status: S) -> None:
    assert makes_sense(act, status, is_cancelled=False) is (status in SENSE[act])
    assert makes_sense(act, status, is_cancelled=True) is (act is Act.RESUME and status is S.PAUSED)
