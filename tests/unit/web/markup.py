"""Reads a page the way a careful browser would, and lists what is wrong with it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LABELLED = {"select", "textarea", "progress"}
NOT_LABELLED = {"hidden", "submit", "button"}


class Page(HTMLParser):
    """A parsed page: its elements in order, its text, and its faults."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._forms: list[dict[str, object]] = []
        self._labels: set[str] = set()
        self._inside_label: list[tuple[str, dict[str, str]]] = []
        self._controls: list[tuple[str, dict[str, str], bool]] = []
        self.feed(html)
        self.close()
        self._check()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if len(given) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, given))
        if tag == "form":
            if "form" in self._open:
                self.faults.append("a form inside a form")
            self._forms.append({"method": given.get("method", "get"), "names": []})
        if tag in LABELLED or (tag == "input" and given.get("type") not in NOT_LABELLED):
            self._controls.append((tag, given, "label" in self._open))
        if tag == "label" and "for" in given:
            self._labels.add(given["for"])
        if tag in ("input", "select") and "form" in self._open:
            names = self._forms[-1]["names"]
            assert isinstance(names, list)
            names.append(given.get("name", ""))
        if tag not in VOID and not self._in_svg(tag):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID and self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self._in_svg(tag):
            return
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes <{self._open[-1] if self._open else 'nothing'}>")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] == "script":
            self.faults.append("a script inside the page")

    def _in_svg(self, tag: str) -> bool:
        return tag in ("rect", "path")

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a kind."""
        return [attrs for name, attrs in self.elements if name == tag]

    def _check(self) -> None:
        if self._open:
            self.faults.append(f"never closed: {self._open}")
        ids = [attrs["id"] for _, attrs in self.elements if "id" in attrs]
        self.faults += [f"id {one} occurs twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
        for tag, attrs in self.elements:
            for name in ("aria-labelledby", "aria-describedby", "for"):
                for target in attrs.get(name, "").split():
                    if target not in ids:
                        self.faults.append(f"{name} of <{tag}> points at {target}, which is not there")
            if "style" in attrs or any(name.startswith("on") for name in attrs):
                self.faults.append(f"<{tag}> carries style or script, which the policy forbids")
            for name in ("href", "src", "action"):
                if attrs.get(name, "/").startswith(("http:", "https:", "//", "javascript:", "data:")):
                    self.faults.append(f"<{tag}> leads outside: {attrs[name]}")
                if attrs.get(name, "").startswith("#") and attrs[name][1:] not in ids:
                    self.faults.append(f"<{tag}> leads to {attrs[name]}, which is not there")
        self._check_structure()
        self._check_forms()

    def _check_structure(self) -> None:
        for tag in ("main", "h1", "title", "header", "footer"):
            if len(self.all(tag)) != 1:
                self.faults.append(f"{len(self.all(tag))} <{tag}> elements")
        if any(not attrs.get("src", "").startswith("/assets/") for attrs in self.all("script")):
            self.faults.append("a script that is not ours")
        if not self.all("html") or not self.all("html")[0].get("lang"):
            self.faults.append("no language")
        level = 0
        for tag, _ in self.elements:
            if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
                if int(tag[1]) > level + 1:
                    self.faults.append(f"<{tag}> after h{level}")
                level = int(tag[1])
        for attrs in self.all("th"):
            if "scope" not in attrs:
                self.faults.append("a <th> without scope")
        if len(self.all("nav")) > 1 and any("aria-label" not in attrs for attrs in self.all("nav")):
            self.faults.append("two <nav> and one has no name")

    def _check_forms(self) -> None:
        for tag, attrs, inside in self._controls:
            named = inside or attrs.get("id") in self._labels or "aria-label" in attrs
            if not named:
                self.faults.append(f"<{tag} name={attrs.get('name')}> has no label")
        for form in self._forms:
            names = form["names"]
            assert isinstance(names, list)
            if form["method"] == "post" and names.count("csrf") != 1:
                self.faults.append("a form without its token")
        fieldsets, legends = self.all("fieldset"), self.all("legend")
        if len(fieldsets) != len(legends):
            self.faults.append("a fieldset without a legend")
