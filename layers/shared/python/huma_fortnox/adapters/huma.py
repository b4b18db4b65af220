"""Huma's Open API as ``services.ports.Huma``: one organization's people and their positions.

Written from the OpenAPI document 1.53.2. Reading is tolerant: fields are looked at only where they are needed, and a
shape nobody documented is logged once and passed on. Where the document is silent (how a value is cleared, what the
kinds of bank account are called) the choice is in ``Unconfirmed``.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from huma_fortnox.adapters.http import (
    Action,
    Answer,
    Call,
    ErrorTable,
    HttpPolicy,
    Repeat,
    Rule,
    Verdict,
    refuse_unreadable,
)
from huma_fortnox.adapters.redaction import code as readable_code
from huma_fortnox.domain.errors import (
    Defect,
    HumaKeyRefused,
    Missing,
    RateLimited,
    Refused,
    TransientError,
)
from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.records import is_person
from huma_fortnox.services.ports import USERS_A_PAGE, HumaOrganization, Record, UserPage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

logger = logging.getLogger(__name__)

SYSTEM = "huma"
TOKEN_MARGIN = 60.0
"""A token with less than this many seconds left is not used any more."""

CONTINUES_WITHIN_DAYS = 7
"""A position that begins so soon after another's last day continues the employment: a move, not a departure."""

WRITABLE = frozenset(
    {"givenName", "familyName", "preferredName", "email", "phone", "homeAddress", "bankAccount", "employmentId"}
)
"""All that is ever written of a user's profile."""

ADDRESS_KEYS = ("line1", "line2", "line3", "postalCode", "city", "country")
DATES = frozenset({"firstDayOfWork", "lastDayOfWork"})
WRAPPED = (*sorted(WRITABLE), "identifications", "firstContractStartDate")

T = TypeVar("T")
U = TypeVar("U")

_KEY = Rule(Action.FAIL, HumaKeyRefused, "huma-key-refused")
_NEW_TOKEN = Rule(Action.NEW_TOKEN, HumaKeyRefused, "huma-key-refused")
_VALUE = Rule(Action.FAIL, Refused, "huma-refused-value")
_UNWELL = Rule(Action.REPEAT, TransientError)
_OUR_BUG = Rule(Action.FAIL, Defect, "huma-contract")

ERRORS = ErrorTable(
    {
        ("401", "*"): _NEW_TOKEN,
        ("401", "page"): _NEW_TOKEN,
        # Not documented; what a key may see and do is a role in Huma, which an administrator can widen.
        ("403", "*"): Rule(Action.FAIL, HumaKeyRefused, "huma-right-missing"),
        ("404", "*"): Rule(Action.FAIL, Missing, "missing-in-huma"),
        ("404", "bare"): _UNWELL,
        ("405", "*"): _OUR_BUG,
        ("*", "field:invalid-format"): _VALUE,
        # A page where an API should be says nothing about a person or a key.
        ("*", "page"): _UNWELL,
        ("429", "page"): Rule(Action.SLOW_DOWN, RateLimited),
        ("*", "*"): Rule(Action.FAIL, Refused, "huma-refused"),
    }
)

TOKEN_ERRORS = ErrorTable(
    {
        ("400", "*"): _KEY,
        ("401", "*"): _KEY,
        ("403", "*"): _KEY,
        ("*", "page"): _UNWELL,
        ("429", "page"): Rule(Action.SLOW_DOWN, RateLimited),
        ("*", "*"): Rule(Action.FAIL, Defect, "huma-contract"),
    }
)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What Huma's document leaves open, to be settled with a real organization.

    ``clear_with`` is what removes a text or a date: ``null`` or ``empty`` (an empty text).
    ``national_account`` and ``international_account`` are the words in ``bankAccount.type``, until the organization's
    own accounts have shown which they are. ``contract_type`` is what a new position's contract is called, which Huma
    demands and Fortnox's forms of employment do not answer one to one.
    """

    clear_with: str = "null"
    national_account: str = "national"
    international_account: str = "international"
    contract_type: str = "Other"


class HumaClient:
    """One organization's people in Huma over HTTP; fulfils ``services.ports.Huma``; safe to share between threads.

    ``api_url`` is ``https://openapi.humahr.com`` or whatever stands in for it. Its token is kept here, so keep the
    client as long as the key. ``concurrency`` bounds the requests sent at the same time by ``details``.
    """

    system = SYSTEM

    def __init__(
        self,
        api_url: str,
        client_id: str,
        client_secret: str,
        http: HttpPolicy,
        concurrency: int = 8,
        *,
        unconfirmed: Unconfirmed | None = None,
    ) -> None:
        self._url = api_url.rstrip("/")
        self._http = http
        self._concurrency = concurrency
        self._unconfirmed = unconfirmed or Unconfirmed()
        self._tokens = _Tokens(self._url, client_id, client_secret, http)
        self._account_words = {
            "number": self._unconfirmed.national_account,
            "iban": self._unconfirmed.international_account,
        }
        self._title_ids: dict[str, str] = {}
        self._reported: set[str] = set()

    # -- the port ------------------------------------------------------------------------------

    def check_key(self) -> HumaOrganization:
        """Fetch a token with the key and return whose it is; raises ``HumaKeyRefused``."""
        return HumaOrganization(self._tokens.renew().organization_id)

    def users(self, page: int) -> UserPage:
        """Return page ``page`` (0-based) of all people, 50 a page, deactivated ones included.

        Service users are left out of ``user_ids`` but count in ``total``, since pages are made of both.
        """
        rows, total = self._page("users.list", "/users", page)
        return UserPage([row["id"] for row in rows if is_person(row)], total)

    def details(self, user_ids: Sequence[str]) -> Sequence[Record]:
        """Return these users' details with ``position`` merged in, in the order asked; users that are gone left out.

        Two requests a user who has one current position without a last day, one for a user who never had a position;
        a third where a last day or the lack of a current position calls for the list of them. Users are read
        concurrently; the first failure ends them all and is raised.
        """
        return [user for user in self._concurrently(self.user, user_ids) if user is not None]

    def user(self, user_id: str) -> Record | None:
        """Return one user's details with ``position`` merged in, or ``None`` when the user is gone.

        ``position`` is the employment's one position as ``GET /users/{id}/positions/{id}`` gives it. With several
        current positions it is the one that began first, with the last day of the one that ends last, and none as
        long as any of them is open: a person is employed from the first to the last of them. A position that
        follows within a week on the last day counts with them. A last day that another position holds is marked
        as not editable. Without a current position it is the next upcoming one, else the one that ended last,
        else ``None``. The key ``position`` is absent where the details show nothing of positions and the list of
        them is empty: this key may not see them, which is not the same as there being none.
        """
        for _ in range(2):
            call = Call("users.get", "GET", self._user_url(user_id), one_person=True)
            try:
                details = self._record(call)
            except Missing:
                return None
            self._learn(details)
            try:
                position = self._position(user_id, details)
            except Missing:
                # The position or the user went away in between: read once more.
                continue
            if position is None and "currentPositions" not in details:
                return details
            return {**details, "position": position}
        raise TransientError(None, {"system": SYSTEM, "why": "changing"})

    def update_user(self, user_id: str, patch: Mapping[str, Any]) -> Record:
        """PATCH these plain values and return the details as stored, without ``position``; ``None`` clears.

        An address is completed to its six lines and a bank account gets its kind, both demanded by Huma. A new
        e-mail of somebody who has logged in comes back as ``email.requestedValue``.
        """
        for name in patch:
            if name not in WRITABLE:
                raise Defect("property-not-writable", {"property": name})
        body = {name: self._plain(name, value) for name, value in patch.items()}
        call = Call("users.update", "PATCH", self._user_url(user_id), json=body, one_person=True)
        return self._record(call)

    def update_position(
        self, user_id: str, position_id: str | None, dates: Mapping[str, str | None], *, job_title: str
    ) -> Record:
        """Write ``firstDayOfWork`` / ``lastDayOfWork`` and return the position; ``None`` clears.

        Without ``position_id`` a position is created from the first day of work on (``Refused`` without one), with
        the contract type of ``Unconfirmed`` and the title of this name. A position that starts that day already, from
        an earlier attempt without an answer, is used instead.
        """
        for name in dates:
            if name not in DATES:
                raise Defect("property-not-writable", {"property": name})
        if position_id is None:
            first_day = dates.get("firstDayOfWork")
            if not first_day:
                raise Refused("huma-position-needs-first-day")
            same = [row for row in self._positions(user_id) if row.get("contractStartDate") == first_day]
            if not same:
                return self._create_position(user_id, first_day, dates, job_title)
            position_id = same[0]["id"]
        body = {name: value or self._blank() for name, value in dates.items()}
        call = Call("positions.update", "PATCH", self._position_url(user_id, position_id), json=body, one_person=True)
        return self._record(call)

    def find_user(self, email: str) -> Record | None:
        """Return the details of the user with exactly this e-mail (case-folded), or ``None``."""
        wanted = email.strip().casefold()
        page = 0
        while True:
            rows, total = self._page("users.find", "/users", page, {"search": email.strip()}, one_person=True)
            for row in rows:
                found = row.get("email")
                if is_person(row) and isinstance(found, str) and found.strip().casefold() == wanted:
                    return self.user(row["id"])
            page += 1
            if not rows or page * USERS_A_PAGE >= total:
                return None

    def create_user(self, given_name: str, family_name: str, email: str, *, invite: bool) -> str:
        """Create a user without groups and return its id; raises ``OutcomeUnknown`` when no answer came."""
        body = {"givenName": given_name, "familyName": family_name, "email": email, "groups": [], "invite": invite}
        call = Call("users.create", "POST", f"{self._url}/users", json=body, repeat=Repeat.IF_NOT_DONE, one_person=True)
        return str(self._record(call)["id"])

    # -- what the connection policy asks ---------------------------------------------------------

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request; fetches a token where needed."""
        return {"Authorization": f"Bearer {self._tokens.current().access_token}"}

    def before(self) -> None:
        """Nothing to wait for: Huma documents no rate limit."""

    def slow_down(self, seconds: float) -> None:
        """Nobody else to tell; the connection policy waits."""

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """Forget the token in these headers."""
        self._tokens.forget(headers["Authorization"].removeprefix("Bearer "))

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        """Say what an answer means; ``params`` are Huma's code and the names of the fields it complains of."""
        if 200 <= answer.status < 300 and isinstance(answer.document, dict | list):
            return None
        code, fields = _complaint(answer)
        rule = ERRORS.find(answer.status, code)
        if rule.error is HumaKeyRefused and answer.status == 403 and call.one_person and call.method != "GET":
            # Reading works, so it is this person or field that is locked and not the key.
            rule = Rule(Action.FAIL, Refused, "huma-not-allowed")
        if rule.error in (Refused, Missing) and not call.one_person:
            rule = _OUR_BUG
        if rule.error in (Missing, HumaKeyRefused) or rule.action in (Action.REPEAT, Action.SLOW_DOWN):
            return Verdict(rule)
        params = {"code": code if code not in _WORDS else f"http-{answer.status}"}
        return Verdict(rule, {**params, "fields": fields} if fields else params)

    # -- positions -------------------------------------------------------------------------------

    def _position(self, user_id: str, details: Record) -> Record | None:
        current = [row for row in _rows(details.get("currentPositions")) if isinstance(row.get("id"), str)]
        if current:
            held = [self._get_position(user_id, row) for row in current]
            if all(_last_day(position) for position in held):
                following = _continuing(max(held, key=_last_day), self._positions(user_id))
                held += [self._get_position(user_id, row) for row in following]
            return _joined(held)
        if _never_employed(details):
            return None
        chosen = _not_current(self._positions(user_id))
        return self._get_position(user_id, chosen) if chosen else None

    def _get_position(self, user_id: str, summary: Record) -> dict[str, Any]:
        url = self._position_url(user_id, summary["id"])
        return self._record(Call("positions.get", "GET", url, one_person=True))

    def _positions(self, user_id: str) -> list[dict[str, Any]]:
        """Return the summaries of all the user's positions."""
        rows: list[dict[str, Any]] = []
        page = 0
        while True:
            found, total = self._page(
                "positions.list", f"/users/{quote(user_id, safe='')}/positions", page, one_person=True
            )
            rows += found
            page += 1
            if not found or page * USERS_A_PAGE >= total:
                return rows

    def _create_position(self, user_id: str, first_day: str, dates: Mapping[str, str | None], job_title: str) -> Record:
        body = {
            "contractStartDate": first_day,
            "contractType": self._unconfirmed.contract_type,
            "titleId": self._find_or_create_title(job_title),
            **{name: value for name, value in dates.items() if value},
        }
        call = Call(
            "positions.create",
            "POST",
            f"{self._user_url(user_id)}/positions",
            json=body,
            repeat=Repeat.IF_NOT_DONE,
            one_person=True,
        )
        return self._record(call)

    def _find_or_create_title(self, name: str) -> str:
        """Return the id of a job title by its name; two workers at once may create it twice, harmlessly."""
        if name not in self._title_ids:
            search = Call("job-titles.find", "GET", f"{self._url}/job-titles", params={"search": name})
            titles = _rows(self._http.send(search, self).document)
            same = [row["id"] for row in titles if str(row.get("name", "")).casefold() == name.casefold()]
            if same:
                self._title_ids[name] = same[0]
            else:
                create = Call(
                    "job-titles.create",
                    "POST",
                    f"{self._url}/job-titles",
                    json={"name": name},
                    repeat=Repeat.IF_NOT_DONE,
                )
                self._title_ids[name] = str(self._record(create)["id"])
        return self._title_ids[name]

    # -- inside ----------------------------------------------------------------------------------

    def _user_url(self, user_id: str) -> str:
        return f"{self._url}/users/{_segment(user_id)}"

    def _position_url(self, user_id: str, position_id: str) -> str:
        return f"{self._user_url(user_id)}/positions/{_segment(position_id)}"

    def _record(self, call: Call) -> dict[str, Any]:
        """Send a call that answers with one object, known by its id."""
        document = self._http.send(call, self).document
        if not isinstance(document, dict) or not isinstance(document.get("id"), str):
            refuse_unreadable(SYSTEM, call)
        return document

    def _page(
        self,
        operation: str,
        path: str,
        page: int,
        params: Mapping[str, str] | None = None,
        *,
        one_person: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the rows of one page and the number of rows in all (estimated upwards where Huma does not say)."""
        offset = page * USERS_A_PAGE
        paging = {"limit": str(USERS_A_PAGE), "offset": str(offset)}
        call = Call(operation, "GET", f"{self._url}{path}", params={**paging, **(params or {})}, one_person=one_person)
        document = self._http.send(call, self).document
        rows = document.get("items") if isinstance(document, dict) else None
        if not isinstance(rows, list) or not all(isinstance(_id(row), str) for row in rows):
            refuse_unreadable(SYSTEM, call)
        total = document.get("total")
        if not isinstance(total, int):
            total = offset + len(rows) + (1 if len(rows) >= USERS_A_PAGE else 0)
        return rows, total

    def _concurrently(self, work: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """Do the same to all items, at most ``concurrency`` at a time, and return the results in order."""
        if len(items) <= 1 or self._concurrency <= 1:
            return [work(item) for item in items]
        # Imported where needed: most invocations read one user.
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(min(self._concurrency, len(items)), thread_name_prefix="huma")
        try:
            return list(pool.map(work, items))
        finally:
            # After a failure what has not begun is dropped; what has, ends within its time-outs.
            pool.shutdown(wait=True, cancel_futures=True)

    def _plain(self, name: str, value: Any) -> Any:
        if name == "homeAddress" and value is not None:
            return {key: value.get(key) or "" for key in ADDRESS_KEYS}
        if name == "bankAccount" and value is not None:
            kind = "iban" if value.get("iban") else "number"
            given = {key: each for key, each in value.items() if each is not None}
            return {"type": self._account_words[kind], **given}
        if name in {"homeAddress", "bankAccount"}:
            return None
        return value if value else self._blank()

    def _blank(self) -> str | None:
        return "" if self._unconfirmed.clear_with == "empty" else None

    def _learn(self, details: Record) -> None:
        """Look at a profile for what is not documented: the words for accounts, and fields in another shape.

        A field that is not the wrapper it used to be is logged, once a field and process, and passed on.
        """
        for name in WRAPPED:
            value = details.get(name)
            if value is not None and not isinstance(value, dict) and name not in self._reported:
                self._reported.add(name)
                logger.warning("unknown shape in Huma: field=%s type=%s", name, type(value).__name__)
        field_of_account = details.get("bankAccount")
        account = field_of_account.get("value") if isinstance(field_of_account, dict) else None
        if isinstance(account, dict) and isinstance(account.get("type"), str):
            for kind in self._account_words.keys() & account.keys():
                self._account_words[kind] = account["type"]


# -- the key's token -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    access_token: str = field(repr=False)
    organization_id: str
    expires_at: float


class _Tokens:
    """The token of one key, fetched when needed, once for all threads; also the peer for fetching it."""

    system = SYSTEM

    def __init__(self, url: str, client_id: str, client_secret: str, http: HttpPolicy) -> None:
        self._url = url
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._http = http
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def current(self) -> _Token:
        """Return a token with some time left."""
        with self._lock:
            if self._token is None or self._token.expires_at - self._http.clock() < 0:
                self._token = self._fetch()
            return self._token

    def renew(self) -> _Token:
        """Return a token fetched now."""
        with self._lock:
            self._token = self._fetch()
            return self._token

    def forget(self, access_token: str) -> None:
        """Drop this token; of many threads that saw it refused, one fetches the next."""
        with self._lock:
            if self._token is not None and self._token.access_token == access_token:
                self._token = None

    def _fetch(self) -> _Token:
        asked_at = self._http.clock()
        call = Call("token", "POST", f"{self._url}/auth/oauth/token", form=self._form)
        document = self._http.send(call, self).document
        access_token, organization = document.get("access_token"), document.get("organizationId")
        if not isinstance(access_token, str) or not access_token or not isinstance(organization, str):
            refuse_unreadable(SYSTEM, call)
        lifetime = document.get("expires_in")
        lifetime = float(lifetime) if isinstance(lifetime, int | float) else 0.0
        # A token that lives shorter than the margin is used for half its life.
        usable = max(lifetime - TOKEN_MARGIN, lifetime / 2)
        return _Token(access_token, organization, asked_at + usable)

    def headers(self) -> Mapping[str, str]:
        return {}

    def before(self) -> None:
        """Nothing to wait for."""

    def slow_down(self, seconds: float) -> None:
        """Nobody else to tell."""

    def token_refused(self, headers: Mapping[str, str]) -> None:
        """No token was used."""

    def judge(self, call: Call, answer: Answer) -> Verdict | None:
        if 200 <= answer.status < 300 and isinstance(answer.document, dict):
            return None
        code, _ = _complaint(answer)
        return Verdict(TOKEN_ERRORS.find(answer.status, code))


# -- reading ---------------------------------------------------------------------------------------

_WORDS = frozenset({"page", "bare"})


def _complaint(answer: Answer) -> tuple[str, str]:
    """Return Huma's code (``page``: no JSON, ``bare``: without a code) and the fields it names, comma-separated."""
    document = answer.document
    if not isinstance(document, dict):
        return ("page" if answer.body.strip() or answer.status < 400 else "bare"), ""
    code = document.get("errorCode") or document.get("error")
    fields = document.get("fields")
    names = sorted(readable_code(name) for name in fields) if isinstance(fields, list) else []
    return (readable_code(code) if code else "bare"), ",".join(names)


def _segment(identifier: str) -> str:
    """Return an id as a segment of a path; ``me`` and dots would be read as something else."""
    if identifier.strip() in {"", ".", "..", "me"}:
        raise Refused("huma-refused-identifier")
    return quote(identifier, safe="")


def _id(row: object) -> object:
    return row.get("id") if isinstance(row, dict) else None


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _value(record: Record, name: str) -> str | None:
    """Return the text in a wrapped field, or ``None``."""
    wrapper = record.get(name)
    value = wrapper.get("value") if isinstance(wrapper, dict) else None
    return value if isinstance(value, str) and value else None


def _never_employed(details: Record) -> bool:
    """Tell whether the details alone show that there is no position of any kind.

    They do when the list of current ones is there and empty, and the first contract's start, which covers past and
    future ones, is visible and empty, as are the older copies of the dates.
    """
    if not isinstance(details.get("currentPositions"), list) or not isinstance(
        details.get("firstContractStartDate"), dict
    ):
        return False
    copies = ("firstContractStartDate", "employmentStartDate", "firstDayOfWork", "lastDayOfWork", "employmentEndDate")
    return not any(_value(details, name) for name in copies)


def _not_current(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Choose among positions none of which is current: the next to come, else the last to have ended."""
    current = [row for row in rows if row.get("status") == "CURRENT"]
    upcoming = current or [row for row in rows if row.get("status") == "UPCOMING"]
    if upcoming:
        return min(upcoming, key=_began)
    return max(rows, key=_ended, default=None)


def _began(row: Record) -> tuple[str, str]:
    return str(row.get("contractStartDate") or "9999"), str(row["id"])


def _ended(row: Record) -> tuple[str, str, str]:
    return str(row.get("contractEndDate") or ""), str(row.get("contractStartDate") or ""), str(row["id"])


def _last_day(position: Record) -> str:
    return _value(position, "lastDayOfWork") or ""


def _continuing(position: Record, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the upcoming positions that follow at once on one that ends: the person moves, and does not leave."""
    try:
        latest = date.fromisoformat(_last_day(position)) + timedelta(days=CONTINUES_WITHIN_DAYS)
    except ValueError:
        return []
    upcoming = [row for row in rows if row.get("status") == "UPCOMING"]
    return [row for row in upcoming if _began(row)[0] <= latest.isoformat()]


def _joined(positions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return several positions of one employment as one; see ``HumaClient.user``."""

    def first(position: Record) -> tuple[str, str]:
        began = _value(position, "firstDayOfWork") or _value(position, "contractStartDate")
        return began or "9999", str(position["id"])

    chosen = min(positions, key=first)
    lasts = [_last_day(position) for position in positions]
    until = max(lasts) if all(lasts) else None
    if until == _value(chosen, "lastDayOfWork"):
        return chosen
    wrapper: dict[str, Any] = {"editable": False}
    if until:
        wrapper["value"] = until
    return {**chosen, "lastDayOfWork": wrapper}
