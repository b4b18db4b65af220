"""The use cases' objects as the JSON of the API; ``openapi.json`` describes the same shapes.

Members are in camelCase, words of the domain (states, situations, outcomes, directions) as they are; times are
ISO 8601 in UTC. Bank account numbers appear masked and nothing else of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huma_fortnox.domain.decisions import Decisions
    from huma_fortnox.domain.outcome import FieldOutcome, Reason
    from huma_fortnox.domain.people import Raw, Side
    from huma_fortnox.domain.plan_types import Change, PlannedPerson
    from huma_fortnox.services.model import (
        Activity,
        ActivityPage,
        Connection,
        KeyCheck,
        MailProblem,
        OrganizationSettings,
        OutcomePage,
        PeoplePage,
        Summary,
        Synchronization,
    )
    from huma_fortnox.services.real_time import HeldPage, RealTime, Reconciliation

Show = Callable[[str, "Raw", "Side"], str]
"""A field's value as people may see it: field key, raw value, side."""


def instant(seconds: float) -> str | None:
    """Return Unix seconds as ISO 8601, or ``None`` for zero, which stands for never.

    >>> instant(1767225600), instant(0)
    ('2026-01-01T00:00:00Z', None)
    """
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="auto").replace("+00:00", "Z")


def reason(value: Reason | None) -> dict[str, Any] | None:
    """Return a reason."""
    return value.to_json() if value is not None else None


def settings(value: OrganizationSettings) -> dict[str, Any]:
    """Return an organization's settings."""
    employment = value.employment
    return {
        "phoneProperty": value.fields.phone_property,
        "defaultRegion": value.fields.default_region,
        "countryName": value.fields.country_name,
        "employment": {
            "personelType": employment.personel_type,
            "employmentForm": employment.employment_form,
            "salaryForm": employment.salary_form,
        }
        if employment is not None
        else None,
        "newUsers": {"jobTitle": value.new_users.job_title, "invite": value.new_users.invite},
        "createAutomatically": value.create_automatically,
        "bankChangesAnHour": value.bank_changes_an_hour,
        "thresholds": {
            "bankAccounts": value.thresholds.bank_accounts,
            "bankAccountPercent": value.thresholds.bank_account_percent,
            "clearedValues": value.thresholds.cleared_values,
            "creations": value.thresholds.creations,
        },
        "recipients": [{"email": each.email, "locale": each.locale} for each in value.recipients],
    }


def connection(value: Connection) -> dict[str, Any]:
    """Return an organization's connection."""
    return {
        "organizationId": value.organization_id,
        "state": value.state.value,
        "usable": value.usable,
        "company": {"name": value.company_name, "organizationNumber": value.company_number}
        if value.company_name or value.company_number
        else None,
        "connectedAt": instant(value.connected_at),
        "connectedBy": value.connected_by or None,
        "terms": {
            "version": value.terms_version,
            "acceptedAt": instant(value.terms_accepted_at),
            "acceptedBy": value.terms_accepted_by or None,
        }
        if value.terms_version
        else None,
        "reason": reason(value.reason),
        "paused": {"since": instant(value.paused_since), "by": value.paused_by or None} if value.paused_since else None,
        "lastSynchronization": value.last_synchronization or None,
        "hasHumaKey": value.has_huma_key,
        "settings": settings(value.settings),
    }


def key_check(value: KeyCheck) -> dict[str, Any]:
    """Return what was found out about a Huma API key."""
    return {"problems": [problem.to_json() for problem in value.problems]}


def synchronization(value: Synchronization) -> dict[str, Any]:
    """Return one run, without its people."""
    return {
        "id": value.id,
        "state": value.state.value,
        "over": value.state.over,
        "startedAt": instant(value.started_at),
        "startedBy": value.started_by.name,
        "finishedAt": instant(value.finished_at),
        "situations": dict(value.situations),
        "outcomes": dict(value.outcomes),
        "progress": {_camel(name): count for name, count in value.progress.items()},
        "secondsLeft": value.seconds_left,
        "notes": [each.to_json() for each in value.notes],
        "reason": reason(value.reason),
    }


def people_page(value: PeoplePage, show: Show) -> dict[str, Any]:
    """Return a page of the plan with the decisions so far."""
    return {
        "people": [person(each, value.decisions, show) for each in value.people],
        "decisions": {
            "everything": value.decisions.everything.value if value.decisions.everything else None,
            "fields": {key: direction.value for key, direction in value.decisions.fields.items()},
        },
        "others": {
            key: {
                "user": _party(each.user.id, each.user.active, each.user.values) if each.user else None,
                "employee": _party(each.employee.id, each.employee.active, each.employee.values)
                if each.employee
                else None,
            }
            for key, each in value.others.items()
        },
        "after": value.after or None,
    }


def person(value: PlannedPerson, decisions: Decisions, show: Show) -> dict[str, Any]:
    """Return one person of the plan."""
    return {
        "key": value.key,
        "situation": value.situation.value,
        "linked": value.linked,
        "user": _party(value.user.id, value.user.active, value.user.values) if value.user else None,
        "employee": _party(value.employee.id, value.employee.active, value.employee.values) if value.employee else None,
        "changes": [change(each, value.key, decisions, show) for each in value.changes],
        "reasons": [each.to_json() for each in value.reasons],
        "notes": [each.to_json() for each in value.notes],
        "pairings": [
            {
                "userId": pairing.user_id,
                "employeeId": pairing.employee_id,
                "evidence": list(pairing.evidence),
                "samePerson": decisions.pairs.get((pairing.user_id, pairing.employee_id)),
            }
            for pairing in value.pairings
        ],
        "creates": value.creates or None,
        "create": decisions.creations.get(value.key, False),
        "createHeld": reason(value.create_held),
    }


def _party(identity: str, active: bool, values: Mapping[str, Raw]) -> dict[str, Any]:
    return {
        "id": identity,
        "active": active,
        "givenName": values.get("given_name"),
        "familyName": values.get("family_name"),
    }


def change(value: Change, key: str, decisions: Decisions, show: Show) -> dict[str, Any]:
    """Return one field of one person that differs, both sides as people may see them."""
    from huma_fortnox.domain.people import Side

    return {
        "field": value.field,
        "huma": show(value.field, value.huma, Side.HUMA) or None,
        "fortnox": show(value.field, value.fortnox, Side.FORTNOX) or None,
        "changed": value.changed.value,
        "suggested": value.suggested.value,
        "why": value.why.to_json(),
        "chosen": value.chosen.value if value.chosen else None,
        "exact": decisions.is_exact(key, value.field),
        "held": reason(value.held),
        "clears": value.clears,
    }


def summary(value: Summary, show: Show) -> dict[str, Any]:
    """Return exactly what will be written."""
    from huma_fortnox.domain.people import Side

    return {
        "toHuma": dict(value.to_huma),
        "toFortnox": dict(value.to_fortnox),
        "bankAccounts": dict(value.bank_accounts),
        "createInHuma": value.create_in_huma,
        "createInFortnox": value.create_in_fortnox,
        "undecided": value.undecided,
        "held": value.held,
        "left": value.left,
        "cleared": value.cleared,
        "seconds": value.seconds,
        "confirm": [each.to_json() for each in value.confirm],
        "missing": [each.to_json() for each in value.missing],
        "decided": value.decided,
        "accounts": [
            {
                "person": each.key,
                "name": each.name,
                "employeeId": each.employee_id,
                "to": each.side,
                "huma": show(each.field, each.huma, Side.HUMA) or None,
                "fortnox": show(each.field, each.fortnox, Side.FORTNOX) or None,
            }
            for each in value.accounts
        ],
        "created": [{"person": each.key, "name": each.name, "in": each.side} for each in value.created],
    }


def outcome(value: FieldOutcome) -> dict[str, Any]:
    """Return what became of one field."""
    return {**value.to_json(), "target": value.target or None}


def outcome_page(value: OutcomePage) -> dict[str, Any]:
    """Return a page of a run's result."""
    return {
        "people": [
            {"key": each.key, "name": each.name, "outcomes": [outcome(one) for one in each.outcomes]}
            for each in value.people
        ],
        "after": value.after or None,
    }


def activity_page(value: ActivityPage) -> dict[str, Any]:
    """Return a page of the log."""
    return {"entries": [activity(each) for each in value.entries], "after": value.after or None}


def activity(value: Activity) -> dict[str, Any]:
    """Return one entry of the log."""
    return {
        "at": instant(value.at / 1000),
        "kind": value.kind,
        "cause": value.cause.value,
        "person": value.person or None,
        "name": value.name or None,
        "outcomes": [outcome(each) for each in value.outcomes],
        "reason": reason(value.reason),
        "actor": value.actor or None,
        "delayMs": value.delay_ms,
    }


def real_time(value: RealTime) -> dict[str, Any]:
    """Return how real time stands."""
    quarantine, brake = value.quarantine, value.brake
    return {
        "quarantine": {
            "since": instant(quarantine.since),
            "nextTry": instant(quarantine.next_try),
            "reason": quarantine.reason.to_json(),
        }
        if quarantine
        else None,
        "brake": {"since": instant(brake.since), "changes": brake.changes, "threshold": brake.threshold}
        if brake
        else None,
        "bankChangesAnHour": value.threshold,
        "reconciliation": reconciliation(value.reconciliation) if value.reconciliation else None,
        "mailProblem": mail_problem(value.mail_problem) if value.mail_problem else None,
    }


def mail_problem(value: MailProblem) -> dict[str, Any]:
    """Return whom our e-mail does not reach, and why."""
    return {
        "address": value.address,
        "reason": value.reason.to_json(),
        "at": instant(value.at),
        "final": value.final,
    }


def reconciliation(value: Reconciliation) -> dict[str, Any]:
    """Return one round of comparing everybody in Huma with what was last carried over."""
    return {
        "startedAt": instant(value.started_at),
        "finishedAt": instant(value.finished_at),
        "cause": value.cause,
        "actor": value.actor or None,
        "page": value.page,
        "pages": value.pages,
        "people": value.people,
        "changed": value.changed,
    }


def held_page(value: HeldPage) -> dict[str, Any]:
    """Return a page of the people of whom something waits."""
    return {
        "people": [
            {
                "userId": person.user_id,
                "name": person.name,
                "creating": person.creating,
                "fields": [
                    {
                        "field": key,
                        "outcome": each.outcome,
                        "reason": each.reason.to_json(),
                        "since": instant(each.since),
                        "decision": each.decision or None,
                        "decidedBy": each.decided_by or None,
                    }
                    for key, each in person.fields.items()
                ],
            }
            for person in value.people
        ],
        "after": value.after or None,
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
