"""Why a value cannot be read, as a small family of errors with stable codes.

::

    FormatError (ValueError)
    ├── InvalidFormat          not written like such a value at all
    │   └── InvalidLength      the wrong number of digits or characters
    ├── InvalidChecksum        a check digit does not fit: a digit is mistyped
    ├── InvalidComponent       a part of it does not exist (bank, date, country)
    ├── Undecidable            it may be right, but no rule can tell: a person decides
    └── NotSwedish             a valid value that Fortnox has no place for

``str()`` of an error is a fixed sentence of its class. The code tells exactly what is wrong, and
``EXPLANATIONS`` says for every code what it means and what to do about it. Parameters name a
character, a count, a bank or a country; they never carry the value, so an error may be logged.

>>> error = InvalidLength("bank-account-too-short", digits="6", expected="7")
>>> str(error)
'The value has the wrong length.'
>>> error.code, error.params["digits"]
('bank-account-too-short', '6')
>>> error.explanation.action
'Ask the employee for the whole number.'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from huma_fortnox.domain.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class Explanation(NamedTuple):
    """What a code means and what to do; ``{name}`` stands for the error's parameter of that name."""

    text: str
    action: str


class FormatError(ValueError):
    """Base of the family: the value cannot be used as it is.

    ``code`` is a key of ``EXPLANATIONS``; ``params`` are its parameters, all text.
    """

    message: ClassVar[str] = "The value cannot be used."

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params: Mapping[str, str] = params

    def __str__(self) -> str:
        return self.message

    @property
    def explanation(self) -> Explanation:
        """What the code means and what to do, in English, with the parameters still open."""
        return EXPLANATIONS[self.code]

    @property
    def reason(self) -> Reason:
        """The same as data, for an outcome."""
        return Reason(self.code, self.params)


class InvalidFormat(FormatError):
    """The value is not written like one of its kind: correct it in the system it comes from."""

    message = "The value is not written in a known form."


class InvalidLength(InvalidFormat):
    """The value has too few or too many digits or characters."""

    message = "The value has the wrong length."


class InvalidChecksum(FormatError):
    """A check digit does not fit: a digit is wrong, or two have changed places."""

    message = "The value's check digit does not fit."


class InvalidComponent(FormatError):
    """A part of the value does not exist."""

    message = "A part of the value does not exist."


class Undecidable(FormatError):
    """No rule can tell whether or how the value is right: a person has to look at it."""

    message = "The value cannot be checked by a rule."


class NotSwedish(FormatError):
    """The value is another country's, and Fortnox has no place for it: leave Fortnox alone."""

    message = "The value is not Swedish."


_ASK_EMPLOYEE: Final = "Ask the employee for the whole number."
_COMPARE_STATEMENT: Final = "Compare it with a bank statement and correct the mistyped digit."
_WRITE_BOTH: Final = "Write the clearing number, a space and then the account number."
_ENTER_BY_HAND: Final = "Check the account with the employee and enter it in Fortnox by hand."

EXPLANATIONS: Final[Mapping[str, Explanation]] = {
    # bank account
    "bank-account-empty": Explanation("There is no account number.", "Enter an account number."),
    "bank-account-letters": Explanation("The account number contains the letter “{character}”.", "Write digits only."),
    "bank-account-character": Explanation("The account number contains “{character}”.", "Write digits only."),
    "bank-account-clearing-unknown": Explanation("No bank has this clearing number.", "Check the first four digits."),
    "bank-account-clearing-length": Explanation(
        "The clearing number has {digits} digits; it should have four.",
        "Check where the clearing number ends and the account number begins.",
    ),
    "bank-account-clearing-missing": Explanation(
        "This looks like an account number without a clearing number.", _WRITE_BOTH
    ),
    "bank-account-identity-number": Explanation(
        "This looks like a personal identity number, but not the employee's own.", _WRITE_BOTH
    ),
    "bank-account-not-checkable": Explanation(
        "No published rule tells whether an account in {bank} is right.", _ENTER_BY_HAND
    ),
    "bank-account-all-zeros": Explanation("The account number is nothing but zeros.", _ASK_EMPLOYEE),
    "bank-account-too-short": Explanation(
        "The account number has {digits} digits; {bank} uses {expected}.", _ASK_EMPLOYEE
    ),
    "bank-account-zeros-missing": Explanation(
        "The account number has {digits} digits; {bank} uses {expected}. It would fit with zeros in front.",
        "Ask the employee whether the number begins with zeros, then write them.",
    ),
    "bank-account-too-long": Explanation(
        "The account number has {digits} digits; {bank} uses {expected}.", _COMPARE_STATEMENT
    ),
    "bank-account-check-digit": Explanation("The account number is not a possible one in {bank}.", _COMPARE_STATEMENT),
    "bank-account-fifth-digit": Explanation(
        "The fifth digit of the clearing number does not fit the first four.", _COMPARE_STATEMENT
    ),
    "bank-account-fifth-digit-unclear": Explanation(
        "It is not clear whether the fifth digit belongs to the clearing number or the account.",
        "Write the clearing number as 8327-9, then a space and the account number.",
    ),
    "bank-account-foreign": Explanation(
        "The account is in another country ({country}); Fortnox pays to Swedish accounts only.",
        "Leave it out of the synchronization, or ask the employee for a Swedish account.",
    ),
    # IBAN
    "iban-empty": Explanation("There is no IBAN.", "Enter an IBAN."),
    "iban-format": Explanation("This is not written like an IBAN.", "Copy the IBAN again."),
    "iban-length": Explanation("The IBAN has {digits} characters; it should have {expected}.", "Copy the IBAN again."),
    "iban-check-digits": Explanation(
        "The IBAN's check digits do not fit.", "Copy the IBAN again from the bank's page."
    ),
    "iban-bank-unknown": Explanation(
        "The IBAN belongs to no known Swedish bank.", "Copy the IBAN again from the bank's page."
    ),
    "iban-account": Explanation(
        "The IBAN holds no account of the bank it names.",
        "Copy the IBAN again from the bank's page.",
    ),
    "iban-undecidable": Explanation(
        "The clearing number cannot be told from this bank's IBAN.",
        "Enter the clearing number and the account number instead.",
    ),
    # phone
    "phone-empty": Explanation("There is no phone number.", "Enter a phone number."),
    "phone-letters": Explanation(
        "The phone number contains “{character}”.", "Write the number alone, without remarks."
    ),
    "phone-several-numbers": Explanation("The field holds more than one phone number.", "Keep one number."),
    "phone-invalid": Explanation(
        "This is not a possible phone number.",
        "Check the digits; write a foreign number with + and the country code.",
    ),
    # e-mail
    "email-empty": Explanation("There is no e-mail address.", "Enter an e-mail address."),
    "email-syntax": Explanation(
        "This is not a usable e-mail address.", "Correct the address, without a name or brackets."
    ),
    # postcode and country
    "postcode-empty": Explanation("There is no postcode.", "Enter the postcode."),
    "postcode-format": Explanation(
        "This is not written like a Swedish postcode.", "Write it as 114 18, or set the country."
    ),
    "postcode-length": Explanation("A Swedish postcode has five digits.", "Write it as 114 18, or set the country."),
    "country-unknown": Explanation(
        "The country is not known by this name.", "Write the country's name in Swedish or English."
    ),
    # date
    "date-empty": Explanation("There is no date.", "Enter a date."),
    "date-format": Explanation("The date is not written as year-month-day.", "Write 2026-01-31."),
    "date-impossible": Explanation("There is no such day in the calendar.", "Correct the date."),
    # text
    "text-character": Explanation(
        "Fortnox does not accept the character “{character}” ({name}).", "Write it another way."
    ),
    "name-empty": Explanation("There is no name.", "Enter the name."),
    "name-too-long": Explanation("The name has {length} characters; {limit} is the most.", "Shorten the name."),
    "address-empty": Explanation("There is no address.", "Enter the address."),
    "address-too-long": Explanation(
        "A part of the address has {length} characters; {limit} is the most.",
        "Shorten the address.",
    ),
    # employment ID
    "employment-id-empty": Explanation("There is no employment ID.", "Enter an employment ID."),
    "employment-id-too-long": Explanation(
        "The employment ID has {length} characters; {limit} is the most.",
        "Give the employee a shorter ID.",
    ),
    # personal identity number
    "identity-number-empty": Explanation(
        "There is no personal identity number.", "Enter the personal identity number."
    ),
    "identity-number-format": Explanation(
        "This is not written like a Swedish personal identity number.", "Write YYYYMMDD-NNNN."
    ),
    "identity-number-length": Explanation(
        "A Swedish personal identity number has 10 or 12 digits; this has {digits}.",
        "Write YYYYMMDD-NNNN.",
    ),
    "identity-number-date": Explanation(
        "The personal identity number does not begin with a day of birth.", "Correct the number."
    ),
    "identity-number-check-digit": Explanation(
        "The last digit of the personal identity number does not fit.", "Correct the number."
    ),
}
"""Every code of the family: what it means and what to do. Pages translate by code."""

REASONS: Final[Mapping[str, str]] = {code: f"{text} {action}" for code, (text, action) in EXPLANATIONS.items()}
"""The same as one English line a code, for a place that has no translation."""
