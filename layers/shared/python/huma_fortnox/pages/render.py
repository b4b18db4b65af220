"""Templates to text: escaped by default, strict about what is missing, loaded when first needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **context: object) -> str:
    """Return a template filled in; a name it does not know is an error, never an empty place."""
    return environment().get_template(template).render(**context)


@cache
def environment() -> Environment:
    """Return the one environment of all templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        # Everything is escaped, the templates of plain text excepted: what people are called must stay inert.
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        loader=PackageLoader("huma_fortnox.pages", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["strong"] = strong
    return made


def strong(text: str) -> str:
    """Return a text of the catalogue as HTML, ``*so*`` as strong; everything else is escaped.

    >>> str(strong("Use *Huma* & go"))
    'Use <strong>Huma</strong> &amp; go'
    """
    import re

    from markupsafe import Markup, escape

    return Markup(re.sub(r"\*([^*]+)\*", r"<strong>\1</strong>", str(escape(text))))  # noqa: S704 - escaped just above
