"""Where each reason is mended, and that no address is made up."""

from __future__ import annotations

import pytest
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.pages import addresses
from huma_fortnox.pages.mending import NOWHERE, Doors, mending
from huma_fortnox.pages.texts import texts

from tests.unit.pages.codes import reason_codes

T = texts("en")
DOORS = Doors("https://huma.example.com/{organization}/people/{user}", "https://fortnox.example.com/people/{employee}")
MEND = mending(DOORS, "org", T)
HUMA, FORTNOX = "https://huma.example.com/org/people/u%2F1", "https://fortnox.example.com/people/A%207"


@pytest.mark.parametrize(
    ("code", "target", "address"),
    [
        ("phone-invalid", "fortnox", HUMA),
        ("phone-invalid", "huma", FORTNOX),
        ("bank-account-all-zeros", "fortnox", HUMA),
        ("duplicate-in-huma", "fortnox", HUMA),
        ("duplicate-in-fortnox", "fortnox", FORTNOX),
        ("fortnox-refused-value", "fortnox", FORTNOX),
        ("employment-settings-missing", "fortnox", addresses.SETTINGS),
        ("changed-since-preview", "huma", addresses.HOME),
    ],
)
def test_a_reason_leads_to_where_it_is_mended(code: str, target: str, address: str) -> None:
    found = MEND(Reason(code), target, "u/1", "A 7")
    assert found is not None
    assert found.href == address


def test_a_missing_address_is_mended_on_the_side_that_lacks_it() -> None:
    for side, address in (("huma", HUMA), ("fortnox", FORTNOX)):
        found = MEND(Reason("email-missing", {"side": side}), "", "u/1", "A 7")
        assert found is not None
        assert found.href == address


def test_there_is_no_link_to_somebody_unknown_or_to_a_place_nobody_has_told_us() -> None:
    assert MEND(Reason("phone-invalid"), "fortnox", "", "A 7") is None
    assert MEND(Reason("duplicate-in-fortnox"), "fortnox", "u/1", "") is None
    assert mending(NOWHERE, "org", T)(Reason("phone-invalid"), "fortnox", "u/1", "A 7") is None
    assert MEND(None, "fortnox", "u/1", "A 7") is None
    assert MEND(Reason("rate-limited"), "fortnox", "u/1", "A 7") is None


def test_every_reason_it_knows_is_one_that_can_be_given() -> None:
    from huma_fortnox.pages.mending import _PLACES

    from tests.unit.pages.test_texts import SAID_ELSEWHERE

    assert set(_PLACES) - set(reason_codes()) - SAID_ELSEWHERE == set()
