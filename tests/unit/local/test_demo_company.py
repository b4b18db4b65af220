"""The demo company shows every situation; this says who shows what, and fails when somebody no longer does."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.domain import bank_account, iban, identity_number, phone, plan_types
from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.fields import FIELDS, read_employee, read_user
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.people import Employee, FieldSettings, User
from huma_fortnox.domain.plan import plan
from huma_fortnox.domain.plan_types import Situation

from local.demo_plan import SITUATIONS
from local.fortnox_simulator.companies import Companies, Company
from local.fortnox_simulator.employee_fields import check_record, present
from local.fortnox_simulator.options import Options
from local.fortnox_simulator.refusals import Refused
from local.huma_simulator.answers import position_details, user_details
from local.huma_simulator.simulator import HumaSimulator

if TYPE_CHECKING:
    from local.huma_simulator.organization import Organization

COMPANY = Path(__file__).parents[3] / "local" / "demo_company"
HUMA_FILE, FORTNOX_FILE = COMPANY / "huma.json", COMPANY / "fortnox.json"
SETTINGS = FieldSettings()

# Swedish numbers that PTS keeps free for films and examples.
FICTITIOUS_NUMBERS = (r"\+46701740(60[5-9]|6[1-9]\d)", r"\+46313900(6\d\d)", r"\+468465004\d\d")


def organization() -> Organization:
    simulator = HumaSimulator(json.loads(HUMA_FILE.read_text()))
    (found,) = simulator.organizations.values()
    return found


def company() -> Company:
    return Companies(json.loads(FORTNOX_FILE.read_text())).first


@cache
def users() -> dict[str, User]:
    """Read Huma's people as the API shows them, by given name."""
    huma = organization()
    (key,) = huma.api_keys.values()
    found = {}
    for user in huma.users.values():
        if user.type == "user":
            position = user.main_position(huma.clock.today().isoformat())
            shown = position_details(huma, user, position, key) if position else None
            found[user.profile["givenName"]] = read_user({**user_details(huma, user, key), "position": shown})
    return found


@cache
def employees() -> dict[str, Employee]:
    """Read Fortnox's employees as the API shows them, by EmployeeId."""
    rows = (present(record, bank_right=True) for record in company().employees.values())
    return {str(row["EmployeeId"]): read_employee(row, SETTINGS) for row in rows}


@cache
def planned() -> tuple[plan_types.PlannedPerson, ...]:
    return plan(users().values(), employees().values(), digest=keyed_digest(b"a test"), settings=SETTINGS).people


def person(given_name: str) -> plan_types.PlannedPerson:
    """Find the one planned person with this given name in Huma, or else in Fortnox."""
    found = [each for each in planned() if each.name.split()[0] == given_name]
    in_huma = [each for each in found if each.user is not None] or found
    assert len(in_huma) == 1, given_name
    return in_huma[0]


def change(given_name: str, field: str) -> plan_types.Change:
    return next(each for each in person(given_name).changes if each.field == field)


def written(given_name: str, field: str) -> tuple[object, object]:
    """Give what stands on both sides of a pair, as it is written."""
    found = person(given_name)
    assert found.user is not None
    assert found.employee is not None
    return found.user.values[field], found.employee.values[field]


def test_everybody_is_in_the_situation_that_the_demo_expects() -> None:
    plan_counts = dict.fromkeys(Situation, 0)
    for each in planned():
        plan_counts[each.situation] += 1
    assert plan_counts == SITUATIONS


@pytest.mark.parametrize(
    ("given_name", "field"),
    [
        ("Alma", "phone"),
        ("Alma", "email"),
        ("Alma", "address"),
        ("Alma", "bank_account"),
        ("Bertil", "phone"),
        ("Bertil", "address"),
        ("Bertil", "bank_account"),
        ("Cilla", "phone"),
        ("Cilla", "address"),
        ("Cilla", "bank_account"),
        ("Elin", "bank_account"),
        ("Wilhelm", "address"),
    ],
)
def test_values_written_differently_are_equal(given_name: str, field: str) -> None:
    huma, fortnox = written(given_name, field)
    assert huma != fortnox
    assert field not in {each.field for each in person(given_name).changes}


def test_alma_bertil_and_cilla_are_in_sync_however_they_are_written() -> None:
    assert {person(name).situation for name in ("Alma", "Bertil", "Cilla")} == {Situation.IN_SYNC}


def test_bertil_has_a_swedish_iban_in_huma() -> None:
    huma, _ = written("Bertil", "bank_account")
    assert isinstance(huma, dict)
    assert iban.country(huma["iban"]) == "SE"


def test_cilla_has_five_clearing_digits_in_huma_and_four_in_fortnox() -> None:
    huma, fortnox = written("Cilla", "bank_account")
    assert isinstance(huma, dict)
    assert isinstance(fortnox, dict)
    assert huma["number"].startswith(f"{fortnox['ClearingNo']}-")
    assert len(fortnox["ClearingNo"]) == 4


def test_wilhelm_lives_in_a_country_that_both_sides_name_differently() -> None:
    huma, fortnox = written("Wilhelm", "address")
    assert isinstance(huma, dict)
    assert isinstance(fortnox, dict)
    assert (huma["country"], fortnox["Country"]) == ("NO", "Norge")


@pytest.mark.parametrize(
    ("field", "given_name"),
    [
        ("employment_id", "Isabella"),
        ("given_name", "Isabella"),
        ("family_name", "Greta"),
        ("phone", "Farid"),
        ("address", "Farid"),
        ("bank_account", "Johan"),
        ("first_day", "Greta"),
        ("last_day", "Doris"),
    ],
)
def test_each_field_differs_for_somebody(field: str, given_name: str) -> None:
    found = change(given_name, field)
    assert found.huma
    assert found.fortnox
    assert found.held is None


def test_hugos_e_mail_differs_and_his_identity_number_suggests_the_pair() -> None:
    hugo = person("Hugo")
    assert hugo.situation is Situation.ONLY_IN_HUMA
    assert [(each.employee_id, "identity_number" in each.evidence) for each in hugo.pairings] == [("1007", True)]
    assert hugo.user is not None
    assert hugo.user.values["email"] != employees()["1007"].values["email"]


def test_every_field_differs_for_somebody() -> None:
    differing = {each.field for one in planned() for each in one.changes if each.huma and each.fortnox}
    assert differing | {"email"} == set(FIELDS)


def test_elins_name_differs_in_capitals_only() -> None:
    found = change("Elin", "given_name")
    assert isinstance(found.huma, str)
    assert isinstance(found.fortnox, str)
    assert found.huma != found.fortnox
    assert found.huma.casefold() == found.fortnox.casefold()


def test_maja_lacks_values_in_fortnox_and_nils_in_huma() -> None:
    missing = {each.field for each in person("Maja").changes if not each.fortnox}
    assert missing == {"phone", "address", "bank_account"}
    missing = {each.field for each in person("Nils").changes if not each.huma}
    assert missing == {"employment_id", "phone", "address", "bank_account", "first_day"}


def test_johan_and_karin_have_two_valid_accounts_that_somebody_has_to_look_at() -> None:
    assert {change(name, "bank_account").suggested for name in ("Johan", "Karin")} == {Direction.LEAVE}


def test_tove_shares_her_e_mail_with_a_second_employee() -> None:
    toves = [each for each in planned() if each.name.startswith("Tove")]
    assert {each.situation for each in toves} == {Situation.AMBIGUOUS}
    assert len(toves) == 3
    assert {str(each.reasons[0]) for each in toves} == {"duplicate-in-fortnox(count=2, field=email, people=1017,417)"}


def test_per_shares_a_phone_number_with_olivia_and_stig_an_employment_id_with_rakel() -> None:
    for given_name, other, field in (("Per", "Olivia", "phone"), ("Stig", "Rakel", "employment_id")):
        held = change(given_name, field).held
        assert held is not None
        assert held.code == "duplicate-in-huma"
        assert held in person(other).notes


def test_ulf_has_no_e_mail_anywhere() -> None:
    ulfs = [each for each in planned() if each.name.startswith("Ulf")]
    assert [each.situation for each in ulfs] == [Situation.BLOCKED] * 2
    assert {each.reasons[0].code for each in ulfs} == {"email-missing"}


def test_veras_account_has_a_wrong_check_digit() -> None:
    notes = {note.code: note.params.get("problem") for note in person("Vera").notes}
    assert notes == {"unreadable-in-huma": "bank-account-check-digit"}


def test_wilhelm_and_ake_have_accounts_abroad() -> None:
    held = change("Wilhelm", "bank_account").held
    assert str(held) == "bank-account-foreign(country=NO)"
    assert [note.params.get("country") for note in person("Åke").notes] == ["DK"]


def test_three_are_only_in_huma_and_one_of_them_lacks_what_fortnox_needs() -> None:
    apart = {name: person(name) for name in ("Yasmin", "Åke", "Saga")}
    assert {each.situation for each in apart.values()} == {Situation.ONLY_IN_HUMA}
    assert {each.creates for each in apart.values()} == {"fortnox"}
    held = {name: each.create_held.params["field"] for name, each in apart.items() if each.create_held}
    assert held == {"Saga": "family_name"}


def test_three_are_only_in_fortnox_and_the_inactive_one_is_not_proposed() -> None:
    apart = {name: person(name) for name in ("Agnes", "Birk", "Clara")}
    assert {each.situation for each in apart.values()} == {Situation.ONLY_IN_FORTNOX}
    assert {name: each.creates for name, each in apart.items()} == {"Agnes": "huma", "Birk": "huma", "Clara": ""}


def test_doris_is_inactive_in_fortnox_and_edvin_deactivated_in_huma() -> None:
    doris, edvin = person("Doris"), person("Edvin")
    assert [note.code for note in doris.notes] == ["employee-inactive"]
    assert [note.code for note in edvin.notes] == ["user-deactivated"]
    held = change("Edvin", "employment_id").held
    assert held is not None
    assert held.code == "user-deactivated"
    assert change("Edvin", "last_day").held is None


def test_alma_has_not_confirmed_her_new_e_mail_yet() -> None:
    assert users()["Alma"].requested_email == "alma.molnberg@example.com"


def test_one_administrator_may_change_the_settings_of_the_organization_and_one_may_not() -> None:
    administrators = organization().administrators.values()
    assert sorted("organization-settings" in each.permissions for each in administrators) == [False, True]
    assert all(each.locale.startswith("en") for each in administrators)


# -- nobody in it is real --------------------------------------------------------------------------


def test_every_phone_number_is_one_that_nobody_has() -> None:
    people: list[User | Employee] = [*users().values(), *employees().values()]
    numbers = [each.values["phone"] for each in people]
    assert len(list(filter(None, numbers))) > 30
    for number in filter(None, numbers):
        assert isinstance(number, str)
        assert any(re.fullmatch(pattern, phone.validate(number)) for pattern in FICTITIOUS_NUMBERS), number


def test_every_e_mail_address_is_in_an_example_domain() -> None:
    addresses = re.findall(r"[\w.+-]+@[\w.-]+", HUMA_FILE.read_text() + FORTNOX_FILE.read_text())
    assert len(addresses) > 40
    assert {address.partition("@")[2] for address in addresses} <= {"example.com", "example.org", "example.se"}


def test_every_identity_number_is_a_valid_test_number() -> None:
    """Serial numbers from 980 on are given to nobody: the tax agency's test numbers have them."""
    people: list[User | Employee] = [*users().values(), *employees().values()]
    numbers = [each.identity_number for each in people if each.identity_number]
    assert len(numbers) > 8
    day = organization().clock.today()
    for number in numbers:
        assert "980" <= identity_number.validate(number, day)[8:11] <= "999"


def test_all_accounts_are_valid_but_veras_and_those_abroad() -> None:
    invalid = set()
    for given_name, user in users().items():
        account = user.values["bank_account"]
        if isinstance(account, dict):
            try:
                bank_account.from_huma(account, identity_number=user.identity_number)
            except FormatError as error:
                invalid.add((given_name, error.code))
    assert invalid == {
        ("Vera", "bank-account-check-digit"),
        ("Wilhelm", "bank-account-foreign"),
        ("Åke", "bank-account-foreign"),
    }
    for employee in employees().values():
        account = employee.values["bank_account"]
        if isinstance(account, dict):
            bank_account.parse_fields(account["ClearingNo"] or "", account["BankAccountNo"] or "")


# -- the simulated Fortnox checks a whole record when any of it is written --------------------------


def test_fortnox_would_refuse_to_save_only_cillas_account_with_spaces_and_who_has_no_e_mail() -> None:
    refused: dict[str, Any] = {}
    for record in company().employees.values():
        try:
            check_record(record, Options())
        except Refused:
            refused[record["FirstName"]] = record
    assert refused.keys() == {"Cilla", "Ulf"}
    assert " " in refused["Cilla"]["BankAccountNo"]
    assert refused["Ulf"]["Email"] == ""
