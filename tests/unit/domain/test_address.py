import pytest
from huma_fortnox.domain import address
from huma_fortnox.domain.address import Address, from_fortnox, from_huma
from huma_fortnox.domain.format_errors import (
    FormatError,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
)
from hypothesis import given, settings
from hypothesis import strategies as st

HUMA = {
    "line1": "Storgatan 1 A",
    "line2": "",
    "line3": None,
    "postalCode": "447 35",
    "city": "Vårgårda",
    "country": "SE",
}
FORTNOX = {
    "Address1": "",
    "Address2": "Storgatan 1 A",
    "PostCode": "447 35",
    "City": "Vårgårda",
    "Country": "",
}


def huma(**changed: str | None) -> Address:
    return from_huma(HUMA | changed)


def read_fortnox(record: dict[str, str]) -> Address:
    keys = ("Address1", "Address2", "PostCode", "City", "Country")
    return from_fortnox(*(record.get(key) for key in keys))


def key(found: Address) -> str:
    return address.comparison_key(found)


LINES = st.sampled_from(
    [
        "",
        "Storgatan 1",
        "Storgatan 1 A",
        "Nygatan 12-14, lgh 1102",
        "Nygatan 12 3 tr",
        "c/o Berg",
        "C/O: Öberg",
        "c/o Berg, Lillgatan 2",
        "Box 123",
        "Anna Berg",
        "Hus B — våning 2",
        "℅ Ek",
        "1:a gatan 5",
    ]
)
ADDRESSES = st.builds(
    Address,
    LINES,
    LINES,
    LINES,
    st.sampled_from(["447 35", "44735", "SE-114 18", ""]),
    st.sampled_from(["Vårgårda", "STOCKHOLM", "Malmö"]),
    st.sampled_from(["SE", "Sverige", "", "Norge", "DE", "Sweden"]),
)
RECORDS = st.fixed_dictionaries(
    {
        "Address1": st.one_of(st.just(""), LINES),
        "Address2": LINES,
        "PostCode": st.sampled_from(["44735", "447 35", "114 18", "x", ""]),
        "City": st.sampled_from(["VÅRGÅRDA", "Vårgårda", "Lund", ""]),
        "Country": st.sampled_from(["", "Sverige", "Sweden", "SE", "Norge", "Germany", "Narnia"]),
    }
)


@settings(max_examples=500, deadline=None)
@given(ADDRESSES, st.one_of(st.none(), RECORDS), st.sampled_from(["Address1", "Address2"]))
def test_what_is_written_to_fortnox_compares_as_equal(
    wanted: Address, current: dict[str, str] | None, line: str
) -> None:
    written = address.to_fortnox(wanted, current, street_line=line)
    assert list(written) == ["Address1", "Address2", "PostCode", "City", "Country"]
    assert key(read_fortnox(written)) == key(wanted)
    assert address.to_fortnox(wanted, written, street_line=line) == written
    assert address.is_valid(read_fortnox(written))


@settings(max_examples=500, deadline=None)
@given(ADDRESSES, st.one_of(st.none(), ADDRESSES))
def test_what_is_written_to_huma_compares_as_equal(wanted: Address, current: Address | None) -> None:
    profile = None
    if current is not None:
        profile = {
            "line1": current.line1,
            "line2": current.line2,
            "line3": current.line3,
            "postalCode": current.postal_code,
            "city": current.city,
            "country": current.country,
        }
    written = address.to_huma(wanted, profile)
    assert list(written) == ["line1", "line2", "line3", "postalCode", "city", "country"]
    assert len(written["country"]) == 2
    assert key(from_huma(written)) == key(wanted)
    assert address.to_huma(wanted, written) == written


@settings(max_examples=300, deadline=None)
@given(ADDRESSES)
def test_validating_twice_changes_nothing(made: Address) -> None:
    once = address.validate(made)
    assert address.validate(once) == once
    assert key(once) == key(made) == key(address.compact(made))
    assert address.compact(once) == once


@pytest.mark.parametrize(
    "same",
    [
        huma(line1="STORGATAN 1A"),
        huma(line1="storgatan  1\u00a0a"),
        huma(line1="", line2="Storgatan 1 A"),
        huma(line3="Storgatan 1A,"),
        huma(city="VÅRGÅRDA"),
        huma(postalCode="SE-44735"),
        huma(country=None),
        huma(country="Sweden"),
        from_fortnox("Storgatan 1A", None, "44735", " Vårgårda ", None),
        from_fortnox(None, "Storgatan 1A", "44735", "Vårgårda", "sverige"),
    ],
)
def test_spelling_and_lines_do_not_count(same: Address) -> None:
    assert key(same) == key(huma())


@pytest.mark.parametrize(
    "other",
    [
        huma(line1="Storgatan 1 B"),
        huma(line1="Storgatan 11 A"),
        huma(line1="Storgatan 1"),
        huma(line2="c/o Berg"),
        huma(line2="lgh 1102"),
        huma(city="Vargarda"),
        huma(city=""),
        huma(postalCode="447 36"),
        huma(postalCode=""),
        huma(country="NO"),
        huma(country="Narnia"),
    ],
)
def test_what_it_says_does_count(other: Address) -> None:
    assert key(other) != key(huma())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Storgatan 1, lgh 1102", ""), ("Storgatan 1", "lgh 1102"), True),
        (("Storgatan 1 lgh 1102", ""), ("lgh 1102", "Storgatan 1"), True),
        (("Storgatan 1 A lgh 1102", ""), ("Storgatan 1A, lgh 1102", ""), True),
        (("c/o Berg, Storgatan 1", ""), ("C/O: Berg", "Storgatan 1"), True),
        (("c / o Berg", "x"), ("c/o berg", "x"), True),
        (("℅ Berg", "x"), ("c/o berg", "x"), True),
        (("Box 1 a,, b", ""), ("Box 1A , b", ""), True),
        (("Nygatan 12-14 A", ""), ("Nygatan 12-14a", ""), True),
        (("Storgatan 1", "lgh 2"), ("Storgatan 2", "lgh 1"), False),
        (("Storgatan 1", "Box 2"), ("Storgatan 1", "Box 3"), False),
        (("c/o Berg", "Storgatan 1"), ("Berg", "Storgatan 1"), False),
        (("Nygatan 12-14", ""), ("Nygatan 12", ""), False),
        (("Coop Storgatan 1", ""), ("c/op Storgatan 1", ""), False),
        (("Storgatan 1 ab", ""), ("Storgatan 1ab", ""), False),
    ],
)
def test_lines_are_compared_as_the_set_of_their_parts(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    keys = [key(from_fortnox(*lines, "11418", "Lund", "")) for lines in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_a_part_is_not_taken_for_another_field() -> None:
    assert key(Address("Lund", city="")) != key(Address("", city="Lund"))
    assert key(Address("11418")) != key(Address("", postal_code="11418"))


def test_unreadable_postcodes_and_countries_are_compared_as_text() -> None:
    assert key(huma(postalCode="44 7a")) == key(huma(postalCode="447A"))
    assert key(huma(postalCode="44 7a")) != key(huma(postalCode="447B"))
    assert key(huma(country="Narnia")) == key(huma(country=" NARNIA "))
    assert key(huma(country="Narnia")) != key(huma(country="Ruritania"))


def test_postcodes_are_read_by_the_rules_of_the_country() -> None:
    assert key(huma(country="GB", postalCode="sw1a1aa")) == key(huma(country="UK", postalCode="SW1A 1AA"))
    assert key(huma(country="FI", postalCode="SE-44735")) != key(huma(country="FI", postalCode="44735"))


@pytest.mark.parametrize("empty", [Address(), Address(country="SE"), Address("\x00")])
def test_an_empty_address_is_refused(empty: Address) -> None:
    for read in (
        address.comparison_key,
        address.validate,
        address.to_fortnox,
        address.to_huma,
    ):
        with pytest.raises(InvalidFormat) as caught:
            read(empty)
        assert caught.value.code == "address-empty"
    assert not address.is_valid(empty)


def test_an_address_of_one_part_is_not_empty() -> None:
    for found in (Address("x"), Address(line3="x"), Address(postal_code="11418"), Address(city="x")):
        assert not found.is_empty
        assert address.is_valid(found)
    assert Address(country="SE").is_empty
    assert Address("a", "", "b").lines == ("a", "b")


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"line1": "Storgatan <1>"}, InvalidFormat, "text-character"),
        ({"line2": "|"}, InvalidFormat, "text-character"),
        ({"line3": "~"}, InvalidFormat, "text-character"),
        ({"city": "Lund]"}, InvalidFormat, "text-character"),
        ({"postalCode": "{1}", "country": "NO"}, InvalidFormat, "text-character"),
        ({"postalCode": "4473"}, InvalidLength, "postcode-length"),
        ({"postalCode": "4473X"}, InvalidFormat, "postcode-format"),
        ({"postalCode": "4473", "country": ""}, InvalidLength, "postcode-length"),
        ({"country": "Narnia"}, InvalidComponent, "country-unknown"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_reason(
    changed: dict[str, str], error: type[FormatError], code: str
) -> None:
    found = huma(**changed)
    for write in (address.validate, address.to_fortnox, address.to_huma):
        with pytest.raises(FormatError) as caught:
            write(found)
        assert (type(caught.value), caught.value.code) == (error, code)
    assert not address.is_valid(found)
    assert key(found)
    assert address.format(found)


def test_validated_addresses_have_usual_postcodes_and_country_codes() -> None:
    found = address.validate(Address("Hus ‑ 1", "a…", "”", "se-44735", "Ny‐stad", "Sverige"))
    assert found == Address("Hus - 1", "a...", "’", "447 35", "Ny-stad", "SE")
    assert address.validate(Address("x", country="")).country == ""
    assert address.validate(huma(postalCode="0150", country="Norway")).postal_code == "0150"


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (huma(), "Storgatan 1 A, 447 35 Vårgårda"),
        (huma(postalCode="44735", line2="c/o Berg"), "Storgatan 1 A, c/o Berg, 447 35 Vårgårda"),
        (huma(country="NO", postalCode="0150"), "Storgatan 1 A, 0150 Vårgårda, Norge"),
        (huma(country="Narnia"), "Storgatan 1 A, 447 35 Vårgårda, Narnia"),
        (huma(postalCode="12"), "Storgatan 1 A, 12 Vårgårda"),
        (huma(postalCode="", city=""), "Storgatan 1 A"),
        (Address(), ""),
    ],
)
def test_any_address_can_be_shown_on_one_line(found: Address, shown: str) -> None:
    assert address.format(found) == shown


@pytest.mark.parametrize(
    ("changed", "current", "written"),
    [
        # nothing known: street in Address2, c/o in Address1
        ({}, None, {"Address1": "", "Address2": "Storgatan 1 A"}),
        ({"line2": "c/o Berg"}, None, {"Address1": "c/o Berg", "Address2": "Storgatan 1 A"}),
        ({"line1": "c/o Berg", "line2": "Storgatan 2"}, {},
         {"Address1": "c/o Berg", "Address2": "Storgatan 2"}),
        # three lines in two
        ({"line2": "lgh 2", "line3": "Hus B"}, None,
         {"Address1": "", "Address2": "Storgatan 1 A, lgh 2, Hus B"}),
        ({"line2": "c/o Berg", "line3": "Hus B"}, None,
         {"Address1": "c/o Berg", "Address2": "Storgatan 1 A, Hus B"}),
        ({"line2": "c/o Berg", "line3": "c/o Ek"}, None,
         {"Address1": "c/o Berg, c/o Ek", "Address2": "Storgatan 1 A"}),
        ({"line1": "c/o Berg, Storgatan 2"}, None,
         {"Address1": "c/o Berg", "Address2": "Storgatan 2"}),
        ({"line1": "c/o Berg"}, None, {"Address1": "c/o Berg", "Address2": ""}),
        ({"line1": "c/o Berg,"}, None, {"Address1": "c/o Berg,", "Address2": ""}),
        ({"line2": "c/o Berg, Ek"}, None,
         {"Address1": "c/o Berg, Ek", "Address2": "Storgatan 1 A"}),
        # the record's own habit
        ({}, {"Address1": "Nygatan 2"}, {"Address1": "Storgatan 1 A", "Address2": ""}),
        ({}, {"Address1": "", "Address2": "Nygatan 2"},
         {"Address1": "", "Address2": "Storgatan 1 A"}),
        ({"line2": "c/o Ek"}, {"Address1": "Nygatan 2", "Address2": "c/o Berg"},
         {"Address1": "Storgatan 1 A", "Address2": "c/o Ek"}),
        ({}, {"Address1": "c/o Berg", "Address2": "Nygatan 2"},
         {"Address1": "", "Address2": "Storgatan 1 A"}),
        ({}, {"Address1": "Nygatan 2", "Address2": "lgh 1"},
         {"Address1": "", "Address2": "Storgatan 1 A"}),
        ({}, {"Address1": "c/o Berg", "Address2": None},
         {"Address1": "", "Address2": "Storgatan 1 A"}),
        # another spelling of the same is left alone
        ({}, {"Address1": "STORGATAN 1A", "City": "Lund"},
         {"Address1": "STORGATAN 1A", "Address2": ""}),
        ({"line2": "lgh 2"}, {"Address1": "lgh 2", "Address2": "storgatan 1A"},
         {"Address1": "lgh 2", "Address2": "storgatan 1A"}),
        ({"line2": "c/o Berg"}, {"Address1": "C/O: BERG", "Address2": "Nygatan 2"},
         {"Address1": "C/O: BERG", "Address2": "Storgatan 1 A"}),
        ({"line2": "c/o Ek"}, {"Address1": "c/o Berg", "Address2": "STORGATAN 1A"},
         {"Address1": "c/o Ek", "Address2": "STORGATAN 1A"}),
    ],
)  # fmt: skip
def test_the_street_goes_where_the_record_has_it(
    changed: dict[str, str], current: dict[str, str | None] | None, written: dict[str, str]
) -> None:
    found = address.to_fortnox(huma(**changed), current)
    assert {line: found[line] for line in ("Address1", "Address2")} == written


def test_the_tenants_habit_decides_where_the_record_shows_none() -> None:
    found = address.to_fortnox(huma(line2="c/o Berg"), {}, street_line="Address1")
    assert (found["Address1"], found["Address2"]) == ("Storgatan 1 A", "c/o Berg")
    found = address.to_fortnox(huma(), {"Address2": "Nygatan 2"}, street_line="Address1")
    assert (found["Address1"], found["Address2"]) == ("", "Storgatan 1 A")


@pytest.mark.parametrize(
    ("country", "current", "tenant", "written"),
    [
        ("SE", "", "Sverige", ""),
        ("", "", "Sverige", ""),
        ("SE", "Sweden", "Sverige", "Sweden"),
        ("SE", "SVERIGE", "Sweden", "SVERIGE"),
        ("SE", "se", "Sverige", "se"),
        ("", "Sverige", "Sverige", "Sverige"),
        ("NO", "", "Sverige", "Norge"),
        ("NO", "", "Sweden", "Norway"),
        ("NO", "", "SE", "NO"),
        ("NO", "Sweden", "Sverige", "Norway"),
        ("NO", "Norge", "Sweden", "Norge"),
        ("NO", "Narnia", "Sweden", "Norway"),
        ("SE", "Norway", "Sverige", "Sweden"),
        ("SE", "Norge", "Sweden", "Sverige"),
        ("SE", "NO", "Sverige", "SE"),
        ("SE", "Narnia", "Sverige", "Sverige"),
    ],
)
def test_the_country_is_written_as_the_tenant_does(country: str, current: str, tenant: str, written: str) -> None:
    found = address.to_fortnox(huma(country=country), {"Country": current}, country_name=tenant)
    assert found["Country"] == written


@pytest.mark.parametrize(
    ("current", "postcode", "city"),
    [
        ({"PostCode": "44735", "City": "VÅRGÅRDA"}, "44735", "VÅRGÅRDA"),
        ({"PostCode": "44736", "City": "Lund"}, "447 35", "Vårgårda"),
        ({"PostCode": "x", "City": ""}, "447 35", "Vårgårda"),
        ({}, "447 35", "Vårgårda"),
    ],
)
def test_postcode_and_city_keep_a_spelling_that_says_the_same(
    current: dict[str, str | None], postcode: str, city: str
) -> None:
    found = address.to_fortnox(huma(), current)
    assert (found["PostCode"], found["City"]) == (postcode, city)


def test_parts_that_huma_has_not_end_up_empty_in_fortnox() -> None:
    found = address.to_fortnox(huma(postalCode="", city=None), FORTNOX)
    assert (found["PostCode"], found["City"]) == ("", "")


@pytest.mark.parametrize(
    ("record", "profile", "lines"),
    [
        (FORTNOX, None, ["Storgatan 1 A", "", ""]),
        (FORTNOX | {"Address1": "c/o Berg"}, None, ["Storgatan 1 A", "c/o Berg", ""]),
        (FORTNOX | {"Address1": "c/o Berg"}, {"line1": "Nygatan 2"},
         ["Storgatan 1 A", "c/o Berg", ""]),
        (FORTNOX | {"Address1": "c/o Berg"}, {"line1": "c/o Ek", "line2": "Nygatan 2"},
         ["c/o Berg", "Storgatan 1 A", ""]),
        (FORTNOX | {"Address1": "Hus B"}, None, ["Hus B", "Storgatan 1 A", ""]),
        (FORTNOX, {"line1": "", "line2": "STORGATAN 1A", "line3": None}, ["", "STORGATAN 1A", ""]),
        (FORTNOX | {"Address2": ""}, None, ["", "", ""]),
        (FORTNOX | {"Address1": "c/o Berg, Storgatan 2", "Address2": ""}, None,
         ["Storgatan 2", "c/o Berg", ""]),
    ],
)  # fmt: skip
def test_humas_lines_have_the_street_first_unless_the_profile_begins_with_care_of(
    record: dict[str, str], profile: dict[str, str | None] | None, lines: list[str]
) -> None:
    found = address.to_huma(read_fortnox(record), profile)
    assert [found["line1"], found["line2"], found["line3"]] == lines


def test_three_lines_stay_three_lines_in_huma() -> None:
    found = address.to_huma(huma(line2="c/o Berg", line3="Hus B"))
    assert [found["line1"], found["line2"], found["line3"]] == [
        "Storgatan 1 A",
        "Hus B",
        "c/o Berg",
    ]


@pytest.mark.parametrize(("country", "code"), [("", "SE"), ("Sverige", "SE"), ("Norway", "NO"), ("de", "DE")])
def test_huma_gets_the_countrys_code(country: str, code: str) -> None:
    record = FORTNOX | {"Country": country}
    assert address.to_huma(read_fortnox(record), {"country": "DK"})["country"] == code


@pytest.mark.parametrize(
    ("profile", "postcode", "city"),
    [
        (None, "447 35", "VÅRGÅRDA"),
        ({"postalCode": "44735", "city": "Vårgårda"}, "44735", "Vårgårda"),
        ({"postalCode": "44736", "city": "Lund"}, "447 35", "VÅRGÅRDA"),
    ],
)
def test_huma_keeps_a_spelling_that_says_the_same(
    profile: dict[str, str | None] | None, postcode: str, city: str
) -> None:
    record = FORTNOX | {"City": "VÅRGÅRDA", "PostCode": "44735"}
    found = address.to_huma(read_fortnox(record), profile)
    assert (found["postalCode"], found["city"]) == (postcode, city)


def test_nothing_is_cut_off_for_huma() -> None:
    longest = "x" * 255
    assert address.to_huma(Address(longest))["line1"] == longest
    with pytest.raises(InvalidLength) as caught:
        address.to_huma(Address("a", city=longest + "x"))
    assert caught.value.code == "address-too-long"
    assert caught.value.params == {"length": "256", "limit": "255"}


@pytest.mark.parametrize(
    ("record", "layout"),
    [
        ({}, {"country": ""}),
        ({"Address1": "", "Address2": "Storgatan 1", "Country": " Sweden "},
         {"country": "Sweden", "street_line": "Address2"}),
        ({"Address1": "Storgatan 1", "Address2": "c/o Berg", "Country": None},
         {"country": "", "street_line": "Address1"}),
        ({"Address1": "Storgatan 1", "Address2": "lgh 2"}, {"country": ""}),
        ({"Address1": "c/o Berg", "Address2": " "}, {"country": ""}),
    ],
)  # fmt: skip
def test_the_layout_of_a_record_holds_no_personal_data(record: dict[str, str | None], layout: dict[str, str]) -> None:
    assert address.layout_of(record) == layout


def test_a_layout_is_enough_to_write_like_the_record() -> None:
    record = FORTNOX | {"Address1": "Storgatan 1 A", "Address2": "", "Country": "Sweden"}
    layout = address.layout_of(record)
    moved = huma(line1="Nygatan 2")
    assert address.to_fortnox(
        moved, {"Country": layout["country"]}, street_line=layout["street_line"]
    ) == address.to_fortnox(moved, record)


def test_a_repr_shows_nothing_of_the_address() -> None:
    assert repr(huma()) == "<Address of 1 lines>"
