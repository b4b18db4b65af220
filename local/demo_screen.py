"""What the demo prints, and the expectations it checks: plain text, colours only on a terminal that wants them."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO, TypeVar

T = TypeVar("T")

MARGIN = "  "
WIDEST = 132
_BOLD, _GREEN, _DIM = "1", "32", "2"


class NotHeld(Exception):
    """Something the demo expects did not hold; the message says what, for a reader."""


class Screen:
    """A terminal, or a file: chapters, sentences, tables, quotations, and what held."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        terminal = out.isatty()
        self._coloured = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._width = min(shutil.get_terminal_size((WIDEST, 24)).columns if terminal else WIDEST, WIDEST)
        self._chapters = 0
        self.held = 0
        """How many expectations held so far."""

    def chapter(self, title: str) -> None:
        """Begin the next step of the journey."""
        self._chapters += 1
        self._print()
        self._print(self._in(_BOLD, f"{self._chapters}. {title}"))

    def say(self, text: str) -> None:
        """Print a paragraph."""
        self._print_wrapped(text, MARGIN, MARGIN)

    def page(self, status: int, path: str, heading: str, *paragraphs: str) -> None:
        """Print what a page shows."""
        self._print()
        self._print(f"{MARGIN}{self._in(_DIM, f'[{status} {path}]')}")
        self._print_wrapped(heading, f"{MARGIN}| ", f"{MARGIN}| ", _BOLD)
        for paragraph in filter(None, paragraphs):
            self._print_wrapped(paragraph, f"{MARGIN}|   ", f"{MARGIN}|   ")

    def quote(self, text: str) -> None:
        """Print a text as it stands, line by line."""
        for line in text.strip().splitlines():
            self._print_wrapped(line, f"{MARGIN}| ", f"{MARGIN}|   ")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print aligned columns; the widest are wrapped where the line is too short."""
        cells = [[str(cell) for cell in row] for row in rows]
        widths = self._column_widths([list(headings), *cells])
        self._print()
        self._print_row(list(headings), widths, _BOLD)
        self._print(MARGIN + "  ".join("-" * width for width in widths))
        for row in cells:
            self._print_row(row, widths)
        self._print()

    def expect(self, holds: object, what: str, *, otherwise: str = "") -> None:
        """Print what held, or raise NotHeld; ``otherwise`` says what was found instead."""
        if not holds:
            raise NotHeld(f"Expected: {what}" + (f"\n{MARGIN}Found: {otherwise}" if otherwise else ""))
        self.held += 1
        mark = self._in(_GREEN, "ok")
        self._print_wrapped(what, f"{MARGIN}{mark}  ", f"{MARGIN}    ")

    def expect_equal(self, found: object, wanted: object, what: str) -> None:
        """Expect two things to be the same; what is found otherwise is shown beside what was wanted."""
        self.expect(found == wanted, what, otherwise=f"{found!r}\n{MARGIN}instead of: {wanted!r}")

    def wait_for(self, what: str, probe: Callable[[], T | None], *, seconds: float, pause: float = 0.1) -> T:
        """Return the first thing ``probe`` finds; NotHeld when it finds nothing in time."""
        deadline = time.monotonic() + seconds
        while (found := probe()) is None:
            if time.monotonic() > deadline:
                raise NotHeld(f"Expected within {seconds:.0f} s: {what}")
            time.sleep(pause)
        return found

    def _column_widths(self, rows: list[list[str]]) -> list[int]:
        """Give each column what its longest cell needs, then take from the widest until the line fits."""
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        room = self._width - len(MARGIN) - 2 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > 1:
            widths[widths.index(max(widths))] -= 1
        return widths

    def _print_row(self, cells: list[str], widths: list[int], style: str = "") -> None:
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
        for number in range(max(map(len, wrapped))):
            parts = [lines[number] if number < len(lines) else "" for lines in wrapped]
            line = "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True))
            self._print(MARGIN + self._in(style, line.rstrip()))

    def _print_wrapped(self, text: str, first: str, following: str, style: str = "") -> None:
        width = self._width - len(following)
        for number, line in enumerate(textwrap.wrap(text, width, break_on_hyphens=False) or [""]):
            self._print((first if number == 0 else following) + self._in(style, line))

    def _in(self, style: str, text: str) -> str:
        return f"\033[{style}m{text}\033[0m" if self._coloured and style else text

    def _print(self, line: str = "") -> None:
        print(line, file=self._out, flush=True)
