"""Exactly what *Synchronize users* will write, counted, with what needs a second confirmation."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.outline import Fate
from huma_fortnox.domain.people import Side
from huma_fortnox.services.model import REQUESTS_A_SECOND, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from huma_fortnox.domain.outline import DecidedChange, DecidedPerson
    from huma_fortnox.services.model import Thresholds

NAMED = 50
"""How many of those whose account is changed, and of those who are created, a summary names."""

_WRITES = (Fate.WRITTEN, Fate.CLEARED)
_LEAST_SECONDS = 5


def writes_to(person: DecidedPerson) -> set[Side]:
    """Return the sides on which something will be written for a pair."""
    return {_written_side(change) for change in person.changes if change.fate in _WRITES}


def _written_side(change: DecidedChange) -> Side:
    return Side.FORTNOX if change.direction is Direction.USE_HUMA else Side.HUMA


@dataclass(slots=True)
class Tally:
    """What the decisions so far come to, counted once for a run's ``decided``.

    ``written`` counts by side and field, ``fates`` differences, ``creations`` people by side. ``people_written`` are
    pairs for whom Fortnox is written. ``accounts`` and ``created`` name the first of those whom a summary names: side,
    key, and the EmployeeId where somebody confirmed the pair.
    """

    written: dict[str, Counter[str]] = field(default_factory=lambda: {side.value: Counter() for side in Side})
    fates: Counter[str] = field(default_factory=Counter)
    creations: Counter[str] = field(default_factory=Counter)
    people_written: int = 0
    accounts: list[list[str]] = field(default_factory=list)
    created: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, people: Iterable[DecidedPerson]) -> Tally:
        """Count what was decided."""
        tally = cls()
        for person in people:
            tally._add(person)
        return tally

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """Read what ``to_json`` wrote."""
        return cls(
            {side: Counter(fields) for side, fields in data["written"].items()},
            Counter(data["fates"]),
            Counter(data["creations"]),
            data["people_written"],
            data["accounts"],
            data["created"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the tally as plain JSON."""
        return {
            "written": {side: dict(fields) for side, fields in self.written.items()},
            "fates": dict(self.fates),
            "creations": dict(self.creations),
            "people_written": self.people_written,
            "accounts": self.accounts,
            "created": self.created,
        }

    @property
    def accounts_by_side(self) -> Counter[str]:
        """Return how many bank accounts are changed on each side."""
        sensitive = [key for key, row in FIELDS.items() if row.sensitive]
        return Counter({side: sum(fields[key] for key in sensitive) for side, fields in self.written.items()})

    def _add(self, person: DecidedPerson) -> None:
        confirmed = person.employee_id if person.confirmed else ""
        if person.creates:
            self.creations[person.creates] += 1
            if self.creations[person.creates] <= NAMED:
                self.created.append([person.creates, person.outline.key, ""])
        for change in person.changes:
            self.fates[change.fate.value] += 1
            if change.fate not in _WRITES:
                continue
            side = _written_side(change)
            self.written[side.value][change.option.field] += 1
            if FIELDS[change.option.field].sensitive and len(self.accounts) < NAMED:
                self.accounts.append([side.value, person.outline.key, confirmed])
        self.people_written += Side.FORTNOX in writes_to(person)


def summarize(
    tally: Tally,
    *,
    people_in_all: int,
    pages: int,
    has_employment: bool,
    thresholds: Thresholds,
    decided: str,
) -> Summary:
    """Say what will be written; ``pages`` of Fortnox are read again on the way.

    A person is one request to Fortnox, however many fields it carries.
    """
    in_huma, in_fortnox = tally.creations[Side.HUMA.value], tally.creations[Side.FORTNOX.value]
    requests = tally.people_written + in_fortnox
    missing = [Reason("employment-settings-missing")] if in_fortnox and not has_employment else []
    if requests or in_huma:
        requests += pages
    accounts, fates = tally.accounts_by_side, tally.fates
    unusual = _unusual(accounts.total(), fates[Fate.CLEARED], tally.creations.total(), people_in_all, thresholds)
    return Summary(
        to_huma=dict(tally.written[Side.HUMA.value]),
        to_fortnox=dict(tally.written[Side.FORTNOX.value]),
        bank_accounts={side: count for side, count in accounts.items() if count},
        create_in_huma=in_huma,
        create_in_fortnox=in_fortnox,
        undecided=fates[Fate.UNDECIDED],
        held=fates[Fate.HELD],
        left=fates[Fate.LEFT],
        cleared=fates[Fate.CLEARED],
        seconds=max(_LEAST_SECONDS, math.ceil(requests / REQUESTS_A_SECOND)),
        confirm=tuple(unusual),
        missing=tuple(missing),
        decided=decided,
    )


def _unusual(accounts: int, cleared: int, created: int, people: int, thresholds: Thresholds) -> Iterable[Reason]:
    """Give what is more than usual, with the numbers that somebody has to confirm."""
    if accounts >= thresholds.bank_accounts and 100 * accounts > thresholds.bank_account_percent * people:
        yield Reason("many-bank-accounts", {"count": str(accounts), "people": str(people)})
    if cleared >= thresholds.cleared_values:
        yield Reason("values-cleared", {"count": str(cleared)})
    if created >= thresholds.creations:
        yield Reason("many-creations", {"count": str(created)})
