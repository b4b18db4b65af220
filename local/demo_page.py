"""A page as the demo reads it: a small tree of elements, its forms and its links.

So the demo shows and fills in what the page really holds.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
_BLOCKS = frozenset(
    {"br", "dd", "div", "dt", "h1", "h2", "h3", "label", "legend", "li", "option", "p", "td", "th", "tr"}
)


class NotOnPage(Exception):
    """A page lacks what somebody would use on it; the message says what, and on which page."""


@dataclass
class Element:
    """An element of a page; ``children`` are elements and texts."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str, *, class_: str = "") -> Iterator[Element]:
        """Give the elements inside with this tag (and class), in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and (not class_ or class_ in child.attributes.get("class", "").split()):
                    yield child
                yield from child.all(tag, class_=class_)

    def first(self, tag: str, *, class_: str = "") -> Element | None:
        """Give the first such element."""
        return next(self.all(tag, class_=class_), None)

    def inside(self, *tags: str) -> list[Element]:
        """Give the direct children with these tags."""
        return [child for child in self.children if isinstance(child, Element) and child.tag in tags]

    def text(self, *, without: Callable[[Element], bool] = lambda _: False) -> str:
        """Give what is read here, on one line; elements that ``without`` names are passed over."""
        return " ".join("".join(self._texts(without)).split())

    def _texts(self, without: Callable[[Element], bool]) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif not without(child) and child.tag not in ("script", "style", "template"):
                space = " " if child.tag in _BLOCKS else ""
                yield space
                yield from child._texts(without)
                yield space


def read_page(text: str) -> Element:
    """Read a page's HTML."""
    reader = _Reader()
    reader.feed(text)
    return reader.root


class _Reader(HTMLParser):
    """Builds the tree; tags that HTML lets one leave open are closed with their parent."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("document")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


@dataclass(frozen=True)
class Form:
    """A form as it stands on a page: where it goes, and its controls with the values they start with."""

    action: str
    method: str
    element: Element

    def submission(self, given: Mapping[str, str | Sequence[str]], button: str | None) -> list[tuple[str, str]]:
        """Give what a browser would send; NotOnPage for a control or a choice that is not there.

        ``given`` fills text fields and chooses radio buttons, options and check boxes (a sequence ticks several).
        ``button`` is ``name=value`` of the button pressed, where it has a name.
        """
        pairs: list[tuple[str, str]] = []
        open_names = dict(given)
        for control in self._controls():
            name, kind = control.attributes.get("name", ""), control.attributes.get("type", control.tag)
            if not name or "disabled" in control.attributes:
                continue
            value = control.attributes.get("value", "on" if kind in ("checkbox", "radio") else "")
            if kind in ("checkbox", "radio"):
                wanted = given.get(name)
                chosen = "checked" in control.attributes if wanted is None else value in _several(wanted)
                if chosen:
                    pairs.append((name, value))
                    open_names.pop(name, None)
            elif kind == "select":
                pairs.append((name, self._selected(control, given.get(name))))
                open_names.pop(name, None)
            elif kind in ("button", "submit"):
                if button == f"{name}={value}":
                    pairs.append((name, value))
                    button = None
            else:
                pairs.append((name, str(given.get(name, value))))
                open_names.pop(name, None)
        if open_names or button:
            raise NotOnPage(f"The form to {self.action} has no {', '.join(open_names) or button}")
        return pairs

    def value(self, name: str) -> str:
        """Give what a control holds when the page is opened."""
        return next((c.attributes.get("value", "") for c in self._controls() if c.attributes.get("name") == name), "")

    def _controls(self) -> Iterator[Element]:
        for tag in ("input", "select", "textarea", "button"):
            yield from self.element.all(tag)

    def _selected(self, control: Element, wanted: str | Sequence[str] | None) -> str:
        options = list(control.all("option"))
        values = [option.attributes.get("value", option.text()) for option in options]
        if wanted is not None:
            if wanted not in values:
                raise NotOnPage(f"{control.attributes.get('name')} does not offer {wanted!r}")
            return str(wanted)
        chosen = [v for o, v in zip(options, values, strict=True) if "selected" in o.attributes]
        return (chosen or values or [""])[0]


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Page:
    """What the browser shows: the address it ended at, the status, the tree, and the addresses it passed through."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: str
    trail: tuple[str, ...] = ()
    root: Element = field(default_factory=lambda: Element("document"))

    @property
    def path(self) -> str:
        """The address without origin and query."""
        return urllib.parse.urlsplit(self.url).path

    @property
    def main(self) -> Element:
        """The page without its frame."""
        return self.root.first("main") or self.root

    @property
    def heading(self) -> str:
        """The first heading."""
        found = self.root.first("h1")
        return found.text() if found else ""

    def forms(self) -> list[Form]:
        """Give all forms."""
        return [
            Form(
                urllib.parse.urljoin(self.url, element.attributes.get("action") or self.url),
                element.attributes.get("method", "get").upper(),
                element,
            )
            for element in self.root.all("form")
        ]

    def form(self, action: str) -> Form:
        """Give the form that goes to this path; NotOnPage when there is none."""
        for form in self.forms():
            if urllib.parse.urlsplit(form.action).path == action:
                return form
        raise NotOnPage(f"The page {self.path} ({self.status}, {self.heading!r}) has no form to {action}")

    def link(self, text: str) -> str:
        """Give the address of the link with this text; NotOnPage when there is none."""
        for element in self.root.all("a"):
            if element.text() == text:
                return urllib.parse.urljoin(self.url, element.attributes.get("href", ""))
        raise NotOnPage(f"The page {self.path} ({self.status}, {self.heading!r}) has no link {text!r}")
