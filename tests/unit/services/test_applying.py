"""Carrying out decisions: what is written, what is not, and what a crash leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import (
    Conflict,
    ConsentNeeded,
    Defect,
    IntegrationError,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TransientError,
)
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.services.applying import GIVE_UP, LEASE_LEFT, ROW_OF_FAILURES
from huma_fortnox.services.model import DecisionInput, NewUserDefaults, OrganizationSettings

from tests.unit.services.fakes import FakeLane, FakeLeases, Fault, employee_record, user_record
from tests.unit.services.scene import BOSS, EMPLOYMENT, ORGANIZATION, Killed, Scene

HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE
ACCOUNT = {"number": "33008112289874", "country": "SE"}
ALL_FIELDS = {
    *("email", "employment_id", "given_name", "family_name", "phone"),
    *("address", "bank_account", "first_day", "last_day"),
}


def elsa(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"email": "elsa@example.com", "phone": "+46701740605", "employment_id": "7"}
    return user_record("elsa", **{**usual, **changes})


def elsa_in_fortnox(**changes: str) -> dict[str, Any]:
    usual = {"Email": "elsa@example.com", "FirstName": "Elsa", "LastName": "Exempel", "Phone1": "070-174 06 05"}
    return employee_record("7", **{**usual, **changes})


def otto() -> tuple[dict[str, Any], dict[str, Any]]:
    """Another person whose phone numbers differ."""
    user = user_record("otto", email="otto@example.com", given_name="Otto", phone="+46701740611", employment_id="8")
    names = {"Email": "otto@example.com", "FirstName": "Otto", "LastName": "Exempel"}
    return user, employee_record("8", **names, Phone1="070-174 06 12")


def otto_number(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """One of many whose phone numbers differ."""
    email = f"otto{number}@example.com"
    user = user_record(f"otto{number:02d}", email=email, phone=f"+4670174{number:04d}", employment_id=f"1{number:02d}")
    names = {"Email": email, "FirstName": "Elsa", "LastName": "Exempel"}
    return user, employee_record(f"1{number:02d}", **names, Phone1=f"070-175{number:04d}")


def scene_of_elsa(user: dict[str, Any], employee: dict[str, Any], *, with_otto: bool = False) -> Scene:
    others = [otto()] if with_otto else []
    return Scene([user, *(user for user, _ in others)], [employee, *(employee for _, employee in others)])


class RunningOut(FakeLeases):
    """Leases that run out: ``left`` are the seconds that the one has still to go."""

    left = 0.0

    def acquire(self, name: str, seconds: float) -> str | None:
        self.left = seconds
        return super().acquire(name, seconds)

    def renew(self, lease: str, seconds: float) -> str:
        if self.left <= 0:
            raise Conflict("lease-lost")
        self.left = seconds
        return lease

    def running(self, lease: str, seconds: float = 0.0) -> bool:
        return self.left > seconds


DONE, SKIPPED, HELD, FAILED, UNCHANGED = "done", "skipped", "held", "failed", "unchanged"


# -- pairs


def test_a_new_pair_in_agreement_is_linked_with_every_base_and_nothing_is_written() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox()).waiting().apply()
    assert scene.told("u:elsa") == [("person", UNCHANGED, "", "")]
    link = scene.link("elsa")
    assert link is not None
    assert link.employee_id == "7"
    assert set(link.bases) == ALL_FIELDS
    assert link.bases["phone"] == Base(*[scene.digest("phone", "+46701740605")] * 2)
    assert scene.fortnox.writes() == []
    assert scene.huma.count("update_user") == scene.huma.count("update_position") == 0


def test_a_value_goes_to_fortnox_alone_and_the_base_moves() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", FirstName="Else")).waiting()
    scene.use(HUMA, "phone").apply()
    ((employee_id, properties),) = scene.fortnox.writes()
    assert (employee_id, set(properties)) == ("7", {"Phone1"})
    assert scene.told("u:elsa") == [
        ("given_name", SKIPPED, "fortnox", "not-decided"),
        ("phone", DONE, "fortnox", ""),
    ]
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] == Base(*[scene.digest("phone", "+46701740605")] * 2)
    assert "given_name" not in link.bases


def test_a_value_goes_to_huma_alone_and_the_base_moves() -> None:
    scene = scene_of_elsa(
        elsa(employment_id=None), elsa_in_fortnox(Phone1="070-174 06 06", EmploymentDate="2020-01-02")
    )
    scene.waiting().use(FORTNOX).apply()
    assert scene.told("u:elsa") == [
        ("employment_id", DONE, "huma", ""),
        ("first_day", DONE, "huma", ""),
        ("phone", DONE, "huma", ""),
    ]
    assert scene.huma.value("elsa", "phone") == "070-174 06 06"
    assert scene.huma.value("elsa", "employmentId") == "7"
    assert scene.huma.records["elsa"]["position"]["firstDayOfWork"]["value"] == "2020-01-02"
    assert scene.huma.count("update_user") == 1
    assert scene.fortnox.writes() == []
    assert scene.bases_of("elsa") == ALL_FIELDS


def test_leaving_a_difference_writes_nothing_and_remembers_both_sides() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(LEAVE).apply()
    assert scene.told("u:elsa") == [("phone", SKIPPED, "", "left-as-is")]
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] == Base(scene.digest("phone", "+46701740605"), scene.digest("phone", "+46701740606"))
    assert scene.fortnox.writes() == []


def test_after_a_run_a_new_plan_finds_nothing_to_do() -> None:
    user = elsa(address={"line1": "Nya gatan 1", "postalCode": "11122", "city": "Stockholm", "country": "SE"})
    user["bankAccount"]["value"] = ACCOUNT
    scene = scene_of_elsa(user, elsa_in_fortnox(Phone1="070-174 06 06", LastName="Gammal", EmployedTo="2030-01-31"))
    scene.waiting().use(HUMA).use(FORTNOX, "last_day").create().apply("many-bank-accounts").finish()
    assert {outcome for _, outcome, _, _ in scene.told("u:elsa")} == {DONE}
    scene.fortnox.calls.clear()
    scene.waiting()
    assert scene.plan() == {"u:elsa": "in_sync"}
    assert scene.apply().outcomes() == {"u:elsa": [("person", UNCHANGED, "", "")]}
    assert scene.fortnox.writes() == []


def test_nothing_that_nobody_decided_is_written() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True).waiting().apply().finish()
    assert scene.fortnox.writes() == []
    assert scene.huma.count("update_user") == 0
    assert {outcome for told in scene.outcomes().values() for _, outcome, _, _ in told} == {SKIPPED}


@pytest.mark.parametrize("changed", ["in Huma", "in Fortnox"])
def test_what_changed_since_the_preview_is_skipped_and_the_rest_done(changed: str) -> None:
    scene = (
        scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Gammal")).waiting().use(HUMA).press()
    )
    batches = scene.prepare()
    if changed == "in Huma":
        scene.huma.records["elsa"]["phone"]["value"] = "+46701740699"
    else:
        scene.fortnox.records["7"]["Phone1"] = "070-174 06 99"
    for batch in batches:
        scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [
        ("family_name", DONE, "fortnox", ""),
        ("phone", SKIPPED, "fortnox", "changed-since-preview"),
    ]
    assert scene.fortnox.writes() == [("7", {"LastName": "Exempel"})]
    assert "phone" not in scene.bases_of("elsa")


def test_a_value_that_agrees_by_now_is_not_written() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(HUMA).press()
    batches = scene.prepare()
    scene.fortnox.records["7"]["Phone1"] = "0701740605"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batches[0])
    assert scene.fortnox.writes() == []
    assert scene.told("u:elsa") == [("person", UNCHANGED, "", "")]
    assert scene.bases_of("elsa") == ALL_FIELDS


@pytest.mark.parametrize("gone", ["user", "employee"])
def test_who_is_gone_by_now_is_skipped_with_the_reason(gone: str) -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True).waiting().use(HUMA).press()
    batches = scene.prepare()
    if gone == "user":
        del scene.huma.records["elsa"]
    else:
        del scene.fortnox.records["7"]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batches[0])
    ((field, outcome, _, reason),) = scene.told("u:elsa")
    assert (field, outcome) == ("person", SKIPPED)
    assert reason
    assert scene.told("u:otto") == [("phone", DONE, "fortnox", "")]
    assert scene.link("elsa") is None


def test_a_pair_whose_addresses_parted_since_is_no_pair_any_more() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(HUMA).press()
    batches = scene.prepare()
    scene.fortnox.records["7"]["Email"] = "somebody.else@example.com"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batches[0])
    assert [(field, outcome) for field, outcome, _, _ in scene.told("u:elsa")] == [("person", SKIPPED)]
    assert scene.fortnox.writes() == []
    assert scene.link("elsa") is None


def test_a_refused_value_fails_alone() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Gammal"), with_otto=True)
    scene.fortnox.refuses["LastName"] = Refused("fortnox-refused-characters")
    scene.waiting().use(HUMA).apply()
    assert scene.told("u:elsa") == [
        ("family_name", FAILED, "fortnox", "fortnox-refused-characters"),
        ("phone", DONE, "fortnox", ""),
    ]
    assert scene.told("u:otto") == [("phone", DONE, "fortnox", "")]
    assert scene.fortnox.records["7"]["LastName"] == "Gammal"
    assert scene.bases_of("elsa") == ALL_FIELDS - {"family_name"}


def test_a_value_that_huma_refuses_fails_alone() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Annan"))
    scene.huma.refuses["phone"] = Refused("huma-refused-value")
    scene.waiting().use(FORTNOX).apply()
    assert scene.told("u:elsa") == [("family_name", DONE, "huma", ""), ("phone", FAILED, "huma", "huma-refused-value")]
    assert scene.huma.value("elsa", "familyName") == "Annan"
    assert "phone" not in scene.bases_of("elsa")


def test_a_field_that_fortnox_ignores_is_reported_and_keeps_its_base() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Gammal"))
    old = Base("old", "old")
    scene.links.save(ORGANIZATION, [Link("elsa", "7", {"phone": old, "family_name": old})])
    scene.fortnox.ignores.add("Phone1")
    scene.waiting().use(HUMA).apply()
    assert scene.told("u:elsa") == [
        ("family_name", DONE, "fortnox", ""),
        ("phone", FAILED, "fortnox", "ignored-by-fortnox"),
    ]
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] == old
    assert link.bases["family_name"] != old


def test_a_field_that_huma_ignores_is_reported_and_keeps_its_base() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Annan"))
    scene.huma.ignores.add("phone")
    scene.waiting().use(FORTNOX).apply()
    assert scene.told("u:elsa") == [("family_name", DONE, "huma", ""), ("phone", FAILED, "huma", "ignored-by-huma")]
    assert "phone" not in scene.bases_of("elsa")


def test_an_email_that_waits_for_its_owner_is_held_and_not_asked_about_again() -> None:
    user, employee = elsa(), elsa_in_fortnox(Email="elsa.new@example.com")
    scene = scene_of_elsa(user, employee)
    scene.links.save(ORGANIZATION, [Link("elsa", "7")])
    scene.huma.confirms_email = True
    scene.waiting().use(FORTNOX).apply().finish()
    assert scene.told("u:elsa") == [("email", HELD, "huma", "waiting-for-confirmation")]
    assert "email" not in scene.bases_of("elsa")
    assert scene.huma.value("elsa", "email") == "elsa@example.com"
    assert scene.waiting().plan() == {"u:elsa": "in_sync"}


def test_a_value_is_cleared_where_somebody_decided_just_that() -> None:
    scene = scene_of_elsa(elsa(phone=None), elsa_in_fortnox()).waiting().use(HUMA).use(HUMA, "phone", "u:elsa")
    scene.apply("values-cleared")
    assert scene.fortnox.writes() == [("7", {"Phone1": None})]
    assert scene.told("u:elsa") == [("phone", DONE, "fortnox", "")]


def test_a_value_is_not_cleared_by_a_wide_decision() -> None:
    scene = scene_of_elsa(elsa(phone=None), elsa_in_fortnox()).waiting().use(HUMA).use(HUMA, "phone").apply()
    assert scene.fortnox.writes() == []
    ((field, outcome, _, reason),) = scene.told("u:elsa")
    assert (field, outcome, reason) == ("phone", HELD, "clearing-needs-a-decision")


def test_an_employee_who_moved_to_another_page_is_asked_for_alone() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"))
    scene.fortnox.page_size = 1
    scene.waiting().use(HUMA).press()
    batches = scene.prepare()
    scene.fortnox.records["1"] = employee_record("1", Email="new@example.com")
    for batch in batches:
        scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("phone", DONE, "fortnox", "")]
    assert scene.fortnox.count("employee") == 1


def test_pairs_cost_one_read_of_their_page_and_one_write_each() -> None:
    users, employees = [], []
    for number in range(30):
        email = f"p{number}@example.com"
        users.append(
            user_record(f"{number:02d}", email=email, phone=f"+4670174{number:04d}", employment_id=str(number))
        )
        employees.append(
            employee_record(
                str(number), Email=email, FirstName="Elsa", LastName="Exempel", Phone1=f"070-175{number:04d}"
            )
        )
    scene = Scene(users, employees).waiting()
    before = len(scene.fortnox.calls)
    scene.use(HUMA).apply()
    calls = [operation for operation, _ in scene.fortnox.calls[before:]]
    assert calls.count("employees") == 1
    assert calls.count("update_employee") == 30
    assert len(calls) == 31


def test_a_whole_run_reads_every_page_twice_at_most_and_writes_once_a_change() -> None:
    """Nobody is looked up alone, creations included: they are compared with the pages that were read again."""
    pairs = [otto_number(number) for number in range(30)]
    newcomers = [user_record(f"new{number}", email=f"new{number}@example.com") for number in range(7)]
    unknown = [
        employee_record(f"9{number}", Email=f"old{number}@example.com", FirstName="Otto", LastName="Exempel")
        for number in range(6)
    ]
    scene = Scene([*[user for user, _ in pairs], *newcomers], [*[employee for _, employee in pairs], *unknown])
    scene.fortnox.page_size = 8
    pages = -(-36 // 8)
    scene.waiting().use(HUMA).create(*[f"u:new{number}" for number in range(7)], *[f"e:9{n}" for n in range(6)])
    scene.apply().finish()
    calls = Counter(operation for operation, _ in scene.fortnox.calls)
    assert calls == {"employees": 2 * pages, "update_employee": 30, "create_employee": 7}
    assert scene.run.outcomes["done"] >= 30 + 7 + 6
    assert scene.run.progress["requests_done"] == scene.run.progress["requests"] == pages + 30 + 7


# -- crashes and repetitions


def test_a_batch_that_is_repeated_after_it_was_done_does_nothing() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(HUMA).press()
    batches = scene.prepare()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batches[0])
    first, calls, applied = scene.outcomes(), len(scene.fortnox.calls), scene.run.progress["applied"]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batches[0])
    assert (scene.outcomes(), len(scene.fortnox.calls), scene.run.progress["applied"]) == (first, calls, applied)


def dies_before_recording(scene: Scene, key: str, batch: int) -> None:
    """Carry out a batch whose worker dies after a person was written and before that was recorded."""

    def die(user_id: str) -> None:
        if f"u:{user_id}" == key:
            raise Killed

    scene.store.before_settle = die
    with pytest.raises(Killed):
        scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    scene.store.before_settle = lambda _user_id: None


def test_what_was_written_before_a_crash_is_found_by_looking_and_not_written_again() -> None:
    scene = scene_of_elsa(elsa(employment_id=None), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True)
    scene.waiting().use(HUMA).use(FORTNOX, "employment_id").press()
    (batch,) = scene.prepare()
    dies_before_recording(scene, "u:elsa", batch)
    writes = len(scene.fortnox.writes())
    assert writes == 1
    assert scene.huma.count("update_user") == 1
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("employment_id", DONE, "huma", ""), ("phone", DONE, "fortnox", "")]
    assert scene.told("u:otto") == [("phone", DONE, "fortnox", "")]
    assert len(scene.fortnox.writes()) == writes + 1
    assert scene.huma.count("update_user") == 1
    assert scene.bases_of("elsa") == ALL_FIELDS


def test_what_one_side_got_before_a_crash_stays_told_through_a_second_crash() -> None:
    scene = scene_of_elsa(elsa(employment_id=None), elsa_in_fortnox(Phone1="070-174 06 06"))
    scene.waiting().use(HUMA).use(FORTNOX, "employment_id").press()
    (batch,) = scene.prepare()
    for _ in range(2):
        scene.huma.faults += [Fault("update_user", TransientError()), Fault("update_user", TransientError())]
        assert isinstance(scene.fail_batch(batch), TransientError)
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("employment_id", DONE, "huma", ""), ("phone", DONE, "fortnox", "")]
    assert len(scene.fortnox.writes()) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [TransientError(), RateLimited(), OutcomeUnknown()])
def test_an_answer_that_was_lost_is_made_up_for_at_the_end_of_the_batch_or_when_it_is_repeated(
    error: IntegrationError, after: bool
) -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    scene.fortnox.faults.append(Fault("update_employee", error, after=after))
    if isinstance(error, RateLimited):
        assert scene.fail_batch(batch) is error
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.outcomes() == {
        "u:elsa": [("phone", DONE, "fortnox", "")],
        "u:otto": [("phone", DONE, "fortnox", "")],
    }
    assert len(scene.fortnox.writes()) == (2 if after else 3)
    assert scene.run.progress["applied"] == 2


def test_one_persons_lasting_trouble_stops_nobody_and_is_told() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    trouble = TransientError(None, {"system": "fortnox"})
    scene.fortnox.faults += [Fault("update_employee", trouble), Fault("employee", trouble)]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.outcomes() == {
        "u:elsa": [("person", FAILED, "", "temporarily-unavailable")],
        "u:otto": [("phone", DONE, "fortnox", "")],
    }


def test_a_bug_that_one_person_meets_stops_nobody() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"), with_otto=True).waiting().use(HUMA).press()
    (batch,) = scene.prepare()

    def user(user_id: str, read: Any = scene.huma.user) -> Any:
        if user_id == "elsa":
            raise KeyError("position")
        return read(user_id)

    scene.huma.user = user  # type: ignore[method-assign]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("person", FAILED, "", "unexpected")]
    assert scene.told("u:otto") == [("phone", DONE, "fortnox", "")]


def test_trouble_that_everybody_has_is_nobodys_own_until_it_has_lasted_long() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(HUMA).press()
    (batch,) = scene.prepare()

    def always(employee_id: str, properties: Any) -> Any:
        raise TransientError

    scene.fortnox.update_employee = always  # type: ignore[method-assign]
    for _ in range(GIVE_UP - 1):
        assert isinstance(scene.fail_batch(batch), TransientError)
        assert scene.outcomes() == {}
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("person", FAILED, "", "temporarily-unavailable")]


def test_a_system_that_is_down_is_not_asked_for_everybody_in_turn() -> None:
    people = [otto_number(number) for number in range(30)]
    scene = Scene([user for user, _ in people], [employee for _, employee in people]).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    asked = []

    def always(employee_id: str, properties: Any) -> Any:
        asked.append(employee_id)
        raise TransientError

    scene.fortnox.update_employee = always  # type: ignore[method-assign]
    assert isinstance(scene.fail_batch(batch), TransientError)
    assert len(asked) == ROW_OF_FAILURES


def test_a_row_of_people_with_trouble_stops_nobody_where_somebody_before_had_none() -> None:
    people = [otto_number(number) for number in range(ROW_OF_FAILURES + 2)]
    scene = Scene([user for user, _ in people], [employee for _, employee in people]).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    update, asked = scene.fortnox.update_employee, []

    def troubled(employee_id: str, properties: Any) -> Any:
        asked.append(employee_id)
        if 1 < len(asked) <= 1 + ROW_OF_FAILURES:
            raise TransientError
        return update(employee_id, properties)

    scene.fortnox.update_employee = troubled  # type: ignore[method-assign]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert {outcome for told in scene.outcomes().values() for _, outcome, _, _ in told} == {DONE}
    assert len(asked) == len(people) + ROW_OF_FAILURES


def test_a_batch_that_creates_somebody_late_keeps_its_lease_all_the_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huma_fortnox.services.applying.LOOK_SECONDS", -1.0)
    people = [otto_number(number) for number in range(4)]
    users = [*[user for user, _ in people], newcomer()]
    scene = Scene(users, [employee for _, employee in people]).waiting().use(HUMA).create("u:nina").press()
    leases = RunningOut()
    scene.applying.leases = lambda _organization_id: leases
    (batch,) = scene.prepare()
    update = scene.fortnox.update_employee

    def slow(employee_id: str, properties: Any) -> Any:
        leases.left -= LEASE_LEFT * 0.9
        return update(employee_id, properties)

    scene.fortnox.update_employee = slow  # type: ignore[method-assign]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    assert leases.held == set()


@pytest.mark.parametrize("created", ["u:nina", "e:0042"])
def test_nobody_is_created_by_a_worker_that_has_lost_its_lease(created: str) -> None:
    user, employee = otto_number(1)
    names = {"Email": "a@example.com", "FirstName": "Adam", "LastName": "Exempel", "Phone1": "070-175 00 09"}
    first = user_record("adam", email="a@example.com", given_name="Adam", phone="+46701740009", employment_id="0001")
    users, employees = [first, user, newcomer()], [employee_record("0001", **names), employee, otto_in_fortnox()]
    scene = Scene(users, employees).waiting().use(HUMA).create(created).press()
    leases = RunningOut()
    scene.applying.leases = lambda _organization_id: leases
    (batch,) = scene.prepare()
    update = scene.fortnox.update_employee

    def too_slow(employee_id: str, properties: Any) -> Any:
        leases.left = 0.0
        return update(employee_id, properties)

    scene.fortnox.update_employee = too_slow  # type: ignore[method-assign]
    assert isinstance(scene.fail_batch(batch), TransientError)
    assert scene.fortnox.count("create_employee") == scene.huma.count("create_user") == 0


def test_a_run_cancelled_in_the_middle_of_a_group_begins_with_nobody_else_and_tells_what_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huma_fortnox.services.applying.LOOK_SECONDS", -1.0)
    people = [otto_number(number) for number in range(4)]
    scene = Scene([user for user, _ in people], [employee for _, employee in people]).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    update = scene.fortnox.update_employee

    def cancelled_meanwhile(employee_id: str, properties: Any) -> Any:
        scene.runs.cancel(BOSS, scene.run_id)
        return update(employee_id, properties)

    scene.fortnox.update_employee = cancelled_meanwhile  # type: ignore[method-assign]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    scene.finish()
    assert len(scene.fortnox.writes()) == 1
    assert scene.outcomes() == {"u:otto00": [("phone", DONE, "fortnox", "")]}
    assert scene.run.outcomes == {"done": 1}


@pytest.mark.parametrize("error", [ConsentNeeded(), Defect()])
def test_what_stops_everybody_is_not_recorded_as_one_persons_failure(error: IntegrationError) -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(HUMA).press()
    (batch,) = scene.prepare()
    scene.fortnox.faults.append(Fault("update_employee", error))
    assert scene.fail_batch(batch) is error
    assert scene.outcomes() == {}
    assert scene.link("elsa") is None


def test_a_push_during_a_run_keeps_its_bases_and_the_run_its_own() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06", LastName="Gammal"))
    scene.links.save(ORGANIZATION, [Link("elsa", "7", {"given_name": Base("g", "g"), "phone": Base("p", "p")})])
    scene.waiting().use(HUMA, "family_name").press()
    (batch,) = scene.prepare()
    pushed = Base("pushed", "pushed")

    def push_meanwhile(_user_id: str) -> None:
        scene.links.move_bases(ORGANIZATION, Link("elsa", "7", {"phone": pushed}), ["phone"])

    scene.store.before_settle = push_meanwhile
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] == pushed
    assert link.bases["family_name"] == Base(*[scene.digest("family_name", "Exempel")] * 2)


def test_a_push_that_is_writing_the_same_field_is_overtaken_and_the_user_looked_at_again() -> None:
    """Whose value comes last to Fortnox nobody knows: the push must not record its own, and another push settles it."""
    scene, lane = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")), FakeLane()
    scene.applying.lane = lambda: lane
    before = Base(scene.digest("phone", "+46701740605"), scene.digest("phone", "+46701740605"))
    scene.links.save(ORGANIZATION, [Link("elsa", "7", {"phone": before})])
    scene.waiting().use(HUMA, "phone").press()
    (batch,) = scene.prepare()
    started = iter([True])

    def push_starts(_user_id: str) -> None:
        if next(started, False):
            scene.links.begun[ORGANIZATION, "elsa"] = {"phone": ["digest"]}

    scene.store.before_settle = push_starts
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:elsa") == [("phone", DONE, "fortnox", "")]
    assert [event.user_id for event in lane.sent] == ["elsa"]
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] != before
    assert scene.links.begun == {}


def test_somebody_linked_to_another_employee_while_being_written_keeps_that_link() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"))
    scene.links.save(ORGANIZATION, [Link("elsa", "7")])
    scene.waiting().use(HUMA, "phone").press()
    (batch,) = scene.prepare()
    other = Link("elsa", "99", {"phone": Base("other", "other")})
    scene.store.before_settle = lambda _user_id: scene.links.save(ORGANIZATION, [other])
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.link("elsa") == other
    assert scene.told("u:elsa") == [("phone", DONE, "fortnox", "")]


def test_somebody_linked_of_whom_nothing_was_decided_keeps_their_bases_as_they_are() -> None:
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06"))
    link = Link("elsa", "7", {"given_name": Base("newer", "newer")})
    scene.links.save(ORGANIZATION, [link])
    scene.waiting().apply()
    assert scene.link("elsa") == link


@pytest.mark.parametrize("direction", [HUMA, FORTNOX])
def test_what_moved_on_after_it_was_written_and_before_that_was_recorded_is_left_to_whoever_comes_next(
    direction: Direction,
) -> None:
    """The base tells of what was written, so that the next push, or the next run, sees what came afterwards."""
    scene = scene_of_elsa(elsa(), elsa_in_fortnox(Phone1="070-174 06 06")).waiting().use(direction, "phone").press()
    (batch,) = scene.prepare()
    dies_before_recording(scene, "u:elsa", batch)
    if direction is HUMA:
        scene.huma.records["elsa"]["phone"]["value"] = "+46701740699"
    else:
        scene.fortnox.records["7"]["Phone1"] = "070-174 06 99"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    written = "+46701740605" if direction is HUMA else "+46701740606"
    assert scene.told("u:elsa") == [("phone", DONE, "fortnox" if direction is HUMA else "huma", "")]
    link = scene.link("elsa")
    assert link is not None
    assert link.bases["phone"] == Base(*[scene.digest("phone", written)] * 2)


# -- creations in Fortnox


def newcomer(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"email": "nina@example.com", "given_name": "Nina", "phone": "+46701740621"}
    return user_record("nina", **{**usual, "first_day": "2026-02-01", "account": ACCOUNT, **changes})


def creating(user: dict[str, Any] | None = None, *employees: dict[str, Any]) -> tuple[Scene, int]:
    """Return a scene in which Nina is to be created in Fortnox, and the number of the batch."""
    scene = Scene([user or newcomer(), user_record("extra")], list(employees)).waiting().create("u:nina").press()
    (batch,) = scene.prepare()
    return scene, batch


def test_a_new_employee_has_everything_and_the_number_goes_to_huma() -> None:
    scene, batch = creating()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    (properties,) = scene.fortnox.writes()
    assert (
        properties.items()
        >= {
            "Email": "nina@example.com",
            "FirstName": "Nina",
            "LastName": "Exempel",
            "EmploymentDate": "2026-02-01",
            "PersonelType": "TJM",
            "EmploymentForm": "TV",
            "SalaryForm": "MAN",
        }.items()
    )
    assert "EmployeeId" not in properties
    assert not any(value is None for value in properties.values())
    assert scene.huma.value("nina", "employmentId") == "100"
    assert scene.told("u:nina")[:1] == [("employment_id", DONE, "huma", "")]
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    link = scene.link("nina")
    assert link is not None
    assert link.employee_id == "100"
    assert set(link.bases) == ALL_FIELDS


def test_after_a_creation_a_new_plan_finds_nothing_to_do() -> None:
    scene, batch = creating()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    scene.finish().waiting()
    assert scene.plan()["u:nina"] == "in_sync"


@pytest.mark.parametrize("after", [False, True])
def test_a_creation_whose_answer_was_lost_is_looked_for_and_never_made_twice(after: bool) -> None:
    scene, batch = creating()
    scene.fortnox.faults.append(Fault("create_employee", OutcomeUnknown(), after=after))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert list(scene.fortnox.records) == ["100"]
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    assert scene.huma.value("nina", "employmentId") == "100"
    assert scene.bases_of("nina") == ALL_FIELDS


def test_a_creation_whose_worker_died_afterwards_is_finished_and_never_made_twice() -> None:
    scene, batch = creating()
    dies_before_recording(scene, "u:nina", batch)
    scene.huma.records["nina"]["employmentId"]["value"] = None
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert list(scene.fortnox.records) == ["100"]
    assert scene.huma.value("nina", "employmentId") == "100"
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")


def test_a_number_that_could_not_be_written_back_is_written_when_the_batch_is_repeated() -> None:
    scene, batch = creating()
    scene.huma.faults += [Fault("update_user", TransientError()), Fault("update_user", TransientError())]
    scene.fail_batch(batch)
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert list(scene.fortnox.records) == ["100"]
    assert scene.huma.value("nina", "employmentId") == "100"


def test_a_number_that_huma_refuses_is_reported_and_the_employee_linked() -> None:
    scene, batch = creating()
    scene.huma.refuses["employmentId"] = Refused("huma-refused-value")
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    assert ("employment_id", FAILED, "huma", "huma-refused-value") in scene.told("u:nina")
    assert scene.bases_of("nina") == ALL_FIELDS - {"employment_id"}


def test_a_number_that_somebody_else_gives_up_in_this_very_run_is_written_afterwards() -> None:
    otto = user_record("otto", email="otto@example.com", given_name="Otto", employment_id="100")
    scene = Scene([newcomer(), otto]).waiting().create("u:nina", "u:otto").press()
    scene.huma.unique_employment_ids = True
    (batch,) = scene.prepare()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert [properties["FirstName"] for properties in scene.fortnox.writes()] == ["Nina", "Otto"]
    assert (scene.huma.value("nina", "employmentId"), scene.huma.value("otto", "employmentId")) == ("100", "101")
    assert {outcome for key in ("u:nina", "u:otto") for _, outcome, *_ in scene.told(key)} == {DONE}


def test_a_number_that_nobody_gives_up_is_tried_twice_and_reported_with_everything_else() -> None:
    scene = Scene([newcomer(), user_record("extra", employment_id="100")]).waiting().create("u:nina").press()
    scene.huma.unique_employment_ids = True
    (batch,) = scene.prepare()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert len(scene.fortnox.writes()) == 1
    assert scene.huma.count("update_user") == 2
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    assert ("employment_id", FAILED, "huma", "huma-refused-value") in scene.told("u:nina")


def test_trouble_on_the_second_try_leaves_what_the_first_one_did() -> None:
    scene, batch = creating()
    for error in (Refused("huma-refused-value"), TransientError("unavailable")):
        scene.huma.faults.append(Fault("update_user", error))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")
    assert ("employment_id", FAILED, "huma", "huma-refused-value") in scene.told("u:nina")
    assert scene.link("nina") is not None


def test_somebody_who_appeared_in_fortnox_meanwhile_is_not_created_again() -> None:
    scene, batch = creating()
    scene.fortnox.records["55"] = employee_record("55", Email="Nina@Example.com")
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:nina") == [("person", HELD, "fortnox", "appeared-in-fortnox")]
    assert list(scene.fortnox.records) == ["55"]
    assert scene.link("nina") is None


def test_employees_without_an_address_are_nobody_to_be_found() -> None:
    scene, batch = creating(None, {**employee_record("55"), "Email": None})
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert ("person", DONE, "fortnox", "") in scene.told("u:nina")


def test_a_refused_creation_is_reported_and_the_next_one_made() -> None:
    users = [newcomer(), user_record("otto", email="otto@example.com", given_name="Otto")]
    scene = Scene(users).waiting().create("u:nina", "u:otto").press()
    (batch,) = scene.prepare()
    scene.fortnox.faults.append(Fault("create_employee", Refused("fortnox-refused-characters")))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:nina") == [("person", HELD, "fortnox", "fortnox-refused-characters")]
    assert ("person", DONE, "fortnox", "") in scene.told("u:otto")


@pytest.mark.parametrize("operation", ["employees", "create_employee"])
def test_nobody_who_is_refused_stops_the_others(operation: str) -> None:
    users = [newcomer(), user_record("otto", email="otto@example.com", given_name="Otto")]
    scene = Scene(users).waiting().create("u:nina", "u:otto").press()
    (batch,) = scene.prepare()
    # A look ahead at the pages that fails is made up for by whoever needs them first.
    scene.fortnox.faults += [Fault(operation, Refused("fortnox-refused"))] * (2 if operation == "employees" else 1)
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert [(outcome, reason) for _, outcome, _, reason in scene.told("u:nina")] == [(HELD, "fortnox-refused")]
    assert ("person", DONE, "fortnox", "") in scene.told("u:otto")


def test_values_that_cannot_be_written_are_left_out_and_reported() -> None:
    scene, batch = creating(newcomer(account={"number": "123", "country": "SE"}, phone="not a number"))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    (properties,) = scene.fortnox.writes()
    assert not {"ClearingNo", "BankAccountNo", "Phone1"} & set(properties)
    held = {field for field, outcome, _, _ in scene.told("u:nina") if outcome == HELD}
    assert held == {"bank_account", "phone"}
    assert scene.huma.value("nina", "phone") == "not a number"


def test_what_changed_since_the_preview_is_not_created_unseen() -> None:
    scene, batch = creating()
    scene.huma.records["nina"]["phone"]["value"] = "+46701740699"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    (properties,) = scene.fortnox.writes()
    assert "Phone1" not in properties
    assert ("phone", HELD, "fortnox", "changed-since-preview") in scene.told("u:nina")


def test_who_got_another_address_since_the_preview_is_not_created() -> None:
    scene, batch = creating()
    scene.huma.records["nina"]["email"]["value"] = "other@example.com"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert [(field, outcome) for field, outcome, _, _ in scene.told("u:nina")] == [("person", HELD)]
    assert scene.fortnox.writes() == []


def test_what_fortnox_did_not_store_of_a_new_employee_is_reported_and_never_erased_in_huma() -> None:
    """Nobody decided anything about the new person's fields in Huma but the number."""
    scene, batch = creating()
    create = scene.fortnox.create_employee

    def forgetful(properties: Any) -> Any:
        stored = create({**properties, "LastName": "Förkortad"})
        return stored

    scene.fortnox.create_employee = forgetful  # type: ignore[method-assign]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.huma.value("nina", "familyName") == "Exempel"
    assert scene.huma.value("nina", "employmentId") == "100"
    assert "family_name" not in scene.bases_of("nina")
    assert [told for told in scene.told("u:nina") if told[0] == "family_name"]


def test_without_employment_settings_nobody_is_created() -> None:
    scene, batch = creating()
    scene.connections.change(ORGANIZATION, {"settings": OrganizationSettings(FieldSettings())})
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:nina") == [("person", HELD, "fortnox", "employment-settings-missing")]


def test_who_is_gone_from_huma_is_not_created() -> None:
    scene, batch = creating()
    del scene.huma.records["nina"]
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("u:nina") == [("person", HELD, "fortnox", "user-gone")]


# -- creations in Huma


def otto_in_fortnox(**changes: str) -> dict[str, Any]:
    usual = {
        "Email": "otto@example.com",
        "FirstName": "Otto",
        "LastName": "Exempel",
        "Phone1": "070-174 06 12",
        "EmploymentDate": "2025-03-01",
        "ClearingNo": "3300",
        "BankAccountNo": "8112289874",
    }
    return employee_record("0042", **{**usual, **changes})


def creating_in_huma(**changes: str) -> tuple[Scene, int]:
    scene = Scene([user_record("extra")], [otto_in_fortnox(**changes)]).waiting().create("e:0042").press()
    (batch,) = scene.prepare()
    return scene, batch


def test_a_new_user_gets_the_job_title_and_the_invitation_that_were_chosen() -> None:
    scene, batch = creating_in_huma()
    settings = OrganizationSettings(FieldSettings(), EMPLOYMENT, new_users=NewUserDefaults("Kock", invite=True))
    scene.connections.change(ORGANIZATION, {"settings": settings})
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    ((_, created),) = [call for call in scene.huma.calls if call[0] == "create_user"]
    assert created == ("Otto", "Exempel", "otto@example.com", True)
    assert scene.huma.job_titles == {"Kock"}


def created_user(scene: Scene) -> dict[str, Any]:
    (user,) = [record for user_id, record in scene.huma.records.items() if user_id != "extra"]
    return user


def test_a_new_user_has_everything_and_is_not_invited() -> None:
    scene, batch = creating_in_huma()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    ((_, created),) = [call for call in scene.huma.calls if call[0] == "create_user"]
    assert created == ("Otto", "Exempel", "otto@example.com", False)
    user = created_user(scene)
    assert user["phone"]["value"] == "070-174 06 12"
    assert user["employmentId"]["value"] == "0042"
    assert user["position"]["firstDayOfWork"]["value"] == "2025-03-01"
    assert user["bankAccount"]["value"]
    assert ("person", DONE, "huma", "") in scene.told("e:0042")
    link = scene.link(user["id"])
    assert link is not None
    assert link.employee_id == "0042"
    assert scene.fortnox.writes() == []
    scene.finish().waiting()
    assert scene.plan()[f"u:{user['id']}"] == "in_sync"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("operation", ["create_user", "update_user", "update_position"])
def test_a_user_whose_creation_was_interrupted_is_finished_and_never_made_twice(operation: str, after: bool) -> None:
    scene, batch = creating_in_huma()
    scene.huma.faults.append(Fault(operation, OutcomeUnknown(), after=after))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    user = created_user(scene)
    assert user["phone"]["value"] == "070-174 06 12"
    assert user["position"]["firstDayOfWork"]["value"] == "2025-03-01"
    assert ("person", DONE, "huma", "") in scene.told("e:0042")


def test_somebody_known_before_is_not_taken_for_who_was_created_by_an_attempt_that_was_cut_off() -> None:
    scene, batch = creating_in_huma()
    scene.store.begin_group(ORGANIZATION, scene.run_id, batch, 0, {})
    scene.huma.records["extra"]["email"]["value"] = "otto@example.com"
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("e:0042") == [("person", HELD, "huma", "appeared-in-huma")]
    assert scene.link("extra") is None


def test_somebody_who_appeared_in_huma_meanwhile_is_not_created_again() -> None:
    scene, batch = creating_in_huma()
    scene.huma.records["appeared"] = user_record("appeared", email="otto@example.com")
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("e:0042") == [("person", HELD, "huma", "appeared-in-huma")]
    assert scene.huma.count("create_user") == 0


@pytest.mark.parametrize("error", [Refused("huma-refused-value"), Missing("missing-in-huma")])
@pytest.mark.parametrize("operation", ["create_user", "find_user"])
def test_a_refused_user_does_not_stop_the_others(error: IntegrationError, operation: str) -> None:
    nina = employee_record("1", Email="nina@example.com", FirstName="Nina", LastName="Exempel")
    scene = Scene([user_record("extra")], [nina, otto_in_fortnox()]).waiting().create("e:1", "e:0042").press()
    (batch,) = scene.prepare()
    scene.huma.faults.append(Fault(operation, error))
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    outcomes = scene.outcomes()
    assert len(outcomes) == 2
    refused = [key for key, told in outcomes.items() if ("person", HELD, "huma", error.reason.code) in told]
    assert len(refused) == 1


def test_an_employee_without_a_name_is_held_with_the_reason() -> None:
    scene, batch = creating_in_huma()
    scene.fortnox.records["0042"]["LastName"] = ""
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert [(field, outcome) for field, outcome, _, _ in scene.told("e:0042")] == [("person", HELD)]
    assert scene.huma.count("create_user") == 0


def test_an_employee_who_is_gone_is_not_created() -> None:
    scene, batch = creating_in_huma()
    scene.fortnox.records.clear()
    scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)
    assert scene.told("e:0042") == [("person", HELD, "huma", "employee-gone")]


# -- confirmed pairs


def test_two_whom_somebody_called_the_same_person_are_linked_and_written_as_decided() -> None:
    twins = [user_record(f"twin-{number}", email="twin@example.com", phone="+46701740631") for number in (1, 2)]
    twins[1]["phone"]["value"] = None
    employee = employee_record("9", Email="twin@example.com", FirstName="Elsa", LastName="Exempel")
    scene = Scene(twins, [employee]).waiting()
    scene.decide(
        DecisionInput(same_person=True, user_id="twin-1", employee_id="9"), DecisionInput(direction=HUMA, field="phone")
    )
    scene.apply().finish()
    link = scene.link("twin-1")
    assert link is not None
    assert link.employee_id == "9"
    assert scene.link("twin-2") is None


# -- everybody else


def test_who_cannot_be_compared_gets_an_outcome_with_the_reason() -> None:
    users = [user_record("nobody", email=""), *[user_record(f"t{n}", email="t@example.com") for n in (1, 2)]]
    scene = Scene(users).waiting().apply().finish()
    told = scene.outcomes()
    assert {key for key in told if told[key][0][1] == HELD} >= {"u:nobody"}
    assert told["u:nobody"][0][3] == "email-missing"


def killing_points() -> list[tuple[str, bool]]:
    operations = ("update_employee", "create_employee", "update_user", "create_user", "update_position", "find_user")
    return [(operation, after) for operation in operations for after in (False, True)]


@pytest.mark.parametrize(("operation", "after"), killing_points())
def test_a_worker_that_dies_anywhere_leaves_the_same_result_as_one_that_does_not(operation: str, after: bool) -> None:
    def prepared() -> Scene:
        scene = Scene(
            [elsa(employment_id=None), newcomer()],
            [elsa_in_fortnox(Phone1="070-174 06 06", EmploymentDate="2020-01-02"), otto_in_fortnox()],
        )
        scene.waiting().use(HUMA).use(FORTNOX, "employment_id").use(FORTNOX, "first_day")
        return scene.create("u:nina", "e:0042").press()

    def carry_out(scene: Scene, retry: Callable[[Scene, int], None]) -> Scene:
        for batch in scene.prepare():
            retry(scene, batch)
        return scene.finish()

    def once(scene: Scene, batch: int) -> None:
        scene.steps.apply_batch(ORGANIZATION, scene.run_id, batch)

    def with_a_death(scene: Scene, batch: int) -> None:
        in_huma = operation in ("update_user", "create_user", "update_position", "find_user")
        system = scene.huma if in_huma else scene.fortnox
        system.faults.append(Fault(operation, Killed(), after=after))  # type: ignore[arg-type]
        try:
            once(scene, batch)
        except Killed:
            once(scene, batch)
        system.faults.clear()

    undisturbed, disturbed = carry_out(prepared(), once), carry_out(prepared(), with_a_death)
    assert disturbed.huma.records == undisturbed.huma.records
    assert disturbed.fortnox.records == undisturbed.fortnox.records
    assert disturbed.links.kept == undisturbed.links.kept
    assert disturbed.outcomes() == undisturbed.outcomes()
