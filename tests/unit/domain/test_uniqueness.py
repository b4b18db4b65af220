"""Who shares a value that must be unique."""

from huma_fortnox.domain.fields import FIELDS
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Side
from huma_fortnox.domain.readings import Context
from huma_fortnox.domain.uniqueness import Holders, named

from tests.unit.domain.two_systems import SETTINGS


def holders(values: dict[str, str | None]) -> tuple[Holders, list[str]]:
    asked: list[str] = []

    def key_of(person_id: str) -> str | None:
        asked.append(person_id)
        return FIELDS["phone"].read(Side.HUMA, values[person_id], Context("SE", SETTINGS)).key

    found = Holders(FIELDS["phone"], Side.HUMA, key_of)
    for person_id, raw in values.items():
        found.add(person_id, raw)
    return found, asked


def test_values_that_cannot_be_equal_are_not_even_read() -> None:
    found, asked = holders({"u1": "070-174 06 05", "u2": "070-174 06 06", "u3": "0046701740607"})
    assert found.shared() == {}
    assert asked == []


def test_only_those_whose_traces_meet_are_read() -> None:
    values: dict[str, str | None] = {
        "u1": "070-174 06 05",
        "u2": "+46701740605",
        "u3": "073-174 06 05",
        "u4": "070-174 06 06",
    }
    found, asked = holders(values)
    why = Reason("duplicate-in-huma", {"field": "phone", "people": "u1,u2", "count": "2"})
    assert found.shared() == {"u1": why, "u2": why}
    assert set(asked) == {"u1", "u2", "u3"}


def test_a_value_without_a_trace_is_read_and_found_by_its_key() -> None:
    found, asked = holders({"u1": "+46 (0)70-174 06 05", "u2": "call me", "u3": "070-174 06 05", "u4": None})
    assert set(asked) == {"u1", "u2", "u4"}
    assert found.of("+46701740605") == ["u1", "u3"]
    assert found.of("+46731740605") == []
    assert found.of("+46701740699") == []
    assert found.shared().keys() == {"u1", "u3"}


def test_somebody_counted_twice_shares_with_nobody() -> None:
    found, _ = holders({"u1": "070-174 06 05"})
    found.add("u1", "070-174 06 05")
    assert found.shared() == {}


def test_whoever_turns_out_unreadable_among_equal_traces_does_not_count() -> None:
    found, _ = holders({"u1": "070-174 06 05", "u2": "000-174 06 05", "u3": "099-1740605"})
    assert found.shared() == {}
    assert found.of("+46701740605") == ["u1"]


def test_at_most_a_hundred_are_named() -> None:
    everybody = [f"{number:03}" for number in range(101)]
    assert named(everybody) == {"people": ",".join(everybody[:100]), "count": "101"}
