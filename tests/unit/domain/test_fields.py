"""The fields table, and how both systems' records are read by it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from huma_fortnox.domain import fields
from huma_fortnox.domain.fields import FIELDS, Flow, context_of, read_employee, read_user, shown, unknown_shapes
from huma_fortnox.domain.people import FieldSettings, Side
from huma_fortnox.domain.readings import EMPTY, Context

from tests.unit.domain.two_systems import SETTINGS, employee_record, user_record, wrapped

ACCOUNT = {"number": "8327-9, 014 725 892-5", "country": "SE", "iban": None, "bic": None}


def test_the_table_has_the_nine_fields_in_the_order_people_see() -> None:
    assert list(FIELDS) == [
        "email",
        "employment_id",
        "given_name",
        "family_name",
        "phone",
        "address",
        "bank_account",
        "first_day",
        "last_day",
    ]
    assert all(key == row.key for key, row in FIELDS.items())
    assert all(row.label and row.rule and row.huma and row.fortnox for row in FIELDS.values())
    assert all(row.rule.endswith(".") for row in FIELDS.values())


def test_the_rules_of_the_table_are_those_of_the_product() -> None:
    def keys(rule: str) -> set[str]:
        return {key for key, row in FIELDS.items() if getattr(row, rule)}

    assert keys("unique") == {"email", "employment_id", "phone"}
    assert keys("required") == {"email", "given_name", "family_name"}
    assert keys("clearable") == {"phone", "address", "bank_account", "last_day"}
    assert keys("clears_without_asking") == keys("outlives_deactivation") == {"last_day"}
    assert keys("sensitive") == {"bank_account"}
    assert keys("on_position") == {"first_day", "last_day"}
    assert {key for key, row in FIELDS.items() if row.direction is not Flow.BOTH} == {"employment_id"}


def test_a_field_says_where_it_stands_on_both_sides() -> None:
    places = {key: (row.huma, row.fortnox) for key, row in FIELDS.items()}
    assert places["first_day"] == ("position.firstDayOfWork", ("EmploymentDate",))
    assert places["bank_account"] == ("bankAccount", ("ClearingNo", "BankAccountNo"))
    assert places["address"] == ("homeAddress", ("Address1", "Address2", "PostCode", "City", "Country"))
    assert FIELDS["phone"].properties(FieldSettings(phone_property="Phone2")) == ("Phone2",)
    assert FIELDS["email"].properties(SETTINGS) == ("Email",)


def test_only_the_employment_id_cannot_come_from_huma() -> None:
    assert [key for key, row in FIELDS.items() if not row.flows_from(Side.HUMA)] == ["employment_id"]
    assert all(row.flows_from(Side.FORTNOX) for row in FIELDS.values())


def test_nothing_else_in_the_project_asks_for_a_field_by_its_name() -> None:
    domain = Path(fields.__file__).parent
    compared = []
    for path in sorted(domain.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                texts = [str(part.value) for part in (node.left, *node.comparators) if isinstance(part, ast.Constant)]
                compared += [f"{path.name}: {text}" for text in texts if text in FIELDS]
    assert compared == []


# --- Huma ---------------------------------------------------------------------------------------


def test_every_field_of_a_user_is_unwrapped() -> None:
    address = {"line1": "Storgatan 1", "postalCode": "41101", "city": "Göteborg", "country": "SE"}
    record = user_record(
        "u1",
        email="anna@example.com",
        employment_id="007",
        given_name="Anna",
        family_name="Berg",
        phone="070-174 06 05",
        address=address,
        bank_account={"type": "national", "code": "", "number": "8327-9 0147258925", "country": "SE"},
        first_day="2024-01-01",
        last_day="2025-12-31",
    )
    user = read_user(record)
    assert user.id == "u1"
    assert user.active
    assert user.locked == frozenset()
    assert user.values == {
        "email": "anna@example.com",
        "employment_id": "007",
        "given_name": "Anna",
        "family_name": "Berg",
        "phone": "070-174 06 05",
        "address": {**address, "line2": None, "line3": None},
        "bank_account": {"number": "8327-9 0147258925", "country": "SE", "iban": None, "bic": None},
        "first_day": "2024-01-01",
        "last_day": "2025-12-31",
    }


def test_an_empty_field_is_none_and_one_that_is_not_visible_is_absent() -> None:
    record = user_record(given_name="  ", phone="")
    del record["bankAccount"]
    record["homeAddress"] = None
    values = read_user(record).values
    assert values["given_name"] is None
    assert values["phone"] is None
    assert values["family_name"] is None
    assert "bank_account" not in values
    assert "address" not in values


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], 1.5, True])
def test_a_value_in_an_unknown_shape_is_left_out_and_reported(value: Any) -> None:
    record = user_record(email="anna@example.com")
    record["phone"] = wrapped(value)
    record["givenName"] = "not wrapped"
    record["homeAddress"] = wrapped({"line1": value})
    record["bankAccount"] = wrapped("8327-9 0147258925")
    assert unknown_shapes(record) == ("given_name", "phone", "address", "bank_account")
    assert not {"given_name", "phone", "address", "bank_account"} & read_user(record).values.keys()
    assert unknown_shapes(user_record()) == ()


def test_a_number_where_text_is_expected_keeps_its_digits() -> None:
    record = user_record()
    record["employmentId"] = wrapped(7)
    assert read_user(record).values["employment_id"] == "7"


def test_an_address_that_is_only_a_country_is_empty() -> None:
    assert read_user(user_record(address={"country": "SE"})).values["address"] is None
    assert read_employee(employee_record(address={"Country": "Sverige"}), SETTINGS).values["address"] is None


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ({"firstDayOfWork": wrapped("2024-01-01")}, "2024-01-01"),
        ({"firstDayOfWork": wrapped()}, None),
        ({}, "2020-02-02"),
        ({"firstDayOfWork": "unwrapped"}, "2020-02-02"),
        (None, "2020-02-02"),
        ("not an object", "2020-02-02"),
    ],
)
def test_a_day_stands_on_the_position_and_for_lack_of_one_on_the_user(position: Any, expected: str | None) -> None:
    record = user_record(position=False, first_day="2020-02-02")
    record["position"] = position
    assert read_user(record).values["first_day"] == expected


def test_what_huma_does_not_let_us_edit_is_locked() -> None:
    record = user_record()
    record["phone"]["editable"] = False
    record["position"]["lastDayOfWork"]["editable"] = False
    record["givenName"]["integrations"] = {"other": {"warning": "locked_disconnect"}}
    record["familyName"]["integrations"] = {"Fortnox": {"warning": "locked_disconnect"}}
    record["email"]["integrations"] = {"other": {"warning": "possibly_locked_disconnect"}, "odd": None}
    record["employmentId"]["integrations"] = "odd"
    record["homeAddress"] = None
    assert read_user(record).locked == {"phone", "last_day", "given_name"}


def test_dates_are_locked_only_where_positions_cannot_be_seen() -> None:
    record = user_record(position=False)
    record["lastDayOfWork"]["editable"] = False  # a read-only copy: somebody without a position is given one
    assert read_user(record).locked == frozenset()
    del record["position"]
    assert read_user(record).locked == {"first_day", "last_day"}


def test_a_deactivated_user_and_a_login_that_waits_are_seen() -> None:
    record = user_record(active=False, email="old@example.com")
    record["email"]["requestedValue"] = "new@example.com"
    user = read_user(record)
    assert not user.active
    assert user.requested_email == "new@example.com"
    del record["status"], record["email"]
    assert read_user(record).active
    assert read_user(record).requested_email is None
    assert read_user(record | {"email": {"editable": True, "requestedValue": ["odd"]}}).requested_email is None


def test_the_identity_number_is_the_swedish_national_one() -> None:
    def identity(*listed: Any) -> str | None:
        return read_user(user_record() | {"identifications": wrapped(list(listed))}).identity_number

    swedish = {"type": "national", "country": "SE", "value": "811228-9874"}
    assert identity({"type": "passport", "value": "12"}, swedish | {"country": "NO"}, swedish) == "811228-9874"
    assert identity({"type": "national", "value": "811228-9874"}) == "811228-9874"
    assert identity(swedish | {"value": " "}, swedish | {"value": 7}, "odd") is None
    assert read_user(user_record() | {"identifications": wrapped("odd")}).identity_number is None
    assert read_user(user_record()).identity_number is None


# --- Fortnox ------------------------------------------------------------------------------------


def test_every_field_of_an_employee_is_read() -> None:
    employee = read_employee(
        employee_record(
            "007",
            email="anna@example.com",
            phone="070-174 06 05",
            address={"Address2": "Storgatan 1", "PostCode": 41101, "City": "GÖTEBORG"},
            bank_account={"ClearingNo": "83279", "BankAccountNo": "0147258925"},
            last_day=None,
        )
        | {"PersonalIdentityNumber": "8112289874", "EmployedTo": None},
        SETTINGS,
    )
    assert employee.id == "007"
    assert employee.active
    assert employee.identity_number == "8112289874"
    assert employee.values == {
        "email": "anna@example.com",
        "employment_id": "007",
        "given_name": None,
        "family_name": None,
        "phone": "070-174 06 05",
        "address": {
            "Address1": None,
            "Address2": "Storgatan 1",
            "PostCode": "41101",
            "City": "GÖTEBORG",
            "Country": None,
        },
        "bank_account": {"ClearingNo": "83279", "BankAccountNo": "0147258925"},
        "first_day": None,
        "last_day": None,
    }


def test_the_setting_chooses_the_phone_property() -> None:
    record = employee_record(phone="070-174 06 05")
    assert read_employee(record, FieldSettings(phone_property="Phone2")).values["phone"] == "08-99 00 00"


def test_what_fortnox_has_no_right_to_show_is_absent_and_not_empty() -> None:
    record = employee_record(bank_account={"ClearingNo": "API_NORIGHT", "BankAccountNo": "1"}) | {
        "Phone1": "API_NORIGHT",
        "PersonalIdentityNumber": "API_NORIGHT",
    }
    del record["City"]
    employee = read_employee(record, SETTINGS)
    assert employee.identity_number is None
    assert not {"bank_account", "phone", "address"} & employee.values.keys()
    assert "email" in employee.values


@pytest.mark.parametrize(
    ("inactive", "active"), [(True, False), ("true", False), (False, True), ("false", True), (None, True)]
)
def test_inactive_may_be_written_as_text(inactive: Any, active: bool) -> None:
    assert read_employee(employee_record() | {"Inactive": inactive}, SETTINGS).active is active


# --- context, reading, showing ------------------------------------------------------------------


def test_a_person_lives_where_their_address_says_in_huma_then_in_fortnox() -> None:
    norwegian = read_user(
        user_record(address={"line1": "Karl Johans gate 1", "city": "Oslo", "country": "NO"})
        | {"identifications": wrapped([{"type": "national", "value": "811228-9874"}])}
    )
    danish = read_employee(
        employee_record(address={"Address2": "Strøget 1", "Country": "Danmark"})
        | {"PersonalIdentityNumber": "8112289874"},
        SETTINGS,
    )
    nowhere = read_user(user_record(address={"line1": "Storgatan 1", "country": "Ruritania"}))
    assert context_of(norwegian, danish, SETTINGS) == Context("NO", SETTINGS, "811228-9874")
    assert context_of(nowhere, danish, SETTINGS) == Context("DK", SETTINGS, "8112289874")
    assert context_of(None, danish, SETTINGS).region == "DK"
    assert context_of(nowhere, None, SETTINGS, {"country": "Norge"}).region == "NO"
    assert context_of(norwegian, None, SETTINGS, {"country": "Sverige"}).region == "NO"
    assert context_of(nowhere, None, FieldSettings(default_region="FI"), {"country": ""}).region == "FI"
    assert context_of(None, None, SETTINGS) == Context("SE", SETTINGS, None)


def test_an_empty_value_reads_as_empty_on_every_side() -> None:
    context = Context("SE", SETTINGS)
    for row in FIELDS.values():
        for side in Side:
            assert row.read(side, None, context) is EMPTY
            assert row.read(side, None, context).empty
        assert row.read_huma(None, context) is EMPTY
        assert row.read_fortnox(None, context) is EMPTY


def test_a_phone_number_belongs_to_the_region_but_its_mark_does_not() -> None:
    row = FIELDS["phone"]
    at_home = row.read(Side.HUMA, "070-174 06 05", Context("SE", SETTINGS))
    abroad = row.read(Side.HUMA, "070-174 06 05", Context("NO", SETTINGS))
    assert at_home.key == at_home.mark == abroad.mark == "+46701740605"
    assert abroad.key is None
    assert abroad.problem is not None
    norwegian = row.read(Side.HUMA, "22 82 30 00", Context("NO", SETTINGS))
    assert norwegian.key == "+4722823000"
    assert norwegian.mark == row.read(Side.HUMA, " 22 82  30 00", Context("SE", SETTINGS)).mark
    assert norwegian.mark == "\0" + "22 82 30 00"
    assert row.read(Side.HUMA, "call me", Context("SE", SETTINGS)).mark == "\0call me"


def test_a_number_written_for_somebody_abroad_keeps_its_country_code() -> None:
    row = FIELDS["phone"]
    assert row.write_huma("+46701740605", None, Context("SE", SETTINGS)) == "070-174 06 05"
    assert row.write_huma("+46701740605", None, Context("NO", SETTINGS)) == "+46701740605"
    foreign_company = Context("SE", FieldSettings(default_region="NO"))
    assert row.write_huma("+46701740605;ext=12", None, foreign_company) == "+46701740605 ext. 12"


def test_an_account_known_by_the_identity_number_keeps_a_mark_of_its_own_digits() -> None:
    row = FIELDS["bank_account"]
    raw = {"number": "811228-9874", "country": "SE", "iban": None, "bic": None}
    known = row.read(Side.HUMA, raw, Context("SE", SETTINGS, "19811228-9874"))
    unknown = row.read(Side.HUMA, raw, Context("SE", SETTINGS))
    assert known.key == "3300008112289874"
    assert unknown.key is None
    assert known.mark == unknown.mark == "\0" + "8112289874"
    with_clearing = raw | {"number": "3300 811228-9874"}
    known = row.read(Side.HUMA, with_clearing, Context("SE", SETTINGS, "811228-9874"))
    assert known.key == known.mark == "3300008112289874"
    other = row.read(Side.HUMA, ACCOUNT, Context("SE", SETTINGS, "811228-9874"))
    assert other.key == other.mark == "8327000147258925"


def test_the_same_unreadable_digits_are_the_same_text_on_both_sides() -> None:
    row = FIELDS["bank_account"]
    context = Context("SE", SETTINGS)
    in_huma = row.read(Side.HUMA, ACCOUNT | {"number": "8327-9 014 725 892-6"}, context)
    in_fortnox = row.read(Side.FORTNOX, {"ClearingNo": "83279", "BankAccountNo": "0147258926"}, context)
    assert in_huma.problem is not None
    assert in_huma.problem.code == "bank-account-check-digit"
    assert in_huma.mark == in_fortnox.mark == "\083279" + "0147258926"
    assert row.read(Side.HUMA, ACCOUNT | {"number": "none"}, context).mark == "\0none SE"


@pytest.mark.parametrize(
    ("key", "raw", "side", "expected"),
    [
        ("phone", " 070-174  06 05 ", Side.HUMA, "070-174 06 05"),
        ("phone", "call me", Side.HUMA, "call me"),
        ("phone", None, Side.HUMA, ""),
        ("given_name", "Anna", Side.FORTNOX, "Anna"),
        ("bank_account", ACCOUNT, Side.HUMA, "Swedbank •••• 8925"),
        ("bank_account", {"ClearingNo": "6000", "BankAccountNo": "123456789"}, Side.FORTNOX, "Handelsbanken •••• 6789"),
        ("bank_account", ACCOUNT | {"number": "12 34"}, Side.HUMA, "•••• 1234"),
        ("bank_account", ACCOUNT | {"number": "soon"}, Side.HUMA, "••••"),
        ("bank_account", {"ClearingNo": None, "BankAccountNo": "12-3"}, Side.FORTNOX, "•••• 123"),
        ("bank_account", None, Side.HUMA, ""),
        ("address", {"Address2": "Storgatan 1", "PostCode": "41101", "City": "GÖTEBORG"}, Side.FORTNOX,
         "Storgatan 1, 411 01 GÖTEBORG"),
        ("address", {"line1": None}, Side.HUMA, ""),
    ],
)  # fmt: skip
def test_values_are_shown_as_people_write_them_and_accounts_masked(
    key: str, raw: Any, side: Side, expected: str
) -> None:
    assert shown(key, raw, side, SETTINGS) == expected


def test_an_account_is_shown_whole_only_when_asked_for() -> None:
    assert shown("bank_account", ACCOUNT, Side.HUMA, SETTINGS, masked=False) == "8327-9 0147258925"
    unreadable = {"ClearingNo": "12", "BankAccountNo": "34"}
    assert shown("bank_account", unreadable, Side.FORTNOX, SETTINGS, masked=False) == "12 34"


# --- writing ------------------------------------------------------------------------------------


def written(key: str, raw: Any, current: Any = None, layout: dict[str, str] | None = None) -> dict[str, str | None]:
    row, context = FIELDS[key], Context("SE", SETTINGS)
    return row.write_fortnox(row.read(Side.HUMA, raw, context).value, current, layout or {}, context)


STREET = {"line1": "Storgatan 1", "postalCode": "41101", "city": "Göteborg", "country": "SE"}


def test_an_address_is_written_whole_where_the_record_has_its_lines() -> None:
    current = {"Address1": "Old 1", "Address2": None, "PostCode": "1", "City": "X", "Country": None}
    assert written("address", STREET, current) == {
        "Address1": "Storgatan 1",
        "PostCode": "411 01",
        "City": "Göteborg",
    }
    with_care_of = {"Address1": "c/o Berg", "Address2": "Old 1", "PostCode": "1", "City": "X", "Country": "Norge"}
    assert written("address", STREET, with_care_of) == {
        "Address1": None,
        "Address2": "Storgatan 1",
        "PostCode": "411 01",
        "City": "Göteborg",
        "Country": "Sverige",
    }


def test_without_the_record_the_layout_tells_how_an_address_is_written() -> None:
    assert written("address", STREET) == {
        "Address1": None,
        "Address2": "Storgatan 1",
        "PostCode": "411 01",
        "City": "Göteborg",
    }
    layout = {"street_line": "Address1", "country": "Sweden"}
    assert written("address", STREET, None, layout) == {
        "Address1": "Storgatan 1",
        "Address2": None,
        "PostCode": "411 01",
        "City": "Göteborg",
        "Country": "Sweden",
    }
    abroad = {"line1": "Karl Johans gate 1", "city": "Oslo", "country": "NO"}
    assert written("address", abroad, None, layout)["Country"] == "Norway"
    assert written("address", abroad, None, layout)["PostCode"] is None


def test_the_layout_of_a_record_tells_where_the_street_stands_and_nothing_personal() -> None:
    layout = FIELDS["address"].layout
    assert layout is not None
    assert layout({"Address1": "Storgatan 1", "Country": "Sweden"}) == {
        "street_line": "Address1",
        "country": "Sweden",
    }
    assert layout(None) == {}


def test_an_address_in_huma_has_all_six_parts() -> None:
    row, context = FIELDS["address"], Context("SE", SETTINGS)
    raw = {"Address1": None, "Address2": "Storgatan 1", "PostCode": "41101", "City": "GÖTEBORG", "Country": None}
    value = row.read(Side.FORTNOX, raw, context).value
    assert row.write_huma(value, None, context) == {
        "line1": "Storgatan 1",
        "line2": "",
        "line3": "",
        "postalCode": "411 01",
        "city": "GÖTEBORG",
        "country": "SE",
    }


def test_accounts_are_written_as_each_side_holds_them() -> None:
    row, context = FIELDS["bank_account"], Context("SE", SETTINGS)
    value = row.read(Side.HUMA, ACCOUNT, context).value
    assert row.write_fortnox(value, None, {}, context) == {"ClearingNo": "83279", "BankAccountNo": "0147258925"}
    assert row.write_huma(value, None, context) == {"number": "8327-9 0147258925", "country": "SE"}


def alike(huma: Any = None, fortnox: Any = None) -> bool:
    compare = FIELDS["address"].alike
    assert compare is not None
    in_huma = {**dict.fromkeys(("line1", "line2", "line3", "postalCode", "city", "country")), **STREET, **(huma or {})}
    in_fortnox: dict[str, Any] = {
        "Address1": None,
        "Address2": "Storgatan 1",
        "PostCode": "411 01",
        "City": "Göteborg",
        "Country": None,
        **(fortnox or {}),
    }
    same = compare(in_huma, in_fortnox)
    if same:
        context = Context("SE", SETTINGS)
        row = FIELDS["address"]
        assert row.read(Side.HUMA, in_huma, context).key == row.read(Side.FORTNOX, in_fortnox, context).key
    return same


def test_addresses_with_the_same_texts_are_seen_to_be_equal_without_being_read() -> None:
    assert alike()
    assert alike(None, {"PostCode": "41101", "Country": "Sweden"})
    assert alike({"line2": "c/o Berg"}, {"Address1": "c/o Berg"})
    assert alike({"postalCode": None}, {"PostCode": None})
    assert alike({"postalCode": "odd"}, {"PostCode": "odd"})


@pytest.mark.parametrize(
    ("huma", "fortnox"),
    [
        ({"city": "Umeå"}, {}),
        ({"country": "NO"}, {}),
        ({}, {"Country": "Norge"}),
        ({"postalCode": "41102"}, {}),
        ({"postalCode": None}, {}),
        ({}, {"PostCode": None}),
        ({"postalCode": "odd"}, {"PostCode": "od d"}),
        ({"line2": "c/o Berg"}, {}),
        ({}, {"Address1": "Storgatan 1"}),
    ],
)
def test_addresses_that_differ_in_anything_have_to_be_read(huma: Any, fortnox: Any) -> None:
    assert not alike(huma, fortnox)


def test_an_empty_address_is_never_alike_another() -> None:
    compare = FIELDS["address"].alike
    assert compare is not None
    assert not compare(None, {"City": "Umeå"})
    assert not compare({"city": "Umeå"}, None)


def test_a_row_without_a_trace_has_to_be_read() -> None:
    assert FIELDS["given_name"].trace("Anna") is None
    assert FIELDS["email"].trace(None) is None
    assert FIELDS["phone"].trace(None) is None
