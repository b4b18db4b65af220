"""Addresses that did not take our e-mail, in the state table: ``ORG#<id>`` / ``MAIL#<digest of the address>``.

One that is final stays: as long as somebody has this address, nothing is sent there. Any other passes by itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from huma_fortnox.adapters.connections import organization_key
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import MailProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huma_fortnox.adapters.table import Item, Table

_PREFIX = "MAIL#"
PASSING_SECONDS = 7 * 24 * 3600
"""How long a problem that may pass is remembered."""


class DynamoMailProblems:
    """``ports.MailProblems`` on the state table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def save(self, organization_id: str, problem: MailProblem) -> bool:
        """Keep a problem; ``False`` when what is kept of its address is as new, or final and this is not."""
        pk, sk = _key(organization_id, problem.address)
        item: Item = {
            "pk": pk,
            "sk": sk,
            "address": problem.address,
            "reason": problem.reason.to_json(),
            "at": problem.at,
            "final": problem.final,
        }
        if not problem.final:
            item["expires_at"] = problem.at + PASSING_SECONDS
        newer = "#at < :at OR #final = :no" if problem.final else "#at < :at AND #final = :no"
        return self._table.put(
            item, condition=f"attribute_not_exists(pk) OR ({newer})", values={"at": problem.at, "no": False}
        )

    def of(self, organization_id: str, address: str) -> MailProblem | None:
        """Return the problem of an address; one that is not final is forgotten after days."""
        item = self._table.get(*_key(organization_id, address))
        return _read(item) if item else None

    def all(self, organization_id: str) -> Sequence[MailProblem]:
        """Return the problems of all the organization's addresses."""
        return [_read(item) for item in self._table.every(organization_key(organization_id), _PREFIX)]

    def forget(self, organization_id: str) -> None:
        """Remove all of the organization's."""
        items = self._table.every(organization_key(organization_id), _PREFIX)
        self._table.write_many((), delete=[(item["pk"], item["sk"]) for item in items])


def _key(organization_id: str, address: str) -> tuple[str, str]:
    digest = hashlib.sha256(address.strip().casefold().encode()).hexdigest()
    return organization_key(organization_id), _PREFIX + digest


def _read(item: Item) -> MailProblem:
    return MailProblem(item["address"], Reason.from_json(item["reason"]), item["at"], item["final"])
