"""Who does not get our e-mail is noted once, told on the page, and forgotten with the connection."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.mail_feedback import SHOWN_SECONDS
from huma_fortnox.services.model import Cause, ConnectionState, MailProblem, Recipient

from tests.unit.services.real_time_scene import BOSS, ORGANIZATION, RealTimeScene


@pytest.fixture
def scene() -> RealTimeScene:
    return RealTimeScene()


def problem(scene: RealTimeScene, address: str = BOSS.email, *, final: bool = True, age: int = 0) -> MailProblem:
    reason = Reason("mail-bounced" if final else "mail-undelivered")
    return MailProblem(address, reason, int(scene.clock()) - age, final)


def shown(scene: RealTimeScene) -> MailProblem | None:
    return scene.oversight.state(ORGANIZATION).mail_problem


def test_a_problem_is_noted_once_and_told_with_the_reader_and_the_reason(scene: RealTimeScene) -> None:
    assert shown(scene) is None
    noted = problem(scene, BOSS.email.upper())
    assert scene.mail_feedback.note(ORGANIZATION, noted)
    assert not scene.mail_feedback.note(ORGANIZATION, noted)
    ((_, entry),) = scene.activity.entries
    assert (entry.kind, entry.cause, entry.name, entry.reason) == (
        "mail-returned",
        Cause.MAIL,
        BOSS.name,
        Reason("mail-bounced"),
    )
    assert shown(scene) == noted


def test_of_several_addresses_the_one_that_is_told_by_itself_comes_first(scene: RealTimeScene) -> None:
    mine, other = problem(scene, age=50), problem(scene, "other@example.com")
    for each in (mine, other):
        scene.mail_feedback.note(ORGANIZATION, each)
    assert shown(scene) == mine
    assert [entry.name for _, entry in scene.activity.entries] == [BOSS.name, ""]


def test_where_recipients_are_named_theirs_come_first(scene: RealTimeScene) -> None:
    settings = scene.connections.load(ORGANIZATION).settings
    named = replace(settings, recipients=(Recipient("Pay@example.com", "sv"),))
    scene.connections.change(ORGANIZATION, {"settings": named})
    theirs = problem(scene, "pay@example.com", age=50)
    for each in (theirs, problem(scene)):
        scene.mail_feedback.note(ORGANIZATION, each)
    assert shown(scene) == theirs


def test_another_address_is_told_for_a_while_and_the_present_one_as_long_as_it_lasts(scene: RealTimeScene) -> None:
    scene.mail_feedback.note(ORGANIZATION, problem(scene, "other@example.com"))
    scene.clock.now += SHOWN_SECONDS
    assert shown(scene) is None
    mine = problem(scene)
    scene.mail_feedback.note(ORGANIZATION, mine)
    scene.clock.now += 100 * SHOWN_SECONDS
    assert shown(scene) == mine


def test_what_may_pass_is_forgotten_after_days(scene: RealTimeScene) -> None:
    scene.mail_feedback.note(ORGANIZATION, problem(scene, final=False))
    assert shown(scene) is not None
    scene.clock.now += 8 * 24 * 3600
    assert shown(scene) is None


@pytest.mark.parametrize("state", [ConnectionState.NOT_CONNECTED, ConnectionState.DISCONNECTED])
def test_of_an_organization_that_is_gone_nothing_is_kept(scene: RealTimeScene, state: ConnectionState) -> None:
    scene.activate(state=state)
    assert not scene.mail_feedback.note(ORGANIZATION, problem(scene))
    assert scene.mail_problems.kept == {}


def test_disconnecting_forgets_the_addresses(scene: RealTimeScene) -> None:
    scene.mail_feedback.note(ORGANIZATION, problem(scene))
    scene.oversight.forget(ORGANIZATION)
    assert scene.mail_problems.kept == {}
