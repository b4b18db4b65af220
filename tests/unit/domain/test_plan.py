"""What the plan finds in a pair, what it suggests, and what decisions make of it."""

from typing import Any

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.domain.people import Base, FieldSettings, Link
from huma_fortnox.domain.plan import plan, verify, writes
from huma_fortnox.domain.plan_types import Change, Changed, PlannedPerson, Situation, Writes

from tests.unit.domain.two_systems import DIGEST, SETTINGS, TwoSystems, employee_record, user_record

HUMA, FORTNOX, LEAVE = Direction.USE_HUMA, Direction.USE_FORTNOX, Direction.LEAVE
EMAIL = "anna@example.com"
NAMED: dict[str, Any] = {"email": EMAIL, "given_name": "Anna", "family_name": "Berg"}
ACCOUNT_IN_HUMA = {"type": "national", "code": "", "number": "8327-9 0147258925", "country": "SE"}
ACCOUNT_IN_FORTNOX = {"ClearingNo": "8327", "BankAccountNo": "0147258925"}
OTHER_ACCOUNT = {"ClearingNo": "6000", "BankAccountNo": "123456789"}
WRONG_ACCOUNT = {"ClearingNo": "8327", "BankAccountNo": "0147258926"}


class One:
    """One linked pair whose only difference is in the field tested."""

    def __init__(
        self, key: str, huma: Any, fortnox: Any, *, agreed: tuple[Any, Any] | None = None, **more: Any
    ) -> None:
        self.key = key
        self.systems = TwoSystems()
        self.systems.links["u1"] = Link("u1", "1")
        user = {"active": more.pop("active", True)}
        self._fill(*(agreed or (huma, fortnox)), user)
        if agreed is not None:
            self.systems.synchronize(Decisions(everything=LEAVE))
            bases = self.systems.links["u1"].bases
            self._fill(huma, fortnox, user)
            self.systems.links["u1"] = Link("u1", "1", bases)
        for name, value in more.items():
            self.systems.users["u1"][name] |= value

    def _fill(self, huma: Any, fortnox: Any, user: dict[str, Any]) -> None:
        row = FIELDS[self.key]
        self.systems.users["u1"] = user_record("u1", **user, **{"employment_id": "1", **NAMED, self.key: huma})
        self.systems.employees["1"] = employee_record("1", **{**NAMED, self.key: fortnox})
        if fortnox is None:
            self.systems.employees["1"] |= dict.fromkeys(row.fortnox)
        if row.key == "employment_id":
            self.systems.employees["1"]["EmployeeId"] = "1"

    def person(self, direction: Direction | None = None, *, exactly: bool = False) -> PlannedPerson:
        if exactly:
            assert direction is not None
            decisions = Decisions(changes={("u:u1", self.key): direction})
        else:
            decisions = Decisions(everything=direction)
        (person,) = self.systems.plan(decisions).people
        return person

    def change(self, direction: Direction | None = None, *, exactly: bool = False) -> Change:
        (change,) = self.person(direction, exactly=exactly).changes
        assert change.field == self.key
        return change

    def writes(self, direction: Direction | None = None, *, exactly: bool = False) -> Writes:
        return self.systems.writes(self.person(direction, exactly=exactly))

    def outcome(self, direction: Direction | None = None, *, exactly: bool = False) -> FieldOutcome:
        (outcome,) = (one for one in self.writes(direction, exactly=exactly).outcomes if one.field == self.key)
        return outcome

    def base(self, direction: Direction | None = None, *, exactly: bool = False) -> Base | None:
        return self.writes(direction, exactly=exactly).bases.get(self.key)


def base_of(key: str, huma: str, fortnox: str) -> Base:
    return Base(DIGEST(key, huma), DIGEST(key, fortnox))


# --- what differs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "huma", "fortnox"),
    [
        ("email", "Anna@Example.com", EMAIL),
        ("employment_id", " 1", None),
        ("given_name", "Anna‑Lena", "Anna-Lena"),
        ("phone", "070-174 06 05", "+46701740605"),
        ("phone", " call  me", "call me"),
        ("phone", None, None),
        ("address", {"line1": "Nygatan 1", "city": "Umeå", "country": "SE"}, {"Address1": "NYGATAN 1", "City": "UMEÅ"}),
        ("bank_account", ACCOUNT_IN_HUMA, ACCOUNT_IN_FORTNOX),
        ("bank_account", ACCOUNT_IN_HUMA | {"number": "8327 0147258926"}, WRONG_ACCOUNT),
        ("first_day", "2024-01-01", " 2024-01-01 "),
    ],
)  # fmt: skip
def test_values_that_mean_the_same_are_in_sync_and_agreed(key: str, huma: Any, fortnox: Any) -> None:
    one = One(key, huma, fortnox)
    person = one.person(HUMA)
    assert person.situation is Situation.IN_SYNC
    assert person.changes == ()
    assert one.outcome(HUMA) == FieldOutcome(key, Outcome.UNCHANGED)
    base = one.base(HUMA)
    assert base is not None
    assert base.huma == base.fortnox
    assert one.writes(HUMA).fields == {}


def test_a_change_carries_both_values_and_what_they_compare_as() -> None:
    change = One("given_name", "Åsa ", "ÅSA").change()
    assert change == Change(
        field="given_name",
        huma="Åsa ",
        fortnox="ÅSA",
        huma_key="Åsa",
        fortnox_key="ÅSA",
        changed=Changed.NEVER_COMPARED,
        suggested=HUMA,
        why=Reason("hr-is-master"),
    )


@pytest.mark.parametrize(
    ("agreed", "huma", "fortnox", "changed", "suggested", "why"),
    [
        (None, "Eva", "Anna", Changed.NEVER_COMPARED, HUMA, "hr-is-master"),
        (None, None, "Anna", Changed.NEVER_COMPARED, FORTNOX, "empty-in-huma"),
        (None, "Anna", None, Changed.NEVER_COMPARED, HUMA, "empty-in-fortnox"),
        (("Anna", "Anna"), "Eva", "Anna", Changed.IN_HUMA, HUMA, "changed-in-huma"),
        (("Anna", "Anna"), "Anna", "Eva", Changed.IN_FORTNOX, FORTNOX, "changed-in-fortnox"),
        (("Anna", "Anna"), "Eva", "Åsa", Changed.ON_BOTH, HUMA, "changed-on-both"),
        (("Anna", "Anna"), None, "Anna", Changed.IN_HUMA, FORTNOX, "empty-in-huma"),
        (("Anna", "Anna"), "Anna", None, Changed.IN_FORTNOX, HUMA, "empty-in-fortnox"),
        (("Anna", "Eva"), "Åsa", "Eva", Changed.IN_HUMA, HUMA, "changed-in-huma"),
        ((None, "Eva"), "Åsa", "Eva", Changed.IN_HUMA, HUMA, "changed-in-huma"),
    ],
)
def test_the_side_that_moved_is_suggested_an_empty_one_filled_and_hr_is_the_master(
    agreed: Any, huma: Any, fortnox: Any, changed: Changed, suggested: Direction, why: str
) -> None:
    change = One("given_name", huma, fortnox, agreed=agreed).change()
    assert (change.changed, change.suggested, change.why) == (changed, suggested, Reason(why))


def test_half_a_base_counts_as_never_compared() -> None:
    one = One("given_name", "Eva", "Anna")
    for base in (Base(DIGEST("given_name", "Eva")), Base(None, DIGEST("given_name", "Eva")), Base()):
        one.systems.links["u1"] = Link("u1", "1", {"given_name": base})
        assert one.change().changed is Changed.NEVER_COMPARED


def test_a_difference_left_alone_is_noted_and_not_reopened() -> None:
    one = One("given_name", "Eva", "Anna", agreed=("Eva", "Anna"))
    person = one.person(HUMA)
    assert person.situation is Situation.IN_SYNC
    assert Reason("left-as-is", {"field": "given_name"}) in person.notes
    assert one.outcome(HUMA) == FieldOutcome("given_name", Outcome.UNCHANGED, reason=Reason("left-as-is"))
    assert one.base(HUMA) == base_of("given_name", "Eva", "Anna")


def test_a_bank_account_that_differs_needs_a_look_unless_one_side_moved() -> None:
    assert One("bank_account", ACCOUNT_IN_HUMA, OTHER_ACCOUNT).change().suggested is LEAVE
    assert One("bank_account", ACCOUNT_IN_HUMA, OTHER_ACCOUNT).change().why == Reason("needs-a-look")
    agreed = (ACCOUNT_IN_HUMA, ACCOUNT_IN_FORTNOX)
    moved = One("bank_account", ACCOUNT_IN_HUMA, OTHER_ACCOUNT, agreed=agreed).change()
    assert (moved.suggested, moved.why) == (FORTNOX, Reason("changed-in-fortnox"))
    both = One("bank_account", ACCOUNT_IN_HUMA | {"number": "8327-9 000000018"}, OTHER_ACCOUNT, agreed=agreed).change()
    assert (both.changed, both.suggested) == (Changed.ON_BOTH, LEAVE)


@pytest.mark.parametrize(
    ("huma", "fortnox", "suggested", "why"),
    [
        ("call me", "070-174 06 05", FORTNOX, "unreadable-in-huma"),
        ("070-174 06 05", "call me", HUMA, "unreadable-in-fortnox"),
        ("call me", "call her", HUMA, "hr-is-master"),
    ],
)
def test_what_can_be_read_is_suggested_over_what_cannot(
    huma: str, fortnox: str, suggested: Direction, why: str
) -> None:
    change = One("phone", huma, fortnox).change()
    assert (change.suggested, change.why) == (suggested, Reason(why))


def test_values_that_cannot_be_read_are_noted_with_the_problem() -> None:
    notes = One("phone", "call me", "ring 1").person().notes
    assert notes == (
        Reason("unreadable-in-huma", {"field": "phone", "problem": "phone-letters", "character": "c"}),
        Reason("unreadable-in-fortnox", {"field": "phone", "problem": "phone-letters", "character": "r"}),
    )
    same = One("bank_account", ACCOUNT_IN_HUMA | {"number": "8327 0147258926"}, WRONG_ACCOUNT).person()
    assert [note.code for note in same.notes] == ["unreadable-in-huma", "unreadable-in-fortnox"]


def test_what_is_not_visible_is_noted_and_never_taken_for_empty() -> None:
    one = One("phone", "070-174 06 05", None)
    del one.systems.users["u1"]["phone"]
    one.systems.employees["1"]["Phone1"] = "070-174 06 06"
    one.systems.employees["1"]["ClearingNo"] = "API_NORIGHT"
    del one.systems.users["u1"]["homeAddress"], one.systems.employees["1"]["Address1"]
    person = one.person(HUMA)
    assert person.changes == ()
    assert person.notes == (
        Reason("not-visible-in-huma", {"field": "phone"}),
        Reason("not-visible-in-huma", {"field": "address"}),
        Reason("not-visible-in-fortnox", {"field": "address"}),
        Reason("not-visible-in-fortnox", {"field": "bank_account"}),
    )
    assert "phone" not in {outcome.field for outcome in one.systems.writes(person).outcomes}


# --- directions ---------------------------------------------------------------------------------


def test_nothing_is_written_before_somebody_decides() -> None:
    one = One("given_name", "Eva", "Anna")
    assert one.writes().fields == {}
    assert one.outcome() == FieldOutcome("given_name", Outcome.SKIPPED, "fortnox", Reason("not-decided"))
    assert one.base() is None
    assert one.change().chosen is None


def test_use_huma_writes_fortnox_and_the_base_is_what_stands_there() -> None:
    one = One("given_name", "Anna—Lena", "Anna")
    done = one.writes(HUMA)
    assert done.fortnox == {"FirstName": "Anna-Lena"}
    assert (done.huma, done.position) == ({}, {})
    assert done.fields == {"given_name": "fortnox"}
    assert done.bases["given_name"] == base_of("given_name", "Anna-Lena", "Anna-Lena")
    assert "given_name" not in {outcome.field for outcome in done.outcomes}


def test_use_fortnox_writes_the_profile_in_huma() -> None:
    done = One("phone", "070-174 06 06", "0046701740605").writes(FORTNOX)
    assert done.huma == {"phone": "070-174 06 05"}
    assert (done.fortnox, done.position) == ({}, {})
    assert done.fields == {"phone": "huma"}
    assert done.bases["phone"] == base_of("phone", "+46701740605", "+46701740605")


def test_use_fortnox_writes_dates_to_the_position() -> None:
    done = One("last_day", None, "2025-12-31").writes(FORTNOX)
    assert done.position == {"lastDayOfWork": "2025-12-31"}
    assert done.huma == {}
    assert done.fields == {"last_day": "huma"}


def test_leave_writes_nothing_and_remembers_both_values() -> None:
    one = One("given_name", "Eva", "Anna")
    assert one.writes(LEAVE).fields == {}
    assert one.outcome(LEAVE) == FieldOutcome("given_name", Outcome.SKIPPED, reason=Reason("left-as-is"))
    assert one.base(LEAVE) == base_of("given_name", "Eva", "Anna")
    assert one.change(LEAVE).held is None


def test_what_is_invalid_can_be_left_but_not_carried_over() -> None:
    one = One("phone", "call me", "070-174 06 05")
    problem = Reason("phone-letters", {"character": "c"})
    assert one.change(HUMA).held == problem
    assert one.outcome(HUMA) == FieldOutcome("phone", Outcome.HELD, "fortnox", problem)
    assert one.base(HUMA) is None
    assert one.change(LEAVE).held is None
    assert one.base(LEAVE) == base_of("phone", "\0call me", "+46701740605")


def test_a_valid_value_may_replace_one_that_cannot_be_read() -> None:
    one = One("phone", "call me", "070-174 06 05")
    assert one.change(FORTNOX).held is None
    assert one.writes(FORTNOX).huma == {"phone": "070-174 06 05"}


def test_what_the_other_side_cannot_hold_is_held_with_the_reason() -> None:
    change = One("given_name", "Anna <3", "Anna").change(HUMA)
    assert change.held is not None
    assert change.held.code == "text-character"
    address = {"line1": "x" * 200, "line2": "y" * 200, "city": "Umeå", "country": "Ruritania"}
    assert One("address", address, {"City": "Umeå"}).change(HUMA).held == Reason("country-unknown")
    assert One("address", None, {"City": "Umeå", "Country": "Ruritania"}).change(FORTNOX).held == Reason(
        "country-unknown"
    )


def test_each_side_is_asked_whether_it_can_hold_a_value() -> None:
    long = "Storgatan " + "1" * 250
    to_huma = One("address", None, {"Address2": long, "City": "Umeå"}).change(FORTNOX)
    assert to_huma.held is not None
    assert to_huma.held.code == "address-too-long"
    assert One("address", {"line1": long, "city": "Umeå", "country": "SE"}, None).change(HUMA).held is None


def test_a_foreign_account_is_held() -> None:
    foreign = {"type": "international", "code": "", "iban": "NO93 8601 1117 947", "bic": "DNBANOKK"}
    change = One("bank_account", foreign, None).change(HUMA)
    assert change.held == Reason("bank-account-foreign", {"country": "NO"})


def test_equal_accounts_are_never_rewritten_and_others_are_written_in_two_properties() -> None:
    done = One("bank_account", ACCOUNT_IN_HUMA, OTHER_ACCOUNT).writes(HUMA)
    assert done.fortnox == {"ClearingNo": "83279", "BankAccountNo": "0147258925"}
    done = One("bank_account", ACCOUNT_IN_HUMA, OTHER_ACCOUNT).writes(FORTNOX)
    assert done.huma == {"bankAccount": {"number": "6000 123456789", "country": "SE"}}


def test_an_exact_decision_wins_over_a_wide_one() -> None:
    one = One("given_name", "Eva", "Anna")
    decisions = Decisions(everything=HUMA, fields={"given_name": FORTNOX}, changes={("u:u1", "given_name"): LEAVE})
    (person,) = one.systems.plan(decisions).people
    assert person.changes[0].chosen is LEAVE


# --- the employment ID --------------------------------------------------------------------------


def test_the_employment_id_comes_from_fortnox_only() -> None:
    one = One("employment_id", "17", None)
    assert one.change().suggested is FORTNOX
    assert one.change().why == Reason("numbered-by-fortnox")
    assert one.writes(FORTNOX).huma == {"employmentId": "1"}
    wrong_way = one.change(HUMA)
    assert wrong_way.held == Reason("only-to-huma")
    assert not wrong_way.clears
    assert one.writes(HUMA).fields == {}
    assert not One("employment_id", None, None).change(HUMA).clears


# --- clearing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["phone", "address", "bank_account", "last_day"])
def test_clearing_takes_a_decision_on_that_very_field(key: str) -> None:
    value: Any = {
        "phone": "070-174 06 05",
        "address": {"Address1": "c/o Berg", "Address2": "Storgatan 1", "City": "Umeå"},
        "bank_account": ACCOUNT_IN_FORTNOX,
        "last_day": "2025-12-31",
    }[key]
    one = One(key, None, value)
    assert one.change(HUMA).held == Reason("clearing-needs-a-decision")
    assert one.change(HUMA).clears
    assert one.writes(HUMA).fields == {}
    assert one.change(HUMA, exactly=True).held is None
    done = one.writes(HUMA, exactly=True)
    held = {"address": {"Address1", "Address2", "City"}}.get(key, set(FIELDS[key].fortnox))
    assert done.fortnox == dict.fromkeys(held)
    base = done.bases[key]
    assert base == base_of(key, "", "")
    assert not one.change().clears
    assert not one.change(LEAVE).clears


def test_clearing_in_huma_sends_none() -> None:
    address = {"line1": "Storgatan 1", "city": "Umeå", "country": "SE"}
    assert One("address", address, None).writes(FORTNOX, exactly=True).huma == {"homeAddress": None}
    assert One("last_day", "2025-12-31", None).writes(FORTNOX, exactly=True).position == {"lastDayOfWork": None}
    assert One("last_day", "2025-12-31", None).change(FORTNOX).held == Reason("clearing-needs-a-decision")


@pytest.mark.parametrize("key", ["given_name", "family_name", "first_day"])
def test_some_fields_are_never_cleared(key: str) -> None:
    value = "2024-01-01" if key == "first_day" else "Anna"
    assert One(key, None, value).change(HUMA, exactly=True).held == Reason("cannot-be-cleared")
    assert One(key, value, None).change(FORTNOX, exactly=True).held == Reason("cannot-be-cleared")


def test_a_last_day_removed_in_huma_is_removed_in_fortnox_too() -> None:
    agreed = ("2025-12-31", "2025-12-31")
    one = One("last_day", None, "2025-12-31", agreed=agreed)
    assert one.change().suggested is HUMA
    assert one.change().why == Reason("removed-in-huma")
    assert one.change().clears
    assert one.writes(HUMA).fortnox == {"EmployedTo": None}
    other_way = One("last_day", "2025-12-31", None, agreed=agreed)
    assert other_way.change().suggested is HUMA
    assert other_way.change(FORTNOX).held == Reason("clearing-needs-a-decision")
    entered_in_fortnox = One("last_day", None, "2025-12-31", agreed=(None, None))
    assert entered_in_fortnox.change().suggested is FORTNOX
    assert entered_in_fortnox.change(HUMA).held == Reason("clearing-needs-a-decision")
    on_both = One("last_day", None, "2025-12-30", agreed=agreed)
    assert on_both.change().suggested is FORTNOX
    assert on_both.change(HUMA).held == Reason("clearing-needs-a-decision")


# --- Huma's own limits --------------------------------------------------------------------------


def test_nothing_is_written_to_a_deactivated_user() -> None:
    one = One("phone", None, "070-174 06 05", active=False)
    assert one.change(FORTNOX).held == Reason("user-deactivated")
    assert one.change().held == Reason("user-deactivated")
    assert Reason("user-deactivated") in one.person().notes
    assert One("phone", "070-174 06 05", None, active=False).change(HUMA).held is None


def test_a_locked_field_is_held_towards_huma_only() -> None:
    one = One("phone", "070-174 06 06", "070-174 06 05", phone={"editable": False})
    assert one.change(FORTNOX).held == Reason("locked-in-huma")
    assert one.change(HUMA).held is None


def test_a_login_that_waits_for_its_owner_is_noted_and_not_asked_for_again() -> None:
    one = One("email", "old@example.com", "new@example.com", email={"requestedValue": "New@example.com"})
    person = one.person(FORTNOX)
    assert person.changes == ()
    assert person.notes == (Reason("waiting-for-confirmation", {"field": "email"}),)
    assert one.outcome(FORTNOX) == FieldOutcome("email", Outcome.SKIPPED, "huma", Reason("waiting-for-confirmation"))
    assert one.base(FORTNOX) is None
    other = One("email", "old@example.com", "new@example.com", email={"requestedValue": "third@example.com"})
    assert other.change(FORTNOX).held is None


def test_an_e_mail_written_to_huma_keeps_its_base_until_it_is_confirmed() -> None:
    one = One("email", EMAIL, "new@example.com", agreed=(EMAIL, EMAIL))
    done = one.writes(FORTNOX)
    assert done.huma == {"email": "new@example.com"}
    assert done.bases["email"] == base_of("email", EMAIL, EMAIL)


# --- what must be unique ------------------------------------------------------------------------


def people(*pairs: tuple[dict[str, Any], dict[str, Any]], decisions: Decisions | None = None) -> list[PlannedPerson]:
    systems = TwoSystems()
    for number, (huma, fortnox) in enumerate(pairs, 1):
        named = {**NAMED, "email": f"{number}@example.com"}
        systems.users[f"u{number}"] = user_record(f"u{number}", **{"employment_id": f"{number}", **named, **huma})
        systems.employees[f"{number}"] = employee_record(f"{number}", **{**named, **fortnox})
    return list(systems.plan(decisions).people)


A, B, C = "070-174 06 05", "070-174 06 06", "070-174 06 07"


def test_a_value_that_two_users_share_is_held_for_both_and_names_them() -> None:
    one, two = people(
        ({"phone": A}, {"phone": B}), ({"phone": "0046701740605"}, {}), decisions=Decisions(everything=HUMA)
    )
    why = Reason("duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"})
    assert [change.held for change in (*one.changes, *two.changes)] == [why, why]


def test_a_value_that_two_employees_share_is_held_for_both() -> None:
    one, two = people(({}, {"phone": A}), ({}, {"phone": A}), decisions=Decisions(everything=FORTNOX))
    why = Reason("duplicate-in-fortnox", {"field": "phone", "people": "1,2", "count": "2"})
    assert [change.held for change in (*one.changes, *two.changes)] == [why, why]


def test_a_shared_value_is_noted_where_nothing_differs_or_it_is_left() -> None:
    one, two = people(({"phone": A}, {"phone": A}), ({"phone": A}, {"phone": B}), decisions=Decisions(everything=LEAVE))
    why = Reason("duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"})
    assert one.notes == two.notes == (why,)
    assert two.changes[0].held is None


def test_both_sides_duplicates_are_told() -> None:
    one, two = people(({"phone": A}, {"phone": B}), ({"phone": A}, {"phone": B}))
    assert one.changes[0].held is not None
    assert one.changes[0].held.code == "duplicate-in-huma"
    assert [note.code for note in one.notes] == ["duplicate-in-fortnox"] == [note.code for note in two.notes]


@pytest.mark.parametrize(("shared", "free"), [("phone", "email"), ("email", "phone")])
def test_only_the_field_that_is_shared_is_held(shared: str, free: str) -> None:
    systems = TwoSystems()
    for number, phone in ((1, A), (2, B)):
        values = {**NAMED, "email": f"{number}@example.com", "phone": phone, "employment_id": f"x{number}"}
        values[shared] = {"phone": A, "email": EMAIL}[shared]
        systems.users[f"u{number}"] = user_record(f"u{number}", **values)
        systems.employees[f"{number}"] = employee_record(f"{number}")
        systems.links[f"u{number}"] = Link(f"u{number}", f"{number}")
    for person in systems.plan().people:
        held = {change.field: change.held for change in person.changes}
        assert held[free] is None
        assert held["employment_id"] is None
        assert held[shared] == Reason("duplicate-in-huma", {"field": shared, "people": "u1,u2", "count": "2"})


def test_a_shared_value_that_agrees_holds_no_other_field() -> None:
    systems = TwoSystems()
    for number, phone in ((1, A), (2, B)):
        systems.users[f"u{number}"] = user_record(
            f"u{number}", **{**NAMED, "phone": phone, "employment_id": f"{number}"}
        )
        systems.employees[f"{number}"] = employee_record(f"{number}", **NAMED)
        systems.links[f"u{number}"] = Link(f"u{number}", f"{number}")
    for person in systems.plan().people:
        assert [(change.field, change.held) for change in person.changes] == [("phone", None)]
        assert [note.code for note in person.notes] == ["duplicate-in-huma", "duplicate-in-fortnox"]


def test_values_that_cannot_be_read_are_no_duplicates() -> None:
    one, two = people(({"phone": "call me"}, {"phone": A}), ({"phone": "call me"}, {"phone": B}))
    assert not [note for note in (*one.notes, *two.notes) if "duplicate" in note.code]


def test_numbers_in_unusual_forms_are_found_to_be_shared() -> None:
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"phone": form}, {}) for form in ("08-465 004 00", "+46 (0)8-465 004 00", "0046 8 46500400")
    ]
    for person in people(*pairs):
        assert person.changes[0].held == Reason(
            "duplicate-in-huma", {"field": "phone", "people": "u1,u2,u3", "count": "3"}
        )


def test_a_shared_number_is_read_where_either_side_says_the_person_lives() -> None:
    oslo = {"address": {"Address2": "Karl Johans gate 1", "City": "Oslo", "Country": "Norge"}}
    one, two = people(({"phone": "22 82 30 00"}, oslo), ({"phone": "+47 22 82 30 00"}, {}))
    assert [note.code for note in (*one.notes, *two.notes)] == []
    for person in (one, two):
        held = next(change.held for change in person.changes if change.field == "phone")
        assert held == Reason("duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"})


def test_a_write_that_would_give_two_people_the_same_is_held() -> None:
    one, two = people(({"phone": A}, {"phone": B}), ({"phone": C}, {"phone": A}), decisions=Decisions(
        changes={("u:u1", "phone"): HUMA, ("u:u2", "phone"): LEAVE}))  # fmt: skip
    why = Reason("would-duplicate-in-fortnox", {"field": "phone", "people": "1,2", "count": "2"})
    assert one.changes[0].held == why
    assert two.changes[0].held is None


def test_the_result_counts_and_not_the_start() -> None:
    swapped = people(({"phone": A}, {"phone": B}), ({"phone": B}, {"phone": A}), decisions=Decisions(everything=HUMA))
    assert [change.held for person in swapped for change in person.changes] == [None, None]
    chain = people(({"phone": A}, {"phone": B}), ({"phone": C}, {"phone": A}), decisions=Decisions(everything=HUMA))
    assert [change.held for person in chain for change in person.changes] == [None, None]


def test_holding_one_write_holds_those_that_counted_on_it() -> None:
    chain = people(
        ({"phone": A}, {"phone": B}),
        ({"phone": B}, {"phone": C}),
        ({"phone": C}, {"phone": "070-174 06 08"}),
        ({"phone": "070-174 06 09"}, {"phone": A}),
        decisions=Decisions(everything=HUMA, changes={("u:u4", "phone"): LEAVE}),
    )
    held = [person.changes[0].held for person in chain]
    assert [reason.params["people"] if reason else None for reason in held] == ["1,4", "1,2", "2,3", None]


def test_what_nobody_decided_is_only_told_what_it_would_collide_with() -> None:
    one, two = people(({"phone": A}, {"phone": B}), ({"phone": C}, {"phone": A}))
    assert one.changes[0].held == Reason(
        "would-duplicate-in-fortnox", {"field": "phone", "people": "1,2", "count": "2"}
    )
    assert two.changes[0].held is None
    makes_way = Decisions(changes={("u:u2", "phone"): HUMA})
    one, two = people(({"phone": A}, {"phone": B}), ({"phone": C}, {"phone": A}), decisions=makes_way)
    assert one.changes[0].held is None


def test_an_employment_id_that_another_user_has_is_not_given_twice() -> None:
    one, two = people(({"employment_id": "2"}, {}), ({"employment_id": "3"}, {}), decisions=Decisions(
        changes={("u:u2", "employment_id"): FORTNOX}))  # fmt: skip
    assert two.changes[0].held == Reason(
        "would-duplicate-in-huma", {"field": "employment_id", "people": "u1,u2", "count": "2"}
    )
    assert one.changes[0].held is None
    both = people(({"employment_id": "2"}, {}), ({"employment_id": "3"}, {}), decisions=Decisions(everything=FORTNOX))
    assert [change.held for person in both for change in person.changes] == [None, None]


def test_a_held_change_keeps_its_first_reason_and_the_duplicate_is_noted() -> None:
    one, _ = people(
        ({"phone": "070-174 06 05"}, {"phone": "call me"}), ({"phone": A}, {}), decisions=Decisions(everything=FORTNOX)
    )
    assert one.changes[0].held == Reason("phone-letters", {"character": "c"})
    assert [note.code for note in one.notes] == ["unreadable-in-fortnox", "duplicate-in-huma"]


# --- writes beside the fields -------------------------------------------------------------------


def test_writes_keep_the_bases_and_layout_they_do_not_touch() -> None:
    one = One("given_name", "Anna", "Anna")
    del one.systems.users["u1"]["phone"]
    kept = Base("a", "b")
    link = Link("u1", "1", {"phone": kept}, {"street_line": "Address1"})
    done = writes(one.person(), link=link, digest=DIGEST, settings=SETTINGS)
    assert done.bases["phone"] == kept
    assert done.layout == {"street_line": "Address1"}


def test_the_layout_is_learnt_from_the_record() -> None:
    one = One("address", None, {"Address1": "Storgatan 1", "City": "Umeå", "Country": "Sweden"})
    assert one.writes().layout == {"street_line": "Address1", "country": "Sweden"}
    abroad = {"line1": "Karl Johans gate 1", "city": "Oslo", "country": "NO"}
    moved = One("address", abroad, {"Address1": "Storgatan 1", "City": "Umeå", "Country": "Sweden"}).writes(HUMA)
    assert moved.fortnox["Country"] == "Norway"
    assert moved.layout == {"street_line": "Address1", "country": "Norway"}


def test_an_address_is_replaced_as_a_whole() -> None:
    address = {"line1": "Nygatan 2", "postalCode": "90325", "city": "Umeå", "country": "SE"}
    old = {"Address1": "c/o Berg", "Address2": "Storgatan 1", "PostCode": "41101", "City": "Göteborg"}
    done = One("address", address, old).writes(HUMA)
    assert done.fortnox == {"Address1": None, "Address2": "Nygatan 2", "PostCode": "903 25", "City": "Umeå"}


def test_an_address_that_is_missing_in_fortnox_is_written_without_emptying_what_is_empty() -> None:
    address = {"line1": "Nygatan 2", "postalCode": "90325", "city": "Umeå", "country": "SE"}
    done = One("address", address, None).writes(HUMA)
    assert done.fortnox == {"Address2": "Nygatan 2", "PostCode": "903 25", "City": "Umeå"}


def test_somebody_who_is_no_pair_gets_one_outcome_and_keeps_the_link() -> None:
    person = PlannedPerson("u:u1", Situation.BLOCKED, reasons=(Reason("employee-gone"), Reason("second")))
    link = Link("u1", "1", {"phone": Base("a", "b")}, {"country": ""})
    done = writes(person, link=link, digest=DIGEST, settings=SETTINGS)
    assert done == Writes(
        outcomes=(FieldOutcome("person", Outcome.SKIPPED, reason=Reason("employee-gone")),),
        bases=link.bases,
        layout=link.layout,
    )
    alone = PlannedPerson("u:u1", Situation.ONLY_IN_HUMA)
    done = writes(alone, link=None, digest=DIGEST, settings=SETTINGS)
    assert done == Writes(outcomes=(FieldOutcome("person", Outcome.SKIPPED, reason=Reason("not-a-pair")),))


def test_a_difference_that_was_taken_out_of_the_plan_is_not_decided() -> None:
    one = One("given_name", "Eva", "Anna")
    person = one.person(HUMA)
    bare = PlannedPerson(person.key, person.situation, person.user, person.employee, linked=True)
    done = one.systems.writes(bare)
    assert FieldOutcome("given_name", Outcome.SKIPPED, reason=Reason("not-decided")) in done.outcomes
    assert done.fields == {}


# --- verify -------------------------------------------------------------------------------------


def test_what_fortnox_stored_in_another_spelling_is_stored() -> None:
    sent: dict[str, str | None] = {
        "Phone1": "070-174 06 05",
        "Address2": "Storgatan 1",
        "City": "Umeå",
        "EmployedTo": None,
    }
    stored = employee_record("1", phone="+46701740605", address={"Address2": "STORGATAN 1", "City": "UMEÅ"})
    assert verify(sent, stored, ["phone", "address", "last_day"], SETTINGS) == {}


def test_what_fortnox_ignored_altered_or_hid_is_found() -> None:
    sent: dict[str, str | None] = {
        "FirstName": "Eva",
        "EmployedTo": None,
        "ClearingNo": "6000",
        "BankAccountNo": "123456789",
    }
    stored = employee_record("1", given_name="Anna", last_day="2025-12-31") | {"ClearingNo": "API_NORIGHT"}
    found = verify(sent, stored, ["given_name", "last_day", "bank_account"], SETTINGS)
    assert found == {
        key: Reason("ignored-by-fortnox", {"field": key}) for key in ("given_name", "last_day", "bank_account")
    }


def test_verification_reads_the_phone_property_of_the_settings() -> None:
    settings = FieldSettings(phone_property="Phone2")
    assert verify({"Phone2": "1234"}, employee_record("1"), ["phone"], settings).keys() == {"phone"}
    assert verify({"Phone2": "+468990000"}, employee_record("1"), ["phone"], settings) == {}


def test_a_plan_counts_its_situations() -> None:
    systems = TwoSystems()
    systems.users["u1"] = user_record("u1", **NAMED)
    found = plan([systems.user("u1")], [], digest=DIGEST)
    assert found.counts()["only_in_huma"] == 1
    assert sum(found.counts().values()) == 1
