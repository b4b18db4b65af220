"""Everything people read, in their language, from catalogues.

A language is a folder with one JSON file a subject; all its files together are its catalogue, keyed by dotted names.
A text is a string with ``{names}`` to fill in, or an object with the language's plural forms (``one``, ``other``)
chosen by ``count``. A language lacks nothing that English has: a test compares them.

Babel formats dates and numbers and chooses plurals. It is imported when the first of them is needed, because most
starts of a function never do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from huma_fortnox.domain.frozen import dataclass

if TYPE_CHECKING:
    from babel import Locale

    from huma_fortnox.domain.outcome import Reason

DEFAULT = "en"
ZONE = "Europe/Stockholm"
"""Whose clock dates are shown in: Fortnox is a Swedish payroll."""

_REGIONS = {"en": "en_GB", "sv": "sv_SE", "nb": "nb_NO"}
_ALIASES = {"no": "nb", "nn": "nb"}
"""Norwegian without a form, and the form we do not speak, get Bokmål."""

Text = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason for people: what is so, what to do about it, and who can do it (empty: the reader)."""

    sentence: str
    advice: str
    who: str = ""


def locales() -> tuple[str, ...]:
    """Return the languages there is a catalogue for."""
    return tuple(sorted(each.name for each in resources.files(__name__).iterdir() if _is_language(each.name)))


def _is_language(name: str) -> bool:
    return name in _REGIONS and resources.files(__name__).joinpath(name).is_dir()


def negotiate(locale: str) -> str:
    """Return the language to use for what a profile or browser asks for.

    >>> negotiate("en-GB"), negotiate("de"), negotiate("")
    ('en', 'en', 'en')
    """
    language = locale.replace("_", "-").split("-")[0].strip().lower()
    language = _ALIASES.get(language, language)
    return language if _is_language(language) else DEFAULT


def texts(locale: str) -> Texts:
    """Return the texts in the language nearest to ``locale``."""
    return _texts(negotiate(locale))


@cache
def _texts(language: str) -> Texts:
    return Texts(language, catalogue(language))


@cache
def catalogue(language: str) -> Mapping[str, Text]:
    """Return a language's whole catalogue."""
    found: dict[str, Text] = {}
    for file in sorted(resources.files(__name__).joinpath(language).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".json"):
            for name, text in _flatten(json.loads(file.read_text(encoding="utf-8"))):
                if name in found:
                    raise ValueError(f"{language}: {name} stands in the catalogue twice")
                found[name] = text
    return found


@cache
def aliases() -> Mapping[str, str]:
    """Return the codes that people are told about in the words of another: operators keep them apart, not readers."""
    text = resources.files(__name__).joinpath("aliases.json").read_text(encoding="utf-8")
    return cast("Mapping[str, str]", json.loads(text))


def _flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Text]]:
    for key, value in node.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and "other" not in value:
            yield from _flatten(value, f"{name}.")
        else:
            yield name, cast("Text", value)


def reason(reason: Reason, locale: str) -> tuple[str, str]:
    """Return a reason's sentence and what to do about it."""
    explained = texts(locale).reason(reason)
    return explained.sentence, explained.advice


class Texts:
    """The texts in one language."""

    def __init__(self, language: str, entries: Mapping[str, Text]) -> None:
        self.language = language
        self._entries = entries
        self._locale: Locale | None = None

    def __call__(self, key: str, **params: object) -> str:
        """Return a text with its names filled in; numbers are formatted."""
        entry = self._entries[key]
        if isinstance(entry, str):
            return entry.format_map(self._filled(params))
        count = params.get("count", 0)
        form = self._babel.plural_form(cast("int", count))
        return entry.get(form, entry["other"]).format_map(self._filled(params))

    def has(self, key: str) -> bool:
        """Tell whether there is such a text."""
        return key in self._entries

    def under(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in the catalogue's order."""
        return [key for key in self._entries if key.startswith(f"{prefix}.")]

    def reason(self, reason: Reason) -> Explained:
        """Return a reason's sentence and advice; a code without a text gets a safe general one."""
        code = aliases().get(reason.code, reason.code)
        known = self.has(f"reason.{code}.sentence")
        name = f"reason.{code if known else 'unknown-code'}"
        params = _Lenient({key: self._param(key, value) for key, value in reason.params.items()})
        params.setdefault("code", reason.code)

        def part(kind: str) -> str:
            entry = self._entries.get(f"{name}.{kind}", "")
            if not isinstance(entry, str):
                count = reason.params.get("count", "")
                entry = entry.get(self._babel.plural_form(int(count) if count.isdigit() else 0), entry["other"])
            return entry.format_map(params)

        return Explained(part("sentence"), part("advice"), part("who"))

    def _param(self, name: str, value: str) -> str:
        """Put a parameter of a reason into words where it is one of our own."""
        group = {"field": "field", "side": "side", "target": "side", "other": "side"}.get(name, name)
        if group == "field":
            return ", ".join(self.field(part.strip()) for part in value.split(","))
        key = f"{group}.{value}"
        if self.has(key):
            return cast("str", self._entries[key])
        return value

    def field(self, key: str) -> str:
        """Return a field's name for people."""
        return self(f"field.{key}.label") if self.has(f"field.{key}.label") else key

    def number(self, value: float) -> str:
        """Return a number as the language writes it."""
        if isinstance(value, int) and 0 <= value < 1000:
            return str(value)
        from babel.numbers import format_decimal

        return str(format_decimal(value, locale=self._babel))

    def date(self, seconds: float) -> str:
        """Return Unix seconds as a date."""
        from babel.dates import format_date

        return format_date(self._moment(seconds), format="long", locale=self._babel)

    def day(self, seconds: float) -> str:
        """Return Unix seconds as a date for a file's name, the same in every language."""
        return self._moment(seconds).date().isoformat()

    def moment(self, seconds: float) -> str:
        """Return Unix seconds as a date and a time of day."""
        from babel.dates import format_datetime

        moment = self._moment(seconds)
        written = format_datetime(moment, format="medium", locale=self._babel, tzinfo=cast("Any", moment.tzinfo))
        return written if moment.tzinfo is not UTC else f"{written} UTC"

    def iso(self, seconds: float) -> str:
        """Return Unix seconds for a ``time`` element."""
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

    def duration(self, seconds: float) -> str:
        """Return a length of time in the largest unit that fits, rounded up."""
        whole = max(1, int(-(-seconds // 1)))
        if whole < 60:
            return self("unit.seconds", count=whole)
        if whole < 3600:
            return self("unit.minutes", count=-(-whole // 60))
        return self("unit.hours", count=-(-whole // 3600))

    @property
    def _babel(self) -> Locale:
        if self._locale is None:
            from babel import Locale

            self._locale = Locale.parse(_REGIONS[self.language])
        return self._locale

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, _zone())

    def _filled(self, params: Mapping[str, object]) -> dict[str, str]:
        return {
            key: self.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            for key, value in params.items()
        }


class _Lenient(dict[str, str]):
    """Parameters of a reason, with a dash for one that is missing: a text must never fail on old data."""

    def __missing__(self, key: str) -> str:
        return "–"


@cache
def _zone() -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(ZONE)
    except ZoneInfoNotFoundError:
        return UTC
