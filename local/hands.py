"""How somebody works a page: with a mouse, or with nothing but a keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

MOST_TABS = 600
"""Presses of Tab after which something counts as out of reach."""

_STANDING = """target => {
  if (!target.isConnected) return 'replaced';
  const active = document.activeElement;
  const kin = active !== target && active.type === 'radio' && target.type === 'radio'
    && active.name === target.name && active.form === target.form;
  return active === target ? 'there' : kin ? 'group' : 'elsewhere';
}"""

_SHOWN = """target => {
  const spot = target.closest('label') || target, box = target.getBoundingClientRect();
  const marked = [target, spot].some(each => getComputedStyle(each).outlineStyle !== 'none');
  const x = box.left + box.width / 2, y = box.top + Math.min(box.height / 2, innerHeight / 2);
  const top = document.elementFromPoint(x, y);
  const free = top !== null && (spot.contains(top) || top.contains(target));
  return !marked ? 'has no visible focus' : !free ? 'is hidden or covered while it has the focus' : '';
}"""


class OutOfReach(AssertionError):
    """Something on a page cannot be reached, or its focus cannot be seen."""


class Hands(Protocol):
    """What somebody does on a page."""

    def press(self, target: Locator) -> None:
        """Press a button or follow a link."""
        ...

    def choose(self, target: Locator) -> None:
        """Choose a radio button or tick a box."""
        ...

    def write(self, target: Locator, text: str) -> None:
        """Fill in a text."""
        ...

    def select(self, target: Locator, value: str) -> None:
        """Choose from a list."""
        ...


class Mouse:
    """Clicks."""

    def press(self, target: Locator) -> None:
        """Press a button or follow a link."""
        target.click()

    def choose(self, target: Locator) -> None:
        """Choose a radio button or tick a box."""
        target.check()

    def write(self, target: Locator, text: str) -> None:
        """Fill in a text."""
        target.fill(text)

    def select(self, target: Locator, value: str) -> None:
        """Choose from a list."""
        target.select_option(value)


class Keyboard:
    """Tab, arrows, Space, Enter and letters; sees to it that the focus can be seen wherever it stops."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, target: Locator) -> None:
        """Press a button or follow a link."""
        self._reach(target)
        self._page.keyboard.press("Enter")

    def choose(self, target: Locator) -> None:
        """Choose a radio button or tick a box."""
        self._reach(target)
        if not target.is_checked():
            self._page.keyboard.press("Space")

    def write(self, target: Locator, text: str) -> None:
        """Fill in a text."""
        self._reach(target)
        self._page.keyboard.press("Control+A")
        self._page.keyboard.type(text)

    def select(self, target: Locator, value: str) -> None:
        """Choose from a list, by its first letters as they are shown."""
        self._reach(target)
        option = target.locator(f'option[value="{value}"]')
        self._page.keyboard.type((option.text_content() or "")[:8])
        if target.input_value() != value:
            raise OutOfReach(f"{value} cannot be chosen by typing")

    def _reach(self, target: Locator) -> None:
        """Press Tab until the focus is on something, and the arrows inside a group of radio buttons.

        What an answer has put in its place meanwhile is as good.
        """
        element = target.element_handle()
        for _ in range(MOST_TABS):
            if element is None:
                raise OutOfReach(f"{target} is not there")
            standing = element.evaluate(_STANDING)
            if standing == "replaced":
                element = target.element_handle()
                continue
            if standing == "there":
                if fault := element.evaluate(_SHOWN):
                    raise OutOfReach(f"{target} {fault}")
                return
            self._page.keyboard.press("ArrowDown" if standing == "group" else "Tab")
        raise OutOfReach(f"{target} is not reached with Tab")
