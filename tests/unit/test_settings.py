"""What a function is told by its environment."""

from __future__ import annotations

import pytest
from huma_fortnox.adapters.fortnox import CLEARED_BY
from huma_fortnox.settings import Settings, SettingsError

NEEDED = dict.fromkeys(
    [
        *("PUBLIC_URL", "TABLE_NAME", "SECRET_PREFIX", "FORTNOX_APP_SECRET", "FORTNOX_API_URL", "FORTNOX_AUTH_URL"),
        *("HUMA_API_URL", "HUMA_ISSUER", "HUMA_JWKS_URL"),
    ],
    "https://example.com/",
)


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL, HUMA_ISSUER"):
        Settings.from_env({**NEEDED, "PUBLIC_URL": "", "HUMA_ISSUER": ""})


def test_addresses_have_no_slash_at_their_end() -> None:
    assert Settings.from_env(NEEDED).public_url == "https://example.com"


@pytest.mark.parametrize("word", CLEARED_BY)
def test_each_property_may_be_emptied_in_any_way_the_client_knows(word: str) -> None:
    settings = Settings.from_env({**NEEDED, "FORTNOX_CLEARING": f"Phone1={word},EmployedTo=null"})
    assert settings.fortnox_clearing == {"Phone1": word, "EmployedTo": "null"}


def test_what_neither_system_documents_can_be_told() -> None:
    told = {"FORTNOX_COMPLETE_REQUIRED": "yes", "HUMA_CLEARING": "empty", "HUMA_ACCOUNT_TYPES": "local,iban"}
    settings = Settings.from_env({**NEEDED, **told})
    assert settings.fortnox_complete_required
    assert settings.huma_clearing == "empty"
    assert settings.huma_account_types == ("local", "iban")


@pytest.mark.parametrize(("told", "window"), [("", 5.0), ("0.25", 0.25), ("6", 6.0)])
def test_the_window_of_fortnox_is_the_published_one_unless_another_is_told(told: str, window: float) -> None:
    assert Settings.from_env({**NEEDED, "FORTNOX_WINDOW": told}).fortnox_window == window


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FORTNOX_CLEARING", "Phone1=nothing"),
        ("FORTNOX_CLEARING", "Phone1=null,"),
        ("HUMA_CLEARING", "API_BLANK"),
        ("HUMA_ACCOUNT_TYPES", "national"),
        *(("FORTNOX_WINDOW", each) for each in ("soon", "0", "-1", "nan", "1e3", "3601")),
    ],
)
def test_what_no_client_understands_stops_the_function_at_its_start(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.from_env({**NEEDED, variable: value})
