"""Huma's own screens, as far as the integration needs them: settings menu and profile editor.

An administrator signs in by choosing their name (this is a simulator), opens
*System settings > Integrations > Fortnox*, or edits people. Plain HTML, no script.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.utils import redirect

from local.huma_simulator.launch import launch_claims
from local.huma_simulator.organization import LEGACY_DATES
from local.huma_simulator.profile import ADDRESS_KEYS, bank_account_kind
from local.huma_simulator.refusals import NOT_UNIQUE, InvalidField, NotFound, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request, Response
    from werkzeug.datastructures import MultiDict

    from local.huma_simulator.organization import Administrator, Json, Organization, User
    from local.huma_simulator.simulator import HumaSimulator

    Answer = Response | tuple[int, Any]

COOKIE = "huma_simulator_session"
PEOPLE_A_PAGE = 50
TEXT_FIELDS = {
    "givenName": "Given name",
    "familyName": "Family name",
    "email": "E-mail",
    "phone": "Phone number",
    "employmentId": "Employment ID",
}
ADDRESS_FIELDS = {
    "line1": "Address line 1",
    "line2": "Address line 2",
    "line3": "Address line 3",
    "postalCode": "Postal code",
    "city": "City",
    "country": "Country (two letters)",
}
BANK_FIELDS = {
    "number": "Account number",
    "country": "Country of the account (two letters)",
    "iban": "IBAN, for an account abroad",
    "bic": "BIC, for an account abroad",
}
DAY_FIELDS = {"firstDayOfWork": "First day of work", "lastDayOfWork": "Last day of work"}
LABELS = (
    TEXT_FIELDS
    | {f"homeAddress.{key}": label for key, label in ADDRESS_FIELDS.items()}
    | {f"bankAccount.{key}": label for key, label in BANK_FIELDS.items()}
    | DAY_FIELDS
    | {"homeAddress": "Address", "bankAccount": "Bank account number", "status": "This person"}
)


class Pages:
    """Registers the screens on a simulator and answers for them."""

    def __init__(self, simulator: HumaSimulator) -> None:
        self.simulator = simulator
        self._sessions: dict[str, tuple[str, str]] = {}
        simulator.route("/")(self.index)
        simulator.route("/.well-known/jwks.json")(self.jwks)
        both = ("GET", "POST")
        simulator.route("/<reference>/sign-in", methods=both)(self._screen(self.sign_in))
        simulator.route("/<reference>/sign-out", methods=("POST",))(self._screen(self.sign_out))
        for path, methods, handler in (
            ("/<reference>/settings/integrations/fortnox", ("GET",), self.fortnox),
            ("/<reference>/settings/integrations/fortnox/open", ("GET",), self.open_fortnox),
            ("/<reference>/people", ("GET",), self.people),
            ("/<reference>/people/new", both, self.new_person),
            ("/<reference>/people/<user_id>", both, self.person),
            ("/<reference>/people/<user_id>/<action>", ("POST",), self.act),
        ):
            simulator.route(path, methods=methods)(self._screen(self._signed_in(handler)))

    def index(self, _request: Request) -> Answer:
        """The organizations this simulator plays."""
        organizations = list(self.simulator.organizations.values())
        return self.simulator.render("organizations.html", organization=None, organizations=organizations)

    def jwks(self, _request: Request) -> Answer:
        """The public keys of launch tokens."""
        return 200, self.simulator.signer.jwks()

    # Signing in

    def sign_in(self, request: Request, organization: Organization) -> Answer:
        """Chooses who to be; goes on to the page that was asked for."""
        following = request.values.get("next", "")
        if not following.startswith(f"/{organization.slug}/"):
            following = f"/{organization.slug}/settings/integrations/fortnox"
        chosen = organization.administrators.get(request.form.get("administrator", "").lower())
        if request.method == "GET" or chosen is None:
            return self.simulator.render(
                "sign_in.html",
                status=200 if request.method == "GET" else 400,
                organization=organization,
                administrators=list(organization.administrators.values()),
                following=following,
                missing=request.method == "POST",
            )
        session = secrets.token_urlsafe(24)
        self._sessions[session] = (organization.id, chosen.id)
        answer = redirect(following, 303)
        # Not Secure: the simulator is reached over plain HTTP on the loopback.
        answer.set_cookie(COOKIE, session, httponly=True, samesite="Lax")
        return answer

    def sign_out(self, request: Request, organization: Organization) -> Answer:
        """Forgets who was signed in."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        answer = redirect(f"/{organization.slug}/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _screen(self, handler: Callable[..., Answer]) -> Callable[..., Answer]:
        def screen(request: Request, reference: str, **arguments: str) -> Answer:
            try:
                return handler(request, self.simulator.organization(reference), **arguments)
            except Refusal as refusal:
                return self.simulator.render("missing.html", status=refusal.status, organization=None)

        return screen

    def _signed_in(self, handler: Callable[..., Answer]) -> Callable[..., Answer]:
        def signed_in(request: Request, organization: Organization, **arguments: str) -> Answer:
            session = self._sessions.get(request.cookies.get(COOKIE, ""), ("", ""))
            administrator = organization.administrators.get(session[1])
            if session[0] != organization.id or administrator is None:
                wanted = quote(request.path, safe="/") if request.method == "GET" else ""
                return redirect(f"/{organization.slug}/sign-in?next={wanted}", 303)
            return handler(request, organization, administrator, **arguments)

        return signed_in

    # System settings > Integrations > Fortnox

    def fortnox(self, request: Request, organization: Organization, administrator: Administrator) -> Answer:
        """The integration's place in the settings menu."""
        return self.simulator.render("fortnox.html", organization=organization, administrator=administrator)

    def open_fortnox(self, request: Request, organization: Organization, administrator: Administrator) -> Answer:
        """Opens the integration's page with a launch token made for this click."""
        claims = launch_claims(self.simulator.issuer_for(request), organization, administrator)
        token = self.simulator.signer.sign(claims)
        return redirect(f"{self.simulator.integration_url}/integrations/fortnox?launch={token}", 303)

    # People

    def people(self, request: Request, organization: Organization, administrator: Administrator) -> Answer:
        """The people of the organization, fifty a page, with a search."""
        search = request.args.get("search", "").strip()
        page = max(1, request.args.get("page", 1, type=int))
        with organization.lock:
            found = [
                user
                for user in self.simulator.sorted_users(organization)
                if user.type == "user" and search.casefold() in _searchable(user)
            ]
            first = (page - 1) * PEOPLE_A_PAGE
            return self.simulator.render(
                "people.html",
                organization=organization,
                administrator=administrator,
                users=found[first : first + PEOPLE_A_PAGE],
                total=len(found),
                search=search,
                page=page,
                pages=max(1, -(-len(found) // PEOPLE_A_PAGE)),
            )

    def new_person(self, request: Request, organization: Organization, administrator: Administrator) -> Answer:
        """A form for a new person; the rest of the profile follows on the next page."""
        fields = {key: TEXT_FIELDS[key] for key in ("givenName", "familyName", "email", "phone")}
        faults: list[str] = []
        if request.method == "POST":
            given = {key: request.form.get(key, "").strip() for key in fields}
            try:
                user = organization.create_user({key: v for key, v in given.items() if v} | {"groups": []})
            except InvalidField as refusal:
                faults = _sentences(refusal)
            else:
                return redirect(f"/{organization.slug}/people/{user.id}?saved=created", 303)
        return self.simulator.render(
            "new_person.html",
            status=400 if faults else 200,
            organization=organization,
            administrator=administrator,
            fields=fields,
            values=request.form,
            faults=faults,
        )

    def person(
        self, request: Request, organization: Organization, administrator: Administrator, user_id: str
    ) -> Answer:
        """One person's profile: the nine fields of the integration."""
        user = organization.user(user_id)
        if request.method == "GET":
            return self._person(request, organization, administrator, user, [])
        try:
            with organization.lock:
                changes = form_changes(user, request.form, organization)
                organization.edit_user(user, changes, administrator)
        except InvalidField as refusal:
            return self._person(request, organization, administrator, user, _sentences(refusal))
        return redirect(f"/{organization.slug}/people/{user.id}?saved=saved", 303)

    def act(
        self, request: Request, organization: Organization, administrator: Administrator, user_id: str, action: str
    ) -> Answer:
        """Deactivates, reactivates or deletes a person, or confirms their new e-mail."""
        user = organization.user(user_id)
        try:
            if action == "delete":
                organization.delete_user(user)
                return redirect(f"/{organization.slug}/people", 303)
            if action in {"deactivate", "reactivate"}:
                organization.set_active(user, action == "reactivate", administrator)
            elif action == "confirm-email":
                organization.confirm_email(user)
            else:
                raise NotFound("Page", action)
        except InvalidField as refusal:
            return self._person(request, organization, administrator, user, _sentences(refusal))
        return redirect(f"/{organization.slug}/people/{user.id}?saved={action}", 303)

    def _person(
        self,
        request: Request,
        organization: Organization,
        administrator: Administrator,
        user: User,
        faults: list[str],
    ) -> Response:
        values: dict[str, Any] = profile_form(user, organization)
        if faults:
            values |= request.form.to_dict()
        return self.simulator.render(
            "person.html",
            status=400 if faults else 200,
            organization=organization,
            administrator=administrator,
            user=user,
            values=values,
            faults=faults,
            saved=request.args.get("saved", ""),
            text_fields=TEXT_FIELDS,
            address_fields=ADDRESS_FIELDS,
            bank_fields=BANK_FIELDS,
            day_fields=DAY_FIELDS,
        )


def profile_form(user: User, organization: Organization) -> dict[str, str]:
    """The values of the profile form, by the name of each input."""
    address: Json = user.profile.get("homeAddress", {})
    account: Json = user.profile.get("bankAccount", {})
    days = user.first_and_last_day(organization.clock.today().isoformat())
    values = {key: user.profile.get(key, "") for key in TEXT_FIELDS}
    values |= {f"homeAddress.{key}": address.get(key, "") for key in ADDRESS_FIELDS}
    values |= {f"bankAccount.{key}": account.get(key, "") for key in BANK_FIELDS}
    return values | {key: days.get(key, "") for key in DAY_FIELDS}


def form_changes(user: User, form: MultiDict[str, str], organization: Organization) -> Json:
    """What a submitted profile form changes, as a plain PATCH body; inputs left out stay."""
    before = profile_form(user, organization)
    given = {name: form[name].strip() for name in before if name in form}
    changed = {name for name, value in given.items() if value != before[name]}
    after = before | given
    changes: Json = {name: after[name] or None for name in (*TEXT_FIELDS, *LEGACY_DATES) if name in changed}
    if any(name.startswith("homeAddress.") for name in changed):
        address = {key: after[f"homeAddress.{key}"] for key in ADDRESS_KEYS}
        filled = any(value for key, value in address.items() if key != "country")
        changes["homeAddress"] = address if filled else None
    if any(name.startswith("bankAccount.") for name in changed):
        changes["bankAccount"] = _bank_account({key: after[f"bankAccount.{key}"] for key in BANK_FIELDS}, organization)
    return changes


def _bank_account(given: dict[str, str], organization: Organization) -> Json | None:
    if not (given["number"] or given["iban"] or given["bic"]):
        return None
    national, international = organization.settings.bank_account_types
    # A number beside an IBAN stays in, so that it is refused instead of being dropped silently.
    keys = ("iban", "bic", "number") if given["iban"] or given["bic"] else ("number", "country")
    account: Json = {key: given[key] for key in keys if given[key] or key != "number"}
    kind = bank_account_kind(account)
    return account | {"type": national if kind == "national" else international}


def _sentences(refusal: InvalidField) -> list[str]:
    if refusal.code == NOT_UNIQUE:
        return [f"{LABELS.get(key, key)}: another person has it already." for key in refusal.fields]
    if refusal.message != "Invalid field format":
        return [f"{refusal.message}."]
    return [f"{LABELS.get(key, key)}: this cannot be saved as it is written." for key in refusal.fields]


def _searchable(user: User) -> str:
    names = ("givenName", "familyName", "email", "employmentId")
    return " ".join(user.profile.get(name, "") for name in names).casefold()
