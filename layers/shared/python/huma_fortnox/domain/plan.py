"""The plan: everybody's situation, what differs, and what the decisions make of it.

One way of planning serves a whole organization, a part of it and a single pair: a ``Survey`` of everybody, and a
plan of some of them. `writes` turns a planned person into what is sent to each side, `confirm` restricts a fresh plan
to what somebody has seen, and `push` is the real-time way from Huma to Fortnox; they share the comparison of
``compare``, so all of them judge alike.

What it costs is ordered: equal raw values are seen to be equal without being read, and no value is read twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from huma_fortnox.domain.confirm import confirm
from huma_fortnox.domain.decisions import NOTHING_DECIDED
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Plan
from huma_fortnox.domain.push import push
from huma_fortnox.domain.survey import Survey
from huma_fortnox.domain.writes import verify, writes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.digest import Digest
    from huma_fortnox.domain.people import Employee, Link, User

__all__ = ["confirm", "plan", "push", "verify", "writes"]

USUAL_SETTINGS = FieldSettings()


def plan(
    users: Iterable[User],
    employees: Iterable[Employee],
    *,
    links: Iterable[Link] = (),
    decisions: Decisions = NOTHING_DECIDED,
    digest: Digest,
    settings: FieldSettings = USUAL_SETTINGS,
) -> Plan:
    """Return the plan for these people, in a stable order that no order of the input changes.

    ``links`` are those of the people given; a link whose user or employee is missing says that they are gone. Of
    two records with one id the last counts. What must be unique is checked among the people given.
    """
    every_user, every_employee, every_link = list(users), list(employees), list(links)
    survey = Survey(every_user, every_employee, links=every_link, decisions=decisions, digest=digest, settings=settings)
    people = survey.plan(survey.users.values(), survey.employees.values(), every_link)
    return Plan(tuple(sorted(people, key=lambda person: person.key)))
