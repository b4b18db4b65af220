"""Who is paired with whom, and who goes to a person."""

from typing import Any

import pytest
from huma_fortnox.domain.decisions import Decisions
from huma_fortnox.domain.match import identity_key, side_of
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, Link, Side, User
from huma_fortnox.domain.plan import plan
from huma_fortnox.domain.plan_types import Pairing, PlannedPerson, Situation
from huma_fortnox.domain.survey import Survey

from tests.unit.domain.two_systems import DIGEST, SETTINGS

A, B, C = "a@example.com", "b@example.com", "c@example.com"


def user(identifier: str, email: str | None = None, **values: Any) -> User:
    own = {key: values.pop(key) for key in ("active", "identity_number") if key in values}
    return User(identifier, {"email": email, "given_name": "Anna", "family_name": "Berg", **values}, **own)


def employee(identifier: str, email: str | None = None, **values: Any) -> Employee:
    own = {key: values.pop(key) for key in ("active", "identity_number") if key in values}
    named = {"email": email, "given_name": "Anna", "family_name": "Berg", "employment_id": identifier}
    return Employee(identifier, {**named, **values}, **own)


def planned(
    users: list[User],
    employees: list[Employee],
    *links: tuple[str, str],
    pairs: dict[tuple[str, str], bool] | None = None,
    creations: dict[str, bool] | None = None,
) -> dict[str, PlannedPerson]:
    people = plan(
        users,
        employees,
        links=[Link(*link) for link in links],
        decisions=Decisions(pairs=pairs or {}, creations=creations or {}),
        digest=DIGEST,
    ).people
    return {person.key: person for person in people}


def pairs_of(people: dict[str, PlannedPerson]) -> set[tuple[str, str]]:
    return {(one.user.id, one.employee.id) for one in people.values() if one.user and one.employee}


def test_a_stored_link_counts_whatever_the_addresses_say() -> None:
    people = planned([user("u1", A), user("u2", B)], [employee("1", B), employee("2", A)], ("u1", "1"), ("u2", "2"))
    assert pairs_of(people) == {("u1", "1"), ("u2", "2")}
    assert all(person.linked for person in people.values())


def test_the_first_time_people_are_paired_by_e_mail_whatever_its_case() -> None:
    people = planned([user("u1", "Anna@Example.com")], [employee("1", " anna@example.com")])
    assert pairs_of(people) == {("u1", "1")}
    assert not people["u:u1"].linked


def test_an_address_does_not_pair_somebody_who_is_linked() -> None:
    people = planned([user("u1", A), user("u2", B)], [employee("1", C), employee("2", A)], ("u1", "1"))
    assert pairs_of(people) == {("u1", "1")}
    assert people["u:u2"].situation is Situation.ONLY_IN_HUMA
    assert people["e:2"].situation is Situation.ONLY_IN_FORTNOX


def test_two_candidates_are_ambiguous_and_everybody_involved_is_named() -> None:
    people = planned([user("u1", A)], [employee("2", A), employee("1", A)])
    both = (Pairing("u1", "1", ("email",)), Pairing("u1", "2", ("email",)))
    why = (Reason("duplicate-in-fortnox", {"field": "email", "people": "1,2", "count": "2"}),)
    assert {key: (person.situation, person.pairings, person.reasons) for key, person in people.items()} == {
        "e:1": (Situation.AMBIGUOUS, both[:1], why),
        "e:2": (Situation.AMBIGUOUS, both[1:], why),
        "u:u1": (Situation.AMBIGUOUS, both, why),
    }
    assert all(person.creates == "" and person.notes == () for person in people.values())


def test_two_who_claim_one_are_ambiguous() -> None:
    people = planned([user("u2", A), user("u1", A)], [employee("1", A)])
    assert {person.situation for person in people.values()} == {Situation.AMBIGUOUS}
    assert people["e:1"].pairings == (Pairing("u1", "1", ("email",)), Pairing("u2", "1", ("email",)))
    assert people["u:u1"].reasons == (Reason("duplicate-in-huma", {"field": "email", "people": "u1,u2", "count": "2"}),)


def test_duplicates_on_both_sides_are_both_named() -> None:
    people = planned([user("u1", A), user("u2", A)], [employee("1", A), employee("2", A)])
    assert [reason.code for reason in people["u:u1"].reasons] == ["duplicate-in-huma", "duplicate-in-fortnox"]


def test_a_confirmed_pair_resolves_the_ambiguity_and_leaves_the_other_alone() -> None:
    people = planned([user("u1", A)], [employee("1", A), employee("2", A)], pairs={("u1", "1"): True})
    assert pairs_of(people) == {("u1", "1")}
    assert people["e:2"].situation is Situation.ONLY_IN_FORTNOX
    shared = Reason("duplicate-in-fortnox", {"field": "email", "people": "1,2", "count": "2"})
    assert shared in people["u:u1"].notes
    assert shared == people["e:2"].create_held


def test_a_denied_candidate_stands_alone_but_the_remaining_one_is_still_not_guessed() -> None:
    people = planned([user("u1", A)], [employee("1", A), employee("2", A)], pairs={("u1", "2"): False})
    assert people["e:2"].situation is Situation.ONLY_IN_FORTNOX
    assert people["u:u1"].situation is Situation.AMBIGUOUS
    assert people["u:u1"].pairings == (Pairing("u1", "1", ("email",)),)


def test_a_denied_pair_stays_apart_although_the_address_agrees() -> None:
    people = planned([user("u1", A)], [employee("1", A)], pairs={("u1", "1"): False})
    assert people["u:u1"].situation is Situation.ONLY_IN_HUMA
    assert people["e:1"].situation is Situation.ONLY_IN_FORTNOX
    assert people["u:u1"].pairings == ()
    assert people["u:u1"].create_held == Reason(
        "would-duplicate-in-fortnox", {"field": "email", "people": "1", "count": "1"}
    )


def test_a_denial_does_not_undo_a_stored_link() -> None:
    assert pairs_of(planned([user("u1", A)], [employee("1", A)], ("u1", "1"), pairs={("u1", "1"): False}))


def test_two_confirmations_that_contradict_each_other_are_ambiguous() -> None:
    people = planned(
        [user("u1", A)], [employee("1", B), employee("2", C)], pairs={("u1", "1"): True, ("u1", "2"): True}
    )
    assert {person.situation for person in people.values()} == {Situation.AMBIGUOUS}
    assert people["e:2"].reasons == (Reason("confirmed-twice"),)
    assert people["u:u1"].pairings == (
        Pairing("u1", "1", ("confirmed-twice",)),
        Pairing("u1", "2", ("confirmed-twice",)),
    )


def test_a_confirmation_of_somebody_who_is_linked_or_unknown_changes_nothing() -> None:
    people = planned(
        [user("u1", A), user("u2", B)],
        [employee("1", A), employee("2", C)],
        ("u1", "1"),
        pairs={("u1", "2"): True, ("u2", "1"): True, ("u2", "9"): True, ("u9", "2"): True},
    )
    assert pairs_of(people) == {("u1", "1")}
    assert people["u:u2"].situation is Situation.ONLY_IN_HUMA


def test_links_that_contradict_each_other_are_ambiguous() -> None:
    people = planned([user("u1", A), user("u2", B)], [employee("1", A)], ("u1", "1"), ("u2", "1"))
    assert {person.situation for person in people.values()} == {Situation.AMBIGUOUS}
    assert people["e:1"].reasons == (Reason("linked-twice"),)


def test_the_same_link_twice_is_one_link() -> None:
    assert pairs_of(planned([user("u1", A)], [employee("1", B)], ("u1", "1"), ("u1", "1"))) == {("u1", "1")}


def test_who_has_lost_the_other_half_is_blocked() -> None:
    people = planned([user("u1", A)], [employee("2", A)], ("u1", "1"), ("u2", "2"), ("u3", "3"))
    assert people["u:u1"].situation is people["e:2"].situation is Situation.BLOCKED
    assert people["u:u1"].reasons == (Reason("employee-gone", {"employee": "1"}),)
    assert people["e:2"].reasons == (Reason("user-gone", {"user": "u2"}),)
    assert people["u:u1"].creates == ""
    assert people["u:u1"].pairings == ()


def test_a_link_to_somebody_gone_does_not_spoil_a_link_that_holds() -> None:
    people = planned([user("u1", A)], [employee("1", A)], ("u1", "1"), ("u1", "9"), ("u9", "1"))
    assert pairs_of(people) == {("u1", "1")}
    assert len(people) == 1


@pytest.mark.parametrize(
    ("email", "code"), [(None, "email-missing"), ("nobody", "email-syntax"), ("a@b", "email-syntax")]
)
def test_without_a_readable_e_mail_nobody_is_paired(email: str | None, code: str) -> None:
    people = planned([user("u1", email)], [employee("1", email)])
    for key, side in (("u:u1", "huma"), ("e:1", "fortnox")):
        assert people[key].situation is Situation.BLOCKED
        assert people[key].reasons == (Reason(code, {"field": "email", "side": side}),)
        assert people[key].creates == ""


def test_an_e_mail_that_is_not_visible_blocks_too() -> None:
    people = planned([User("u1", {})], [Employee("1", {})])
    assert people["u:u1"].reasons == (Reason("not-visible-in-huma", {"field": "email"}),)
    assert people["e:1"].reasons == (Reason("not-visible-in-fortnox", {"field": "email"}),)


def test_linked_people_need_no_e_mail() -> None:
    assert pairs_of(planned([user("u1")], [employee("1")], ("u1", "1"))) == {("u1", "1")}


@pytest.mark.parametrize(
    ("huma", "fortnox", "evidence"),
    [
        ({"identity_number": "19811228-9874"}, {"identity_number": "8112289874"}, ("identity_number",)),
        ({"employment_id": " 1"}, {}, ("employment_id",)),
        ({"phone": "070-174 06 05"}, {"phone": "+46701740605"}, ("name", "phone")),
        (
            {"identity_number": "811228-9874", "employment_id": "1", "phone": "070-174 06 05"},
            {"identity_number": "811228-9874", "phone": "070-174 06 05"},
            ("identity_number", "employment_id", "name", "phone"),
        ),
    ],
)
@pytest.mark.parametrize("fortnox_email", [B, None])
def test_other_evidence_is_suggested_and_never_taken(
    huma: dict[str, Any], fortnox: dict[str, Any], evidence: tuple[str, ...], fortnox_email: str | None
) -> None:
    people = planned([user("u1", A, **huma)], [employee("1", fortnox_email, **fortnox)])
    assert pairs_of(people) == set()
    suggestion = (Pairing("u1", "1", evidence),)
    assert people["u:u1"].pairings == people["e:1"].pairings == suggestion
    confirmed = planned([user("u1", A, **huma)], [employee("1", fortnox_email, **fortnox)], pairs={("u1", "1"): True})
    assert pairs_of(confirmed) == {("u1", "1")}
    denied = planned([user("u1", A, **huma)], [employee("1", fortnox_email, **fortnox)], pairs={("u1", "1"): False})
    assert denied["u:u1"].pairings == ()


@pytest.mark.parametrize(
    ("huma", "fortnox"),
    [
        ({"phone": "070-174 06 05", "given_name": "Bo"}, {"phone": "070-174 06 05"}),
        ({"phone": "070-174 06 05"}, {"phone": "070-174 06 06"}),
        ({"phone": None}, {"phone": None}),
        ({"phone": "call me"}, {"phone": "call me"}),
        ({}, {"phone": "070-174 06 05"}),
        ({"employment_id": "01"}, {}),
        ({"identity_number": "811228-9875"}, {"identity_number": "811228-9875"}),
        ({"identity_number": ""}, {"identity_number": ""}),
    ],
)
def test_what_does_not_agree_is_not_suggested(huma: dict[str, Any], fortnox: dict[str, Any]) -> None:
    people = planned([user("u1", A, **huma)], [employee("1", B, **fortnox)])
    assert people["u:u1"].pairings == people["e:1"].pairings == ()


def test_several_may_be_suggested_in_a_stable_order() -> None:
    people = planned(
        [user("u1", A, phone="070-174 06 05"), user("u2", B)],
        [employee("2", None, phone="070-174 06 05"), employee("1", None, phone="070-174 06 05")],
    )
    assert [one.employee_id for one in people["u:u1"].pairings] == ["1", "2"]
    assert people["u:u2"].pairings == ()


def test_who_is_paired_or_ambiguous_is_not_suggested_to_others() -> None:
    same = {"phone": "070-174 06 05"}
    people = planned(
        [user("u1", A, **same), user("u2", C, **same), user("u3", C, **same)],
        [employee("1", A, **same), employee("2", B, **same), employee("3", C, **same)],
    )
    assert people["e:2"].pairings == ()
    assert people["e:3"].situation is Situation.AMBIGUOUS


def test_at_most_a_hundred_candidates_are_named_and_all_are_counted() -> None:
    people = planned([user("u1", A)], [employee(f"{number:03}", A) for number in range(150)])
    reason = people["u:u1"].reasons[0]
    assert reason.params["count"] == "150"
    assert reason.params["people"].split(",") == [f"{number:03}" for number in range(100)]
    assert len(people["u:u1"].pairings) == 100
    assert len(people["e:149"].pairings) == 1


def test_a_crowd_that_shares_one_address_is_not_multiplied_out() -> None:
    people = planned(
        [user(f"u{number:03}", A) for number in range(150)], [employee(f"{number:03}", A) for number in range(150)]
    )
    assert {person.situation for person in people.values()} == {Situation.AMBIGUOUS}
    for key in ("u:u000", "u:u149", "e:000", "e:149"):
        assert len(people[key].pairings) == 100
    assert people["u:u149"].pairings[0] == Pairing("u149", "000", ("email",))
    assert people["e:149"].pairings[0] == Pairing("u000", "149", ("email",))


def test_inactive_people_are_paired_and_noted() -> None:
    people = planned([user("u1", A, active=False)], [employee("1", A, active=False)])
    assert pairs_of(people) == {("u1", "1")}
    assert [note.code for note in people["u:u1"].notes][-2:] == ["user-deactivated", "employee-inactive"]


def test_inactive_people_are_not_proposed_for_creation() -> None:
    people = planned([user("u1", A, active=False)], [employee("1", B, active=False)])
    assert people["u:u1"].creates == people["e:1"].creates == ""
    assert people["u:u1"].create_held is None
    assert people["u:u1"].notes[-1] == Reason("user-deactivated")
    assert people["e:1"].notes[-1] == Reason("employee-inactive")
    asked_for = planned([user("u1", A, active=False)], [], creations={"u:u1": True})
    assert asked_for["u:u1"].creates == "fortnox"


def test_a_pair_made_by_e_mail_whose_identity_numbers_differ_is_noted() -> None:
    def codes(huma: str | None, fortnox: str | None, *links: tuple[str, str]) -> list[str]:
        people = planned([user("u1", A, identity_number=huma)], [employee("1", A, identity_number=fortnox)], *links)
        return [note.code for note in people["u:u1"].notes if "identity" in note.code]

    assert codes("811228-9874", "670919-9530") == ["identity-number-differs"]
    assert codes("670919-9530", "811228-9874") == ["identity-number-differs"]
    assert codes("811228-9874", "670919-9530", ("u1", "1")) == []
    assert codes("19811228-9874", "8112289874") == []
    assert codes("811228-9874", None) == []
    assert codes("odd", "811228-9874") == []


def test_a_pair_that_is_only_tried_tells_of_differing_identity_numbers_too() -> None:
    one, other = user("u1", A, identity_number="811228-9874"), employee("1", B, identity_number="670919-9530")
    survey = Survey([one], [other], digest=DIGEST, settings=SETTINGS)
    assert Reason("identity-number-differs") in survey.as_pair(one, other).notes


def test_identity_numbers_are_compared_without_their_century() -> None:
    assert identity_key(user("u1", identity_number="20000229-0005")) == "0002290005"
    assert identity_key(user("u1", identity_number="000229-0005")) == "0002290005"
    assert identity_key(employee("1")) is None


def test_a_person_knows_which_side_the_record_comes_from() -> None:
    assert side_of(user("u1")) is Side.HUMA
    assert side_of(employee("1")) is Side.FORTNOX


def test_of_two_records_with_one_id_the_last_counts() -> None:
    people = planned([user("u1", B), user("u1", A)], [employee("1", A)])
    assert pairs_of(people) == {("u1", "1")}
