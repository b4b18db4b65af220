"""The plan as the administrator sees it while deciding: with the decisions, and with the pairs they have confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.services.model import DecisionInput

from tests.unit.services.fakes import employee_record, user_record
from tests.unit.services.scene import ORGANIZATION, Scene

if TYPE_CHECKING:
    from huma_fortnox.domain.plan_types import PlannedPerson

HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE
SAME = DecisionInput(user_id="moved", employee_id="2", same_person=True)


@pytest.fixture
def scene() -> Scene:
    """Somebody whose phone number differs, and somebody with two addresses, two family names and one number."""
    return Scene(
        [
            user_record(
                "known", email="known@example.com", given_name="Kim", family_name="Exempel", phone="+46701740605"
            ),
            user_record("moved", email="new@example.com", given_name="Mo", employment_id="2"),
        ],
        [
            employee_record(
                "1", Email="known@example.com", FirstName="Kim", LastName="Exempel", Phone1="070-174 06 06"
            ),
            employee_record("2", Email="old@example.org", FirstName="Mo", LastName="Fordom"),
        ],
    ).waiting()


def people(scene: Scene, situation: Situation | None = None) -> dict[str, PlannedPerson]:
    page = scene.runs.people(ORGANIZATION, scene.run_id, situation=situation, after="", limit=100)
    assert len({person.key for person in page.people}) == len(page.people)
    return {person.key: person for person in page.people}


def chosen(person: PlannedPerson) -> dict[str, Direction | None]:
    return {change.field: change.chosen for change in person.changes}


def test_a_decision_for_a_whole_field_is_shown_with_each_person_it_covers(scene: Scene) -> None:
    assert chosen(people(scene)["u:known"])["phone"] is None
    scene.use(HUMA, "phone")
    assert chosen(people(scene)["u:known"])["phone"] is HUMA


def test_a_decision_for_one_person_is_shown_and_can_be_taken_back(scene: Scene) -> None:
    scene.use(HUMA, "phone").use(LEAVE, "phone", "u:known")
    assert chosen(people(scene)["u:known"])["phone"] is LEAVE
    scene.decide(DecisionInput(field="phone", person="u:known"))
    assert chosen(people(scene)["u:known"])["phone"] is HUMA


def test_a_confirmed_pair_shows_what_differs_before_anything_is_written(scene: Scene) -> None:
    assert "u:moved" not in people(scene, Situation.DIFFERS)
    scene.decide(SAME).use(FORTNOX, "family_name")
    pair = people(scene, Situation.DIFFERS)["u:moved"]
    assert chosen(pair) == {"email": None, "family_name": FORTNOX}
    assert [each.employee_id for each in pair.pairings] == ["2"]
    everybody = people(scene)
    assert everybody["u:moved"].employee is not None
    assert "e:2" not in everybody


def test_a_field_of_a_confirmed_pair_can_be_decided_and_is_counted(scene: Scene) -> None:
    scene.decide(SAME).use(HUMA, "email", "u:moved")
    assert chosen(people(scene)["u:moved"])["email"] is HUMA
    assert scene.runs.summary(ORGANIZATION, scene.run_id).to_fortnox == {"email": 1}


def test_a_field_of_a_pair_that_nobody_confirmed_cannot_be_decided(scene: Scene) -> None:
    with pytest.raises(BadRequest):
        scene.use(HUMA, "email", "u:moved")


def test_somebody_in_a_confirmed_pair_is_not_offered_for_creation_and_the_pair_can_be_denied(scene: Scene) -> None:
    assert people(scene, Situation.ONLY_IN_HUMA)["u:moved"].creates == "fortnox"
    scene.decide(SAME)
    assert people(scene, Situation.ONLY_IN_HUMA)["u:moved"].creates == ""
    assert people(scene, Situation.ONLY_IN_FORTNOX)["e:2"].creates == ""
    scene.decide(DecisionInput(user_id="moved", employee_id="2", same_person=False))
    assert "u:moved" not in people(scene, Situation.DIFFERS)
    assert people(scene, Situation.ONLY_IN_FORTNOX)["e:2"].creates == "huma"


def test_a_pair_stands_on_the_first_page_only(scene: Scene) -> None:
    scene.decide(SAME)
    first = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.DIFFERS, after="", limit=1)
    assert [person.key for person in first.people] == ["u:moved", "u:known"]
    if first.after:
        second = scene.runs.people(ORGANIZATION, scene.run_id, situation=Situation.DIFFERS, after=first.after, limit=1)
        assert not second.people


def test_the_plan_of_a_run_that_is_over_is_shown_as_it_was_found(scene: Scene) -> None:
    scene.use(HUMA, "phone").apply().finish()
    assert chosen(people(scene)["u:known"])["phone"] is None
