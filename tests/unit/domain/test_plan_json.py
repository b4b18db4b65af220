"""A planned person as JSON and back."""

import json

import pytest
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, User
from huma_fortnox.domain.plan_json import person_from_json, person_to_json
from huma_fortnox.domain.plan_types import Change, Changed, Pairing, PlannedPerson, Situation

FULL = PlannedPerson(
    key="u:u1",
    situation=Situation.DIFFERS,
    user=User(
        "u1",
        {"phone": "07", "address": {"line1": "Storgatan 1", "line2": None}, "email": None},
        active=False,
        identity_number="811228-9874",
        requested_email="new@example.com",
        locked=frozenset({"phone", "email"}),
    ),
    employee=Employee("007", {"phone": None}, active=False, identity_number="8112289874"),
    linked=True,
    changes=(
        Change("phone", "07", None, "+467", None, Changed.ON_BOTH, Direction.USE_HUMA, Reason("why"), Direction.LEAVE,
               Reason("held", {"field": "phone"}), clears=True),
        Change("email", None, "a", None, "a", Changed.IN_HUMA, Direction.LEAVE, Reason("why")),
    ),
    reasons=(Reason("one", {"a": "b"}), Reason("two")),
    notes=(Reason("three"),),
    pairings=(Pairing("u1", "007", ("name", "phone")), Pairing("u1", "7", ())),
    creates="fortnox",
    create_held=Reason("four"),
)  # fmt: skip
BARE = PlannedPerson(key="e:1", situation=Situation.ONLY_IN_FORTNOX)
EMPTY_HANDED = PlannedPerson("u:u1", Situation.IN_SYNC, User("u1", {}), Employee("1", {}))


@pytest.mark.parametrize("person", [FULL, BARE, EMPTY_HANDED])
def test_everything_comes_back(person: PlannedPerson) -> None:
    assert person_from_json(json.loads(json.dumps(person_to_json(person)))) == person


def test_what_is_empty_takes_no_room() -> None:
    assert person_to_json(BARE) == {"key": "e:1", "situation": "only_in_fortnox"}
    assert person_to_json(EMPTY_HANDED)["user"] == {"id": "u1"}
    assert person_to_json(FULL)["changes"][1] == {
        "field": "email",
        "fortnox": "a",
        "fortnox_key": "a",
        "changed": "in_huma",
        "suggested": "leave",
        "why": {"code": "why"},
    }
