"""What is told by e-mail, once each, and what happens when a consent is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from huma_fortnox.domain.errors import IntegrationError, Refused, TransientError
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.services.consent_watch import ConsentWatch
from huma_fortnox.services.model import (
    Connection,
    ConnectionState,
    MailProblem,
    PersonOutcome,
    Recipient,
    Synchronization,
    SynchronizationState,
)
from huma_fortnox.services.report import Report

from tests.unit.services.fakes import (
    Clock,
    FakeActivity,
    FakeConnections,
    FakeLinks,
    FakeMailer,
    FakeMailProblems,
    FakeSynchronizations,
    administrator,
)
from tests.unit.services.real_time_fakes import FakeNotices

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
BOSS = administrator(ORGANIZATION)
RUN = Synchronization("run-1", ORGANIZATION, SynchronizationState.FINISHED, 1, BOSS)


@dataclass
class PlainLetter:
    """A message that says what it was made from."""

    subject: str
    text: str
    html: str = "<p>"


class Letters:
    """Writes messages that can be looked through."""

    def result(
        self, run: Synchronization, connection: Connection, people: Iterator[PersonOutcome], *, locale: str
    ) -> PlainLetter:
        return PlainLetter(f"result of {run.id}", ",".join(person.key for person in people), locale)

    def consent_needed(self, connection: Connection, *, locale: str) -> PlainLetter:
        return PlainLetter("consent needed", connection.reason.code if connection.reason else "", locale)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class Scene:
    def __init__(self) -> None:
        self.clock = Clock()
        self.connections = FakeConnections()
        self.activity = FakeActivity()
        self.mailer = FakeMailer()
        self.problems = FakeMailProblems(self.clock)
        self.store = FakeSynchronizations(self.clock, FakeLinks())
        self.notices: Any = FakeNotices(self.clock)
        letters: Any = Letters()
        self.report: Report | None = Report(
            store=self.store,
            connections=self.connections,
            letters=letters,
            mailer=self.mailer,
            mail_problems=self.problems,
        )
        self.watch = ConsentWatch(
            connections=self.connections,
            activity=self.activity,
            notices=self.notices,
            report=lambda: self.report,
            clock=self.clock,
        )
        self.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "notify": BOSS})
        self.store.begin(RUN)

    def send(self) -> bool:
        assert self.report is not None
        return self.report.result(ORGANIZATION, "run-1")


@pytest.fixture
def scene() -> Scene:
    return Scene()


# -- results


def test_a_result_goes_once_to_whoever_started_the_run(scene: Scene) -> None:
    assert scene.send()
    assert not scene.send()
    ((to, subject, _, _),) = scene.mailer.sent
    assert (to, subject) == (BOSS.email, "result of run-1")
    assert scene.mailer.organizations == [ORGANIZATION]


def test_a_result_covers_everybody_however_many_there_are(scene: Scene) -> None:
    done = (FieldOutcome("phone", Outcome.DONE, "fortnox"),)
    for number in range(1100):
        told = PersonOutcome(f"u:{number:04d}", "Elsa", done)
        scene.store.end_group(ORGANIZATION, "run-1", number // 100, number % 100, [told])
    scene.send()
    assert scene.mailer.sent[0][2].split(",") == [f"u:{number:04d}" for number in range(1100)]


def test_a_run_nobody_knows_has_no_result(scene: Scene) -> None:
    assert scene.report is not None
    assert not scene.report.result(ORGANIZATION, "unknown")
    assert scene.mailer.sent == []


def test_a_result_that_could_not_be_sent_is_sent_when_it_is_tried_again(scene: Scene) -> None:
    scene.mailer.failing = TransientError("mail-unavailable")
    with pytest.raises(TransientError):
        scene.send()
    scene.mailer.failing = None
    assert scene.send()


def test_an_address_that_never_works_does_not_fail_the_run(scene: Scene) -> None:
    scene.mailer.failing = Refused("mail-refused")
    assert not scene.send()


def test_nothing_is_sent_to_an_address_that_takes_nothing_until_there_is_another(scene: Scene) -> None:
    scene.problems.save(ORGANIZATION, MailProblem(BOSS.email, Reason("mail-bounced"), 1, final=True))
    assert not scene.send()
    assert lose(scene)
    assert scene.mailer.sent == []
    scene.connections.change(ORGANIZATION, {"notify": replace(BOSS, email="another@example.com")})
    assert scene.report is not None
    scene.report.consent_needed(ORGANIZATION)
    assert [to for to, *_ in scene.mailer.sent] == ["another@example.com"]


def test_an_address_that_took_nothing_for_a_while_is_tried_as_usual(scene: Scene) -> None:
    problem = MailProblem(BOSS.email, Reason("mail-undelivered"), int(scene.clock()), final=False)
    scene.problems.save(ORGANIZATION, problem)
    assert scene.send()


# -- who gets them

PAY, CHIEF = Recipient("pay@example.se", "sv"), Recipient("Chief@example.no", "nb")


def name(scene: Scene, *recipients: Recipient) -> None:
    settings = scene.connections.load(ORGANIZATION).settings
    scene.connections.change(ORGANIZATION, {"settings": replace(settings, recipients=recipients)})


def sent(scene: Scene) -> list[tuple[str, str]]:
    """Return to whom something was sent, and in which language."""
    return [(to, html) for to, _, _, html in scene.mailer.sent]


def test_a_result_goes_to_everybody_who_is_named_each_in_their_language(scene: Scene) -> None:
    name(scene, PAY, CHIEF)
    assert scene.send()
    assert not scene.send()
    assert sent(scene) == [(BOSS.email, BOSS.locale), (PAY.email, "sv"), (CHIEF.email, "nb")]


def test_nobody_gets_a_message_twice_however_their_address_is_written(scene: Scene) -> None:
    name(scene, Recipient(BOSS.email.upper(), "nb"), PAY, replace(PAY, email="PAY@example.se"))
    scene.send()
    assert sent(scene) == [(BOSS.email, BOSS.locale), (PAY.email, "sv")]


def test_an_alarm_goes_to_those_who_are_named_instead_of_who_connected_the_company(scene: Scene) -> None:
    name(scene, CHIEF)
    lose(scene)
    assert sent(scene) == [(CHIEF.email, "nb")]


@pytest.mark.parametrize("failure", [TransientError("mail-unavailable"), Refused("mail-refused")])
def test_one_address_that_fails_keeps_nobody_else_from_theirs(scene: Scene, failure: IntegrationError) -> None:
    name(scene, PAY, CHIEF)
    scene.mailer.failing_for[PAY.email] = failure
    if isinstance(failure, TransientError):
        with pytest.raises(TransientError):
            scene.send()
    else:
        assert scene.send()
    assert [to for to, _ in sent(scene)] == [BOSS.email, CHIEF.email]
    scene.mailer.failing_for.clear()
    scene.send()
    assert [to for to, _ in sent(scene)] == [BOSS.email, CHIEF.email, PAY.email]


# -- lost consents


def lose(scene: Scene, code: str = "consent-needed") -> bool:
    return scene.watch.lost(ORGANIZATION, Reason(code))


@pytest.mark.parametrize("state", [ConnectionState.ACTIVE, ConnectionState.AWAITING_FIRST_SYNC])
def test_a_lost_consent_stops_the_connection_and_is_told_once(scene: Scene, state: ConnectionState) -> None:
    scene.connections.change(ORGANIZATION, {"state": state})
    assert [lose(scene), lose(scene), lose(scene, "licence-missing")] == [True, False, False]
    connection = scene.connections.load(ORGANIZATION)
    assert (connection.state, connection.reason) == (ConnectionState.NEEDS_REAUTHORIZATION, Reason("consent-needed"))
    assert scene.activity.kinds() == ["consent-lost"]
    assert [(to, subject, text) for to, subject, text, _ in scene.mailer.sent] == [
        (BOSS.email, "consent needed", "consent-needed")
    ]


@pytest.mark.parametrize(
    "state",
    [ConnectionState.NOT_CONNECTED, ConnectionState.AWAITING_AUTHORIZATION, ConnectionState.DISCONNECTED],
)
def test_a_connection_that_is_not_in_use_loses_nothing(scene: Scene, state: ConnectionState) -> None:
    scene.connections.change(ORGANIZATION, {"state": state})
    assert not lose(scene)
    assert scene.connections.load(ORGANIZATION).state is state
    assert (scene.mailer.sent, scene.activity.entries) == ([], [])


def test_a_message_that_could_not_be_sent_is_sent_by_who_comes_next(scene: Scene) -> None:
    scene.mailer.failing = TransientError("mail-unavailable")
    with pytest.raises(TransientError):
        lose(scene)
    assert scene.connections.load(ORGANIZATION).state is ConnectionState.NEEDS_REAUTHORIZATION
    scene.mailer.failing = None
    scene.clock.now += 3600
    for _ in range(3):
        scene.watch.remind(scene.connections.load(ORGANIZATION))
    assert len(scene.mailer.sent) == 1


def test_a_worker_that_may_not_send_mail_leaves_it_to_one_that_may(scene: Scene) -> None:
    report, scene.report = scene.report, None
    assert lose(scene)
    assert scene.mailer.sent == []
    scene.report = report
    scene.watch.remind(scene.connections.load(ORGANIZATION))
    assert len(scene.mailer.sent) == 1


@pytest.mark.parametrize("error", [None, Refused("mail-refused")])
def test_where_nobody_can_be_told_the_connection_stops_all_the_same(
    scene: Scene, error: IntegrationError | None
) -> None:
    scene.mailer.failing = error
    if error is None:
        scene.connections.change(ORGANIZATION, {"notify": None})
    assert lose(scene)
    assert scene.mailer.sent == []


def test_a_consent_lost_again_is_told_again(scene: Scene) -> None:
    lose(scene)
    scene.connections.change(ORGANIZATION, {"state": ConnectionState.ACTIVE, "reason": None})
    scene.clock.now += 60
    assert lose(scene)
    assert len(scene.mailer.sent) == 2


def test_a_connection_that_works_needs_no_reminder(scene: Scene) -> None:
    scene.watch.remind(scene.connections.load(ORGANIZATION))
    assert scene.mailer.sent == []
