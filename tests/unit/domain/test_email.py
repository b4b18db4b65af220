import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from huma_fortnox.domain import email
from huma_fortnox.domain.format_errors import InvalidFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st


def librarys_answer(address: str) -> str | None:
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def our_answer(address: str) -> str | None:
    return email.validate(address) if email.is_valid(address) else None


LOCAL = st.text("aBz09._+-'", min_size=1, max_size=70)
LABEL = st.text("aZ09-", min_size=1, max_size=66)
LAST = st.one_of(st.sampled_from(["com", "se", "Test", "LOCAL", "c0m", "x"]), LABEL)


@settings(max_examples=500, deadline=None)
@given(LOCAL, st.lists(LABEL, max_size=4), LAST)
@example("a" * 64, ["example"], "com")
@example("a" * 65, ["example"], "com")
@example("a", ["x" * 63], "com")
@example("a", ["x" * 64], "com")
@example("a", ["xn--80ak6aa92e"], "com")
@example("a", ["x" * 60, "y" * 60, "z" * 60, "w" * 60], "com")
@example("a.", ["example"], "com")
@example("a..b", ["example"], "com")
@example("a", ["-example"], "com")
@example("a", ["ab--cd"], "com")
def test_the_quick_way_gives_the_librarys_answer(local: str, labels: list[str], last: str) -> None:
    address = f"{local}@{'.'.join([*labels, last])}"
    assert our_answer(address) == librarys_answer(address)


@pytest.mark.parametrize("domain", SPECIAL_USE_DOMAIN_NAMES)
def test_special_use_domains_are_refused_in_any_case(domain: str) -> None:
    assert not email.is_valid(f"anna@huma.{domain}")
    assert not email.is_valid(f"anna@huma.{domain.upper()}")


@pytest.mark.parametrize(
    ("typed", "address", "key"),
    [
        ("anna.berg@example.com", "anna.berg@example.com", "anna.berg@example.com"),
        (" Anna.Berg@Example.COM\n", "Anna.Berg@example.com", "anna.berg@example.com"),
        ("anna+lon@example.se", "anna+lon@example.se", "anna+lon@example.se"),
        ("åsa@exämple.se", "åsa@exämple.se", "åsa@exämple.se"),
        ("A\u030asa@example.se", "Åsa@example.se", "åsa@example.se"),
        ("anna@xn--exmple-cua.se", "anna@exämple.se", "anna@exämple.se"),
        ("\u200banna@example.org", "anna@example.org", "anna@example.org"),
        ("o'brien@example.org", "o'brien@example.org", "o'brien@example.org"),
    ],
)
def test_addresses_are_read_and_compared_without_case(typed: str, address: str, key: str) -> None:
    assert email.validate(typed) == address
    assert email.format(typed) == address
    assert email.validate(email.format(typed)) == address
    assert email.comparison_key(typed) == key
    assert email.is_valid(typed)


@pytest.mark.parametrize(("one", "other"), [("a.b@x.se", "ab@x.se"), ("a+c@x.se", "a@x.se")])
def test_dots_and_tags_tell_addresses_apart(one: str, other: str) -> None:
    assert email.comparison_key(one) != email.comparison_key(other)


@pytest.mark.parametrize(
    "value",
    [
        "anna",
        "anna@",
        "@example.com",
        "anna@example",
        "anna@@example.com",
        "anna berg@example.com",
        "Anna Berg <anna@example.com>",
        '"anna"@example.com',
        "anna@example.com, bo@example.com",
        "anna@example..com",
        "anna@huma.test",
    ],
)
def test_what_is_no_address_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(InvalidFormat) as caught:
        email.validate(value)
    assert caught.value.code == "email-syntax"
    assert caught.value.params == {}
    assert caught.value.__suppress_context__
    assert not email.is_valid(value)


@pytest.mark.parametrize("value", ["", " ", "\u200b"])
def test_an_empty_address_is_refused(value: str) -> None:
    with pytest.raises(InvalidFormat) as caught:
        email.comparison_key(value)
    assert caught.value.code == "email-empty"


def test_test_domains_are_accepted_where_asked_for() -> None:
    address = "Anna@huma.test"
    assert email.validate(address, test_environment=True) == address
    assert email.format(address, test_environment=True) == address
    assert email.comparison_key(address, test_environment=True) == "anna@huma.test"
    assert email.is_valid(address, test_environment=True)
    assert not email.is_valid(address)


def test_compact_only_cleans() -> None:
    assert email.compact(" Anna@Example.COM ") == "Anna@Example.COM"
