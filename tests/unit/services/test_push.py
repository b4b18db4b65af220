"""The push: what changed in Huma goes to Fortnox in one request, and everything else is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from huma_fortnox.domain.errors import (
    ConsentNeeded,
    HumaKeyRefused,
    LicenceMissing,
    Missing,
    Refused,
    TransientError,
)
from huma_fortnox.domain.outcome import Outcome, Reason
from huma_fortnox.services.model import Cause, ConnectionState, Synchronization, SynchronizationState
from huma_fortnox.services.real_time import Pushed

from tests.unit.services.fakes import Fault, employee_record, user_record
from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, RealTimeScene

ACCOUNT = {"type": "national", "number": "8327-9 0147258925", "country": "SE"}
OTHER_ACCOUNT = {"type": "national", "number": "5491-0000003", "country": "SE"}
ADDRESS = {"line1": "Storgatan 1", "postalCode": "41101", "city": "Göteborg", "country": "SE"}


def anna(**more: Any) -> dict[str, Any]:
    return user_record(
        "anna",
        email="anna@example.com",
        given_name="Anna",
        family_name="Berg",
        phone="070-174 06 05",
        first_day="2024-01-01",
        **more,
    )


def anna_in_fortnox() -> dict[str, Any]:
    return employee_record(
        "1",
        Email="anna@example.com",
        FirstName="Anna",
        LastName="Berg",
        Phone1="070-174 06 05",
        EmploymentDate="2024-01-01",
    )


def bo(phone: str = "070-174 06 06") -> dict[str, Any]:
    return user_record("bo", email="bo@example.com", given_name="Bo", family_name="Ek", phone=phone)


def bo_in_fortnox(phone: str = "070-174 06 06") -> dict[str, Any]:
    return employee_record("2", Email="bo@example.com", FirstName="Bo", LastName="Ek", Phone1=phone)


@pytest.fixture
def scene() -> RealTimeScene:
    """Anna and Bo, each linked with their employee and agreeing in everything."""
    found = RealTimeScene([anna(), bo()], [anna_in_fortnox(), bo_in_fortnox()])
    found.link("anna", "1")
    found.link("bo", "2")
    return found


# -- what goes


def test_only_what_changed_in_huma_goes_in_one_request(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07", familyName="Ström")
    done = scene.push("anna")
    assert scene.fortnox.writes() == [("1", {"LastName": "Ström", "Phone1": "070-174 06 07"})]
    assert scene.outcomes(done) == {"family_name": (Outcome.DONE, ""), "phone": (Outcome.DONE, "")}
    assert scene.fortnox.count("employee") == 0


@pytest.mark.parametrize("times", [1, 3])
def test_an_echo_a_duplicate_or_another_field_costs_fortnox_nothing(scene: RealTimeScene, times: int) -> None:
    scene.edit("anna", employmentId="77")
    for _ in range(times):
        assert scene.push("anna") == Pushed()
    assert scene.fortnox.calls == []
    assert scene.store.records == []
    assert scene.store.loads == times


def test_what_was_pushed_is_the_base_of_the_next_push(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    scene.push("anna")
    assert scene.push("anna") == Pushed()
    scene.edit("anna", phone="070-174 06 05")
    scene.push("anna")
    assert [properties for _, properties in scene.fortnox.writes()] == [
        {"Phone1": "070-174 06 07"},
        {"Phone1": "070-174 06 05"},
    ]


def test_a_value_edited_in_fortnox_survives_the_push_of_another(scene: RealTimeScene) -> None:
    scene.employee("1")["Phone1"] = "070-174 06 99"
    scene.edit("anna", givenName="Annika")
    scene.push("anna")
    assert scene.employee("1")["Phone1"] == "070-174 06 99"


def test_the_log_names_person_fields_cause_and_delay_and_no_value(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    event = scene.event("anna")
    scene.clock.now += 2.5
    scene.push_service.push(event)
    (entry,) = scene.pushes()
    assert (entry.person, entry.name, entry.cause, entry.delay_ms) == ("anna", "Anna Berg", Cause.EVENT, 2500)
    assert "070" not in repr(entry)


def test_a_service_user_is_nobody(scene: RealTimeScene) -> None:
    scene.huma.records["robot"] = {**user_record("robot"), "type": "service_user"}
    assert scene.push("robot") == Pushed()
    assert list(scene.held.people(ORGANIZATION)) == []


@pytest.mark.parametrize("state", [ConnectionState.NOT_CONNECTED, ConnectionState.DISCONNECTED])
def test_nothing_is_asked_for_an_organization_that_is_not_connected(
    scene: RealTimeScene, state: ConnectionState
) -> None:
    scene.activate(state=state)
    assert scene.push("anna") == Pushed()
    assert scene.huma.calls == []


# -- what is held


def test_what_cannot_be_written_is_held_with_its_reason_and_the_rest_goes(scene: RealTimeScene) -> None:
    scene.edit("anna", givenName="Annika", bankAccount={"number": "1", "country": "SE"})
    done = scene.push("anna")
    assert scene.fortnox.writes() == [("1", {"FirstName": "Annika"})]
    assert scene.outcomes(done)["bank_account"][0] is Outcome.HELD
    (person,) = scene.held.people(ORGANIZATION)
    assert (person.user_id, person.name, set(person.fields)) == ("anna", "Annika Berg", {"bank_account"})
    assert person.fields["bank_account"].since == int(scene.clock())


def test_what_is_held_is_told_once_until_it_changes(scene: RealTimeScene) -> None:
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    scene.push("anna")
    assert scene.push("anna") == Pushed()
    scene.edit("anna", givenName="Annika")
    assert set(scene.outcomes(scene.push("anna"))) == {"given_name"}
    scene.edit("anna", bankAccount={"number": "2", "country": "SE"})
    assert set(scene.outcomes(scene.push("anna"))) == {"bank_account"}
    assert len(scene.pushes()) == 3


def test_what_was_held_goes_when_it_is_mended_and_is_held_no_more(scene: RealTimeScene) -> None:
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    scene.push("anna")
    scene.edit("anna", bankAccount=ACCOUNT)
    assert scene.outcomes(scene.push("anna")) == {"bank_account": (Outcome.DONE, "")}
    assert scene.employee("1")["BankAccountNo"]
    assert list(scene.held.people(ORGANIZATION)) == []


def test_what_was_held_is_forgotten_when_it_is_put_back(scene: RealTimeScene) -> None:
    before = scene.huma.value("anna", "bankAccount")
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    scene.push("anna")
    scene.edit("anna", bankAccount=before)
    assert scene.push("anna") == Pushed()
    assert list(scene.held.people(ORGANIZATION)) == []


def test_a_field_that_was_never_compared_is_held_until_a_synchronization(scene: RealTimeScene) -> None:
    link = scene.links.kept[ORGANIZATION, "anna"]
    bases = {name: base for name, base in link.bases.items() if name != "phone"}
    scene.links.kept[ORGANIZATION, "anna"] = replace(link, bases=bases)
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.HELD, "never-compared")}
    assert scene.fortnox.calls == []


def test_what_was_never_compared_is_told_once_however_often_something_else_happens(scene: RealTimeScene) -> None:
    scene.edit("anna", bankAccount={"number": "40702010", "country": "NO"})
    link = scene.links.kept[ORGANIZATION, "anna"]
    bases = {name: base for name, base in link.bases.items() if name != "bank_account"}
    scene.links.kept[ORGANIZATION, "anna"] = replace(link, bases=bases)
    for number in range(3):
        scene.edit("anna", givenName=f"Anna{number}")
        scene.push("anna")
        scene.push("anna")
        scene.oversight.synchronized(ORGANIZATION)
        scene.oversight.catch_up(BOSS)
        scene.work()
    told = [each.field for entry in scene.pushes() for each in entry.outcomes]
    assert sorted(told) == ["bank_account", *["given_name"] * 3]


@pytest.mark.parametrize("again", [False, True])
def test_somebody_who_asks_is_answered_although_nothing_is_new(scene: RealTimeScene, again: bool) -> None:
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    scene.push("anna")
    done = scene.push("anna", again=again, cause="administrator", actor="Astrid")
    assert bool(done.outcomes) == again
    if again:
        assert (scene.pushes()[-1].cause, scene.pushes()[-1].actor) == (Cause.ADMINISTRATOR, "Astrid")


# -- removed in Huma


def test_a_removed_value_is_asked_about_and_a_removed_last_day_is_removed(scene: RealTimeScene) -> None:
    scene.edit("anna", lastDayOfWork="2025-12-31")
    scene.push("anna")
    scene.edit("anna", phone=None, lastDayOfWork=None)
    done = scene.push("anna")
    assert scene.fortnox.writes()[-1] == ("1", {"EmployedTo": None})
    assert scene.outcomes(done) == {"last_day": (Outcome.DONE, ""), "phone": (Outcome.HELD, "removed-in-huma")}
    assert scene.employee("1")["Phone1"]


def decide(scene: RealTimeScene, decision: str) -> Pushed:
    scene.edit("anna", phone=None)
    scene.push("anna")
    assert scene.held.decide(ORGANIZATION, "anna", "phone", decision, by="Astrid")
    return scene.push("anna")


def test_a_yes_removes_it_in_fortnox_too(scene: RealTimeScene) -> None:
    assert scene.outcomes(decide(scene, "remove")) == {"phone": (Outcome.DONE, "")}
    assert scene.employee("1")["Phone1"] is None
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.push("anna") == Pushed()


def test_a_no_keeps_it_in_fortnox_and_is_not_asked_again(scene: RealTimeScene) -> None:
    assert scene.outcomes(decide(scene, "keep")) == {"phone": (Outcome.SKIPPED, "left-as-is")}
    assert scene.fortnox.calls == []
    assert list(scene.held.people(ORGANIZATION)) == []
    assert scene.push("anna") == Pushed()
    scene.edit("anna", phone="070-174 06 08")
    scene.push("anna")
    assert scene.fortnox.writes() == [("1", {"Phone1": "070-174 06 08"})]


@pytest.mark.parametrize("decision", ["remove", "keep"])
def test_an_answer_is_void_once_huma_has_a_value_again(scene: RealTimeScene, decision: str) -> None:
    scene.edit("anna", phone=None)
    scene.push("anna")
    scene.held.decide(ORGANIZATION, "anna", "phone", decision, by="Astrid")
    scene.edit("anna", phone="070-174 06 08")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}
    scene.edit("anna", phone=None)
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.HELD, "removed-in-huma")}


def test_an_answer_survives_a_try_that_failed(scene: RealTimeScene) -> None:
    scene.edit("anna", phone=None)
    scene.push("anna")
    scene.held.decide(ORGANIZATION, "anna", "phone", "remove", by="Astrid")
    scene.fortnox.refuses["Phone1"] = Refused("fortnox-refused")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.FAILED, "fortnox-refused")}
    del scene.fortnox.refuses["Phone1"]
    scene.push("anna", again=True, cause="administrator")
    assert scene.employee("1")["Phone1"] is None


# -- values that must be unique


def test_a_number_that_another_linked_person_has_is_held_and_names_both(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="+46 70 174 06 06", givenName="Annika")
    done = scene.push("anna")
    assert scene.outcomes(done)["phone"] == (Outcome.HELD, "duplicate-in-huma")
    assert scene.fortnox.writes() == [("1", {"FirstName": "Annika"})]
    reason = next(each.reason for each in done.outcomes if each.field == "phone")
    assert reason is not None
    assert reason.params["people"] == "anna,bo"


def test_a_held_number_goes_when_the_other_one_has_another(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 06")
    scene.push("anna")
    scene.edit("bo", phone="070-174 06 09")
    scene.push("bo")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}
    assert list(scene.held.people(ORGANIZATION)) == []


def test_a_number_that_the_other_one_is_about_to_lose_is_in_nobodys_way(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 06")
    scene.edit("bo", phone="070-174 06 05")
    scene.push("anna")
    scene.push("bo")
    assert (scene.employee("1")["Phone1"], scene.employee("2")["Phone1"]) == ("070-174 06 06", "070-174 06 05")


@pytest.mark.parametrize("number", [None, "not a number"])
def test_a_number_that_stays_in_fortnox_with_the_other_one_is_in_the_way(
    scene: RealTimeScene, number: str | None
) -> None:
    scene.edit("anna", phone="070-174 06 06")
    scene.edit("bo", phone=number)
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.HELD, "duplicate-in-huma")}


def test_a_number_of_somebody_who_was_deleted_in_huma_stands_in_fortnox_still(scene: RealTimeScene) -> None:
    del scene.huma.records["bo"]
    scene.edit("anna", phone="070-174 06 06")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.HELD, "duplicate-in-huma")}


def test_the_index_of_who_has_what_knows_what_was_pushed_since_it_was_built(scene: RealTimeScene) -> None:
    scene.unique.rebuild(ORGANIZATION)
    scene.edit("bo", phone="070-174 06 10")
    scene.push("bo")
    scene.edit("anna", phone="070-174 06 10")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.HELD, "duplicate-in-huma")}


def test_of_two_who_take_one_number_in_one_batch_the_first_has_it(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 10")
    scene.edit("bo", phone="070-174 06 10")
    batch = scene.push_service.open(ORGANIZATION, ["anna", "bo"])
    assert scene.outcomes(batch.push(scene.event("anna"))) == {"phone": (Outcome.DONE, "")}
    assert scene.outcomes(batch.push(scene.event("bo"))) == {"phone": (Outcome.HELD, "duplicate-in-huma")}


def test_of_two_who_take_one_number_at_the_same_time_only_the_first_writes_it(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 10")
    scene.edit("bo", phone="070-174 06 10")
    batch = scene.push_service.open(ORGANIZATION, ["anna", "bo"])
    meanwhile: list[Pushed] = []

    def push_bo(_link: object) -> None:
        scene.store.before_begin = lambda _link: None
        meanwhile.append(batch.push(scene.event("bo")))

    scene.store.before_begin = push_bo
    assert scene.outcomes(batch.push(scene.event("anna"))) == {"phone": (Outcome.DONE, "")}
    assert scene.outcomes(meanwhile[0]) == {"phone": (Outcome.HELD, "duplicate-in-huma")}
    assert [employee_id for employee_id, _ in scene.fortnox.writes()] == ["1"]


def test_a_number_that_was_not_written_after_all_is_free_for_the_next_one(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 10")
    scene.edit("bo", phone="070-174 06 10")
    scene.fortnox.faults.append(Fault("update_employee", Refused("fortnox-refused")))
    batch = scene.push_service.open(ORGANIZATION, ["anna", "bo"])
    assert scene.outcomes(batch.push(scene.event("anna"))) == {"phone": (Outcome.FAILED, "fortnox-refused")}
    assert scene.outcomes(batch.push(scene.event("bo"))) == {"phone": (Outcome.DONE, "")}


def test_looking_for_others_costs_nothing_when_no_unique_value_changed(scene: RealTimeScene) -> None:
    scene.edit("anna", givenName="Annika")
    scene.push("anna")
    assert scene.unique.built == {}
    assert scene.huma.count("user") == 1


# -- what Fortnox refuses


def test_a_refused_value_fails_alone_and_the_rest_goes(scene: RealTimeScene) -> None:
    scene.edit("anna", familyName="Ström…", givenName="Annika", phone="070-174 06 07")
    scene.fortnox.refuses["LastName"] = Refused("fortnox-refused-characters")
    done = scene.push("anna")
    assert scene.outcomes(done) == {
        "family_name": (Outcome.FAILED, "fortnox-refused-characters"),
        "given_name": (Outcome.DONE, ""),
        "phone": (Outcome.DONE, ""),
    }
    (person,) = scene.held.people(ORGANIZATION)
    assert person.fields["family_name"].outcome == "failed"


def test_a_refused_value_is_sent_again_with_something_new_or_when_somebody_asks_and_not_for_an_echo(
    scene: RealTimeScene,
) -> None:
    scene.edit("anna", familyName="Ström…")
    scene.fortnox.refuses["LastName"] = Refused("fortnox-refused-characters")
    scene.push("anna")
    sent = len(scene.fortnox.calls)
    assert scene.push("anna") == Pushed()
    assert len(scene.fortnox.calls) == sent
    scene.push("anna", again=True)
    assert len(scene.fortnox.calls) == sent + 1
    del scene.fortnox.refuses["LastName"]
    scene.edit("anna", phone="070-174 06 07")
    assert scene.outcomes(scene.push("anna")) == {"family_name": (Outcome.DONE, ""), "phone": (Outcome.DONE, "")}
    assert list(scene.held.people(ORGANIZATION)) == []


def test_a_refused_value_that_is_mended_goes(scene: RealTimeScene) -> None:
    scene.edit("anna", familyName="Ström…")
    scene.fortnox.refuses["LastName"] = Refused("fortnox-refused-characters")
    scene.push("anna")
    del scene.fortnox.refuses["LastName"]
    scene.edit("anna", familyName="Ström")
    assert scene.outcomes(scene.push("anna")) == {"family_name": (Outcome.DONE, "")}


def test_what_fortnox_silently_ignores_is_told_and_stays_to_be_written(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    scene.fortnox.ignores.add("Phone1")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.FAILED, "ignored-by-fortnox")}
    scene.fortnox.ignores.clear()
    assert scene.outcomes(scene.push("anna", again=True)) == {"phone": (Outcome.DONE, "")}


def test_an_employee_that_is_gone_fails_every_field(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    scene.fortnox.faults.append(Fault("update_employee", Missing("missing-in-fortnox")))
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.FAILED, "missing-in-fortnox")}


# -- those who have left


def test_of_somebody_deactivated_only_the_last_day_goes_and_the_log_tells_it_once(scene: RealTimeScene) -> None:
    scene.huma.records["anna"]["status"]["active"] = False
    scene.edit("anna", phone="070-174 06 07", lastDayOfWork="2025-12-31")
    done = scene.outcomes(scene.push("anna"))
    assert scene.fortnox.writes() == [("1", {"EmployedTo": "2025-12-31"})]
    assert done["person"] == (Outcome.SKIPPED, "user-deactivated")
    assert done["phone"] == (Outcome.HELD, "user-deactivated")
    assert scene.push("anna") == Pushed()


def test_somebody_reactivated_catches_up(scene: RealTimeScene) -> None:
    scene.huma.records["anna"]["status"]["active"] = False
    scene.edit("anna", phone="070-174 06 07")
    scene.push("anna")
    scene.huma.records["anna"]["status"]["active"] = True
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}
    assert list(scene.held.people(ORGANIZATION)) == []


def test_somebody_deleted_changes_nothing_in_fortnox_and_is_told_once(scene: RealTimeScene) -> None:
    del scene.huma.records["anna"]
    assert scene.outcomes(scene.push("anna")) == {"person": (Outcome.SKIPPED, "user-gone")}
    assert scene.push("anna") == Pushed()
    assert scene.fortnox.calls == []
    assert scene.links.link(ORGANIZATION, "anna") is not None


def test_somebody_deleted_whom_nobody_knew_is_not_worth_a_word(scene: RealTimeScene) -> None:
    assert scene.push("nobody") == Pushed()
    assert scene.store.records == []


# -- those who are not linked


def test_somebody_new_waits_for_the_next_synchronization_and_is_told_once(scene: RealTimeScene) -> None:
    scene.huma.records["cia"] = user_record("cia")
    assert scene.outcomes(scene.push("cia")) == {"person": (Outcome.HELD, "waiting-for-synchronization")}
    assert scene.push("cia") == Pushed()
    (person,) = scene.held.people(ORGANIZATION)
    assert person.name == "Elsa Exempel"


def test_somebody_new_who_has_left_waits_no_more(scene: RealTimeScene) -> None:
    scene.huma.records["cia"] = user_record("cia")
    scene.push("cia")
    del scene.huma.records["cia"]
    assert scene.push("cia") == Pushed()
    assert list(scene.held.people(ORGANIZATION)) == []


def test_somebody_new_before_the_first_synchronization_or_already_gone_is_not_worth_a_word(
    scene: RealTimeScene,
) -> None:
    scene.huma.records["cia"] = user_record("cia", active=False)
    assert scene.push("cia") == Pushed()
    scene.huma.records["cia"] = user_record("cia")
    scene.activate(state=ConnectionState.AWAITING_FIRST_SYNC)
    assert scene.push("cia") == Pushed()
    assert scene.store.records == []


# -- what fails


def test_a_lost_consent_is_told_and_the_event_is_kept(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    scene.fortnox.faults.append(Fault("update_employee", LicenceMissing("integration-licence-missing")))
    with pytest.raises(LicenceMissing):
        scene.push("anna")
    connection = scene.connections.load(ORGANIZATION)
    assert (connection.state, connection.reason) == (
        ConnectionState.NEEDS_REAUTHORIZATION,
        Reason("integration-licence-missing"),
    )
    assert scene.told.told == [("consent", ORGANIZATION)]
    with pytest.raises(ConsentNeeded):
        scene.push("anna")
    assert scene.told.told == [("consent", ORGANIZATION)]
    assert scene.huma.count("user") == 1


def test_a_lost_huma_key_is_told_too(scene: RealTimeScene) -> None:
    scene.systems.huma_missing = True
    with pytest.raises(HumaKeyRefused):
        scene.push("anna")
    assert scene.told.told == [("consent", ORGANIZATION)]


def test_an_e_mail_that_could_not_be_sent_is_sent_by_whoever_comes_next(scene: RealTimeScene) -> None:
    scene.told.failing = TransientError("mail-unavailable")
    scene.fortnox.faults.append(Fault("update_employee", ConsentNeeded()))
    scene.edit("anna", phone="070-174 06 07")
    with pytest.raises(TransientError):
        scene.push("anna")
    scene.told.failing = None
    scene.clock.now += 121
    with pytest.raises(ConsentNeeded):
        scene.push("anna")
    assert scene.told.told == [("consent", ORGANIZATION)]


def test_what_fails_for_now_leaves_the_base_where_it_is(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    scene.fortnox.faults.append(Fault("update_employee", TransientError()))
    with pytest.raises(TransientError):
        scene.push("anna")
    assert scene.store.records == []
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}


# -- what may have been done before


class Killed(BaseException):
    """The process dies here: nothing of ours catches it."""


def cut_off(scene: RealTimeScene, *, before_the_write: bool = False) -> None:
    """Push Anna in a process that dies after the write, or between the note and the write."""

    def die(_settled: object) -> None:
        raise Killed

    if before_the_write:
        scene.fortnox.faults.append(Fault("update_employee", TransientError()))
    scene.store.before_record = die
    with pytest.raises((Killed, TransientError)):
        scene.push("anna")
    scene.store.before_record = lambda _settled: None


def test_what_an_attempt_that_was_cut_off_wrote_is_not_written_again_and_told_all_the_same(
    scene: RealTimeScene,
) -> None:
    scene.edit("anna", phone="070-174 06 07")
    cut_off(scene)
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}
    assert len(scene.fortnox.writes()) == 1
    assert scene.push("anna") == Pushed()
    assert scene.fortnox.count("employee") == 1


def test_what_an_attempt_that_was_cut_off_did_not_come_to_is_written(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07", givenName="Annika")
    cut_off(scene, before_the_write=True)
    scene.employee("1")["Phone1"] = "0701740607"
    done = scene.push("anna")
    assert scene.outcomes(done) == {"phone": (Outcome.DONE, ""), "given_name": (Outcome.DONE, "")}
    assert scene.fortnox.writes()[1:] == [("1", {"FirstName": "Annika"})]


def test_what_an_attempt_that_was_cut_off_wrote_and_huma_took_back_is_put_right(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07", bankAccount=ACCOUNT)
    cut_off(scene)
    scene.edit("anna", phone="070-174 06 05", bankAccount=None)
    done = scene.push("anna")
    assert scene.outcomes(done) == {"phone": (Outcome.DONE, ""), "bank_account": (Outcome.DONE, "")}
    assert scene.employee("1")["Phone1"] == "070-174 06 05"
    assert not scene.employee("1")["BankAccountNo"]
    assert scene.push("anna") == Pushed()


def test_what_an_attempt_that_was_cut_off_did_not_come_to_and_huma_took_back_is_left_alone(
    scene: RealTimeScene,
) -> None:
    scene.edit("anna", phone="070-174 06 07")
    cut_off(scene, before_the_write=True)
    scene.edit("anna", phone="070-174 06 05")
    scene.employee("1")["Phone1"] = "070-174 06 99"
    assert scene.push("anna") == Pushed()
    assert scene.employee("1")["Phone1"] == "070-174 06 99"
    assert scene.push("anna") == Pushed()
    assert scene.fortnox.count("employee") == 1


def test_what_an_attempt_left_and_cannot_be_put_right_is_held_and_not_looked_for_again(scene: RealTimeScene) -> None:
    scene.edit("anna", bankAccount=ACCOUNT)
    cut_off(scene)
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    assert scene.outcomes(scene.push("anna"))["bank_account"][0] is Outcome.HELD
    calls = len(scene.fortnox.calls)
    assert scene.push("anna") == Pushed()
    assert len(scene.fortnox.calls) == calls
    scene.edit("anna", bankAccount=None)
    assert scene.outcomes(scene.push("anna")) == {"bank_account": (Outcome.HELD, "removed-in-huma")}


def test_an_employee_that_is_gone_when_looked_for_fails_the_fields(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    cut_off(scene)
    scene.edit("anna", phone="070-174 06 08")
    del scene.fortnox.records["1"]
    scene.fortnox.faults.append(Fault("update_employee", Missing("missing-in-fortnox")))
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.FAILED, "missing-in-fortnox")}


def test_nothing_is_written_for_somebody_whose_link_went_meanwhile(scene: RealTimeScene) -> None:
    scene.edit("anna", phone="070-174 06 07")
    batch = scene.push_service.open(ORGANIZATION, ["anna"])
    scene.links.forget(ORGANIZATION)
    assert batch.push(scene.event("anna")) == Pushed()
    assert scene.fortnox.writes() == []


def test_while_a_synchronization_writes_its_own_values_are_recognized(scene: RealTimeScene) -> None:
    run = Synchronization("run", ORGANIZATION, SynchronizationState.READING, 1, BOSS)
    scene.synchronizations.begin(run)
    scene.edit("anna", phone="070-174 06 07")
    scene.push("anna")
    assert scene.fortnox.count("employee") == 0
    scene.synchronizations.change(ORGANIZATION, "run", {"state": SynchronizationState.APPLYING})
    # What the run took from Fortnox arrives in Huma before the run has noted it.
    scene.employee("1")["FirstName"] = "Annika"
    scene.edit("anna", givenName="Annika")
    scene.push("anna")
    assert scene.fortnox.count("update_employee") == 1


def test_a_value_that_fortnox_had_all_along_is_not_written_when_huma_takes_it_over(scene: RealTimeScene) -> None:
    scene.employee("1")["Phone1"] = "070-174 06 20"
    scene.link("anna", "1")
    assert scene.push("anna") == Pushed()
    scene.edit("anna", phone="070-174 06 20")
    assert scene.outcomes(scene.push("anna")) == {"phone": (Outcome.DONE, "")}
    assert scene.fortnox.writes() == []
    assert scene.push("anna") == Pushed()


def test_what_was_read_long_ago_is_read_again_before_a_write(scene: RealTimeScene) -> None:
    batch = scene.push_service.open(ORGANIZATION, ["anna"])
    scene.edit("anna", phone="070-174 06 07")
    scene.push("anna")
    scene.clock.now += 5
    assert batch.push(scene.event("anna")) == Pushed()
    assert len(scene.fortnox.writes()) == 1


def test_a_pause_that_came_in_between_stops_what_was_read_before_it(scene: RealTimeScene) -> None:
    scene.edit("anna", givenName="Annika")
    batch = scene.push_service.open(ORGANIZATION, ["anna"])
    scene.oversight.pause(BOSS)
    scene.clock.now += 2
    assert batch.push(scene.event("anna")).outcomes == ()
    assert scene.fortnox.calls == []


def test_an_answer_that_came_in_between_makes_the_push_come_again(scene: RealTimeScene) -> None:
    scene.edit("anna", phone=None)
    scene.push("anna")
    batch = scene.push_service.open(ORGANIZATION, ["anna"])
    scene.held.decide(ORGANIZATION, "anna", "phone", "remove", by="Astrid")
    scene.edit("anna", bankAccount={"number": "1", "country": "SE"})
    with pytest.raises(TransientError):
        batch.push(scene.event("anna"))
    person = scene.held.person(ORGANIZATION, "anna")
    assert person is not None
    assert person.fields["phone"].decision == "remove"


def test_a_defect_is_recorded_and_forgotten_with_the_next_push_that_works(scene: RealTimeScene) -> None:
    scene.push_service.note_defect(scene.event("anna"))
    (entry,) = scene.pushes()
    assert [(each.field, each.outcome) for each in entry.outcomes] == [("person", Outcome.FAILED)]
    (person,) = scene.held.people(ORGANIZATION)
    assert set(person.fields) == {"person"}
    scene.push("anna")
    assert list(scene.held.people(ORGANIZATION)) == []
