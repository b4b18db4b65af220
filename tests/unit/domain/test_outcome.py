"""Outcomes, reasons, errors and planned people as data."""

import json

import pytest
from huma_fortnox.domain import errors
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Employee, Side, User
from huma_fortnox.domain.plan_types import PlannedPerson, Situation


@pytest.mark.parametrize(
    "outcome",
    [
        FieldOutcome("phone", Outcome.DONE, "huma"),
        FieldOutcome("phone", Outcome.HELD, reason=Reason("held", {"field": "phone"})),
    ],
)
def test_an_outcome_comes_back_from_json(outcome: FieldOutcome) -> None:
    assert FieldOutcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


def test_a_reason_is_written_with_its_parameters_in_order() -> None:
    assert str(Reason("plain")) == "plain"
    assert str(Reason("full", {"b": "2", "a": "1"})) == "full(a=1, b=2)"
    assert Reason.from_json({"code": "plain"}) == Reason("plain")


def test_an_error_is_its_reason_and_nothing_else() -> None:
    error = errors.Refused("too-long", {"field": "phone"})
    assert error.reason == Reason("too-long", {"field": "phone"})
    assert str(error) == "too-long(field=phone)"
    assert errors.Conflict().reason == Reason("conflict")


def test_a_transient_error_may_say_when_to_come_back() -> None:
    assert errors.RateLimited(retry_after=5.0).retry_after == 5.0
    assert errors.OutcomeUnknown().retry_after is None
    assert errors.OutcomeUnknown().reason == Reason("answer-lost")


def test_every_error_has_a_code_of_its_own_and_stands_in_the_drawn_tree() -> None:
    def family(kind: type[errors.IntegrationError]) -> list[type[errors.IntegrationError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in family(child))]

    # Other layers may refine an error for themselves; the tree is the domain's own.
    everybody = [kind for kind in family(errors.IntegrationError) if kind.__module__ == errors.__name__]
    assert len({kind.default_code for kind in everybody}) == len(everybody)
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in everybody if kind.__name__ not in errors.__doc__] == []


def test_a_person_is_named_as_in_huma_and_for_lack_of_that_as_in_fortnox() -> None:
    user = User("u1", {"given_name": "Anna", "family_name": "Berg"})
    employee = Employee("1", {"given_name": "ANNA", "family_name": None})
    assert PlannedPerson("u:u1", Situation.IN_SYNC, user, employee).name == "Anna Berg"
    assert PlannedPerson("e:1", Situation.BLOCKED, None, employee).name == "ANNA"
    assert PlannedPerson("u:u1", Situation.BLOCKED).name == ""


def test_each_side_has_another() -> None:
    assert [side.other for side in Side] == [Side.FORTNOX, Side.HUMA]
