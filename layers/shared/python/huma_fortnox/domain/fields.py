"""THE table of fields: what is kept the same in Huma and Fortnox, and how.

A row says where a field stands on both sides, how it is read, compared, shown and written, which way it flows, and
what the rules are. A tenth field is one more row; nothing else in the project asks for a field by its name.

=============  ======================================  =========================================================
field          Huma                                    Fortnox
=============  ======================================  =========================================================
email          email                                   Email
employment_id  employmentId                            EmployeeId
given_name     givenName                               FirstName
family_name    familyName                              LastName
phone          phone                                   Phone1 or Phone2 (a setting)
address        homeAddress                             Address1, Address2, PostCode, City, Country
bank_account   bankAccount                             ClearingNo, BankAccountNo
first_day      position.firstDayOfWork, else the user  EmploymentDate
last_day       position.lastDayOfWork, else the user   EmployedTo
=============  ======================================  =========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from huma_fortnox.domain import address, country, dates, email, employment_id, person_name, records
from huma_fortnox.domain import field_values as values
from huma_fortnox.domain.format_errors import FormatError
from huma_fortnox.domain.people import Employee, FieldSettings, Raw, Side, User
from huma_fortnox.domain.readings import EMPTY, Context, Reading
from huma_fortnox.domain.records import Record, Seen, Unseen


class Flow(StrEnum):
    """Which way a field's values may go."""

    BOTH = "both"
    TO_HUMA_IN_SYNCHRONIZATION = "to_huma_in_synchronization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A row of the table.

    For people: ``label`` is the English name and ``rule`` a short sentence. ``huma_property`` is the key of the
    profile PATCH, or of the position when ``on_position``; ``fortnox`` are Employee properties, unless the setting
    ``fortnox_setting`` names another.

    Rules
        - ``unique`` on each side; ``required`` to create a person, with ``missing`` as the reason when there is none.
        - ``clearable`` by an exact decision; ``clears_without_asking`` when the value was removed in Huma.
        - ``outlives_deactivation``: a push still carries it for somebody deactivated in Huma (a leaver's last day).
        - ``sensitive``: shown masked, and no direction is suggested unless one side is known to have moved.

    Cells
        - ``see_*`` take the raw value out of a record; ``read_*`` understand a raw value and never raise.
        - ``write_*`` give what the other system stores, from a reading's value, the raw value that stands there now
          (``None`` when unknown) and the layout; they raise ``FormatError`` when it cannot be held there, and so does
          ``check_fortnox``, where that is cheaper to find out than to write.
        - ``alike`` sees cheaply that two composite raw values say the same (``False``: read them). ``trace`` is a
          cheap text that is equal for equal values (``None``: read it), ``trace_of_key`` the trace of whatever
          compares as a key.
        - ``requested`` is a value that already waits in Huma for the person's own confirmation. ``layout`` tells how
          an employee's record is written.
    """

    key: str
    label: str
    rule: str
    huma_property: str
    fortnox: tuple[str, ...]
    see_huma: Callable[[Record], Seen]
    see_fortnox: Callable[[Record, FieldSettings], Seen]
    read_huma: Callable[[Raw, Context], Reading]
    read_fortnox: Callable[[Raw, Context], Reading]
    show: Callable[[Any, Raw], str]
    write_huma: Callable[[Any, Raw, Context], Raw]
    write_fortnox: Callable[[Any, Raw, Mapping[str, str], Context], dict[str, str | None]]
    unique: bool = False
    required: bool = False
    missing: str = ""
    direction: Flow = Flow.BOTH
    clearable: bool = False
    clears_without_asking: bool = False
    outlives_deactivation: bool = False
    sensitive: bool = False
    on_position: bool = False
    fortnox_setting: str = ""
    mask: Callable[[Any, Raw], str] | None = None
    check_fortnox: Callable[[Any], object] | None = None
    alike: Callable[[Raw, Raw], bool] | None = None
    trace: Callable[[Raw], str | None] = lambda _raw: None
    trace_of_key: Callable[[str], str] = lambda key: key
    requested: Callable[[User], Raw] | None = None
    layout: Callable[[Raw], Mapping[str, str]] | None = None

    @property
    def huma(self) -> str:
        """Where the field stands in Huma, for people who compare it with the API's documentation."""
        return f"position.{self.huma_property}" if self.on_position else self.huma_property

    def flows_from(self, side: Side) -> bool:
        """Tell whether the field's values may go from this side to the other."""
        return self.direction is Flow.BOTH or side is Side.FORTNOX

    def properties(self, settings: FieldSettings) -> tuple[str, ...]:
        """Return the Employee properties that hold the field in this organization."""
        return (getattr(settings, self.fortnox_setting),) if self.fortnox_setting else self.fortnox

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        """Understand a raw value of one side."""
        if raw is None:
            return EMPTY
        return self.read_huma(raw, context) if side is Side.HUMA else self.read_fortnox(raw, context)


def _text_field(
    *,
    huma_property: str,
    fortnox: str,
    read: Callable[[Raw, Context], Reading],
    write: Callable[[str], str],
    on_position: bool = False,
    **rules: Any,
) -> Field:
    """Return the row of a field that is one text on both sides."""
    see = records.position_date if on_position else records.wrapped_text
    return Field(
        huma_property=huma_property,
        fortnox=(fortnox,),
        see_huma=see(huma_property),
        see_fortnox=lambda record, _settings: records.one_property(record, fortnox),
        read_huma=read,
        read_fortnox=read,
        show=values.show_text,
        write_huma=lambda value, _current, _context: write(value),
        write_fortnox=lambda value, _current, _layout, _context: {fortnox: write(value)},
        on_position=on_position,
        **rules,
    )


def _phone_property(record: Record, settings: FieldSettings) -> Seen:
    return records.one_property(record, settings.phone_property)


_ADDRESS_IN_HUMA: Final = ("line1", "line2", "line3", "postalCode", "city", "country")
_ADDRESS_IN_FORTNOX: Final = ("Address1", "Address2", "PostCode", "City", "Country")
_ACCOUNT_IN_HUMA: Final = ("number", "country", "iban", "bic")
_ACCOUNT_IN_FORTNOX: Final = ("ClearingNo", "BankAccountNo")

_see_address = records.properties(_ADDRESS_IN_FORTNOX, significant=_ADDRESS_IN_FORTNOX[:4])
_see_account = records.properties(_ACCOUNT_IN_FORTNOX, significant=_ACCOUNT_IN_FORTNOX)

_ROWS: Final = (
    _text_field(
        key="email",
        label="E-mail",
        rule="Pairs people the first time. Must be unique on each side. A change in Huma waits for the person.",
        huma_property="email",
        fortnox="Email",
        read=values.read_email,
        write=email.format,
        unique=True,
        required=True,
        missing="email-missing",
        trace=values.trace_email,
        requested=lambda user: user.requested_email,
    ),
    _text_field(
        key="employment_id",
        label="Employment ID",
        rule="Only from Fortnox to Huma, and only in a manual synchronization. Must be unique.",
        huma_property="employmentId",
        fortnox="EmployeeId",
        read=values.read_employment_id,
        write=employment_id.format,
        unique=True,
        direction=Flow.TO_HUMA_IN_SYNCHRONIZATION,
        trace=values.trace_text,
    ),
    _text_field(
        key="given_name",
        label="Given name",
        rule="A difference in capital letters counts.",
        huma_property="givenName",
        fortnox="FirstName",
        read=values.read_name,
        write=person_name.format,
        required=True,
        missing="name-empty",
    ),
    _text_field(
        key="family_name",
        label="Family name",
        rule="A difference in capital letters counts.",
        huma_property="familyName",
        fortnox="LastName",
        read=values.read_name,
        write=person_name.format,
        required=True,
        missing="name-empty",
    ),
    Field(
        key="phone",
        label="Phone number",
        rule="Must be unique on each side. However it is written, the same number is the same.",
        huma_property="phone",
        fortnox=("Phone1",),
        fortnox_setting="phone_property",
        see_huma=records.wrapped_text("phone"),
        see_fortnox=_phone_property,
        read_huma=values.read_phone,
        read_fortnox=values.read_phone,
        show=values.show_text,
        write_huma=lambda value, _current, context: values.write_phone(value, context),
        write_fortnox=lambda value, _current, _layout, context: {
            context.settings.phone_property: values.write_phone(value, context)
        },
        unique=True,
        clearable=True,
        trace=values.trace_phone,
        trace_of_key=values.trace_of_phone_key,
    ),
    Field(
        key="address",
        label="Address",
        rule="Street, c/o, postcode, city and country, written together.",
        huma_property="homeAddress",
        fortnox=_ADDRESS_IN_FORTNOX,
        see_huma=records.wrapped_object("homeAddress", _ADDRESS_IN_HUMA, significant=_ADDRESS_IN_HUMA[:5]),
        see_fortnox=lambda record, _settings: _see_address(record),
        read_huma=values.read_huma_address,
        read_fortnox=values.read_fortnox_address,
        show=values.show_address,
        write_huma=values.write_huma_address,
        write_fortnox=values.write_fortnox_address,
        clearable=True,
        check_fortnox=address.validate,
        alike=values.alike_addresses,
        layout=values.address_layout,
    ),
    Field(
        key="bank_account",
        label="Bank account number",
        rule="A valid Swedish account; anything else is held and shown with the reason.",
        huma_property="bankAccount",
        fortnox=_ACCOUNT_IN_FORTNOX,
        see_huma=records.wrapped_object("bankAccount", _ACCOUNT_IN_HUMA, significant=("number", "iban")),
        see_fortnox=lambda record, _settings: _see_account(record),
        read_huma=values.read_huma_account,
        read_fortnox=values.read_fortnox_account,
        show=values.show_account,
        write_huma=values.write_huma_account,
        write_fortnox=values.write_fortnox_account,
        clearable=True,
        sensitive=True,
        mask=values.mask_account,
    ),
    _text_field(
        key="first_day",
        label="First day of work",
        rule="A day of the calendar, without a time zone.",
        huma_property="firstDayOfWork",
        fortnox="EmploymentDate",
        read=values.read_date,
        write=dates.format,
        on_position=True,
    ),
    _text_field(
        key="last_day",
        label="Last day of work",
        rule="Removed in Huma means that the person stays: it is removed in Fortnox too.",
        huma_property="lastDayOfWork",
        fortnox="EmployedTo",
        read=values.read_date,
        write=dates.format,
        on_position=True,
        clearable=True,
        clears_without_asking=True,
        outlives_deactivation=True,
    ),
)

FIELDS: Final[Mapping[str, Field]] = {row.key: row for row in _ROWS}
"""The table, in the order in which people see it."""

PAIRING_FIELD: Final = "email"
"""The field that pairs people the first time."""

HOME_FIELD: Final = "address"
"""The field whose country decides how a person's phone number is read."""

SUGGESTIONS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("employment_id",): ("employment_id",),
    ("name", "phone"): ("given_name", "family_name", "phone"),
}
"""What suggests that two records are one person: names of the evidence → the fields that must agree together."""


def read_user(record: Record) -> User:
    """Read Huma's UserDetails with ``position`` merged in (a Position or ``None``).

    A field whose wrapper is missing or has a shape nobody knows is left out of ``values``.
    """
    found: dict[str, Raw] = {}
    locked = []
    for key, row in FIELDS.items():
        seen = row.see_huma(record)
        if not isinstance(seen, Unseen):
            found[key] = seen
        if _is_locked(row, record):
            locked.append(key)
    status = record.get("status")
    wrapper = record.get("email")
    requested = records.text(wrapper.get("requestedValue")) if isinstance(wrapper, dict) else None
    return User(
        id=str(record["id"]),
        values=found,
        active=not (isinstance(status, dict) and status.get("active") is False),
        identity_number=_identity_number(record),
        requested_email=requested if isinstance(requested, str) else None,
        locked=frozenset(locked),
    )


def _is_locked(row: Field, record: Record) -> bool:
    if not row.on_position:
        return records.is_locked(record, row.huma_property)
    # The user-level dates are read-only copies; somebody without a position is given one, if we can see positions.
    if "position" not in record:
        return True
    position = record["position"]
    return isinstance(position, dict) and records.is_locked(position, row.huma_property)


def unknown_shapes(record: Record) -> tuple[str, ...]:
    """Return the keys of fields that a UserDetails record holds in a shape nobody knows: a changed contract."""
    return tuple(key for key, row in FIELDS.items() if row.see_huma(record) is Unseen.UNKNOWN_SHAPE)


def read_employee(record: Record, settings: FieldSettings) -> Employee:
    """Read a Fortnox Employee; what is missing or ``API_NORIGHT`` is left out of ``values``."""
    found: dict[str, Raw] = {}
    for key, row in FIELDS.items():
        seen = row.see_fortnox(record, settings)
        if not isinstance(seen, Unseen):
            found[key] = seen
    identity = records.one_property(record, "PersonalIdentityNumber")
    return Employee(
        id=str(record["EmployeeId"]),
        values=found,
        active=not records.flag(record.get("Inactive")),
        identity_number=identity if isinstance(identity, str) else None,
    )


def home_country(person: User | Employee) -> tuple[str, str | None]:
    """Return the name of the part of ``HOME_FIELD`` that holds somebody's country, and what stands there."""
    part = "country" if isinstance(person, User) else "Country"
    address = person.values.get(HOME_FIELD)
    return part, address.get(part) if isinstance(address, dict) else None


def context_of(
    user: User | None,
    employee: Employee | None,
    settings: FieldSettings,
    layout: Mapping[str, str] | None = None,
) -> Context:
    """Return what is known about a person: their region and identity number.

    The region is the country of the address in Huma, else in Fortnox (of which ``layout`` remembers the country),
    else the organization's own.
    """
    region = ""
    if user is not None:
        region = _country_code(home_country(user)[1])
    if not region and employee is not None:
        region = _country_code(home_country(employee)[1])
    if not region and layout is not None:
        region = _country_code(layout.get("country"))
    own = (user.identity_number if user is not None else None) or (
        employee.identity_number if employee is not None else None
    )
    return Context(region or settings.default_region, settings, own)


def shown(field_key: str, raw: Raw, side: Side, settings: FieldSettings, *, masked: bool = True) -> str:
    """Return a raw value for a page or an e-mail; an empty one is ``""``.

    Sensitive values are masked unless ``masked`` is false: a bank account is its bank's name and last four digits. A
    value that cannot be read is shown as it stands. Nothing is ever raised.
    """
    row = FIELDS[field_key]
    context = Context(settings.default_region, settings)
    reading = row.read(side, raw, context)
    if reading.empty:
        return ""
    if masked and row.mask is not None:
        return row.mask(reading.value, raw)
    return values.raw_text(raw) if reading.problem is not None else row.show(reading.value, raw)


def _country_code(name: str | None) -> str:
    if not name:
        return ""
    try:
        return country.validate(name)
    except FormatError:
        return ""


def _identity_number(record: Record) -> str | None:
    """Return the Swedish identity number of a UserDetails record, as it is written there."""
    listed = records.unwrap(record, "identifications")
    for item in listed if isinstance(listed, list) else ():
        if (
            isinstance(item, dict)
            and item.get("type") == "national"
            and item.get("country") in (None, "", "SE")
            and isinstance(item.get("value"), str)
            and item["value"].strip()
        ):
            return str(item["value"])
    return None
