"""What must hold for any people, values, links and decisions."""

import json
import os
import random
from dataclasses import replace
from typing import Any

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.fields import FIELDS, context_of
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.plan import confirm, plan
from huma_fortnox.domain.plan_json import person_from_json, person_to_json
from huma_fortnox.domain.plan_types import Changed, Situation
from huma_fortnox.domain.readings import Context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.domain.two_systems import (
    DIGEST,
    FORTNOX_ACCOUNTS,
    FORTNOX_ADDRESSES,
    HUMA_VALUES,
    PHONES,
    SETTINGS,
    TwoSystems,
    decisions_for,
    two_systems,
)

# EXAMPLES=5000 searches longer
some = settings(
    max_examples=int(os.environ.get("EXAMPLES", "50")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
situations = st.data()


def regions(systems: TwoSystems) -> dict[str, str]:
    return {person.key: context_of(person.user, person.employee, SETTINGS).region for person in systems.plan().people}


@some
@given(two_systems(), situations)
def test_after_a_plan_is_carried_out_there_is_nothing_left_to_do(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = data.draw(decisions_for(systems))
    before = regions(systems)
    systems.synchronize(decisions)
    if regions(systems) != before:  # somebody moved abroad or back: phone numbers are read anew
        systems.synchronize(decisions)
    again = systems.plan(decisions)
    for person in again.people:
        assert not systems.writes(person).fields
        for change in person.changes:
            assert change.held is not None or change.chosen is None


@some
@given(two_systems(), situations)
def test_synchronizing_again_changes_no_link(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = data.draw(decisions_for(systems))
    systems.synchronize(decisions)
    systems.synchronize(decisions)  # an e-mail written to Huma gets its base only once it stands there
    before = dict(systems.links)
    systems.synchronize(decisions)
    assert systems.links == before


@some
@given(two_systems(largest=4), situations)
def test_the_order_of_people_links_and_decisions_never_matters(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = data.draw(decisions_for(systems))
    users = [systems.user(identifier) for identifier in systems.users]
    employees = [systems.employee(identifier) for identifier in systems.employees]
    links = list(systems.links.values())
    expected = plan(users, employees, links=links, decisions=decisions, digest=DIGEST, settings=SETTINGS)
    dice = random.Random(data.draw(st.integers(0, 999)))
    for pile in (users, employees, links):
        dice.shuffle(pile)
    backwards = replace(
        decisions,
        changes=dict(list(decisions.changes.items())[::-1]),
        fields=dict(list(decisions.fields.items())[::-1]),
        pairs=dict(list(decisions.pairs.items())[::-1]),
    )
    shuffled = plan(users, employees, links=links, decisions=backwards, digest=DIGEST, settings=SETTINGS)
    assert shuffled == expected


@some
@given(two_systems(largest=4), situations)
def test_everybody_is_in_the_plan_exactly_once(systems: TwoSystems, data: st.DataObject) -> None:
    people = systems.plan(data.draw(decisions_for(systems))).people
    assert sorted(person.user.id for person in people if person.user) == sorted(systems.users)
    assert sorted(person.employee.id for person in people if person.employee) == sorted(systems.employees)
    assert [person.key for person in people] == sorted({person.key for person in people})


@some
@given(two_systems(), situations)
def test_nobody_who_is_not_paired_is_ever_written(systems: TwoSystems, data: st.DataObject) -> None:
    for person in systems.plan(data.draw(decisions_for(systems))).people:
        done = systems.writes(person)
        if person.user is None or person.employee is None:
            assert not done.fields
            assert not done.fortnox
            assert not done.huma
            assert not done.position
        else:
            assert person.situation in (Situation.IN_SYNC, Situation.DIFFERS)


@some
@given(two_systems(), situations)
def test_nothing_is_written_that_nobody_decided(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = data.draw(decisions_for(systems))
    for person in systems.plan(decisions).people:
        done = systems.writes(person)
        for key, side in done.fields.items():
            wanted = Direction.USE_HUMA if side == Side.FORTNOX else Direction.USE_FORTNOX
            assert decisions.direction(person.key, key) is wanted


@some
@given(two_systems(), situations)
def test_nothing_is_cleared_without_a_decision_on_that_field_of_that_person(
    systems: TwoSystems, data: st.DataObject
) -> None:
    decisions = data.draw(decisions_for(systems))
    for person in systems.plan(decisions).people:
        done = systems.writes(person)
        changes = {change.field: change for change in person.changes}
        for key in done.fields:
            if changes[key].clears:
                removed_in_huma = changes[key].changed is Changed.IN_HUMA and FIELDS[key].clears_without_asking
                assert decisions.is_exact(person.key, key) or removed_in_huma
            else:
                assert not _empties(key, done)


def _empties(key: str, done: Any) -> bool:
    row = FIELDS[key]
    if done.fields[key] == Side.FORTNOX:
        return not any(done.fortnox.get(name) for name in row.properties(SETTINGS))
    return (done.position if row.on_position else done.huma)[row.huma_property] is None


@some
@given(two_systems(), situations)
def test_the_employment_id_never_flows_to_fortnox(systems: TwoSystems, data: st.DataObject) -> None:
    for person in systems.plan(data.draw(decisions_for(systems))).people:
        assert "EmployeeId" not in systems.writes(person).fortnox
    for user_id in systems.links.keys() & systems.users.keys():
        assert "EmployeeId" not in systems.push(user_id).fortnox


@some
@given(two_systems(), situations)
def test_unique_values_stay_unique_on_the_side_that_is_written(systems: TwoSystems, data: st.DataObject) -> None:
    systems.confirmed_at_once = True

    def holders(side: Side, key: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        people: dict[str, Any] = {}
        for person in systems.plan().people:
            one = person.user if side is Side.HUMA else person.employee
            if one is not None and key in one.values:
                context = context_of(person.user, person.employee, SETTINGS)
                reading = FIELDS[key].read(side, one.values[key], context)
                if reading.key is not None:
                    found.setdefault(reading.key, []).append(one.id)
                    people[one.id] = reading.key
        return found

    unique = [key for key, row in FIELDS.items() if row.unique and key != "phone"]
    before = {(side, key): holders(side, key) for side in Side for key in unique}
    systems.synchronize(data.draw(decisions_for(systems)))
    for (side, key), old in before.items():
        for value, owners in holders(side, key).items():
            assert len(owners) == 1 or sorted(owners) == sorted(old.get(value, []))


@some
@given(two_systems(), situations)
def test_a_push_writes_only_what_changed_in_huma(systems: TwoSystems, data: st.DataObject) -> None:
    systems.synchronize(data.draw(decisions_for(systems)))
    for user_id in sorted(systems.links.keys() & systems.users.keys()):
        before = systems.user(user_id)
        edits = data.draw(
            st.dictionaries(st.sampled_from(sorted(HUMA_VALUES)), st.none(), max_size=3).flatmap(
                lambda keys: st.fixed_dictionaries({key: HUMA_VALUES[key] for key in keys})
            )
        )
        systems.edit_huma(
            user_id,
            {
                FIELDS[key].huma_property: value
                for key, value in edits.items()
                if key in before.values and not (key == "email" and value is None)
            },
        )
        after = systems.user(user_id)
        changed = {key for key in after.values if after.values[key] != before.values.get(key)}
        done = systems.push(user_id)
        assert set(done.fields) <= changed
        assert not done.huma
        assert not done.position
        assert not systems.push(user_id).fields


@some
@given(two_systems(), situations)
def test_a_value_edited_in_fortnox_survives_a_push_of_another_field(systems: TwoSystems, data: st.DataObject) -> None:
    systems.synchronize(data.draw(decisions_for(systems)))
    linked = sorted(user_id for user_id, link in systems.links.items() if link.employee_id in systems.employees)
    for user_id in linked:
        if user_id not in systems.users:
            continue
        employee_id = systems.links[user_id].employee_id
        systems.edit_fortnox(employee_id, {"FirstName": "Edited", "BankAccountNo": "4711"})
        systems.edit_huma(user_id, {"phone": "070-174 06 07"} if "phone" in systems.users[user_id] else {})
        systems.push(user_id)
        assert systems.employees[employee_id]["FirstName"] == "Edited"
        assert systems.employees[employee_id]["BankAccountNo"] == "4711"


@some
@given(two_systems(), situations)
def test_after_a_push_what_was_pushed_agrees(systems: TwoSystems, data: st.DataObject) -> None:
    systems.synchronize(data.draw(decisions_for(systems)))
    pushed: dict[str, set[str]] = {}
    for user_id in sorted(systems.links.keys() & systems.users.keys()):
        if systems.links[user_id].employee_id in systems.employees:
            key = data.draw(st.sampled_from(sorted(HUMA_VALUES)))
            if key in systems.user(user_id).values:
                systems.edit_huma(user_id, {FIELDS[key].huma_property: data.draw(HUMA_VALUES[key])})
            pushed[f"u:{user_id}"] = set(systems.push(user_id).fields)
    for person in systems.plan().people:
        assert not pushed.get(person.key, set()) & {change.field for change in person.changes}


@some
@given(two_systems(), situations)
def test_a_difference_that_was_left_alone_is_not_reopened_until_it_changes(
    systems: TwoSystems, data: st.DataObject
) -> None:
    decisions = data.draw(decisions_for(systems))
    left = {
        (person.key, change.field)
        for person in systems.plan(decisions).people
        for change in person.changes
        if change.chosen is Direction.LEAVE
    }
    systems.synchronize(decisions)
    open_again = {(person.key, change.field) for person in systems.plan().people for change in person.changes}
    assert not left & open_again
    for person in systems.plan().people:
        if (person.key, "given_name") in left and person.employee is not None:
            systems.edit_fortnox(person.employee.id, {"FirstName": "Somebody Else"})
            changed = {
                change.field: change.changed
                for again in systems.plan().people
                if again.key == person.key
                for change in again.changes
            }
            assert changed["given_name"] is Changed.IN_FORTNOX


@some
@given(two_systems(), situations)
def test_a_pair_planned_alone_is_planned_like_everybody_apart_from_what_others_share(
    systems: TwoSystems, data: st.DataObject
) -> None:
    decisions = data.draw(decisions_for(systems))
    for person in systems.plan(decisions).people:
        if person.user is None or person.employee is None or not person.linked:
            continue
        alone = plan(
            [person.user],
            [person.employee],
            links=[systems.links[person.user.id]],
            decisions=decisions,
            digest=DIGEST,
            settings=SETTINGS,
        ).people
        assert [one.key for one in alone] == [person.key]
        free = [change for change in person.changes if "duplicate" not in str(change.held)]
        assert [change for change in alone[0].changes if change in free] == free
        confirmed = confirm(person, alone[0])
        assert [change.held for change in confirmed.changes] == [change.held for change in person.changes]


@some
@given(two_systems(), situations)
def test_what_was_not_seen_is_not_written(systems: TwoSystems, data: st.DataObject) -> None:
    decisions = data.draw(decisions_for(systems))
    previewed = {person.key: person for person in systems.plan(decisions).people}
    for employee_id in systems.employees:
        systems.edit_fortnox(employee_id, {"LastName": "Changed Meanwhile"})
    for person in systems.plan(decisions).people:
        if person.key not in previewed:
            continue
        done = systems.writes(confirm(previewed[person.key], person))
        assert "family_name" not in done.fields
        for outcome in done.outcomes:
            if outcome.field == "family_name":
                assert outcome.outcome in (Outcome.SKIPPED, Outcome.HELD)


@some
@given(two_systems(largest=4), situations)
def test_a_plan_kept_as_json_comes_back_as_it_was(systems: TwoSystems, data: st.DataObject) -> None:
    for person in systems.plan(data.draw(decisions_for(systems))).people:
        assert person_from_json(json.loads(json.dumps(person_to_json(person)))) == person


@some
@given(st.sampled_from(PHONES), st.sampled_from(PHONES), st.sampled_from(("SE", "NO")))
def test_equal_values_have_equal_traces(one: str | None, other: str | None, region: str) -> None:
    row = FIELDS["phone"]
    context = Context(region, SETTINGS)
    keys = [row.read(Side.HUMA, raw, context).key for raw in (one, other)]
    for raw, key in zip((one, other), keys, strict=True):
        if key is not None and row.trace(raw) is not None:
            assert row.trace(raw) == row.trace_of_key(key)


digits = st.text("0123456789", min_size=5, max_size=13)


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(("", "0", "00", "+", "+46", "0046", "+46 (0)", "+358 0 9", "+299 ", "07")), digits, st.data())
def test_a_phone_number_has_the_trace_of_its_key_however_it_is_written(
    prefix: str, number: str, data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(1, len(number)), max_size=3))
    for place in places:
        number = number[:place] + data.draw(st.sampled_from((" ", "-", ""))) + number[place:]
    row = FIELDS["phone"]
    for region in ("SE", "FI", "HU", "NO"):
        key = row.read(Side.HUMA, prefix + number, Context(region, SETTINGS)).key
        trace = row.trace(prefix + number)
        if key is not None and trace is not None:
            assert trace == row.trace_of_key(key)


@some
@given(
    st.sampled_from(sorted(HUMA_VALUES)).flatmap(lambda key: st.tuples(st.just(key), HUMA_VALUES[key])),
    st.sampled_from(FORTNOX_ADDRESSES),
    st.sampled_from(FORTNOX_ACCOUNTS),
    st.sampled_from(("SE", "NO")),
)
def test_what_is_written_is_read_back_as_the_same_value(
    keyed: tuple[str, Any], address: Any, account: Any, region: str
) -> None:
    key, raw = keyed
    row = FIELDS[key]
    context = Context(region, SETTINGS)
    reading = row.read(Side.HUMA, raw, context)
    current = {"address": address, "bank_account": account}.get(key)
    if reading.key is None:
        return
    try:
        properties = row.write_fortnox(reading.value, current, {}, context)
    except ValueError:
        return
    record = {**dict.fromkeys(row.fortnox), **(current or {}), **properties}
    seen = row.see_fortnox(record, SETTINGS)
    back = row.read_fortnox(seen, context)  # type: ignore[arg-type]
    assert back.key == reading.key
    assert row.write_huma(back.value, None, context) is not None
    assert row.read_huma(row.write_huma(back.value, raw, context), context).key == reading.key
