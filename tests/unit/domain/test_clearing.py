import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from huma_fortnox.domain.clearing import RANGES, ClearingRange, find, of_iban_id

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "clearing_table.json"


# The sources' tables once more, as they are printed: range, rule, fewest and usual number of digits,
# BSAB's IBAN id and method (a question mark, an asterisk and 4 for what is not certain), bank.
PRINTED = """
1100-1199 1:1 7-7 300/1 Nordea
1200-1399 1:1 7-7 120/1 Danske Bank
1400-2099 1:1 7-7 300/1 Nordea
2110-2119 1:1 7-7 211/1 Juni Technology
2120-2129 1:1 7-7 212/1 Steven AB
2130-2139 1:1 7-7 213/? Zimpler
2140-2149 1:2 7-7 214/? Trustly Group
2150-2159 2:4 0-0 215/? Revolut Bank
2300-2399 1:2 7-7 230/1 Ålandsbanken
2400-2499 1:1 7-7 120/1 Danske Bank
3000-3299 1:1 7-7 300/1 Nordea
3300-3300 2:1 10-10 300/2 Nordea personkonto
3301-3399 1:1 7-7 300/1 Nordea
3400-3409 1:1 7-7 902/1 Länsförsäkringar Bank
3410-3781 1:1 7-7 300/1 Nordea
3782-3782 2:1 10-10 300/2 Nordea personkonto
3783-3999 1:1 7-7 300/1 Nordea
4000-4999 1:2 7-7 300/1 Nordea
5000-5999 1:1 7-7 500/1 SEB
6000-6999 2:2 8-9 600/2 Handelsbanken
7000-7999 1:1 7-7 800/1 Swedbank
8000-8999 2:3 6-10 800/3 Swedbank/sparbankerna
9020-9029 1:2 7-7 902/1 Länsförsäkringar Bank
9040-9049 1:2 7-7 904/1 Citibank
9060-9069 1:1 7-7 902/1 Länsförsäkringar Bank
9070-9079 1:1 7-7 907/1 Multitude Bank
9090-9099 1:2 7-7 - Royal Bank of Scotland
9100-9109 1:2 7-7 910/1 Nordnet Bank
9120-9124 1:1 7-7 500/1 SEB
9130-9149 1:1 7-7 500/1 SEB
9150-9169 1:2 7-7 915/1 Skandiabanken
9170-9179 1:1 7-7 917/1 Ikano Bank
9180-9189 2:1 6-10 - Danske Bank
9190-9199 1:2 7-7 919/1 DNB Bank
9230-9239 1:1 7-7 923/1 Marginalen Bank
9250-9259 1:1 7-7 925/1 SBAB
9260-9269 1:2 7-7 - DNB Bank
9270-9279 1:1 7-7 927/1 ICA Banken
9280-9289 1:1 7-7 928/1 Resurs Bank
9300-9349 2:1 6-10 930/1* Swedbank (fd Sparbanken Öresund)
9390-9399 1:2 7-7 939/1 Landshypotek
9400-9449 1:1 7-7 940/1 Forex Bank
9460-9469 1:1 7-7 946/1 Santander Consumer Bank
9470-9479 1:2 7-7 947/1 BNP Paribas
9500-9549 2:3 2-10 950/3 Nordea Plusgirot
9550-9564 1:2 7-7 955/1 Avanza Bank
9565-9569 2:4 0-0 955/4 Avanza Bank
9570-9579 2:1 5-10 957/2 Sparbanken Syd
9580-9589 1:1 7-7 958/1 Aion Bank
9590-9599 1:2 7-7 959/1 Erik Penser (EP Bank)
9600-9609 2:4 0-0 960/4 Banking Circle
9630-9639 1:1 7-7 963/1 Lån & Spar Bank
9640-9649 1:2 7-7 964/1 NOBA Bank Group (fd Nordax)
9650-9659 1:2 7-7 - MedMera Bank
9660-9669 1:2 7-7 966/1 Svea Bank
9670-9679 1:2 7-7 967/1 JAK Medlemsbank
9680-9689 1:1 7-7 968/1 Bluestep (Enity Bank Group)
9700-9709 1:2 7-7 970/1 Ekobanken
9710-9719 1:2 7-7 971/1 Lunar Bank
9750-9759 1:2 7-7 975/1 Northmill Bank
9780-9789 1:2 7-7 978/1 Klarna Bank
9880-9889 1:2 7-7 - Riksgälden
9890-9899 2:1 10-10 - Riksgälden
9960-9969 2:3 2-10 950/3 Nordea Plusgirot
"""


def printed(row: ClearingRange) -> str:
    method = row.iban_method or {
        "930": "1*", "950": "3", "955": "4", "960": "4"
    }.get(row.iban_id, "?")  # fmt: skip
    iban = f"{row.iban_id}/{method}" if row.iban_id else "-"
    return f"{row.start}-{row.end} {row.rule} {row.least}-{row.digits} {iban} {row.bank}"


def test_table_is_the_printed_one() -> None:
    assert [printed(row) for row in RANGES] == PRINTED.strip().splitlines()


def test_rows_that_are_not_in_both_sources_say_so() -> None:
    noted = {row.start: row.status for row in RANGES if row.status != "current"}
    assert noted == {
        2110: "bsab",
        2120: "bsab",
        2130: "unverified",
        2140: "unverified",
        2150: "unverified",
        9090: "legacy",
        9180: "bankgirot",
        9260: "bankgirot",
        9400: "legacy",
        9565: "conflict",
        9600: "bsab",
        9650: "legacy",
        9880: "bankgirot",
        9890: "bankgirot",
    }


def test_ranges_are_in_order_and_do_not_overlap() -> None:
    for row, following in pairwise(RANGES):
        assert 1000 <= row.start <= row.end < following.start <= 9999


@pytest.mark.parametrize("row", RANGES, ids=lambda row: f"{row.start}")
def test_both_ends_of_every_range_are_found_and_their_neighbours_are_not(
    row: ClearingRange,
) -> None:
    assert find(str(row.start)) is row
    assert find(str(row.end)) is row
    assert find(str(row.start - 1)) is not row
    assert find(str(row.end + 1)) is not row
    assert row.holds(str(row.start))
    assert row.holds(str(row.end))
    assert not row.holds(str(row.start - 1))
    assert not row.holds(str(row.end + 1))


@pytest.mark.parametrize("clearing", ["0000", "1000", "1099", "2100", "2200", "8", "9000", "9900", "9951", "9999"])
def test_numbers_that_no_bank_uses_are_not_found(clearing: str) -> None:
    assert find(clearing) is None


@pytest.mark.parametrize(
    ("clearing", "bank", "rule"),
    [
        ("1234", "Danske Bank", "1:1"),
        ("3299", "Nordea", "1:1"),
        ("3300", "Nordea personkonto", "2:1"),
        ("3301", "Nordea", "1:1"),
        ("3405", "Länsförsäkringar Bank", "1:1"),
        ("3500", "Nordea", "1:1"),
        ("3782", "Nordea personkonto", "2:1"),
        ("3999", "Nordea", "1:1"),
        ("4000", "Nordea", "1:2"),
        ("5439", "SEB", "1:1"),
        ("6114", "Handelsbanken", "2:2"),
        ("7104", "Swedbank", "1:1"),
        ("8327", "Swedbank/sparbankerna", "2:3"),
        ("9022", "Länsförsäkringar Bank", "1:2"),
        ("9150", "Skandiabanken", "1:2"),
        ("9180", "Danske Bank", "2:1"),
        ("9570", "Sparbanken Syd", "2:1"),
        ("9960", "Nordea Plusgirot", "2:3"),
    ],
)
def test_well_known_numbers_have_their_bank_and_rule(clearing: str, bank: str, rule: str) -> None:
    row = find(clearing)
    assert row is not None
    assert (row.bank, row.rule) == (bank, rule)


def test_lengths_follow_from_the_rule_except_for_known_shorter_ones() -> None:
    usual = {"1:1": 7, "1:2": 7, "2:1": 10, "2:2": 9, "2:3": 10, "2:4": 0}
    shorter = {6000: 8, 8000: 6, 9180: 6, 9300: 6, 9500: 2, 9570: 5, 9960: 2}
    for row in RANGES:
        assert row.digits == usual[row.rule]
        assert row.least == shorter.get(row.start, row.digits)


def test_only_published_rules_are_checkable() -> None:
    held = [row.start for row in RANGES if not row.is_checkable]
    assert held == [2130, 2140, 2150, 9565, 9600]


def test_type_1_is_what_has_the_clearing_number_in_the_account_number() -> None:
    assert {row.rule for row in RANGES if row.is_type_1} == {"1:1", "1:2"}


def test_only_swedbanks_8000s_have_a_fifth_digit_and_only_personkonto_is_personal() -> None:
    assert [row.start for row in RANGES if row.has_fifth_digit] == [8000]
    assert [row.start for row in RANGES if row.is_personal] == [3300, 3782]


@pytest.mark.parametrize(
    ("clearing", "right", "wrong"),
    [
        ("5000", "1001000", "1001001"),  # 1:1
        ("9020", "0100000", "0100001"),  # 1:2
        ("9180", "1000000008", "1000000009"),  # 2:1
        ("6000", "100000010", "100000011"),  # 2:2
        ("9500", "1000000008", "1000000018"),  # 2:3
    ],
)
def test_each_rule_tells_right_from_wrong(clearing: str, right: str, wrong: str) -> None:
    row = find(clearing)
    assert row is not None
    assert row.fits(clearing, right)
    assert not row.fits(clearing, wrong)


def test_rule_1_1_leaves_the_first_clearing_digit_out_and_1_2_does_not() -> None:
    with_first, without_first = find("9020"), find("9060")
    assert with_first is not None
    assert without_first is not None
    assert with_first.rule == "1:2"
    assert without_first.rule == "1:1"
    # The first of eleven digits has weight 1.
    assert with_first.fits("9020", "0100000")
    assert not without_first.fits("9020", "0100000")
    assert without_first.fits("1020", "0100000") == without_first.fits("9020", "0100000")


def test_ranges_of_a_bank_are_found_by_its_id_in_ibans() -> None:
    assert [row.start for row in of_iban_id("902")] == [3400, 9020, 9060]
    assert [row.start for row in of_iban_id("300")][5:8] == [3410, 3782, 3783]
    assert of_iban_id("999") == ()


def test_iban_methods_that_are_unknown_or_disputed_are_left_out() -> None:
    unknown = {row.iban_id for row in RANGES if row.iban_id and not row.iban_method}
    assert unknown == {"213", "214", "215", "930", "950", "955", "960"}
    without_id = [row.start for row in RANGES if not row.iban_id]
    assert without_id == [9090, 9180, 9260, 9650, 9880, 9890]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published table is not at hand")
def test_table_agrees_with_the_published_one() -> None:
    published: list[dict[str, Any]] = json.loads(PUBLISHED.read_text())["rows"]
    assert len(published) == len(RANGES)
    for row, other in zip(RANGES, published, strict=True):
        assert (row.start, row.end, row.bank) == (other["from"], other["to"], other["bank"])
        assert row.rule == f"{other['type']}:{other['comment']}"
        assert (row.least, row.digits) == (other["min_len"] or 0, other["len"] or 0)
        iban_id, _, method = (other["iban_id_method"] or "").partition("/")
        assert row.iban_id == iban_id
        assert row.iban_method in (method, "")
        assert (row.status == "unverified") == other["status"].startswith("unverified")
