"""Links by themselves: once, for a while, for one purpose, and not readable from the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.errors import NotFound
from portal.domain.people import tokens
from portal.domain.people.models import OneTimeToken, TokenPurpose
from portal.extensions import db
from tests.cast import START, Ids

RESET = TokenPurpose.RESET


@pytest.fixture
def stage(on_stage: Callable[..., Any]) -> Any:
    """The cast's shop for the length of a test."""
    with on_stage():
        yield


def found(secret: str, **more: Any) -> OneTimeToken:
    link = tokens.find(secret, more.get("purpose", RESET), now=more.get("now", START))
    assert link is not None
    return link


def test_once(stage: None, ids: Ids) -> None:
    secret = tokens.issue(RESET, ids.emma, now=START)
    link = found(secret)
    tokens.use(link, now=START)
    assert tokens.find(secret, RESET, now=START) is None
    with pytest.raises(NotFound):
        tokens.use(link, now=START)


def test_until_it_expires(stage: None, ids: Ids) -> None:
    for purpose, lasts in tokens.LIFETIMES.items():
        secret = tokens.issue(purpose, ids.emma, now=START)
        assert found(secret, purpose=purpose, now=START + lasts - timedelta(seconds=1))
        assert tokens.find(secret, purpose, now=START + lasts) is None
        with pytest.raises(NotFound):
            tokens.use(found(secret, purpose=purpose), now=START + lasts)


def test_until_it_is_revoked(stage: None, ids: Ids) -> None:
    secret, of_jan = tokens.issue(RESET, ids.emma, now=START), tokens.issue(RESET, ids.jan, now=START)
    link = found(secret)
    tokens.revoke(RESET, ids.emma, now=START)
    db.session.flush()
    assert tokens.find(secret, RESET, now=START) is None
    with pytest.raises(NotFound):
        tokens.use(link, now=START)
    assert found(of_jan)


def test_a_new_one_ends_the_older_of_its_kind_alone(stage: None, ids: Ids) -> None:
    older = tokens.issue(RESET, ids.emma, now=START)
    other_kind = tokens.issue(TokenPurpose.CONFIRM, ids.emma, now=START)
    claim = {"customer_id": ids.jan_account, "data": {"owner_id": ids.jan}}
    of_owner = tokens.issue(TokenPurpose.CLAIM, ids.emma, now=START, **claim)  # type: ignore[arg-type]
    newer = tokens.issue(RESET, ids.emma, now=START)
    other_owner = {**claim, "data": {"owner_id": ids.bram}}
    tokens.issue(TokenPurpose.CLAIM, ids.emma, now=START, **other_owner)  # type: ignore[arg-type]
    assert tokens.find(older, RESET, now=START) is None
    assert found(newer) and found(other_kind, purpose=TokenPurpose.CONFIRM)
    assert found(of_owner, purpose=TokenPurpose.CLAIM)
    tokens.issue(TokenPurpose.CLAIM, ids.emma, now=START, **claim)  # type: ignore[arg-type]
    assert tokens.find(of_owner, TokenPurpose.CLAIM, now=START) is None


def test_only_a_hash_is_stored(stage: None, ids: Ids) -> None:
    secrets = {tokens.issue(RESET, ids.emma, now=START) for _ in range(20)}
    assert len(secrets) == 20 and all(len(secret) == 43 for secret in secrets)
    for row in db.session.scalars(sa.select(OneTimeToken)):
        assert len(row.token_hash) == 64 and row.token_hash not in secrets
        assert tokens.find(row.token_hash, RESET, now=START) is None


def test_in_its_own_shop(on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        secret = tokens.issue(RESET, ids.emma, now=START)
    with on_stage(ids.other_shop):
        assert tokens.find(secret, RESET, now=START) is None
