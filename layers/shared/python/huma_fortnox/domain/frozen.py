"""``dataclass(frozen=True, slots=True)`` as ``dataclasses`` has it, made in a third of the time.

``dataclasses`` compiles the methods of each class anew, half a millisecond a class: with a hundred classes that was a
fifth of what a function did before its first event. Here ``__init__`` alone is compiled; the other methods are the same
code for all classes and are told the names of the fields. To the type checker, and to ``fields``, ``replace`` and
``asdict``, the classes are dataclasses like any other. What is not frozen with slots is left to the standard one.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from dataclasses import dataclass as dataclass
else:

    def dataclass(**options):
        """Return the decorator; options are those of ``dataclasses.dataclass``."""
        if not (options.get("frozen") and options.get("slots")) or options.keys() - {"frozen", "slots", "repr"}:
            return dataclasses.dataclass(**options)
        return lambda cls: _made(cls, options.get("repr", True))


def _made(cls: type[Any], with_repr: bool) -> type[Any]:
    # Without a text of its own, a dataclass would work out a signature to stand in its place.
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    names = [field.name for field in fields]
    methods = {
        "__init__": _init(made, fields),
        "__reduce__": _reduce(names),
        "__setattr__": _refuse_to_assign,
        "__delattr__": _refuse_to_delete,
        **_comparing([field.name for field in fields if field.compare]),
    }
    if with_repr:
        methods["__repr__"] = _repr([field.name for field in fields if field.repr])
    for name, method in methods.items():
        # As in every dataclass, what a class defines itself stands.
        if name in ("__init__", "__setattr__", "__delattr__") or name not in cls.__dict__:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _init(made: type[Any], fields: Sequence[dataclasses.Field[Any]]) -> Any:
    """Return ``__init__``: it puts each argument into its slot."""
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    parameters, body = ["self"], []
    for field in fields:
        name, parameter, value = field.name, field.name, field.name
        known[f"_put_{name}"] = made.__dict__[name].__set__
        if field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameter += f"=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameter += "=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}"
        parameters.append(parameter)
        body.append(f" _put_{name}(self, {value})")
    source = "\n".join([f"def __init__({', '.join(parameters)}):", *body, *([] if body else [" pass"])])
    exec(source, known)  # noqa: S102  # names of fields, as they stand in the class
    init = known["__init__"]
    init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _values(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _comparing(names: Sequence[str]) -> dict[str, Any]:
    values = _values(names)

    def equal(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def hashed(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hashed}


def _repr(names: Sequence[str]) -> Any:
    def text(self: Any) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return text


def _reduce(names: Sequence[str]) -> Any:
    values = _values(names)

    def parts(self: Any) -> tuple[Any, ...]:
        return self.__class__, values(self)

    return parts


def _refuse_to_assign(self: Any, name: str, _value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
