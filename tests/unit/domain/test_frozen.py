"""The quickly made dataclasses behave as the standard ones."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from huma_fortnox.domain import frozen


@frozen.dataclass(frozen=True, slots=True)
class Ours:
    """With a default, a factory and a field that is told to nobody."""

    name: str
    secret: str = dataclasses.field(repr=False, compare=False)
    count: int = 7
    parts: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def doubled(self) -> int:
        return 2 * self.count


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """With a default, a factory and a field that is told to nobody."""

    name: str
    secret: str = dataclasses.field(repr=False, compare=False)
    count: int = 7
    parts: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def doubled(self) -> int:
        return 2 * self.count


@frozen.dataclass(frozen=True, slots=True)
class One:
    """Of one field."""

    value: int


@frozen.dataclass(frozen=True, slots=True)
class Nothing:
    """Of none."""


@frozen.dataclass(frozen=True, slots=True, repr=False)
class Own:
    """With methods of its own."""

    value: int

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "own"


@pytest.fixture(params=[Ours, Standard])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_values_are_given_by_place_or_name_and_the_rest_by_default(kind: Any) -> None:
    made = kind("a", secret="s")
    assert (made.name, made.secret, made.count, made.parts, made.doubled) == ("a", "s", 7, {}, 14)
    assert kind("a", "s").parts is not kind("a", "s").parts
    assert kind("a", "s", 1, {"b": 2}).parts == {"b": 2}


@pytest.mark.parametrize("arguments", [((), {}), (("a",), {}), (("a", "s", 1, {}, 5), {}), (("a", "s"), {"other": 1})])
def test_what_is_missing_or_too_much_is_refused(kind: Any, arguments: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError):
        kind(*arguments[0], **arguments[1])


def test_what_is_compared_makes_two_equal_and_alike_in_a_set(kind: Any) -> None:
    assert kind("a", "s") == kind("a", "another")
    assert kind("a", "s") != kind("a", "s", 8)
    assert kind("a", "s") != ("a", 7, {})
    assert kind("a", "s", parts=()) in {kind("a", "t", parts=())}
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind("a", "s"))


def test_two_of_different_classes_are_never_equal() -> None:
    made: Any = Ours("a", "s")
    assert made != Standard("a", "s")
    assert One(1) == One(1) != One(2)
    assert hash(One(1)) == hash(One(1))
    assert Nothing() == Nothing()
    assert repr(Nothing()) == "Nothing()"


def test_the_text_tells_what_may_be_told(kind: Any) -> None:
    assert repr(kind("a", "s")) == f"{kind.__name__}(name='a', count=7, parts={{}})"


@pytest.mark.parametrize("change", [lambda made: setattr(made, "count", 1), lambda made: delattr(made, "count")])
def test_nothing_can_be_changed_or_added(kind: Any, change: Callable[[Any], None]) -> None:
    made = kind("a", "s")
    with pytest.raises(dataclasses.FrozenInstanceError):
        change(made)
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError, AttributeError)):
        made.other = 1
    assert not hasattr(made, "__dict__")
    assert made.count == 7


def test_the_tools_for_dataclasses_take_them(kind: Any) -> None:
    made = kind("a", "s")
    assert [each.name for each in dataclasses.fields(made)] == ["name", "secret", "count", "parts"]
    assert dataclasses.replace(made, count=9).count == 9
    assert dataclasses.is_dataclass(Ours)
    assert dataclasses.asdict(made) == {"name": "a", "secret": "s", "count": 7, "parts": {}}
    assert kind.__match_args__ == ("name", "secret", "count", "parts")
    assert kind.__init__.__annotations__ == Standard.__init__.__annotations__


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_copy_is_equal(kind: Any, again: Callable[[Any], Any]) -> None:
    made = kind("a", "s", 3, {"b": 1})
    copied = again(made)
    assert copied == made
    assert copied.secret == "s"


def test_methods_of_a_class_itself_stand() -> None:
    one, another = Own(1), Own(2)
    assert one == another
    assert (hash(one), repr(one)) == (1, "own")


def test_a_class_without_a_text_has_its_name() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Plain:
        value: int

    assert Plain.__doc__ == "Plain"


def test_any_other_dataclass_is_the_standard_one() -> None:
    @frozen.dataclass(slots=True)
    class Changing:
        """May change."""

        value: int

    @frozen.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        """Only by name."""

        value: int

    made = Changing(1)
    made.value = 2
    assert made == Changing(2)
    with pytest.raises(TypeError):
        Named(1)  # type: ignore[call-arg]
    assert Named(value=1).value == 1
