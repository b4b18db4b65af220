"""Exactly what *Synchronize users* will write, counted, with what needs a second confirmation."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.outline import Fate
from huma_fortnox.domain.people import Side
from huma_fortnox.services.model import REQUESTS_A_SECOND, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from huma_fortnox.domain.outline import DecidedPerson
    from huma_fortnox.services.model import Thresholds

_WRITES = (Fate.WRITTEN, Fate.CLEARED)
_LEAST_SECONDS = 5


def writes_to(person: DecidedPerson) -> set[Side]:
    """Return the sides on which something will be written for a pair."""
    return {
        Side.FORTNOX if change.direction is Direction.USE_HUMA else Side.HUMA
        for change in person.changes
        if change.fate in _WRITES
    }


def summarize(
    people: Iterable[DecidedPerson],
    *,
    people_in_all: int,
    pages: int,
    has_employment: bool,
    thresholds: Thresholds,
) -> Summary:
    """Count what will be written; ``pages`` of Fortnox are read again on the way.

    A person is one request to Fortnox, however many fields it carries.
    """
    written: dict[Side, Counter[str]] = {side: Counter() for side in Side}
    bank: Counter[str] = Counter()
    fates: Counter[Fate] = Counter()
    creations: Counter[str] = Counter()
    requests = 0
    for person in people:
        if person.creates:
            creations[person.creates] += 1
        for change in person.changes:
            fates[change.fate] += 1
            if change.fate in _WRITES:
                side = Side.FORTNOX if change.direction is Direction.USE_HUMA else Side.HUMA
                written[side][change.option.field] += 1
                if FIELDS[change.option.field].sensitive:
                    bank[side.value] += 1
        requests += Side.FORTNOX in writes_to(person)
    in_huma, in_fortnox = creations[Side.HUMA.value], creations[Side.FORTNOX.value]
    requests += in_fortnox
    missing = [Reason("employment-settings-missing")] if in_fortnox and not has_employment else []
    if requests or in_huma:
        requests += pages
    return Summary(
        to_huma=dict(written[Side.HUMA]),
        to_fortnox=dict(written[Side.FORTNOX]),
        bank_accounts=dict(bank),
        create_in_huma=in_huma,
        create_in_fortnox=in_fortnox,
        undecided=fates[Fate.UNDECIDED],
        held=fates[Fate.HELD],
        left=fates[Fate.LEFT],
        seconds=max(_LEAST_SECONDS, math.ceil(requests / REQUESTS_A_SECOND)),
        confirm=tuple(_unusual(bank.total(), fates[Fate.CLEARED], creations.total(), people_in_all, thresholds)),
        missing=tuple(missing),
    )


def _unusual(accounts: int, cleared: int, created: int, people: int, thresholds: Thresholds) -> Iterable[Reason]:
    """Give what is more than usual, with the numbers that somebody has to confirm."""
    if accounts >= thresholds.bank_accounts and 100 * accounts > thresholds.bank_account_percent * people:
        yield Reason("many-bank-accounts", {"count": str(accounts), "people": str(people)})
    if cleared >= thresholds.cleared_values:
        yield Reason("values-cleared", {"count": str(cleared)})
    if created >= thresholds.creations:
        yield Reason("many-creations", {"count": str(created)})
