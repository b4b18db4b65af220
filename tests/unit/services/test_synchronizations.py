"""What the administrator does with a run: start, look, decide, apply, cancel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, IntegrationError, TransientError, Unknown
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import (
    ConnectionState,
    DecisionInput,
    OrganizationSettings,
    PeoplePage,
    SynchronizationState,
)

from tests.unit.services.fakes import administrator, employee_record, user_record
from tests.unit.services.scene import BOSS, ORGANIZATION, Scene

State = SynchronizationState
HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE


def pair(number: int, *, phone: tuple[str | None, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one person on both sides, with these phone numbers."""
    email = f"person{number}@example.com"
    user = user_record(f"{number:03d}", email=email, phone=phone[0], employment_id=str(number))
    employee = employee_record(str(number), Email=email, FirstName="Elsa", LastName="Exempel", Phone1=phone[1])
    return user, employee


def scene_of(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> Scene:
    return Scene([user for user, _ in pairs], [employee for _, employee in pairs])


def differing(count: int = 2) -> Scene:
    return scene_of(
        *[
            pair(number, phone=(f"+4670174{number:04d}", "0700000000"[:-4] + f"{9000 + number}"))
            for number in range(count)
        ]
    )


@pytest.fixture
def scene() -> Scene:
    """Two differing, one in agreement, one only in Huma, one only in Fortnox, two who share an e-mail."""
    people = [
        pair(1, phone=("+46701740605", "070-174 06 06")),
        pair(2, phone=("+46701740607", "070-174 06 08")),
        pair(3, phone=("+46701740609", "070-174 06 09")),
    ]
    users = [
        *(user for user, _ in people),
        user_record("only", email="only.huma@example.com"),
        user_record("twin-1", email="twin@example.com"),
        user_record("twin-2", email="twin@example.com"),
        user_record("blocked", email=""),
    ]
    employees = [
        *(employee for _, employee in people),
        employee_record("77", Email="only.fortnox@example.com", FirstName="Otto", LastName="Exempel"),
        employee_record("88", Email="twin@example.com", FirstName="Tova", LastName="Exempel"),
    ]
    return Scene(users, employees)


def refused(expected: type[IntegrationError], code: str, action: Callable[[], object]) -> IntegrationError:
    with pytest.raises(expected) as caught:
        action()
    assert caught.value.reason.code == code
    return caught.value


# -- starting


def test_a_run_starts_with_a_lock_and_its_workflow(scene: Scene) -> None:
    run = scene.start().run
    assert run.state is State.READING
    assert run.started_by == BOSS
    assert scene.workflow.started == [(ORGANIZATION, run.id)]
    assert scene.runs.current(ORGANIZATION) == run
    assert scene.connections.load(ORGANIZATION).last_synchronization == run.id


def test_a_second_run_is_refused_with_the_id_of_the_first(scene: Scene) -> None:
    scene.start()
    error = refused(Conflict, "synchronization-running", lambda: scene.runs.start(BOSS))
    assert error.reason.params == {"synchronization": scene.run_id}
    assert scene.connections.load(ORGANIZATION).last_synchronization == scene.run_id


def test_a_run_whose_start_was_lost_is_started_by_whoever_tries_again(scene: Scene) -> None:
    """The lock was taken and the worker died before the workflow began: nobody else would ever begin it."""
    lost = scene.start().run_id
    scene.workflow.started.clear()
    refused(Conflict, "synchronization-running", lambda: scene.runs.start(BOSS))
    assert scene.workflow.started == [(ORGANIZATION, lost)]
    scene.read()
    scene.steps.plan(ORGANIZATION, lost)
    scene.workflow.started.clear()
    refused(Conflict, "synchronization-running", lambda: scene.runs.start(BOSS))
    assert scene.workflow.started == []


# -- runs that nobody carries out any more


def stopped(scene: Scene) -> Scene:
    """Stop the run's workflow from outside."""
    scene.workflow.ended.add(scene.run_id)
    return scene


def test_a_run_whose_workflow_was_stopped_ends_as_failed_and_the_next_one_starts(scene: Scene) -> None:
    first = stopped(scene.waiting()).run_id
    assert scene.start().run_id != first
    ended = scene.runs.get(ORGANIZATION, first)
    assert (ended.state, ended.reason) == (State.FAILED, Reason("workflow-stopped"))
    assert (ended.finished_at, ended.outcomes) == (int(scene.clock.now), {})
    (entry,) = [entry for _, entry in scene.activity.entries]
    assert (entry.kind, entry.reason, entry.actor) == ("synchronization-failed", ended.reason, BOSS.name)
    assert scene.store.running(ORGANIZATION) == scene.run_id


def test_what_a_stopped_run_had_done_is_kept_and_counted(scene: Scene) -> None:
    scene.waiting().use(Direction.USE_HUMA).press()
    scene.carry_out(scene.prepare()[0])
    assert stopped(scene).runs.current(ORGANIZATION) is None
    assert scene.run.outcomes["done"] == 2
    assert scene.run.outcomes == dict(Counter(each[1] for told in scene.outcomes().values() for each in told))


def test_somebody_who_cancels_a_stopped_run_can_start_another(scene: Scene) -> None:
    first = stopped(scene.waiting()).run_id
    scene.runs.cancel(BOSS, first)
    scene.start()
    assert scene.runs.get(ORGANIZATION, first).state is State.CANCELLED


def test_a_stopped_run_that_is_begun_again_by_hand_does_nothing(scene: Scene) -> None:
    scene.waiting().use(Direction.USE_HUMA).press()
    batches = scene.prepare()
    first, _ = stopped(scene).run_id, scene.runs.current(ORGANIZATION)
    second = scene.start().run_id
    for batch in batches:
        assert scene.steps.apply_batch(ORGANIZATION, first, batch) == {"more": False}
    assert scene.steps.prepare_changes(ORGANIZATION, first) == {"batches": []}
    scene.steps.summarize(ORGANIZATION, first)
    scene.steps.unlock(ORGANIZATION, first)
    assert scene.fortnox.writes() == []
    assert scene.store.running(ORGANIZATION) == second
    assert len(scene.activity.entries) == 1


def test_a_run_of_which_only_the_e_mail_is_left_keeps_nobody_from_the_next(scene: Scene) -> None:
    scene.waiting().apply()
    scene.steps.summarize(ORGANIZATION, scene.run_id)
    first = scene.run_id
    second = scene.start().run_id
    scene.steps.unlock(ORGANIZATION, first)
    assert scene.store.running(ORGANIZATION) == second
    assert scene.runs.get(ORGANIZATION, first).state is State.FINISHED


def test_a_run_about_which_nobody_can_tell_stays(scene: Scene) -> None:
    stopped(scene.waiting()).workflow.failing = TransientError("workflow-unavailable")
    refused(Conflict, "synchronization-running", lambda: scene.runs.start(BOSS))
    assert scene.runs.current(ORGANIZATION) == scene.run
    assert scene.state is State.AWAITING_DECISIONS


@pytest.mark.parametrize("state", list(ConnectionState))
def test_a_run_needs_a_usable_connection(scene: Scene, state: ConnectionState) -> None:
    scene.connections.change(ORGANIZATION, {"state": state})
    if state in (ConnectionState.ACTIVE, ConnectionState.AWAITING_FIRST_SYNC):
        assert scene.runs.start(BOSS).state is State.READING
    else:
        refused(ConsentNeeded, "not-connected", lambda: scene.runs.start(BOSS))
        assert scene.runs.current(ORGANIZATION) is None


def test_users_can_be_synchronized_while_real_time_is_paused(scene: Scene) -> None:
    scene.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "paused_since": 1, "paused_by": BOSS.name})
    run = scene.start().run
    assert scene.workflow.started == [(ORGANIZATION, run.id)]
    assert scene.connections.load(ORGANIZATION).paused_since == 1


def test_a_workflow_that_does_not_start_leaves_no_lock_behind(scene: Scene) -> None:
    scene.workflow.failing = TransientError("workflow-unavailable")
    refused(TransientError, "workflow-unavailable", lambda: scene.runs.start(BOSS))
    assert scene.runs.current(ORGANIZATION) is None
    ((_, run_id),) = scene.store.runs
    failed = scene.store.load(ORGANIZATION, run_id)
    assert failed is not None
    assert (failed.state, failed.finished_at) == (State.FAILED, int(scene.clock.now))
    scene.workflow.failing = None
    assert scene.runs.start(BOSS)


def test_an_unknown_run_and_one_of_another_organization_do_not_exist(scene: Scene) -> None:
    scene.waiting()
    other = administrator("6f1c2a0e-0000-4000-8000-000000000002")
    for organization_id, run_id in ((ORGANIZATION, "unknown"), (other.organization_id, scene.run_id)):
        who = administrator(organization_id)
        for action in (
            lambda o=organization_id, r=run_id: scene.runs.get(o, r),
            lambda o=organization_id, r=run_id: scene.runs.people(o, r, situation=None, after="", limit=10),
            lambda o=organization_id, r=run_id: scene.runs.summary(o, r),
            lambda o=organization_id, r=run_id: scene.runs.outcomes(o, r, after="", limit=10),
            lambda w=who, r=run_id: scene.runs.decide(w, r, [DecisionInput(direction=HUMA)]),
            lambda w=who, r=run_id: scene.runs.apply(w, r, confirmed=[]),
            lambda w=who, r=run_id: scene.runs.cancel(w, r),
        ):
            refused(Unknown, "synchronization-unknown", action)
    assert scene.state is State.AWAITING_DECISIONS
    assert scene.runs.current(other.organization_id) is None


def test_a_page_brings_the_people_of_other_pages_whom_a_pair_may_join(scene: Scene) -> None:
    scene.waiting()

    def page(situation: Situation | None, after: str = "", limit: int = 10) -> PeoplePage:
        return scene.runs.people(ORGANIZATION, scene.run_id, situation=situation, after=after, limit=limit)

    together = page(Situation.AMBIGUOUS)
    assert {person.key for person in together.people} == {"u:twin-1", "u:twin-2", "e:88"}
    assert together.others == {}
    alone = page(Situation.AMBIGUOUS, limit=1)
    (first,) = alone.people
    wanted = {"u:twin-1", "u:twin-2", "e:88"} - {first.key}
    named = {key for each in first.pairings for key in (f"u:{each.user_id}", f"e:{each.employee_id}")}
    assert alone.others == {each.key: each for each in together.people if each.key in wanted & named}
    assert alone.others
    assert page(Situation.DIFFERS).others == {}


# -- looking


def test_the_plan_shows_everybody_but_those_in_agreement(scene: Scene) -> None:
    scene.waiting()
    page = scene.runs.people(ORGANIZATION, scene.run_id, situation=None, after="", limit=100)
    found = {person.key: person.situation for person in page.people}
    assert found == {
        "u:001": Situation.DIFFERS,
        "u:002": Situation.DIFFERS,
        "u:only": Situation.ONLY_IN_HUMA,
        "e:77": Situation.ONLY_IN_FORTNOX,
        "u:twin-1": Situation.AMBIGUOUS,
        "u:twin-2": Situation.AMBIGUOUS,
        "e:88": Situation.AMBIGUOUS,
        "u:blocked": Situation.BLOCKED,
    }
    assert (page.after, page.decisions) == ("", Decisions())
    assert dict(scene.run.situations) == {
        "in_sync": 1,
        "differs": 2,
        "only_in_huma": 1,
        "only_in_fortnox": 1,
        "ambiguous": 3,
        "blocked": 1,
    }


def test_each_situation_can_be_looked_at_with_the_decisions_so_far(scene: Scene) -> None:
    scene.waiting().use(HUMA, "phone")
    for situation in Situation:
        page = scene.runs.people(ORGANIZATION, scene.run_id, situation=situation, after="", limit=100)
        assert {person.situation for person in page.people} == {situation}
        assert len(page.people) == scene.run.situations[situation.value]
        assert page.decisions.fields == {"phone": HUMA}


def test_people_in_agreement_are_read_in_pages() -> None:
    scene = scene_of(
        *[pair(number, phone=(f"+4670{number:07d}", f"070{number:07d}")) for number in range(630)]
    ).waiting()
    keys, after, pages = [], "", 0
    while pages < 20:
        page = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.IN_SYNC, after=after, limit=100)
        keys += [person.key for person in page.people]
        after, pages = page.after, pages + 1
        if not after:
            break
    assert keys == [f"u:{number:03d}" for number in range(630)]
    assert pages > 1


@pytest.mark.parametrize("after", ["-1", "x", "1e3", "³", "٣", "9" * 5000, "differs#u:001"])
def test_a_cursor_that_no_page_gave_fails_nothing(scene: Scene, after: str) -> None:
    scene.waiting()
    try:
        page = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.IN_SYNC, after=after, limit=10)
    except BadRequest:
        return
    assert all(person.situation is Situation.IN_SYNC for person in page.people)


# -- deciding


@pytest.mark.parametrize(
    ("what", "decision"),
    [
        ("field", DecisionInput(direction=HUMA, field="shoe_size")),
        ("field", DecisionInput(direction=HUMA, field="shoe_size", person="u:001")),
        ("person", DecisionInput(direction=HUMA, field="phone", person="u:unknown")),
        ("person", DecisionInput(direction=HUMA, field="phone", person="e:1")),
        ("person", DecisionInput(direction=HUMA, field="phone", person="u:003")),
        ("change", DecisionInput(direction=HUMA, field="email", person="u:001")),
        ("change", DecisionInput(direction=HUMA, person="u:001")),
        ("person", DecisionInput(create=True, person="u:unknown")),
        ("creation", DecisionInput(create=True, person="u:001")),
        ("creation", DecisionInput(create=True, person="u:twin-1")),
        ("creation", DecisionInput(create=False, person="u:blocked")),
        ("pair", DecisionInput(same_person=True, user_id="twin-1", employee_id="77")),
        ("pair", DecisionInput(same_person=True, user_id="001", employee_id="1")),
        ("person", DecisionInput(same_person=False, user_id="unknown", employee_id="88")),
    ],
)
def test_what_is_not_in_the_plan_cannot_be_decided_nor_anything_with_it(
    scene: Scene, what: str, decision: DecisionInput
) -> None:
    scene.waiting()
    good = DecisionInput(direction=HUMA, field="phone", person="u:001")
    error = refused(BadRequest, "not-in-plan", lambda: scene.decide(good, decision))
    assert error.reason.params == {"what": what}
    assert scene.store.decisions(ORGANIZATION, scene.run_id) == Decisions()


def test_every_kind_of_decision_is_kept_and_can_be_changed(scene: Scene) -> None:
    scene.waiting().decide(
        DecisionInput(direction=LEAVE),
        DecisionInput(direction=FORTNOX, field="phone"),
        DecisionInput(direction=HUMA, field="phone", person="u:001"),
        DecisionInput(create=True, person="u:only"),
        DecisionInput(create=True, person="e:77"),
        DecisionInput(same_person=True, user_id="twin-1", employee_id="88"),
    )
    scene.use(FORTNOX, "phone", "u:001").decide(DecisionInput(create=False, person="e:77"))
    assert scene.store.decisions(ORGANIZATION, scene.run_id) == Decisions(
        LEAVE,
        {"phone": FORTNOX},
        {("u:001", "phone"): FORTNOX},
        {"u:only": True, "e:77": False},
        {("twin-1", "88"): True},
    )


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.READING, "plan-not-ready"),
        (State.PLANNING, "plan-not-ready"),
        (State.APPLYING, "already-applied"),
        (State.FINISHED, "already-applied"),
        (State.CANCELLED, "already-applied"),
        (State.FAILED, "already-applied"),
    ],
)
def test_only_while_a_run_waits_can_it_be_decided_or_applied(scene: Scene, state: State, code: str) -> None:
    scene.waiting().use(HUMA)
    scene.store.change(ORGANIZATION, scene.run_id, {"state": state})
    refused(Conflict, code, lambda: scene.use(LEAVE))
    refused(Conflict, code, scene.press)
    assert scene.store.decisions(ORGANIZATION, scene.run_id) == Decisions(HUMA)
    assert ("apply" in {answer for _, answer in scene.workflow.answers}) == (state is State.APPLYING)


# -- the summary


def test_the_summary_counts_what_would_be_written_where(scene: Scene) -> None:
    scene.waiting()
    nothing = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert (dict(nothing.to_huma), dict(nothing.to_fortnox), nothing.undecided) == ({}, {}, 2)
    assert (nothing.create_in_huma, nothing.create_in_fortnox, nothing.confirm, nothing.missing) == (0, 0, (), ())
    scene.use(HUMA, "phone").use(FORTNOX, "phone", "u:002").create("u:only", "e:77")
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert (dict(summary.to_huma), dict(summary.to_fortnox)) == ({"phone": 1}, {"phone": 1})
    assert (summary.create_in_huma, summary.create_in_fortnox) == (1, 1)
    assert (summary.undecided, summary.left, summary.held) == (0, 0, 0)
    scene.use(LEAVE, "phone", "u:002").decide(DecisionInput(create=False, person="e:77"))
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert (dict(summary.to_huma), summary.left, summary.create_in_huma) == ({}, 1, 0)


def test_the_estimate_counts_requests_and_not_fields() -> None:
    """A person is one request to Fortnox, however many fields change; Fortnox accepts five a second."""
    people = []
    for number in range(60):
        user, employee = pair(number, phone=(f"+4670174{number:04d}", f"070175{number:04d}"))
        employee["FirstName"], employee["LastName"] = "Otto", "Annan"
        people.append((user, employee))
    scene = scene_of(*people).waiting().use(HUMA)
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert sum(summary.to_fortnox.values()) == 180
    # sixty people and the page they stand on
    assert summary.seconds == 13


def clearing_values() -> Scene:
    user, employee = pair(1, phone=(None, "070-174 06 05"))
    return scene_of((user, employee))


def test_clearing_a_value_takes_a_confirmation_that_names_the_number() -> None:
    scene = clearing_values().waiting().use(HUMA, "phone", "u:001")
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    (reason,) = summary.confirm
    assert (reason.code, reason.params, summary.cleared) == ("values-cleared", {"count": "1"}, 1)
    error = refused(Conflict, "confirmation-missing", scene.press)
    assert error.reason.params == {"codes": "values-cleared"}
    refused(Conflict, "confirmation-missing", lambda: scene.press("many-creations"))
    assert scene.state is State.AWAITING_DECISIONS
    assert scene.press("values-cleared").state is State.APPLYING


def test_clearing_that_is_held_takes_no_confirmation() -> None:
    scene = clearing_values().waiting().use(HUMA)
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert (summary.confirm, summary.held) == ((), 1)


@pytest.mark.parametrize(("creations", "asked"), [(19, False), (20, True)])
def test_unusually_many_creations_take_a_confirmation(creations: int, asked: bool) -> None:
    scene = Scene([user_record(f"u{number:02d}") for number in range(25)]).waiting()
    scene.create(*[f"u:u{number:02d}" for number in range(creations)])
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert summary.create_in_fortnox == creations
    assert [reason.code for reason in summary.confirm] == (["many-creations"] if asked else [])


SWEDISH_ACCOUNT = "33008112289874"


@pytest.mark.parametrize(("changed", "of", "asked"), [(4, 4, False), (5, 5, True), (5, 25, False), (6, 25, True)])
def test_unusually_many_bank_accounts_take_a_confirmation(changed: int, of: int, asked: bool) -> None:
    people = []
    for number in range(of):
        user, employee = pair(number, phone=(None, ""))
        if number < changed:
            user["bankAccount"]["value"] = {"number": SWEDISH_ACCOUNT, "country": "SE"}
        people.append((user, employee))
    scene = scene_of(*people).waiting().use(HUMA)
    summary = scene.runs.summary(ORGANIZATION, scene.run_id)
    assert dict(summary.bank_accounts) == {"fortnox": changed}
    assert [reason.code for reason in summary.confirm] == (["many-bank-accounts"] if asked else [])


def test_nobody_is_created_in_fortnox_without_the_employment_settings(scene: Scene) -> None:
    scene.connections.change(ORGANIZATION, {"settings": OrganizationSettings(FieldSettings())})
    scene.waiting().create("e:77")
    assert scene.runs.summary(ORGANIZATION, scene.run_id).missing == ()
    scene.create("u:only")
    (reason,) = scene.runs.summary(ORGANIZATION, scene.run_id).missing
    assert reason.code == "employment-settings-missing"
    refused(BadRequest, "employment-settings-missing", scene.press)
    assert scene.state is State.AWAITING_DECISIONS


# -- applying and cancelling


def test_pressing_the_button_twice_applies_once_and_tells_the_workflow_again_in_case_it_did_not_hear(
    scene: Scene,
) -> None:
    scene.waiting().use(HUMA).press()
    assert scene.state is State.APPLYING
    refused(Conflict, "already-applied", scene.press)
    assert scene.workflow.answers == [(scene.token, "apply")] * 2
    scene.prepare()
    refused(Conflict, "already-applied", scene.press)
    assert scene.workflow.answers == [(scene.token, "apply")] * 2


def while_looking(scene: Scene, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let somebody act in another browser, between the look at the decisions and the change of the state."""
    decisions = scene.store.decisions

    def meanwhile(organization_id: str, run_id: str) -> Any:
        found = decisions(organization_id, run_id)
        monkeypatch.setattr(scene.store, "decisions", decisions)
        act()
        return found

    monkeypatch.setattr(scene.store, "decisions", meanwhile)


def test_of_two_who_press_at_once_one_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.waiting().use(HUMA)
    while_looking(scene, monkeypatch, scene.press)
    refused(Conflict, "already-applied", scene.press)
    assert set(scene.workflow.answers) == {(scene.token, "apply")}


def test_a_decision_of_somebody_else_that_comes_just_before_the_button_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is applied is what was looked at: here that would clear a value, which nobody has confirmed."""
    scene = clearing_values().waiting()
    while_looking(scene, monkeypatch, lambda: scene.use(HUMA, "phone", "u:001"))
    refused(Conflict, "confirmation-missing", scene.press)
    assert scene.state is State.AWAITING_DECISIONS
    assert scene.workflow.answers == []


def test_no_decision_slips_in_after_the_button(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.waiting().use(HUMA)
    save = scene.store.save_decisions

    def late(*args: Any, **settings: Any) -> bool:
        monkeypatch.setattr(scene.store, "save_decisions", save)
        scene.press()
        return save(*args, **settings)

    monkeypatch.setattr(scene.store, "save_decisions", late)
    refused(Conflict, "already-applied", lambda: scene.use(LEAVE, "phone"))
    assert scene.store.decisions(ORGANIZATION, scene.run_id) == Decisions(HUMA)


@pytest.mark.parametrize("action", ["press", "cancel"])
def test_an_answer_that_did_not_arrive_leaves_the_run_waiting(scene: Scene, action: str) -> None:
    scene.waiting().use(HUMA)
    scene.workflow.failing = TransientError("workflow-unavailable")
    act: Callable[[], object] = scene.press if action == "press" else lambda: scene.runs.cancel(BOSS, scene.run_id)
    refused(TransientError, "workflow-unavailable", act)
    assert scene.state is State.AWAITING_DECISIONS
    scene.workflow.failing = None
    act()
    assert scene.state is (State.APPLYING if action == "press" else State.CANCELLED)


@pytest.mark.parametrize("state", list(State))
def test_a_run_is_cancelled_while_it_is_not_over(scene: Scene, state: State) -> None:
    scene.waiting()
    scene.store.change(ORGANIZATION, scene.run_id, {"state": state})
    if state.over:
        refused(Conflict, "synchronization-over", lambda: scene.runs.cancel(BOSS, scene.run_id))
        assert scene.state is state
    else:
        assert scene.runs.cancel(BOSS, scene.run_id).state is State.CANCELLED
    # In the last two the workflow may not have heard what was decided; it does not mind hearing it twice.
    told = (State.AWAITING_DECISIONS, State.APPLYING, State.CANCELLED)
    assert scene.workflow.answers == ([(scene.token, "cancel")] if state in told else [])
    assert scene.store.running(ORGANIZATION) == scene.run_id


def test_a_run_that_begins_to_wait_just_as_it_is_cancelled_is_cancelled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.start().read()
    scene.steps.plan(ORGANIZATION, scene.run_id)
    change = scene.store.change

    def meanwhile(*args: Any, **settings: Any) -> bool:
        monkeypatch.setattr(scene.store, "change", change)
        scene.steps.await_decisions(ORGANIZATION, scene.run_id, scene.token)
        return change(*args, **settings)

    monkeypatch.setattr(scene.store, "change", meanwhile)
    assert scene.runs.cancel(BOSS, scene.run_id).state is State.CANCELLED
    assert scene.workflow.answers == [(scene.token, "cancel")]


def test_the_result_is_read_in_pages(scene: Scene) -> None:
    scene.waiting().use(HUMA).apply().finish()
    page = scene.runs.outcomes(ORGANIZATION, scene.run_id, after="", limit=2)
    rest = scene.runs.outcomes(ORGANIZATION, scene.run_id, after=page.after, limit=100)
    keys = [person.key for person in (*page.people, *rest.people)]
    assert len(page.people) == 2
    assert len(keys) == len(set(keys))
    assert {"u:001", "u:002", "u:003", "u:blocked"} <= set(keys)


def test_the_result_is_read_by_outcome_each_person_with_the_lines_that_had_it(scene: Scene) -> None:
    scene.waiting().use(HUMA).apply().finish()
    everybody = list(scene.runs.result(ORGANIZATION, scene.run_id))
    lines = [(person.key, line) for person in everybody for line in person.outcomes]
    for outcome in Outcome:
        found: list[tuple[str, FieldOutcome]] = []
        after = ""
        while True:
            page = scene.runs.outcomes(ORGANIZATION, scene.run_id, after=after, limit=1, only=(outcome,))
            assert len(page.people) <= 1
            found += [(person.key, line) for person in page.people for line in person.outcomes]
            after = page.after
            if not after:
                break
        expected = [(key, line) for key, line in lines if line.outcome is outcome]
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert len(found) == scene.run.outcomes.get(outcome.value, 0)
    assert {line.outcome for _, line in lines} > {Outcome.DONE, Outcome.HELD}


def test_several_outcomes_come_one_after_the_other(scene: Scene) -> None:
    scene.waiting().use(HUMA).apply().finish()
    found = list(scene.runs.result(ORGANIZATION, scene.run_id, only=(Outcome.HELD, Outcome.DONE)))
    kinds = [line.outcome for person in found for line in person.outcomes]
    assert kinds == sorted(kinds, key=(Outcome.HELD, Outcome.DONE).index)
    assert set(kinds) == {Outcome.HELD, Outcome.DONE}


def test_the_result_says_who_people_are_in_fortnox(scene: Scene) -> None:
    scene.waiting().use(HUMA).apply().finish()
    page = scene.runs.outcomes(ORGANIZATION, scene.run_id, after="", limit=100)
    links = {f"u:{link.user_id}": link.employee_id for link in scene.links.links(ORGANIZATION)}
    assert links
    assert {key: page.employees[key] for key in links if key in page.employees} == links


@pytest.mark.parametrize("after", ["done.x.1", "nothing.0.0", "agreed.0", "held.0.0"])
def test_a_place_that_no_page_has_told_is_refused(scene: Scene, after: str) -> None:
    scene.waiting().use(HUMA).apply().finish()
    with pytest.raises(BadRequest, match="query-invalid"):
        scene.runs.outcomes(ORGANIZATION, scene.run_id, after=after, limit=10, only=(Outcome.DONE,))
