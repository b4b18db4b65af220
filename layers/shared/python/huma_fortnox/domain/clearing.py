"""The clearing numbers of the Swedish banks and how each bank's accounts are checked.

Sources
    - Bankgirot, "Bankernas kontonummer", 2024-02-22 (the same by rule as 2023-11-07): ranges,
      rules and lengths.
    - BSAB (bankinfrastruktur.se), "IBAN och svenskt nationellt kontonummer", 2025-01-27: newer
      ranges, IBAN ids and methods.
    - Bankgirot's editions of 2015-11-13 and 2019-08-21: banks that have left the table, but whose
      numbers old payroll data still holds.

Merged on 2026-11-23. Compare it with both tables once a year. A row's ``status`` says where it
comes from when not from both:

    ``bankgirot``   in Bankgirot's table only
    ``bsab``        in BSAB's table only
    ``legacy``      no longer in Bankgirot's table
    ``conflict``    the two disagree: Avanza 9565-9569 is 1:2 at Bankgirot, 2:4 at BSAB
    ``unverified``  in neither: one program uses it

Rules (Bankgirot's type and comment)
    1:1  7 digits             mod 11 over clearing digits 2-4 and the account
    1:2  7 digits             mod 11 over all four clearing digits and the account
    2:1  10 digits            mod 10 over the account
    2:2  9 digits             mod 11 over the account
    2:3  10 digits            mod 10 over the account
    2:4  unknown              no published rule

In type 1 the clearing number is part of the account number, in type 2 it is not. Type 2 accounts
are seen with fewer digits (``least``); zeros are then put in front.

>>> find("8327").bank, find("8327").rule
('Swedbank/sparbankerna', '2:3')
>>> find("9900") is None  # a pseudo clearing number of payment files
True
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, Literal

from huma_fortnox.domain.check_digits import mod10, mod11
from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

Rule = Literal["1:1", "1:2", "2:1", "2:2", "2:3", "2:4"]
IbanMethod = Literal["", "1", "2", "3"]
Status = Literal["current", "bankgirot", "bsab", "legacy", "conflict", "unverified"]

_CHECKS: Final[dict[str, Callable[[str, str], int]]] = {
    "1:1": lambda clearing, account: mod11(clearing[1:] + account),
    "1:2": lambda clearing, account: mod11(clearing + account),
    "2:1": lambda _, account: mod10(account),
    "2:2": lambda _, account: mod11(account),
    "2:3": lambda _, account: mod10(account),
}


@dataclass(frozen=True, slots=True)
class ClearingRange:
    """A range of clearing numbers, ``start`` to ``end`` included, that one bank uses in one way.

    Accounts have ``digits`` digits and are seen with as few as ``least``; both are 0 where no rule
    is known. ``iban_id`` and ``iban_method`` are BSAB's and empty where a Swedish IBAN cannot be
    made or read with certainty.
    """

    start: int
    end: int
    bank: str
    rule: Rule
    least: int
    digits: int
    iban_id: str
    iban_method: IbanMethod
    status: Status

    @property
    def is_checkable(self) -> bool:
        """Whether a published rule tells right accounts from wrong ones."""
        return self.rule != "2:4" and self.status != "unverified"

    @property
    def is_type_1(self) -> bool:
        """Whether the clearing number is part of the account number."""
        return self.rule.startswith("1:")

    @property
    def has_fifth_digit(self) -> bool:
        """Whether people write a fifth digit after the clearing number (Swedbank, 8327-9)."""
        return self.start == 8000

    @property
    def is_personal(self) -> bool:
        """Whether accounts are the holders' personal identity numbers (Nordea personkonto)."""
        return self.start in (3300, 3782)

    def holds(self, clearing: str) -> bool:
        """Tell whether a four-digit clearing number lies in the range."""
        return self.start <= int(clearing) <= self.end

    def fits(self, clearing: str, account: str) -> bool:
        """Tell whether the check digit of an account of ``digits`` digits fits."""
        return not _CHECKS[self.rule](clearing, account)


def find(clearing: str) -> ClearingRange | None:
    """Return the range of a four-digit clearing number, or ``None`` when no bank has it."""
    row = RANGES[bisect_right(_STARTS, int(clearing)) - 1]
    return row if row.holds(clearing) else None


def of_iban_id(iban_id: str) -> tuple[ClearingRange, ...]:
    """Return the ranges that share a bank's three-digit id in a Swedish IBAN."""
    return tuple(row for row in RANGES if row.iban_id == iban_id)


def _row(
    start: int,
    end: int,
    bank: str,
    rule: Rule,
    *,
    least: int = 0,
    iban: str = "/",
    status: Status = "current",
) -> ClearingRange:
    digits = _DIGITS[rule]
    iban_id, _, method = iban.partition("/")
    return ClearingRange(start, end, bank, rule, least or digits, digits, iban_id, _METHODS[method], status)


_DIGITS: Final[dict[Rule, int]] = {
    "1:1": 7,
    "1:2": 7,
    "2:1": 10,
    "2:2": 9,
    "2:3": 10,
    "2:4": 0,
}
_METHODS: Final[dict[str, IbanMethod]] = {"1": "1", "2": "2", "3": "3", "?": "", "": ""}

# IBAN id and method are BSAB's. "?" stands where the method is unknown (2:4), disputed (9300-9349:
# BSAB says 1 with a reservation, others leave the clearing number out) or not confirmed by any
# published pair of account and IBAN (Plusgirot).
RANGES: Final = (
    _row(1100, 1199, "Nordea", "1:1", iban="300/1"),
    _row(1200, 1399, "Danske Bank", "1:1", iban="120/1"),
    _row(1400, 2099, "Nordea", "1:1", iban="300/1"),
    _row(2110, 2119, "Juni Technology", "1:1", iban="211/1", status="bsab"),
    _row(2120, 2129, "Steven AB", "1:1", iban="212/1", status="bsab"),
    _row(2130, 2139, "Zimpler", "1:1", iban="213/?", status="unverified"),
    _row(2140, 2149, "Trustly Group", "1:2", iban="214/?", status="unverified"),
    _row(2150, 2159, "Revolut Bank", "2:4", iban="215/?", status="unverified"),
    _row(2300, 2399, "Ålandsbanken", "1:2", iban="230/1"),
    _row(2400, 2499, "Danske Bank", "1:1", iban="120/1"),
    _row(3000, 3299, "Nordea", "1:1", iban="300/1"),
    _row(3300, 3300, "Nordea personkonto", "2:1", iban="300/2"),
    _row(3301, 3399, "Nordea", "1:1", iban="300/1"),
    _row(3400, 3409, "Länsförsäkringar Bank", "1:1", iban="902/1"),
    _row(3410, 3781, "Nordea", "1:1", iban="300/1"),
    _row(3782, 3782, "Nordea personkonto", "2:1", iban="300/2"),
    _row(3783, 3999, "Nordea", "1:1", iban="300/1"),
    _row(4000, 4999, "Nordea", "1:2", iban="300/1"),
    _row(5000, 5999, "SEB", "1:1", iban="500/1"),
    _row(6000, 6999, "Handelsbanken", "2:2", least=8, iban="600/2"),
    _row(7000, 7999, "Swedbank", "1:1", iban="800/1"),
    _row(8000, 8999, "Swedbank/sparbankerna", "2:3", least=6, iban="800/3"),
    _row(9020, 9029, "Länsförsäkringar Bank", "1:2", iban="902/1"),
    _row(9040, 9049, "Citibank", "1:2", iban="904/1"),
    _row(9060, 9069, "Länsförsäkringar Bank", "1:1", iban="902/1"),
    _row(9070, 9079, "Multitude Bank", "1:1", iban="907/1"),
    _row(9090, 9099, "Royal Bank of Scotland", "1:2", status="legacy"),
    _row(9100, 9109, "Nordnet Bank", "1:2", iban="910/1"),
    _row(9120, 9124, "SEB", "1:1", iban="500/1"),
    _row(9130, 9149, "SEB", "1:1", iban="500/1"),
    _row(9150, 9169, "Skandiabanken", "1:2", iban="915/1"),
    _row(9170, 9179, "Ikano Bank", "1:1", iban="917/1"),
    _row(9180, 9189, "Danske Bank", "2:1", least=6, status="bankgirot"),
    _row(9190, 9199, "DNB Bank", "1:2", iban="919/1"),
    _row(9230, 9239, "Marginalen Bank", "1:1", iban="923/1"),
    _row(9250, 9259, "SBAB", "1:1", iban="925/1"),
    _row(9260, 9269, "DNB Bank", "1:2", status="bankgirot"),
    _row(9270, 9279, "ICA Banken", "1:1", iban="927/1"),
    _row(9280, 9289, "Resurs Bank", "1:1", iban="928/1"),
    _row(9300, 9349, "Swedbank (fd Sparbanken Öresund)", "2:1", least=6, iban="930/?"),
    _row(9390, 9399, "Landshypotek", "1:2", iban="939/1"),
    _row(9400, 9449, "Forex Bank", "1:1", iban="940/1", status="legacy"),
    _row(9460, 9469, "Santander Consumer Bank", "1:1", iban="946/1"),
    _row(9470, 9479, "BNP Paribas", "1:2", iban="947/1"),
    _row(9500, 9549, "Nordea Plusgirot", "2:3", least=2, iban="950/?"),
    _row(9550, 9564, "Avanza Bank", "1:2", iban="955/1"),
    _row(9565, 9569, "Avanza Bank", "2:4", iban="955/?", status="conflict"),
    _row(9570, 9579, "Sparbanken Syd", "2:1", least=5, iban="957/2"),
    _row(9580, 9589, "Aion Bank", "1:1", iban="958/1"),
    _row(9590, 9599, "Erik Penser (EP Bank)", "1:2", iban="959/1"),
    _row(9600, 9609, "Banking Circle", "2:4", iban="960/?", status="bsab"),
    _row(9630, 9639, "Lån & Spar Bank", "1:1", iban="963/1"),
    _row(9640, 9649, "NOBA Bank Group (fd Nordax)", "1:2", iban="964/1"),
    _row(9650, 9659, "MedMera Bank", "1:2", status="legacy"),
    _row(9660, 9669, "Svea Bank", "1:2", iban="966/1"),
    _row(9670, 9679, "JAK Medlemsbank", "1:2", iban="967/1"),
    _row(9680, 9689, "Bluestep (Enity Bank Group)", "1:1", iban="968/1"),
    _row(9700, 9709, "Ekobanken", "1:2", iban="970/1"),
    _row(9710, 9719, "Lunar Bank", "1:2", iban="971/1"),
    _row(9750, 9759, "Northmill Bank", "1:2", iban="975/1"),
    _row(9780, 9789, "Klarna Bank", "1:2", iban="978/1"),
    _row(9880, 9889, "Riksgälden", "1:2", status="bankgirot"),
    _row(9890, 9899, "Riksgälden", "2:1", status="bankgirot"),
    _row(9960, 9969, "Nordea Plusgirot", "2:3", least=2, iban="950/?"),
)
"""Every range, in order; they do not overlap."""

_STARTS: Final = [row.start for row in RANGES]
