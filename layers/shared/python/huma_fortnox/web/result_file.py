"""The result of a run as a file, for the page and the API alike.

A Lambda answers at most 6 MB. Fifty thousand lines are far below that compressed, which every browser asks for; a
larger result comes in several files.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.pages import spreadsheet
from huma_fortnox.pages.addresses import with_query
from huma_fortnox.pages.texts import texts
from huma_fortnox.web.http import NotAcceptable, download

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huma_fortnox.services.model import Synchronization
    from huma_fortnox.web.http import Request, Response
    from huma_fortnox.web.use_cases import Synchronizations

LINES = 50_000
MOST_BYTES = 5_000_000
"""Of a file that goes out uncompressed: escaped as JSON it is larger."""

Only = tuple[Outcome, ...]


def files(found: Synchronization, only: Sequence[Outcome] = ()) -> int:
    """Return how many files a result takes."""
    lines = sum(found.outcomes.get(outcome.value, 0) for outcome in only or Outcome)
    return max(1, -(-lines // LINES))


def result_file(
    request: Request, synchronizations: Synchronizations, found: Synchronization, only: Only = ()
) -> Response[str]:
    """Return one of the files of a result, as the query's ``part`` and ``separator`` want it."""
    t, parts = texts(request.locale), files(found, only)
    part, separator = _part(request.query.get("part", ""), parts), _separator(request)
    lines = spreadsheet.lines(synchronizations.result(found.organization_id, found.id, only=only), t, separator)
    some = islice(lines, (part - 1) * LINES, part * LINES)
    content = "".join((spreadsheet.heading(t, separator), *some))
    if "gzip" not in request.headers.get("accept-encoding", "") and len(content.encode()) > MOST_BYTES:
        raise NotAcceptable
    number = f"-{part}" if parts > 1 else ""
    answer = download(content, "text/csv; charset=utf-8", f"fortnox-{t.day(found.finished_at)}{number}.csv")
    if part < parts:
        following = with_query(request.path, **{**request.query, "part": str(part + 1)})
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer


def _part(text: str, parts: int) -> int:
    if not text:
        return 1
    part = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= part <= parts:
        raise BadRequest("query-invalid", {"name": "part", "expected": f"1 to {parts}"})
    return part


def _separator(request: Request) -> str:
    wanted = request.query.get("separator", "")
    if not wanted:
        return spreadsheet.usual_separator(request.locale)
    if wanted not in spreadsheet.SEPARATORS:
        raise BadRequest("query-invalid", {"name": "separator", "expected": ", ".join(spreadsheet.SEPARATORS)})
    return wanted
