"""What SES reports about messages, read."""

from __future__ import annotations

from typing import Any

import pytest
from huma_fortnox.adapters.mail_reports import problem_from_report
from huma_fortnox.domain.errors import BadRequest
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import MailProblem

from tests.unit.adapters.mail_events import AT_SECONDS, ORGANIZATION, bounced, complained


@pytest.mark.parametrize(
    ("report", "code", "final"),
    [
        (bounced(), "mail-bounced", True),
        (bounced(subtype="Suppressed"), "mail-bounced", True),
        (bounced(kind="Transient", subtype="MailboxFull"), "mail-undelivered", False),
        (bounced(kind="Undetermined", subtype="Undetermined"), "mail-undelivered", False),
        (complained(), "mail-unwanted", True),
    ],
)
def test_what_will_not_change_is_final_and_what_may_pass_is_not(report: Any, code: str, final: bool) -> None:
    problem = MailProblem("astrid@example.com", Reason(code), AT_SECONDS, final)
    assert problem_from_report(report) == (ORGANIZATION, problem)


def test_whom_it_was_sent_to_counts_and_not_whom_a_server_names() -> None:
    _, problem = problem_from_report(bounced(to="Astrid@Example.com"))
    assert problem.address == "Astrid@Example.com"
    assert "example" not in repr(problem).lower()


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"detail": "text"},
        bounced(eventType="Delivery"),
        bounced(eventType=None),
        bounced(bounce=None),
        bounced(bounce={"bounceType": "Permanent", "timestamp": "yesterday"}),
        bounced(mail={"destination": ["a@example.com"], "tags": {}}),
        bounced(mail={"destination": [], "tags": {"organization": [ORGANIZATION]}}),
        bounced(mail={"destination": ["a@example.com", "b@example.com"], "tags": {"organization": [ORGANIZATION]}}),
        bounced(mail={"destination": [7], "tags": {"organization": [ORGANIZATION]}}),
        bounced(organization="two words"),
    ],
)
def test_a_report_that_is_none_of_ours_is_unreadable(report: Any) -> None:
    with pytest.raises(BadRequest, match="event-unreadable"):
        problem_from_report(report)
