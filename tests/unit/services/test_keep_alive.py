"""Authorizations that nobody uses are renewed, organization by organization, whatever happens to one of them."""

from __future__ import annotations

from collections.abc import Iterator

from huma_fortnox.domain.errors import ConsentNeeded
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.services.keep_alive import KeepAlive
from huma_fortnox.services.model import ConnectionState, OrganizationSettings

from tests.unit.services.fakes import FakeConnections


class Tokens:
    def __init__(self, due: set[str], lost: set[str]) -> None:
        self.asked: list[str] = []
        self._due, self._lost = due, lost

    def keep_alive(self, organization_id: str) -> bool:
        self.asked.append(organization_id)
        if organization_id in self._lost:
            raise ConsentNeeded
        return organization_id in self._due


class Organizations:
    def __init__(self, connections: FakeConnections) -> None:
        self._connections = connections

    def connected(self) -> Iterator[str]:
        return iter(sorted(self._connections.kept))


def connections(**states: ConnectionState) -> FakeConnections:
    found = FakeConnections()
    for organization_id, state in states.items():
        found.change(organization_id, {"state": state, "settings": OrganizationSettings(FieldSettings())})
    return found


def test_every_usable_connection_is_asked_and_one_that_is_lost_stops_no_other() -> None:
    kept = connections(
        a=ConnectionState.ACTIVE,
        b=ConnectionState.AWAITING_FIRST_SYNC,
        c=ConnectionState.NEEDS_REAUTHORIZATION,
        d=ConnectionState.DISCONNECTED,
        e=ConnectionState.ACTIVE,
    )
    tokens = Tokens(due={"e"}, lost={"a"})
    keep_alive = KeepAlive(
        organizations=Organizations(kept), connections=kept, tokens=tokens, time_left=lambda: 900.0, shuffle=list.sort
    )
    assert keep_alive.all() == 1
    assert tokens.asked == ["a", "b", "e"]


def test_when_time_runs_out_the_order_decides_who_is_left_for_tomorrow() -> None:
    kept = connections(a=ConnectionState.ACTIVE, b=ConnectionState.ACTIVE, c=ConnectionState.ACTIVE)
    tokens = Tokens(due={"a", "b", "c"}, lost=set())
    left = iter([100.0, 60.0, 10.0])
    keep_alive = KeepAlive(
        organizations=Organizations(kept),
        connections=kept,
        tokens=tokens,
        time_left=lambda: next(left),
        shuffle=list.reverse,
    )
    assert keep_alive.all() == 2
    assert tokens.asked == ["c", "b"]
