"""A small model of both systems in their own shapes, and random people to put into it.

It stores what is written the way Huma and Fortnox do: wrapped fields and a position there, plain properties that
``None`` empties here; a login changed in Huma waits for the person.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.digest import keyed_digest
from huma_fortnox.domain.fields import FIELDS, read_employee, read_user
from huma_fortnox.domain.people import Employee, FieldSettings, Link, User
from huma_fortnox.domain.plan import plan, push, writes
from hypothesis import strategies as st

if TYPE_CHECKING:
    from huma_fortnox.domain.plan_types import Plan, PlannedPerson, Writes

Json = dict[str, Any]

DIGEST = keyed_digest(b"only for tests")
SETTINGS = FieldSettings()


def wrapped(value: Any = None, *, editable: bool = True) -> Json:
    """A field as Huma's UserDetails wraps it."""
    return {"editable": editable} if value is None else {"value": value, "editable": editable}


def user_record(identifier: str = "u1", *, active: bool = True, position: bool = True, **values: Any) -> Json:
    """UserDetails with everything visible; ``values`` are plain and go by the names of the fields table."""
    record: Json = {"id": identifier, "status": {"active": active}, "type": "user", "position": None}
    dates: Json = {}
    for key, row in FIELDS.items():
        holder = dates if row.on_position else record
        holder[row.huma_property] = wrapped(values.get(key))
    if position:
        record["position"] = {"id": f"position of {identifier}", **dates}
    else:
        record |= dates
    return record


def employee_record(identifier: str = "1", *, inactive: bool = False, **values: Any) -> Json:
    """A Fortnox Employee; composite values are mappings of properties."""
    record: Json = {"EmployeeId": identifier, "Inactive": inactive, "Phone2": "08-99 00 00"}
    for key, row in FIELDS.items():
        value = values.get(key)
        if isinstance(value, Mapping):
            record |= {**dict.fromkeys(row.fortnox, ""), **value}
        elif key != "employment_id":
            record |= dict.fromkeys(row.fortnox, value or "")
    return record


@dataclass
class TwoSystems:
    """Both systems and the integration's own links."""

    users: dict[str, Json] = field(default_factory=dict)
    employees: dict[str, Json] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    settings: FieldSettings = SETTINGS
    confirmed_at_once: bool = True

    def user(self, identifier: str) -> User:
        return read_user(self.users[identifier])

    def employee(self, identifier: str) -> Employee:
        return read_employee(self.employees[identifier], self.settings)

    def plan(self, decisions: Decisions | None = None) -> Plan:
        return plan(
            [self.user(identifier) for identifier in self.users],
            [self.employee(identifier) for identifier in self.employees],
            links=self.links.values(),
            decisions=decisions or Decisions(),
            digest=DIGEST,
            settings=self.settings,
        )

    def writes(self, person: PlannedPerson) -> Writes:
        link = self.links.get(person.user.id) if person.user else None
        return writes(person, link=link, digest=DIGEST, settings=self.settings)

    def synchronize(self, decisions: Decisions) -> dict[str, Writes]:
        """Plan and write everybody; return what was written by person key."""
        done = {}
        for person in self.plan(decisions).people:
            if person.user is not None and person.employee is not None:
                done[person.key] = self.writes(person)
                self.carry_out(person.user.id, person.employee.id, done[person.key])
        return done

    def push(self, user_id: str) -> Writes:
        """Carry one user's changes to Fortnox in real time."""
        link = self.links[user_id]
        done = push(self.user(user_id), link=link, digest=DIGEST, settings=self.settings, others=self._others(user_id))
        self.carry_out(user_id, link.employee_id, done)
        return done

    def carry_out(self, user_id: str, employee_id: str, done: Writes) -> None:
        """Store what is written on both sides, and the link."""
        self.edit_fortnox(employee_id, done.fortnox)
        self.edit_huma(user_id, {**done.huma, **done.position})
        self.links[user_id] = Link(user_id, employee_id, done.bases, done.layout)

    def edit_fortnox(self, employee_id: str, properties: Mapping[str, Any]) -> None:
        """Store properties as Fortnox does."""
        self.employees[employee_id].update({name: "" if value is None else value for name, value in properties.items()})

    def edit_huma(self, user_id: str, patch: Mapping[str, Any]) -> None:
        """Store plain values as Huma does."""
        record = self.users[user_id]
        for name, value in copy.deepcopy(dict(patch)).items():
            holder = record["position"] if record["position"] and name in record["position"] else record
            if name == "email" and not self.confirmed_at_once:
                holder[name]["requestedValue"] = value
            elif value is None:
                holder[name].pop("value", None)
            else:
                holder[name]["value"] = value

    def _others(self, user_id: str) -> Any:
        def others(key: str, comparison_key: str) -> str | None:
            for other in sorted(self.links.keys() - {user_id}):
                if other in self.users:
                    raw = self.user(other).values.get(key)
                    if isinstance(raw, str) and raw.strip().casefold() == comparison_key:
                        return other
            return None

        return others


# --- random people ------------------------------------------------------------------------------

EMAILS = ["a@example.com", "A@Example.com", "b@example.com", "c@example.org", " c@example.org", "no address", None]
NAMES = ["Anna", "ANNA", "Åsa", "Bo", "O'Brien", "Anna <3", None]
PHONES = [
    *("070-174 06 05", "+46701740605", "0046 70 174 06 05", "070-174 06 06", "08-465 004 00", "+46 8 465 004 00"),
    *("91 23 45 67", "+4791234567", "call me", "070-174 06 05 ankn. 2", None),
]
DAYS = ["2024-01-01", " 2024-01-01", "2025-12-31", "2025-02-30", "soon", None]
EMPLOYMENT_IDS = ["1", "2", "02", " 2", "a number that is too long", None]
HUMA_ADDRESSES = [
    {"line1": "Storgatan 1 A", "postalCode": "41101", "city": "Göteborg", "country": "SE"},
    {"line1": "storgatan 1A", "line2": "c/o Berg", "postalCode": "411 01", "city": "GÖTEBORG", "country": "SE"},
    {"line1": "Karl Johans gate 1", "postalCode": "0154", "city": "Oslo", "country": "NO"},
    {"line1": "Storgatan 1 <A>", "postalCode": "nowhere", "city": "Umeå", "country": "SE"},
    {"line1": "Storgatan 2", "postalCode": "41101", "city": "Göteborg", "country": "Ruritania"},
    None,
]
FORTNOX_ADDRESSES = [
    {"Address2": "Storgatan 1 A", "PostCode": "411 01", "City": "GÖTEBORG"},
    {"Address1": "Storgatan 1 A", "PostCode": "41101", "City": "Göteborg", "Country": "Sweden"},
    {"Address1": "c/o Berg", "Address2": "Storgatan 1A", "PostCode": "41101", "City": "Göteborg"},
    {"Address2": "Karl Johans gate 1", "PostCode": "0154", "City": "Oslo", "Country": "Norge"},
    {"Address2": "Somewhere", "PostCode": "1", "City": "Else", "Country": "Ruritania"},
    None,
]
ACCOUNTS = [("8327-9", "0147258925"), ("6000", "123456789"), ("6114", "123 456 789"), ("1234", "5678"), ("", "12-34")]
HUMA_ACCOUNTS = [
    *({"type": "national", "code": "", "number": f"{a} {b}".strip(), "country": "SE"} for a, b in ACCOUNTS),
    {"type": "international", "code": "", "iban": "SE55 8000 0832 7901 4725 8925", "bic": "SWEDSESS"},
    {"type": "international", "code": "", "iban": "NO93 8601 1117 947", "bic": "DNBANOKK"},
    None,
]
FORTNOX_ACCOUNTS = [
    *({"ClearingNo": a.replace("-", ""), "BankAccountNo": b} for a, b in ACCOUNTS),
    {"ClearingNo": "8327", "BankAccountNo": "91234567890"},
    None,
]


def _values(address: list[Any], account: list[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "email": st.sampled_from(EMAILS),
        "given_name": st.sampled_from(NAMES),
        "family_name": st.sampled_from(NAMES),
        "phone": st.sampled_from(PHONES),
        "address": st.sampled_from(address),
        "bank_account": st.sampled_from(account),
        "first_day": st.sampled_from(DAYS),
        "last_day": st.sampled_from(DAYS),
    }


HUMA_VALUES = {**_values(HUMA_ADDRESSES, HUMA_ACCOUNTS), "employment_id": st.sampled_from(EMPLOYMENT_IDS)}
FORTNOX_VALUES = _values(FORTNOX_ADDRESSES, FORTNOX_ACCOUNTS)

directions = st.sampled_from(Direction)
maybe_directions = st.none() | directions


@st.composite
def records(draw: st.DrawFn, values: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """The values of one person; often only some fields are filled, so that examples stay readable."""
    return {key: draw(strategy) for key, strategy in values.items()}


@st.composite
def two_systems(draw: st.DrawFn, *, largest: int = 3) -> TwoSystems:
    """Both systems with a few people each, some of them linked."""
    systems = TwoSystems(confirmed_at_once=draw(st.booleans()))
    for number in range(draw(st.integers(0, largest))):
        record = user_record(
            f"u{number}",
            active=draw(st.sampled_from((True, True, True, False))),
            position=draw(st.booleans()),
            **copy.deepcopy(draw(records(HUMA_VALUES))),
        )
        for key in draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=1)):
            row = FIELDS[key]
            holder = record["position"] if row.on_position and record["position"] else record
            if draw(st.booleans()):
                holder[row.huma_property]["editable"] = False
            else:
                record.pop(row.huma_property, None)
                holder.pop(row.huma_property, None)
        systems.users[f"u{number}"] = record
    for number in range(draw(st.integers(0, largest))):
        record = employee_record(
            str(number),
            inactive=draw(st.sampled_from((True, False, False, False))),
            **copy.deepcopy(draw(records(FORTNOX_VALUES))),
        )
        if draw(st.integers(0, 9)) == 0:
            record["ClearingNo"] = "API_NORIGHT"
        systems.employees[str(number)] = record
    employees = draw(st.permutations([*systems.employees, *[""] * len(systems.users)]))
    for user_id, employee_id in zip(systems.users, employees, strict=False):
        if employee_id:
            systems.links[user_id] = Link(user_id, employee_id)
    return systems


@st.composite
def decisions_for(draw: st.DrawFn, systems: TwoSystems) -> Decisions:
    """Decisions of every kind about these people."""
    user_keys = st.sampled_from([f"u:{user_id}" for user_id in systems.users] or ["u:nobody"])
    pairs = st.tuples(
        st.sampled_from([*systems.users] or ["nobody"]), st.sampled_from([*systems.employees] or ["nobody"])
    )
    field_keys = st.sampled_from(list(FIELDS))
    return Decisions(
        everything=draw(maybe_directions),
        fields=draw(st.dictionaries(field_keys, directions, max_size=2)),
        changes=draw(st.dictionaries(st.tuples(user_keys, field_keys), directions, max_size=4)),
        pairs=draw(st.dictionaries(pairs, st.booleans(), max_size=3)),
    )
