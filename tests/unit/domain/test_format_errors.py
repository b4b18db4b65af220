"""The error family: every code can happen, is explained, and tells nothing of the value."""

import ast
import copy
import pickle
import string
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from huma_fortnox.domain import (
    address,
    bank_account,
    country,
    dates,
    email,
    employment_id,
    format_errors,
    iban,
    identity_number,
    person_name,
    phone,
    postcode,
)
from huma_fortnox.domain.format_errors import (
    EXPLANATIONS,
    REASONS,
    FormatError,
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
    NotSwedish,
    Undecidable,
)
from huma_fortnox.domain.outcome import Reason

TODAY = date(2026, 11, 23)


def iban_of(iban_id: str, digits: str) -> Callable[[], object]:
    return lambda: bank_account.parse_iban(iban.swedish(iban_id, digits))


def identity(text: str) -> Callable[[], object]:
    return lambda: identity_number.validate(text, TODAY)


CAUSES: dict[str, Callable[[], object]] = {
    "bank-account-empty": lambda: bank_account.parse(""),
    "bank-account-letters": lambda: bank_account.parse("8327x"),
    "bank-account-character": lambda: bank_account.parse("8327*"),
    "bank-account-clearing-unknown": lambda: bank_account.parse("9900 1234567"),
    "bank-account-clearing-length": lambda: bank_account.parse("19022 8456424"),
    "bank-account-clearing-missing": lambda: bank_account.parse("12345678"),
    "bank-account-identity-number": lambda: bank_account.parse("198009286249"),
    "bank-account-not-checkable": lambda: bank_account.parse("2150 1234567"),
    "bank-account-all-zeros": lambda: bank_account.parse("5122 0"),
    "bank-account-too-short": lambda: bank_account.parse("5439 102403"),
    "bank-account-zeros-missing": lambda: bank_account.parse("5491 3"),
    "bank-account-too-long": lambda: bank_account.parse("5439 10240399"),
    "bank-account-check-digit": lambda: bank_account.parse("9022 8456424"),
    "bank-account-fifth-digit": lambda: bank_account.parse("8327-8 0147258925"),
    "bank-account-fifth-digit-unclear": lambda: bank_account.parse("8327 91234567"),
    "bank-account-foreign": lambda: bank_account.parse("NO9386011117947"),
    "iban-empty": lambda: iban.validate(""),
    "iban-format": lambda: iban.validate("SE"),
    "iban-length": lambda: iban.validate("SE55800008327901472589"),
    "iban-check-digits": lambda: iban.validate("SE5680000832790147258925"),
    "iban-bank-unknown": iban_of("999", "1"),
    "iban-account": iban_of("120", "1"),
    "iban-undecidable": iban_of("950", "1000000008"),
    "phone-empty": lambda: phone.validate(""),
    "phone-letters": lambda: phone.validate("070-123 45 67 hem"),
    "phone-several-numbers": lambda: phone.validate("0701234567, 0701234568"),
    "phone-invalid": lambda: phone.validate("0701"),
    "email-empty": lambda: email.validate(""),
    "email-syntax": lambda: email.validate("anna@"),
    "postcode-empty": lambda: postcode.validate(""),
    "postcode-format": lambda: postcode.validate("1141X"),
    "postcode-length": lambda: postcode.validate("1141"),
    "country-unknown": lambda: country.validate("Narnia"),
    "date-empty": lambda: dates.validate(""),
    "date-format": lambda: dates.validate("1/2 2026"),
    "date-impossible": lambda: dates.validate("2026-02-30"),
    "text-character": lambda: person_name.validate("Anna <3"),
    "name-empty": lambda: person_name.validate(""),
    "name-too-long": lambda: person_name.validate("x" * 256),
    "address-empty": lambda: address.validate(address.Address()),
    "address-too-long": lambda: address.to_huma(address.Address("x" * 256)),
    "employment-id-empty": lambda: employment_id.validate(""),
    "employment-id-too-long": lambda: employment_id.validate("1" * 16),
    "identity-number-empty": identity(""),
    "identity-number-format": identity("8112-289874"),
    "identity-number-length": identity("811228987"),
    "identity-number-date": identity("801301-0007"),
    "identity-number-check-digit": identity("811228-9875"),
}


def test_every_explained_code_can_happen() -> None:
    assert set(CAUSES) == set(EXPLANATIONS)


def codes_in_the_modules() -> set[str]:
    folder = Path(format_errors.__file__).parent
    names = [
        "address", "bank_account", "country", "dates", "email", "employment_id", "iban",
        "identity_number", "person_name", "phone", "postcode", "text",
    ]  # fmt: skip
    classes = {
        "InvalidFormat", "InvalidLength", "InvalidChecksum", "InvalidComponent", "Undecidable",
        "NotSwedish",
    }  # fmt: skip
    found = set()
    for name in names:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in classes
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def test_every_code_that_is_raised_is_explained() -> None:
    raised = codes_in_the_modules()
    assert len(raised) > 35
    assert raised <= set(EXPLANATIONS)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_each_code_is_explained_with_the_parameters_it_has(code: str) -> None:
    with pytest.raises(FormatError) as caught:
        CAUSES[code]()
    error = caught.value
    assert error.code == code
    assert error.explanation is EXPLANATIONS[code]
    assert error.reason == Reason(code, error.params)
    for sentence in error.explanation:
        wanted = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
        assert wanted <= set(error.params)
        assert sentence.format(**error.params)
        assert sentence[0].isupper()
        assert sentence.endswith(".") or sentence[-1].isdigit()
    assert all(isinstance(value, str) for value in error.params.values())
    assert REASONS[code] == " ".join(error.explanation)


def test_the_message_is_the_classs_and_shows_nothing_of_the_value() -> None:
    messages = {
        FormatError: "The value cannot be used.",
        InvalidFormat: "The value is not written in a known form.",
        InvalidLength: "The value has the wrong length.",
        InvalidChecksum: "The value's check digit does not fit.",
        InvalidComponent: "A part of the value does not exist.",
        Undecidable: "The value cannot be checked by a rule.",
        NotSwedish: "The value is not Swedish.",
    }
    for error, message in messages.items():
        assert str(error("date-empty", character="x")) == message
        assert repr(error("date-empty", character="x")) == f"{error.__name__}('date-empty')"


def test_the_family_is_a_tree_of_value_errors() -> None:
    assert issubclass(FormatError, ValueError)
    assert issubclass(InvalidLength, InvalidFormat)
    for branch in (InvalidFormat, InvalidChecksum, InvalidComponent, Undecidable, NotSwedish):
        assert branch.__bases__ == (FormatError,)


def test_an_error_survives_copying_and_pickling() -> None:
    error = InvalidLength("bank-account-too-short", digits="6")
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is InvalidLength
        assert (again.code, again.params) == (error.code, error.params)
