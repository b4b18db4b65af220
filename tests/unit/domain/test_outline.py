"""An organization planned piece by piece, and decisions carried through an outline: both come to what plan() says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from huma_fortnox.domain.decisions import NOTHING_DECIDED, Decisions, Direction
from huma_fortnox.domain.essence import essence_of_employee, essence_of_user
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outline import (
    Effect,
    Fate,
    Outline,
    confirmable,
    confirmed_pairs,
    decide,
    outline_from_json,
    outline_of,
    outline_to_json,
    with_decisions,
)
from huma_fortnox.domain.people import Link
from huma_fortnox.domain.plan_types import PlannedPerson, Situation
from huma_fortnox.domain.survey import Survey
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.test_plan_properties import some
from tests.unit.domain.two_systems import (
    DIGEST,
    TwoSystems,
    decisions_for,
    employee_record,
    two_systems,
    user_record,
)

HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE


def survey_of(systems: TwoSystems, decisions: Decisions = NOTHING_DECIDED) -> Survey:
    """Survey everybody by their essences alone."""
    return Survey(
        [essence_of_user(systems.user(identifier)) for identifier in systems.users],
        [essence_of_employee(systems.employee(identifier)) for identifier in systems.employees],
        links=systems.links.values(),
        decisions=decisions,
        digest=DIGEST,
        settings=systems.settings,
    )


def planned_in_pieces(systems: TwoSystems, survey: Survey) -> list[PlannedPerson]:
    """Plan one user at a time, and then the employees who stand apart."""
    people = []
    for identifier in systems.users:
        pair = survey.pair_of(identifier)
        employees = [systems.employee(pair.employee.id)] if pair else []
        links = [systems.links[identifier]] if identifier in systems.links else []
        people += survey.plan([systems.user(identifier)], employees, links)
    for identifier in systems.employees:
        if not survey.is_paired(identifier):
            people += survey.plan([], [systems.employee(identifier)])
    return people


def outlines_of(systems: TwoSystems) -> list[Outline]:
    survey = survey_of(systems)
    outlines = []
    for person in planned_in_pieces(systems, survey):
        candidates = [
            survey.as_pair(person.user, systems.employee(employee_id))
            for employee_id in confirmable(person)
            if person.user
        ]
        outlines.append(outline_of(person, survey, candidates))
    return outlines


@some
@given(two_systems(largest=4), st.data())
def test_people_planned_one_by_one_from_little_are_planned_as_all_at_once(
    systems: TwoSystems, data: st.DataObject
) -> None:
    decisions = replace(NOTHING_DECIDED, pairs=data.draw(decisions_for(systems)).pairs)
    found = planned_in_pieces(systems, survey_of(systems, decisions))
    assert sorted(found, key=lambda person: person.key) == list(systems.plan(decisions).people)


@some
@given(two_systems(largest=4), st.data())
def test_decisions_carried_through_an_outline_come_to_what_a_new_plan_says(
    systems: TwoSystems, data: st.DataObject
) -> None:
    decisions = replace(data.draw(decisions_for(systems)), pairs={})
    found = {
        (person.outline.key, change.option.field): change
        for person in decide(outlines_of(systems), decisions)
        for change in person.changes
    }
    for person in systems.plan(decisions).people:
        for expected in person.changes:
            change = found.pop((person.key, expected.field))
            assert change.direction == expected.chosen
            if expected.chosen is None:
                assert change.fate is Fate.UNDECIDED
            elif expected.chosen is LEAVE:
                assert change.fate is Fate.LEFT
            elif expected.held is not None:
                assert change.fate is Fate.HELD
                clash = expected.held if expected.held.code.startswith("would-duplicate-in-") else None
                assert change.clash == clash
            else:
                assert change.fate is (Fate.CLEARED if expected.clears else Fate.WRITTEN)
    assert not found


@some
@given(two_systems(largest=4), st.data())
def test_a_plan_with_its_decisions_shows_what_a_new_plan_says(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = replace(data.draw(decisions_for(systems)), pairs={})
    decided = {person.outline.key: person for person in decide(outlines_of(systems), decisions)}
    undecided = {person.key: person for person in systems.plan().people}
    for expected in systems.plan(decisions).people:
        clashes = decided[expected.key].clashes
        shown = with_decisions(undecided[expected.key], decisions, clashes, systems.settings)
        for change, wanted in zip(shown.changes, expected.changes, strict=True):
            if wanted.chosen is not None:
                assert change == wanted
            else:
                assert change in undecided[expected.key].changes


@some
@given(two_systems(largest=4))
def test_an_outline_comes_back_from_json_as_it_was(systems: TwoSystems) -> None:
    for outline in outlines_of(systems):
        assert outline_from_json(json.loads(json.dumps(outline_to_json(outline)))) == outline


# -- by example


def test_what_a_survey_forgets_to_save_memory_it_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    systems = TwoSystems()
    for number in range(5):
        pair(number, phone=f"070174060{number}", other_phone=f"070174060{9 - number}", systems=systems)
    monkeypatch.setattr("huma_fortnox.domain.survey.MOST_REMEMBERED", 1)
    assert planned_in_pieces(systems, survey_of(systems)) == list(systems.plan().people)


def pair(number: int, *, phone: str | None, other_phone: str | None, systems: TwoSystems) -> None:
    email = f"p{number}@example.com"
    systems.users[f"u{number}"] = user_record(
        f"u{number}", email=email, given_name="Anna", family_name="Berg", phone=phone, employment_id=str(number)
    )
    systems.employees[str(number)] = employee_record(
        str(number), email=email, given_name="Anna", family_name="Berg", phone=other_phone
    )


def fates(systems: TwoSystems, decisions: Decisions) -> dict[tuple[str, str], Fate]:
    return {
        (person.outline.key, change.option.field): change.fate
        for person in decide(outlines_of(systems), decisions)
        for change in person.changes
    }


def test_two_people_may_exchange_their_numbers_and_a_third_may_not_have_one_of_them() -> None:
    systems = TwoSystems()
    pair(1, phone="0701740601", other_phone="0701740602", systems=systems)
    pair(2, phone="0701740602", other_phone="0701740601", systems=systems)
    exchanged = Decisions(fields={"phone": HUMA})
    assert set(fates(systems, exchanged).values()) == {Fate.WRITTEN}
    one_alone = Decisions(changes={("u:u1", "phone"): HUMA})
    assert fates(systems, one_alone) == {("u:u1", "phone"): Fate.HELD, ("u:u2", "phone"): Fate.UNDECIDED}


@pytest.mark.parametrize(
    ("phone", "other_phone", "decisions", "fate"),
    [
        (None, "0701740601", Decisions(fields={"phone": HUMA}), Fate.HELD),
        (None, "0701740601", Decisions(changes={("u:u1", "phone"): HUMA}), Fate.CLEARED),
        ("0701740601", None, Decisions(changes={("u:u1", "phone"): FORTNOX}), Fate.CLEARED),
        ("0701740601", None, Decisions(everything=HUMA), Fate.WRITTEN),
        ("call me", "0701740601", Decisions(everything=HUMA), Fate.HELD),
        ("call me", "0701740601", Decisions(everything=LEAVE), Fate.LEFT),
    ],
)
def test_a_difference_has_the_fate_its_decision_gives_it(
    phone: str | None, other_phone: str | None, decisions: Decisions, fate: Fate
) -> None:
    systems = TwoSystems()
    pair(1, phone=phone, other_phone=other_phone, systems=systems)
    assert fates(systems, decisions) == {("u:u1", "phone"): fate}


def test_what_may_be_cleared_without_asking_needs_no_exact_decision() -> None:
    systems = TwoSystems()
    pair(1, phone=None, other_phone=None, systems=systems)
    day = {"value": "2026-12-31", "editable": True}
    systems.users["u1"]["position"]["lastDayOfWork"] = day
    systems.employees["1"]["EmployedTo"] = "2026-12-31"
    systems.synchronize(NOTHING_DECIDED)
    systems.edit_huma("u1", {"lastDayOfWork": None})
    (option,) = next(outline.options for outline in outlines_of(systems) if outline.options)
    assert (option.use_huma, option.use_fortnox) == (Effect.CLEARS, Effect.WRITES)
    assert fates(systems, Decisions(everything=HUMA)) == {("u:u1", "last_day"): Fate.CLEARED}


def apart() -> TwoSystems:
    """Somebody with two addresses and one employment ID, and a namesake who may be them too."""
    systems = TwoSystems()
    systems.users["u1"] = user_record(
        "u1", email="new@example.com", given_name="Anna", family_name="Berg", employment_id="1"
    )
    systems.employees["1"] = employee_record("1", email="old@example.org", given_name="Anna", family_name="Berg")
    return systems


def test_a_confirmed_pair_is_decided_like_any_other_and_nobody_of_it_is_created() -> None:
    systems = apart()
    confirmed = Decisions(everything=HUMA, pairs={("u1", "1"): True}, creations={"u:u1": True, "e:1": True})
    (person,) = decide(outlines_of(systems), confirmed)
    assert (person.outline.key, person.employee_id, person.confirmed, person.creates) == ("u:u1", "1", True, "")
    assert [(change.option.field, change.fate) for change in person.changes] == [("email", Fate.WRITTEN)]
    (planned,) = systems.plan(confirmed).people
    assert [(change.field, change.chosen) for change in planned.changes] == [("email", HUMA)]


def test_a_pair_that_nobody_confirmed_opens_nothing_and_both_can_be_created() -> None:
    for pairs in ({}, {("u1", "1"): False}, {("u1", "nobody"): True}):
        people = decide(outlines_of(apart()), Decisions(HUMA, pairs=pairs, creations={"u:u1": True, "e:1": True}))
        assert [(person.outline.key, person.creates, person.changes) for person in people] == [
            ("u:u1", "fortnox", ()),
            ("e:1", "huma", ()),
        ]


def test_somebody_confirmed_to_be_two_people_is_neither() -> None:
    systems = apart()
    systems.employees["2"] = employee_record("2", email="third@example.org", given_name="Anna", family_name="Berg")
    systems.users["u1"]["phone"]["value"] = systems.employees["2"]["Phone1"] = "0701740601"
    outlines = outlines_of(systems)
    both = Decisions(pairs={("u1", "1"): True, ("u1", "2"): True})
    assert confirmed_pairs(outlines, both) == {}
    assert confirmed_pairs(outlines, Decisions(pairs={("u1", "2"): True})) == {"u1": "2"}


def test_people_whose_links_contradict_each_other_cannot_be_confirmed() -> None:
    person = systems_linked_twice().plan().people[0]
    assert person.situation is Situation.AMBIGUOUS
    assert confirmable(person) == []
    assert confirmable(replace(person, user=None)) == []


def systems_linked_twice() -> TwoSystems:
    systems = apart()
    systems.users["u2"] = user_record("u2", email="u2@example.com")
    for user_id in ("u1", "u2"):
        systems.links[user_id] = Link(user_id, "1")
    return systems


def linked() -> TwoSystems:
    systems = TwoSystems()
    pair(1, phone=None, other_phone=None, systems=systems)
    systems.synchronize(NOTHING_DECIDED)
    return systems


def test_the_essence_of_a_person_says_no_more_than_it_holds() -> None:
    systems = linked()
    systems.users["u1"].pop("phone")
    systems.users["u1"]["homeAddress"]["value"] = {"line1": "Storgatan 1", "city": "Oslo", "country": "NO"}
    few = essence_of_user(systems.user("u1")).values
    assert dict(few) == {
        "email": "p1@example.com",
        "employment_id": "1",
        "given_name": "Anna",
        "family_name": "Berg",
        "address": {"country": "NO"},
    }
    assert len(few) == 5
    assert "phone" not in few
    assert "bank_account" not in few
    unique = {key for key, row in FIELDS.items() if row.unique}
    assert unique <= set(essence_of_employee(systems.employee("1")).values)
