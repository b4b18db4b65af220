"""A planned person as JSON and back, so that a plan can be kept while somebody decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Direction
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import Employee, User
from huma_fortnox.domain.plan_types import Change, Changed, Pairing, PlannedPerson, Situation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]


def person_to_json(person: PlannedPerson) -> Json:
    """Return a planned person as plain JSON; what is empty is left out."""
    return _filled(
        {
            "key": person.key,
            "situation": person.situation.value,
            "user": _user_to_json(person.user) if person.user else None,
            "employee": _employee_to_json(person.employee) if person.employee else None,
            "linked": person.linked,
            "changes": [_change_to_json(change) for change in person.changes],
            "reasons": _reasons_to_json(person.reasons),
            "notes": _reasons_to_json(person.notes),
            "pairings": [[one.user_id, one.employee_id, *one.evidence] for one in person.pairings],
            "creates": person.creates,
            "create_held": _reason_to_json(person.create_held),
        }
    )


def person_from_json(data: Mapping[str, Any]) -> PlannedPerson:
    """Read what ``person_to_json`` wrote."""
    return PlannedPerson(
        key=data["key"],
        situation=Situation(data["situation"]),
        user=_user_from_json(data["user"]) if "user" in data else None,
        employee=_employee_from_json(data["employee"]) if "employee" in data else None,
        linked=data.get("linked", False),
        changes=tuple(_change_from_json(change) for change in data.get("changes", ())),
        reasons=_reasons_from_json(data.get("reasons", ())),
        notes=_reasons_from_json(data.get("notes", ())),
        pairings=tuple(
            Pairing(user_id, employee_id, tuple(evidence))
            for user_id, employee_id, *evidence in data.get("pairings", ())
        ),
        creates=data.get("creates", ""),
        create_held=_reason_from_json(data.get("create_held")),
    )


def _user_to_json(user: User) -> Json:
    return _filled(
        {
            "id": user.id,
            "values": dict(user.values),
            "inactive": not user.active,
            "identity_number": user.identity_number,
            "requested_email": user.requested_email,
            "locked": sorted(user.locked),
        }
    )


def _user_from_json(data: Mapping[str, Any]) -> User:
    return User(
        id=data["id"],
        values=data.get("values", {}),
        active=not data.get("inactive", False),
        identity_number=data.get("identity_number"),
        requested_email=data.get("requested_email"),
        locked=frozenset(data.get("locked", ())),
    )


def _employee_to_json(employee: Employee) -> Json:
    return _filled(
        {
            "id": employee.id,
            "values": dict(employee.values),
            "inactive": not employee.active,
            "identity_number": employee.identity_number,
        }
    )


def _employee_from_json(data: Mapping[str, Any]) -> Employee:
    return Employee(
        id=data["id"],
        values=data.get("values", {}),
        active=not data.get("inactive", False),
        identity_number=data.get("identity_number"),
    )


def _change_to_json(change: Change) -> Json:
    return _filled(
        {
            "field": change.field,
            "huma": change.huma,
            "fortnox": change.fortnox,
            "huma_key": change.huma_key,
            "fortnox_key": change.fortnox_key,
            "changed": change.changed.value,
            "suggested": change.suggested.value,
            "why": _reason_to_json(change.why),
            "chosen": change.chosen.value if change.chosen else None,
            "held": _reason_to_json(change.held),
            "clears": change.clears,
        }
    )


def _change_from_json(data: Mapping[str, Any]) -> Change:
    return Change(
        field=data["field"],
        huma=data.get("huma"),
        fortnox=data.get("fortnox"),
        huma_key=data.get("huma_key"),
        fortnox_key=data.get("fortnox_key"),
        changed=Changed(data["changed"]),
        suggested=Direction(data["suggested"]),
        why=Reason.from_json(data["why"]),
        chosen=Direction(data["chosen"]) if "chosen" in data else None,
        held=_reason_from_json(data.get("held")),
        clears=data.get("clears", False),
    )


def _reason_to_json(reason: Reason | None) -> Json | None:
    return _filled(reason.to_json()) if reason is not None else None


def _reason_from_json(data: Mapping[str, Any] | None) -> Reason | None:
    return Reason.from_json(data) if data is not None else None


def _reasons_to_json(reasons: Iterable[Reason]) -> list[Json]:
    return [_filled(reason.to_json()) for reason in reasons]


def _reasons_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple(Reason.from_json(one) for one in data)


def _filled(data: Json) -> Json:
    """Leave out what is empty: it is read back as empty."""
    return {key: value for key, value in data.items() if value not in (None, "", False, [], {})}
