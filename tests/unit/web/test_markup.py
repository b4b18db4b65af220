"""The reader of pages finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.unit.web.markup import Page

GOOD = (
    '<!doctype html><html lang="en"><head><title>t</title></head><body><header></header>'
    "<main><h1>h</h1>{}</main><footer></footer></body></html>"
)


@pytest.mark.parametrize(
    ("piece", "fault"),
    [
        ("<div><p></div></p>", "closes"),
        ("<h3>x</h3>", "after h1"),
        ('<input name="x">', "no label"),
        ('<form method="post"></form>', "token"),
        ('<p style="color:red"></p>', "policy"),
        ('<a href="https://example.com">x</a>', "outside"),
        ('<a href="#nowhere">x</a>', "not there"),
        ('<p id="a"></p><p id="a"></p>', "twice"),
        ("<table><tr><th>x</th></tr></table>", "scope"),
        ("<script></script>", "script"),
        ("<h1>again</h1>", "h1"),
    ],
)
def test_a_fault_is_found(piece: str, fault: str) -> None:
    assert Page(GOOD.format("")).faults == []
    assert any(fault in each for each in Page(GOOD.format(piece)).faults)
