"""The simulated Fortnox put together: what is served where, and what is checked before."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import MethodNotAllowed

from local.fortnox_simulator import employees, pages, refusals
from local.fortnox_simulator.companies import TINY_COMPANY, Companies
from local.fortnox_simulator.faults import register_faults
from local.fortnox_simulator.grants import Grants
from local.fortnox_simulator.oauth import Authorization, TokenEndpoint
from local.fortnox_simulator.rate_limit import SlidingWindow
from local.fortnox_simulator.refusals import GatewayRefused, Refused
from local.simulation import Simulator, fired

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug import Request, Response
    from werkzeug.exceptions import HTTPException

    from local.fortnox_simulator.companies import Company
    from local.fortnox_simulator.grants import AccessToken
    from local.fortnox_simulator.options import Options

    Answer = Response | tuple[int, Any]


class FortnoxSimulator(Simulator):
    """Fortnox on the loopback, with one company's people, or more."""

    def __init__(self, options: Options) -> None:
        super().__init__("fortnox", templates=pages.TEMPLATES)
        self.options = options
        text = options.people.read_text(encoding="utf-8") if options.people else None
        self._people_at_start = json.loads(text) if text else TINY_COMPANY
        self.companies = Companies(self._people_at_start)
        self.grants = Grants(options, self.now)
        self.missing_scope_status = 400
        self._advanced = 0.0
        self._window = SlidingWindow(
            options.rate_requests, options.rate_seconds, counts_refused=options.rate_counts_refused
        )
        self._authorization = Authorization(options, self.companies, self.grants, self.render)
        self._tokens = TokenEndpoint(options, self.grants)
        register_faults(self)
        pages.register_pages(self)
        self.on_unknown(self._nothing_here)
        self.route("/oauth-v1/auth", methods=("GET", "POST"))(self._authorize)
        self.route("/oauth-v1/token", methods=("POST",))(self._token)
        self.route("/oauth-v1/revoke", methods=("POST",))(self._revoke)
        self.route("/3/companyinformation")(self._company_information)
        self.route("/3/employees", methods=("GET", "POST"))(self._employees)
        self.route("/3/employees/<path:employee_id>", methods=("GET", "PUT"))(self._employee)
        self.route("/_sim/reset", methods=("POST",))(self._reset)
        self.route("/_sim/clock", methods=("POST",))(self._advance_clock)
        self.route("/_sim/consents")(self._consents)
        self.route("/_sim/grant", methods=("POST",))(self._grant)

    def now(self) -> float:
        """Give the time that codes and tokens expire by, in unix seconds."""
        return time.time() + self._advanced

    def people(self) -> Any:
        """Give all companies and employees."""
        return self.companies.to_json()

    def replace_people(self, data: Any) -> None:
        """Take other companies and employees; consents and tokens stay."""
        self.companies.replace(data)

    def error_answer(self, status: int) -> Response:
        """Give the shape an error of this status has at Fortnox."""
        if status in {401, 403, 429}:
            return GatewayRefused(status).answer()
        if status in {502, 503, 504}:
            return refusals.html_page(status, "Fortnox är tillfälligt otillgängligt")
        if status == 404:
            return refusals.not_found().answer()
        return Refused(status, 1000003, "System exception").answer()

    # -- OAuth ---------------------------------------------------------------------------------

    def _authorize(self, request: Request) -> Response:
        with self.lock:
            return self._authorization.answer(request, licensed=not fired(request, "lost_licence"))

    def _token(self, request: Request) -> Response:
        with self.lock:
            return self._tokens.token(request, licensed=not fired(request, "lost_licence"))

    def _revoke(self, request: Request) -> Response:
        with self.lock:
            return self._tokens.revoke(request)

    # -- API -----------------------------------------------------------------------------------

    def _company_information(self, request: Request) -> Response:
        def answer(company: Company) -> Response:
            return refusals.as_json(
                {
                    "CompanyInformation": {
                        "Address": "Provgatan 1",
                        "City": "EXEMPELSTAD",
                        "CountryCode": "SE",
                        "DatabaseNumber": company.database_number,
                        "CompanyName": company.name,
                        "OrganizationNumber": company.organization_number,
                        "VisitAddress": "",
                        "VisitCity": "",
                        "VisitCountryCode": "",
                        "VisitZipCode": "",
                        "ZipCode": "12345",
                    }
                }
            )

        return self._within_api(request, "companyinformation", answer)

    def _employees(self, request: Request) -> Response:
        bank_right = self._bank_right(request)

        def answer(company: Company) -> Response:
            if request.method == "GET":
                return employees.list_employees(request, company, bank_right=bank_right)
            return employees.create_employee(
                request, company, self.options, bank_right=bank_right, ignores=_ignored(request)
            )

        return self._within_api(request, "salary", answer)

    def _employee(self, request: Request, employee_id: str) -> Response:
        bank_right = self._bank_right(request)

        def answer(company: Company) -> Response:
            if request.method == "GET":
                return employees.get_employee(company, employee_id, bank_right=bank_right)
            return employees.update_employee(
                request,
                company,
                employee_id,
                self.options,
                bank_right=bank_right,
                ignores=_ignored(request),
            )

        return self._within_api(request, "salary", answer)

    def _within_api(self, request: Request, scope: str, answer: Callable[[Company], Response]) -> Response:
        """Do the work of one API request, or refuse it for what stands before all work.

        In this order: Accept, token, rate limit, integration licence, scope, licence of the module.
        """
        with self.lock:
            try:
                return answer(self._admit(request, scope))
            except Refused as refused:
                return refused.answer()

    def _admit(self, request: Request, scope: str) -> Company:
        if request.accept_mimetypes.best != "application/json":
            raise refusals.invalid_accept()
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise refusals.missing_token()
        token = self.grants.find_access_token(text)
        company = self.companies.find(token.tenant) if token else None
        if token is None or company is None:
            raise GatewayRefused(401)
        if not self._window.admits(token.tenant, time.monotonic()):
            wait = self.options.retry_after
            raise GatewayRefused(429, {"Retry-After": str(wait)} if wait is not None else {})
        self._check_rights(request, token, scope)
        return company

    def _check_rights(self, request: Request, token: AccessToken, scope: str) -> None:
        lost = fired(request, "lost_licence")
        licence = lost.options.get("licence", "integration") if lost else None
        status = (lost.status if lost else None) or 400
        if licence == "integration":
            raise refusals.missing_api_licence(status)
        if scope not in token.scopes:
            if self.missing_scope_status == 403:
                raise GatewayRefused(403)
            raise refusals.missing_scope()
        if licence == "salary" and scope == "salary":
            raise refusals.missing_module_licence(status)

    def _bank_right(self, request: Request) -> bool:
        return not (self.options.api_noright or fired(request, "api_noright"))

    def _nothing_here(self, request: Request, error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed) and request.path.startswith("/3/"):
            response = Refused(405, 0, "Metoden stöds inte.").answer()
            response.headers["Allow"] = ", ".join(error.valid_methods or ())
            return response
        return refusals.html_page(error.code or 404, error.name)

    # -- controls ------------------------------------------------------------------------------

    def _reset(self, _request: Request) -> Answer:
        with self.lock:
            self.forget_requests_and_faults()
            self.companies.replace(self._people_at_start)
            self.grants.revoke_consent()
            self._window.forget()
            self._advanced = 0.0
            self.missing_scope_status = 400
        return 200, {"reset": True}

    def _advance_clock(self, request: Request) -> Answer:
        with self.lock:
            self._advanced += float(json.loads(request.get_data())["advance"])
            return 200, {"now": self.now()}

    def _consents(self, _request: Request) -> Answer:
        with self.lock:
            found = [
                {
                    "tenantId": consent.tenant,
                    "scopes": sorted(consent.scopes),
                    "service": consent.service,
                    "userId": consent.user,
                    "refreshTokens": sum(
                        each.consent.tenant == consent.tenant for each in self.grants.refresh_tokens.values()
                    ),
                }
                for consent in self.grants.consents.values()
            ]
        return 200, {"consents": found}

    def _grant(self, request: Request) -> Answer:
        asked = json.loads(request.get_data() or b"{}")
        with self.lock:
            tenant = int(asked.get("tenantId", self.companies.first.database_number))
            scopes = frozenset(asked.get("scopes", ["salary", "companyinformation"]))
            consent = self.grants.consent(tenant, scopes, service=asked.get("service", True), user=1)
            return 200, {
                "tenantId": tenant,
                "access_token": self.grants.issue_access_token(consent, scopes),
                "refresh_token": self.grants.issue_refresh_token(consent, scopes),
                "code": self.grants.issue_code(consent, None),
            }


def _ignored(request: Request) -> Callable[[str], bool]:
    fault = fired(request, "silently_ignore_field")
    fields = set(fault.options.get("fields", [])) if fault else set()
    return fields.__contains__
