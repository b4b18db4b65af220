"""The event's schema in ``events/`` and what the router reads are the same: what one accepts the other does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from huma_fortnox.adapters.events import event_from_bus
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.services.changes import TOPICS
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[3] / "events" / "user-changed.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLE: dict[str, Any] = {
    "version": "0",
    "source": "huma",
    "detail-type": "users-update",
    "detail": {
        "organizationId": "6f1c2a0e-0000-4000-8000-000000000001",
        "userId": "7a2d3b1f-0000-4000-8000-000000000002",
        "eventId": "0d9f6c1e",
        "occurredAt": 1_800_000_000_123,
    },
}


def accepted(event: dict[str, Any]) -> bool:
    """Tell whether the router would look at the event."""
    try:
        return event_from_bus(event).topic in TOPICS
    except BadRequest:
        return False


def test_the_schema_is_one_and_names_the_topics_of_the_router() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]["detail-type"]["enum"]) == TOPICS


def test_an_ordinary_event_is_accepted_by_both() -> None:
    assert VALIDATOR.is_valid(EXAMPLE)
    assert accepted(EXAMPLE)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**52, max_value=2**54),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(min_value=0, max_value=10**13).map(float),
    st.text(max_size=3),
    st.from_regex(r"[!-~]{1,130}", fullmatch=True),
    st.sampled_from(
        ["huma", "users-create", "users-export", "team-update", "x" * 128, "x" * 129, "x" * 257, "å", "a b"]
    ),
    st.just({}),
    st.just([]),
)
places = st.sampled_from(
    [
        ("source",),
        ("detail-type",),
        ("detail",),
        ("detail", "organizationId"),
        ("detail", "userId"),
        ("detail", "eventId"),
        ("detail", "occurredAt"),
        ("detail", "more"),
        ("more",),
    ]
)


@settings(max_examples=1_500, deadline=None)
@given(place=places, value=anything, missing=st.booleans())
def test_what_the_schema_accepts_the_router_does_and_nothing_else(
    place: tuple[str, ...], value: Any, missing: bool
) -> None:
    event = copy.deepcopy(EXAMPLE)
    holder = event
    for name in place[:-1]:
        holder = holder[name]
    if missing:
        holder.pop(place[-1], None)
    else:
        holder[place[-1]] = value
    assert accepted(event) == VALIDATOR.is_valid(event)


@pytest.mark.parametrize("text", ["a\n", "\u2028", "\x7f", " "])
def test_signs_that_no_id_has_are_refused_by_both(text: str) -> None:
    event = copy.deepcopy(EXAMPLE)
    event["detail"]["userId"] = f"user{text}"
    assert not accepted(event)
    assert not VALIDATOR.is_valid(event)
