"""The lists of a plan: by name, searched, filtered, page by page; and what others decided is never overlooked."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outline import with_decisions
from huma_fortnox.domain.plan_json import person_from_json
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services import listing
from huma_fortnox.services.model import DecisionInput
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.scene import ORGANIZATION, Scene

if TYPE_CHECKING:
    from huma_fortnox.domain.plan_types import PlannedPerson

NAMES = ("Örjan", "Adam", "Åsa", "ärla", "Zoe", "adam", "Bo", "Cia")
PHONES = tuple(f"+4670174060{digit}" for digit in range(5))
DIRECTIONS = (None, Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Eight who differ in the phone number, two of them in the family name too; chunks of three."""
    monkeypatch.setattr(listing, "CHUNK", 3)
    users, employees = [], []
    for number, name in enumerate(NAMES):
        email, family = f"person{number}@example.com", "Exempel" if number > 1 else "Provare"
        users.append(
            user_record(f"{number}", email=email, given_name=name, family_name=family, phone=f"+467017406{number:02d}")
        )
        employees.append(
            employee_record(
                f"00{number}", Email=email, FirstName=name, LastName="Exempel", Phone1=f"07017407{number:02d}"
            )
        )
    users.append(user_record("moved", email="new@example.com", given_name="Mo", employment_id="90"))
    employees.append(employee_record("90", Email="old@example.org", FirstName="Mo", LastName="Fordom"))
    return Scene(users, employees).waiting()


def pages(
    scene: Scene, limit: int, situation: Situation | None = Situation.DIFFERS, **more: str | bool
) -> list[list[str]]:
    found, after = [], ""
    while True:
        page = scene.runs.people(ORGANIZATION, scene.run_id, situation=situation, after=after, limit=limit, **more)  # type: ignore[arg-type]
        found.append([person.name.split()[0] for person in page.people])
        after = page.after
        if not after:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 8, 100])
def test_people_come_by_name_whatever_the_size_of_a_page(scene: Scene, limit: int) -> None:
    found = pages(scene, limit)
    assert list(chain(*found)) == ["adam", "Adam", "Bo", "Cia", "Zoe", "Åsa", "ärla", "Örjan"]
    assert {len(page) for page in found[:-1]} <= {limit}


def test_people_are_found_by_a_part_of_the_name_and_by_their_number(scene: Scene) -> None:
    assert pages(scene, 2, name="ADAM") == [["adam", "Adam"]]
    assert pages(scene, 2, name="prov") == [["Adam", "Örjan"]]
    assert pages(scene, 2, name="003") == [["ärla"]]
    assert pages(scene, 2, name="3") == [[]]
    assert pages(scene, 1, Situation.IN_SYNC, name="x") == [[]]


def test_people_are_found_by_the_field_that_differs(scene: Scene) -> None:
    assert pages(scene, 10, field="family_name") == [["Adam", "Örjan"]]
    assert pages(scene, 10, field="family_name", name="örjan") == [["Örjan"]]
    assert pages(scene, 10, field="email") == [[]]


def test_suggested_pairs_have_a_list_of_their_own(scene: Scene) -> None:
    assert scene.run.progress["suggested"] == 2
    assert pages(scene, 10, None, suggested=True) == [["Mo", "Mo"]]
    scene.decide(DecisionInput(user_id="moved", employee_id="90", same_person=True))
    assert pages(scene, 10, None, suggested=True) == [["Mo", "Mo"]]
    assert pages(scene, 10)[0][0] == "Mo"
    assert pages(scene, 10, name="mo") == [["Mo"]]
    assert pages(scene, 10, field="phone")[0][0] == "adam"


@pytest.mark.parametrize("after", ["x", "9.9", "-1.0", "1e3.0", "999999.999999"])
def test_a_place_that_is_none_shows_what_there_is(scene: Scene, after: str) -> None:
    page = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.DIFFERS, after=after, limit=3)
    assert len(page.people) in (0, 3)


def test_people_in_agreement_come_in_pages_of_the_size_asked_for() -> None:
    names = [f"N{number:02d}" for number in range(7)]
    users = [user_record(name, email=f"{name}@example.com", given_name=name) for name in names]
    employees = [
        employee_record(str(n), Email=f"{name}@example.com", FirstName=name, LastName="Exempel")
        for n, name in enumerate(names)
    ]
    # An EmployeeId that Huma lacks is a difference: here it is told.
    for number, user in enumerate(users):
        user["employmentId"] = {"value": str(number), "editable": True}
    scene = Scene(users, employees).waiting()
    assert scene.run.situations["in_sync"] == 7
    found = pages(scene, 3, Situation.IN_SYNC)
    assert [len(page) for page in found] == [3, 3, 1]
    assert sorted(chain(*found)) == names
    assert pages(scene, 3, Situation.IN_SYNC, name="n03") == [["N03"]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PHONES), st.sampled_from(PHONES)), min_size=2, max_size=5),
    st.lists(st.sampled_from(DIRECTIONS), min_size=6, max_size=6),
)
def test_a_page_shows_the_clashes_that_everybodys_decisions_lead_to(
    phones: list[tuple[str, str]], directions: list[Direction | None]
) -> None:
    """Numbers are swapped, shared and passed on in chains: each page must hold what the whole plan holds."""
    users = [user_record(f"{n}", email=f"p{n}@example.com", phone=huma) for n, (huma, _) in enumerate(phones)]
    employees = [
        employee_record(f"{n}", Email=f"p{n}@example.com", FirstName="Elsa", LastName="Exempel", Phone1=fortnox)
        for n, (_, fortnox) in enumerate(phones)
    ]
    scene = Scene(users, employees).waiting()
    found = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.DIFFERS, after="", limit=10).people
    differing = {person.key for person in found if any(change.field == "phone" for change in person.changes)}
    wide, *each = directions
    decisions = [DecisionInput(direction=wide, field="phone")] if wide else []
    decisions += [
        DecisionInput(direction=direction, field="phone", person=f"u:{number}")
        for number, direction in enumerate(each)
        if direction and f"u:{number}" in differing
    ]
    if decisions:
        scene.decide(*decisions)
    after = ""
    shown: list[PlannedPerson] = []
    while True:
        page = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.DIFFERS, after=after, limit=1)
        shown += page.people
        if not (after := page.after):
            break
    made = scene.store.decisions(ORGANIZATION, scene.run_id)
    assert shown == whole(scene, made, [person.key for person in shown])


def whole(scene: Scene, decisions: Decisions, keys: list[str]) -> list[PlannedPerson]:
    """Return these people with the decisions carried through everybody."""
    decided = {each.outline.key: each for each in scene.planning.decided(ORGANIZATION, scene.run_id, decisions)}
    kept = scene.store.persons(ORGANIZATION, scene.run_id, keys)
    fields = scene.planning.settings(ORGANIZATION)
    return [with_decisions(person_from_json(kept[key]), decisions, decided[key].clashes, fields) for key in keys]
