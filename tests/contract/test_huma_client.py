"""The Huma client against the simulator, over HTTP."""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from huma_fortnox.adapters.http import HttpPolicy, Limits
from huma_fortnox.adapters.huma import WRITABLE, HumaClient, Unconfirmed
from huma_fortnox.domain.errors import (
    Defect,
    HumaKeyRefused,
    IntegrationError,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TransientError,
)

from local.simulator_process import SimulatorProcess

if TYPE_CHECKING:
    from huma_fortnox.services.ports import Huma

ORGANIZATION = "11111111-1111-4111-8111-1111111111a1"
KEY = ("22222222-2222-4222-8222-2222222222a1", "33333333-3333-4333-8333-3333333333a1")
NARROW_KEY = ("22222222-2222-4222-8222-2222222222a2", "33333333-3333-4333-8333-3333333333a2")
SECRET = "hemlig-canary"
# The type checker holds the client to the port here.
PORT: type[Huma] = HumaClient
# Waits short enough for a test; what they are in production is the unit tests' business.
QUICK = Limits(first_wait=0.01, longest_wait=0.5, limited_wait=0.05, breaker_threshold=50)
NOBODY = "55555555-5555-4555-8555-ffffffffffff"


def user_id(number: int) -> str:
    return str(uuid.UUID(int=0x55555555_5555_4555_8555_000000000000 + number))


def position_id(number: int) -> str:
    return str(uuid.UUID(int=0x77777777_7777_4777_8777_000000000000 + number))


ANNA, BO, CARL, DINA, EVA, FRIDA, GUN, HANS, IDA, JAN = (user_id(number) for number in range(1, 11))


def user(identifier: str, name: str, *positions: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "givenName": name,
        "familyName": "Exempel",
        "email": f"{name}@example.com".lower(),
        "positions": [{"title": "Utvecklare", **position} for position in positions],
        **values,
    }


def position(number: int, first: str, last: str | None = None, **values: Any) -> dict[str, Any]:
    dates = {"firstDayOfWork": first, "lastDayOfWork": last, "contractEndDate": last}
    return {"id": position_id(number), **{key: value for key, value in dates.items() if value}, **values}


PEOPLE: dict[str, Any] = {
    "organizations": [
        {
            "id": ORGANIZATION,
            "name": "Provbolaget AB",
            "slug": "provbolaget",
            "apiKeys": [
                {"clientId": KEY[0], "clientSecret": KEY[1]},
                {
                    "clientId": NARROW_KEY[0],
                    "clientSecret": NARROW_KEY[1],
                    "rights": {"positions": "none", "bankAccount": "none", "phone": "view"},
                },
            ],
            "jobTitles": [{"name": "Utvecklare"}],
            "users": [
                user(
                    ANNA,
                    "Anna",
                    position(1, "2024-02-01"),
                    phone="+46701740605",
                    employmentId="0007",
                    homeAddress={
                        "line1": "Provgatan 1",
                        "postalCode": "123 45",
                        "city": "Exempelstad",
                        "country": "SE",
                    },
                    bankAccount={"number": "3300-0006205124", "country": "SE"},
                ),
                user(BO, "Bo", lastLoggedInAt="2026-01-15T08:00:00.000Z"),
                user(CARL, "Carl", position(3, "2020-01-07", "2026-12-31"), position(4, "2024-05-01")),
                user(DINA, "Dina", position(5, "2020-01-01", "2026-08-31"), position(6, "2022-01-01", "2026-12-31")),
                user(EVA, "Eva", position(7, "2027-01-01"), position(8, "2027-06-01")),
                user(FRIDA, "Frida", position(9, "2015-01-01", "2018-12-31"), position(10, "2019-01-01", "2021-06-30")),
                user(GUN, "Gun", position(11, "2020-01-01", "2026-06-30"), active=False),
                user(HANS, "Hans", position(12, "2020-01-01", "2026-12-31"), position(13, "2027-01-01")),
                user(IDA, "Ida", position(14, "2020-01-01", "2026-12-31"), position(15, "2027-03-01")),
                user(JAN, "Jan", firstDayOfWork="2019-05-01"),
            ],
        }
    ]
}


@dataclass
class Side:
    """A client and the simulator it talks to."""

    process: SimulatorProcess
    client: HumaClient

    def stored(self, identifier: str) -> dict[str, Any]:
        """Read a user from the simulator itself, not through the client."""
        users = self.process.people()["organizations"][0]["users"]
        found: dict[str, Any] = next(each for each in users if each["id"] == identifier)
        return found

    def sent(self, method: str, path: str) -> list[dict[str, Any]]:
        return self.process.requests(method=method, path=path)


TITLE = "Employee"


def client_of(
    process: SimulatorProcess, key: tuple[str, str] = KEY, limits: Limits = QUICK, **settings: Any
) -> HumaClient:
    return HumaClient(process.url, *key, HttpPolicy(limits=limits), **settings)


@pytest.fixture(scope="module")
def huma_process() -> Any:
    with SimulatorProcess("local.huma_simulator", "--today", "2026-11-23") as process:
        yield process


@pytest.fixture
def huma(huma_process: SimulatorProcess) -> Side:
    huma_process.set_people(PEOPLE)
    huma_process.clear_faults()
    huma_process.forget_requests()
    return Side(huma_process, client_of(huma_process))


# -- the key ---------------------------------------------------------------------------------------


def test_a_key_tells_whose_it_is(huma: Side) -> None:
    assert huma.client.check_key().organization_id == ORGANIZATION


@pytest.mark.parametrize(
    "key", [(KEY[0], "33333333-3333-4333-8333-333333333333"), (NOBODY, KEY[1]), (SECRET, SECRET), ("", "")]
)
def test_a_wrong_or_malformed_key_is_refused(huma: Side, key: tuple[str, str]) -> None:
    with pytest.raises(HumaKeyRefused) as caught:
        client_of(huma.process, key).check_key()
    assert str(caught.value) == "huma-key-refused"
    assert len(huma.sent("POST", "/auth/")) == 1


def test_a_deactivated_key_is_refused_everywhere(huma: Side) -> None:
    huma.client.users(0)
    huma.process.fault("revoke_key")
    with pytest.raises(HumaKeyRefused):
        huma.client.users(0)
    with pytest.raises(HumaKeyRefused):
        huma.client.check_key()


def test_one_token_serves_all_requests(huma: Side) -> None:
    huma.client.users(0)
    huma.client.details([ANNA, BO, CARL])
    assert len(huma.sent("POST", "/auth/")) == 1


def test_an_expired_token_is_replaced_once_for_all_threads(huma: Side) -> None:
    everybody = [ANNA, BO, CARL, DINA, EVA, FRIDA, GUN, HANS]
    huma.client.details(everybody)
    huma.process.fault("expire_tokens")
    assert len(huma.client.details(everybody)) == 8
    assert len(huma.sent("POST", "/auth/")) == 2


def test_a_new_token_is_asked_for_before_the_old_one_expires(huma: Side) -> None:
    now = 1000.0
    client = HumaClient(huma.process.url, *KEY, HttpPolicy(clock=lambda: now))
    client.users(0)
    now += 3600 - 61
    client.users(0)
    assert len(huma.sent("POST", "/auth/")) == 1
    now += 2
    client.users(0)
    assert len(huma.sent("POST", "/auth/")) == 2
    assert [request["status"] for request in huma.sent("GET", "/users")] == [200, 200, 200]


def test_trouble_at_the_token_endpoint_does_not_condemn_the_key(huma: Side) -> None:
    for fault in ({"status": 500}, {"status": 400, "body": "<html>nere</html>"}, {"status": 200, "body": "ok"}):
        huma.process.fault("status", **fault, path="/auth/")
        with pytest.raises(TransientError):
            huma.client.check_key()
        huma.process.clear_faults()
    huma.process.fault("status", status=200, body={"access_token": "x"}, path="/auth/")
    with pytest.raises(Defect):
        huma.client.check_key()


# -- reading ---------------------------------------------------------------------------------------


def many(number: int) -> dict[str, Any]:
    organization = PEOPLE["organizations"][0]
    users = [user(user_id(each), f"Person{each:04}", position(each, "2024-01-01")) for each in range(1, number + 1)]
    return {"organizations": [{**organization, "users": users}]}


def test_people_are_listed_50_a_page_without_service_users(huma: Side) -> None:
    huma.process.set_people(many(99))
    pages = [huma.client.users(page) for page in (0, 1, 2)]
    # Two keys have a service user each.
    assert {page.total for page in pages} == {101}
    listed = [each for page in pages for each in page.user_ids]
    assert sorted(listed) == sorted(user_id(each) for each in range(1, 100))
    assert len(huma.sent("GET", "/users")) == 3


def test_deactivated_users_are_listed_and_read(huma: Side) -> None:
    assert GUN in huma.client.users(0).user_ids
    found = huma.client.user(GUN)
    assert found is not None
    assert found["status"]["active"] is False
    assert found["position"]["lastDayOfWork"] == {"value": "2026-06-30", "editable": False}


def test_a_list_without_a_total_goes_on_while_pages_are_full(huma: Side) -> None:
    row = {"id": ANNA, "type": "user", "email": "anna@example.com"}
    huma.process.fault("status", status=200, body={"items": [row] * 50}, path="/users")
    assert huma.client.users(1).total == 101
    huma.process.clear_faults()
    huma.process.fault("status", status=200, body={"items": [row] * 7}, path="/users")
    assert huma.client.users(1).total == 57


@pytest.mark.parametrize("body", [[], {}, {"items": None}, {"items": [1]}, {"items": [{"email": "x@example.com"}]}])
def test_a_list_in_an_unknown_shape_is_not_taken_for_an_empty_one(huma: Side, body: Any) -> None:
    huma.process.fault("status", status=200, body=body, path="/users")
    with pytest.raises(Defect):
        huma.client.users(0)


def requests_for(huma: Side, identifier: str) -> int:
    """Read one user and count the requests it took, the token aside."""
    huma.process.forget_requests()
    assert huma.client.user(identifier) is not None
    return len(huma.sent("GET", "/users/"))


def test_a_user_takes_two_requests_and_one_without_any_position(huma: Side) -> None:
    assert requests_for(huma, ANNA) == 2
    assert requests_for(huma, BO) == 1


def dates_of(huma: Side, identifier: str) -> tuple[str | None, str | None, bool]:
    found = huma.client.user(identifier)
    assert found is not None
    held = found["position"]
    assert held is not None
    last = held["lastDayOfWork"]
    return held["firstDayOfWork"].get("value"), last.get("value"), last["editable"]


def test_the_current_position_carries_the_dates(huma: Side) -> None:
    found = huma.client.user(ANNA)
    assert found is not None
    assert found["position"]["id"] == position_id(1)
    assert found["employmentId"]["value"] == "0007"
    assert dates_of(huma, ANNA) == ("2024-02-01", None, True)


def test_of_several_current_positions_the_first_to_begin_counts_and_an_open_one_keeps_the_person(huma: Side) -> None:
    # One of the two ends, so the person does not leave; that is no single position's last day.
    assert dates_of(huma, CARL) == ("2020-01-07", None, False)


def test_of_several_current_positions_the_last_to_end_counts(huma: Side) -> None:
    huma.process.control("PUT", "/_sim/today", {"today": "2026-08-01"})
    try:
        assert dates_of(huma, DINA) == ("2020-01-01", "2026-12-31", False)
    finally:
        huma.process.control("PUT", "/_sim/today", {"today": "2026-11-23"})
    assert dates_of(huma, DINA) == ("2022-01-01", "2026-12-31", True)


def test_a_position_that_follows_at_once_means_a_move_and_not_a_departure(huma: Side) -> None:
    assert dates_of(huma, HANS) == ("2020-01-01", None, False)
    # Two months later is a new employment, and the present one ends.
    assert dates_of(huma, IDA) == ("2020-01-01", "2026-12-31", True)
    assert requests_for(huma, HANS) == 4
    assert requests_for(huma, IDA) == 3


def test_without_a_current_position_the_next_to_come_counts(huma: Side) -> None:
    assert dates_of(huma, EVA) == ("2027-01-01", None, True)


def test_without_a_position_to_come_the_last_to_have_ended_counts(huma: Side) -> None:
    assert dates_of(huma, FRIDA) == ("2019-01-01", "2021-06-30", True)


def test_a_user_with_dates_but_no_position_has_none(huma: Side) -> None:
    found = huma.client.user(JAN)
    assert found is not None
    assert found["position"] is None
    assert found["firstDayOfWork"]["value"] == "2019-05-01"


def test_positions_that_the_key_may_not_see_are_not_taken_for_none(huma: Side) -> None:
    found = client_of(huma.process, NARROW_KEY).user(ANNA)
    assert found is not None
    assert "position" not in found
    assert "bankAccount" not in found


def test_a_user_who_is_gone_is_none_and_left_out(huma: Side) -> None:
    assert huma.client.user(NOBODY) is None
    assert [found["id"] for found in huma.client.details([BO, NOBODY, ANNA])] == [BO, ANNA]
    assert huma.client.details([]) == []


def test_a_position_that_goes_away_while_it_is_read_is_read_anew(huma: Side) -> None:
    fault = {"status": 404, "body": None, "path": f"/users/{ANNA}/positions/"}
    huma.process.fault("status", **fault, count=1)
    found = huma.client.user(ANNA)
    assert found is not None
    assert found["position"]["id"] == position_id(1)
    huma.process.fault("status", **fault)
    with pytest.raises(TransientError):
        huma.client.user(ANNA)


@pytest.mark.parametrize("identifier", ["", "me", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused_unsent(huma: Side, identifier: str) -> None:
    with pytest.raises(Refused):
        huma.client.user(identifier)
    assert huma.sent("GET", "/users/") == []


def test_many_users_are_read_in_order_and_no_more_at_a_time_than_allowed(huma: Side) -> None:
    huma.process.set_people(many(40))
    wanted = [user_id(each) for each in range(40, 0, -1)]
    watch = _Concurrency()
    client = HumaClient(huma.process.url, *KEY, watch, concurrency=5)
    client.check_key()
    assert [found["id"] for found in client.details(wanted)] == wanted
    assert 2 <= watch.most <= 5
    assert len(huma.sent("GET", "/users/")) == 80


class _Concurrency(HttpPolicy):
    """A policy that notices how many calls are under way."""

    def __init__(self) -> None:
        super().__init__(limits=QUICK)
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def send(self, *arguments: Any) -> Any:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(0.005)
            return super().send(*arguments)
        finally:
            with self.lock:
                self.now -= 1


def test_the_first_failure_of_many_ends_them_all(huma: Side) -> None:
    huma.process.set_people(many(200))
    huma.process.fault("status", status=400, path="/users/")
    with pytest.raises(Refused):
        huma.client.details([user_id(each) for each in range(1, 201)])
    assert len(huma.sent("GET", "/users/")) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("huma")]


def test_an_unknown_shape_of_a_field_is_reported_once_and_passed_on(
    huma: Side, caplog: pytest.LogCaptureFixture
) -> None:
    huma.process.fault("unknown_wrapper", field="phone", shape=SECRET)
    for _ in range(2):
        found = huma.client.user(ANNA)
        assert found is not None
        assert found["phone"] == SECRET
    assert [record.getMessage() for record in caplog.records] == ["unknown shape in Huma: field=phone type=str"]


# -- writing ---------------------------------------------------------------------------------------


def test_an_update_sends_plain_values_and_returns_the_details_as_stored(huma: Side) -> None:
    details = huma.client.update_user(ANNA, {"phone": "+46701740633", "employmentId": "0042"})
    assert details["phone"]["value"] == "+46701740633"
    assert details["employmentId"]["value"] == "0042"
    assert huma.sent("PATCH", "/users/")[0]["body"] == {"phone": "+46701740633", "employmentId": "0042"}
    assert huma.stored(ANNA)["givenName"] == "Anna"


def test_an_address_is_sent_with_all_its_lines(huma: Side) -> None:
    address = {"line1": "Nygatan 2", "line2": None, "postalCode": "543 21", "city": "Nystad", "country": "SE"}
    details = huma.client.update_user(ANNA, {"homeAddress": address})
    assert details["homeAddress"]["value"] == {**address, "line2": "", "line3": ""}


def test_a_bank_account_is_sent_by_its_kind(huma: Side) -> None:
    details = huma.client.update_user(BO, {"bankAccount": {"number": "3300-0006205124", "country": "SE"}})
    assert details["bankAccount"]["value"]["type"] == "national"
    details = huma.client.update_user(BO, {"bankAccount": {"iban": "SE4550000000058398257466", "bic": "ESSESESS"}})
    assert details["bankAccount"]["value"]["type"] == "international"


def test_the_word_for_a_kind_of_account_is_learnt_from_what_was_read(huma: Side) -> None:
    words = ["NATIONAL_ACCOUNT", "INTERNATIONAL_ACCOUNT"]
    huma.process.control("PUT", f"/_sim/organizations/{ORGANIZATION}/settings", {"bankAccountTypes": words})
    account = {"number": "3300-0006205124", "country": "SE"}
    with pytest.raises(Refused) as caught:
        huma.client.update_user(BO, {"bankAccount": account})
    assert caught.value.reason.params["fields"] == "bankAccount.type"
    huma.client.user(ANNA)
    details = huma.client.update_user(BO, {"bankAccount": account})
    assert details["bankAccount"]["value"]["type"] == "NATIONAL_ACCOUNT"
    told = client_of(huma.process, unconfirmed=Unconfirmed(international_account=words[1]))
    told.update_user(BO, {"bankAccount": {"iban": "SE4550000000058398257466", "bic": "ESSESESS"}})


@pytest.mark.parametrize("field", ["phone", "employmentId", "homeAddress", "bankAccount"])
def test_a_field_is_cleared_with_null(huma: Side, field: str) -> None:
    details = huma.client.update_user(ANNA, {field: None})
    assert "value" not in details[field]
    assert huma.sent("PATCH", "/users/")[0]["body"] == {field: None}


def test_a_field_can_be_cleared_with_an_empty_text_instead(huma: Side) -> None:
    organization = {**PEOPLE["organizations"][0], "settings": {"nullClears": False}}
    huma.process.set_people({"organizations": [organization]})
    # Where null means nothing the old value comes back, and the caller can see it.
    assert huma.client.update_user(ANNA, {"phone": None})["phone"]["value"] == "+46701740605"
    client = client_of(huma.process, unconfirmed=Unconfirmed(clear_with="empty"))
    assert "value" not in client.update_user(ANNA, {"phone": None})["phone"]


@pytest.mark.parametrize("name", ["status", "supervisor", "birthDate", "salary", "firstDayOfWork", "Phone"])
def test_nothing_but_the_supported_fields_is_ever_written(huma: Side, name: str) -> None:
    with pytest.raises(Defect):
        huma.client.update_user(ANNA, {"phone": "+46701740633", name: "x"})
    with pytest.raises(Defect):
        huma.client.update_position(
            ANNA, position_id(1), {"lastDayOfWork": "2027-01-31", "percentage": "50"}, job_title=TITLE
        )
    assert huma.sent("PATCH", "/users/") == []
    assert name not in WRITABLE


def test_an_email_of_somebody_who_logged_in_waits_for_their_confirmation(huma: Side) -> None:
    details = huma.client.update_user(BO, {"email": "bo.ny@example.com"})
    assert details["email"]["value"] == "bo@example.com"
    assert details["email"]["requestedValue"] == "bo.ny@example.com"


def test_dates_are_written_on_the_position(huma: Side) -> None:
    record = huma.client.update_position(ANNA, position_id(1), {"lastDayOfWork": "2027-01-31"}, job_title=TITLE)
    assert record["lastDayOfWork"]["value"] == "2027-01-31"
    record = huma.client.update_position(ANNA, position_id(1), {"lastDayOfWork": None}, job_title=TITLE)
    assert "value" not in record["lastDayOfWork"]
    assert huma.stored(ANNA)["positions"][0]["firstDayOfWork"] == "2024-02-01"


def titles(huma: Side) -> list[str]:
    found: list[str] = [each["name"] for each in huma.process.people()["organizations"][0]["jobTitles"]]
    return found


def test_a_position_is_created_with_a_title_that_is_found_or_made(huma: Side) -> None:
    record = huma.client.update_position(
        BO, None, {"firstDayOfWork": "2026-12-01", "lastDayOfWork": "2027-05-31"}, job_title=TITLE
    )
    assert (record["contractStartDate"]["value"], record["contractType"]["value"]) == ("2026-12-01", "Other")
    assert record["lastDayOfWork"]["value"] == "2027-05-31"
    assert titles(huma) == ["Utvecklare", "Employee"]
    client = client_of(huma.process, unconfirmed=Unconfirmed(contract_type="Permanent"))
    record = client.update_position(JAN, None, {"firstDayOfWork": "2019-05-01"}, job_title="utvecklare")
    assert (record["contractType"]["value"], record["title"]["value"]["name"]) == ("Permanent", "Utvecklare")
    assert titles(huma) == ["Utvecklare", "Employee"]


def test_a_position_needs_a_first_day(huma: Side) -> None:
    with pytest.raises(Refused) as caught:
        huma.client.update_position(BO, None, {"lastDayOfWork": "2027-05-31"}, job_title=TITLE)
    assert caught.value.reason.code == "huma-position-needs-first-day"


@pytest.mark.parametrize("path", [f"/users/{BO}/positions", "/job-titles"])
def test_a_position_whose_creation_got_no_answer_is_not_created_twice(huma: Side, path: str) -> None:
    huma.process.fault("drop_after", method="POST", path=path, count=1)
    with pytest.raises(OutcomeUnknown):
        huma.client.update_position(BO, None, {"firstDayOfWork": "2026-12-01"}, job_title=TITLE)
    record = huma.client.update_position(
        BO, None, {"firstDayOfWork": "2026-12-01", "lastDayOfWork": "2027-05-31"}, job_title=TITLE
    )
    assert record["lastDayOfWork"]["value"] == "2027-05-31"
    assert len(huma.stored(BO)["positions"]) == 1
    assert titles(huma) == ["Utvecklare", "Employee"]


def test_a_user_is_found_by_email_exactly_whatever_the_case(huma: Side) -> None:
    found = huma.client.find_user(" ANNA@example.com ")
    assert found is not None
    assert (found["id"], found["position"]["id"]) == (ANNA, position_id(1))
    # Huma's search finds parts of an e-mail too, and service users.
    assert huma.client.find_user("nna@example.com") is None
    assert huma.client.find_user("nobody@example.com") is None
    assert huma.client.find_user("open-api+22222222@provbolaget.example.com") is None


def test_a_user_is_found_on_a_later_page_of_the_search(huma: Side) -> None:
    data = many(120)
    for number, each in enumerate(data["organizations"][0]["users"]):
        each["email"] = f"x{number}.nils@example.com"
    data["organizations"][0]["users"][110]["email"] = "nils@example.com"
    huma.process.set_people(data)
    found = huma.client.find_user("Nils@Example.com")
    assert found is not None
    assert found["id"] == user_id(111)


@pytest.mark.parametrize("invite", [True, False])
def test_a_user_is_created_invited_or_not(huma: Side, invite: bool) -> None:
    identifier = huma.client.create_user("Nils", "Nyexempel", "nils@example.com", invite=invite)
    stored = huma.stored(identifier)
    assert (stored["givenName"], stored["email"], "invitedAt" in stored) == ("Nils", "nils@example.com", invite)


# -- refusals --------------------------------------------------------------------------------------


def refusal(huma: Side, status: int, body: Any) -> IntegrationError:
    huma.process.fault("status", status=status, body=body, path="/users/", method="PATCH")
    try:
        with pytest.raises(IntegrationError) as caught:
            huma.client.update_user(ANNA, {"phone": "+46701740633"})
    finally:
        huma.process.clear_faults()
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (
            400,
            {"errorCode": "field:invalid-format", "errorMessage": SECRET, "fields": ["phone", "homeAddress.city"]},
            Refused,
            "huma-refused-value(code=field:invalid-format, fields=homeAddress.city,phone)",
        ),
        (
            409,
            {"errorCode": "user:duplicate-email", "errorMessage": SECRET},
            Refused,
            "huma-refused(code=user:duplicate-email)",
        ),
        (
            400,
            {"errorCode": "a b", "fields": [SECRET + " @", 7]},
            Refused,
            "huma-refused(code=unreadable, fields=7,unreadable)",
        ),
        (400, {"errorCode": None, "fields": None}, Refused, "huma-refused(code=http-400)"),
        (422, {}, Refused, "huma-refused(code=http-422)"),
        (401, {"error": "invalid_token", "error_description": SECRET}, HumaKeyRefused, "huma-key-refused"),
        (401, "", HumaKeyRefused, "huma-key-refused"),
        (403, {"error": "Forbidden"}, Refused, "huma-not-allowed(code=Forbidden)"),
        (404, {"errorCode": "object:not-found", "interpolations": {"id": ANNA}}, Missing, "missing-in-huma"),
        (405, {"error": "Method Not Allowed"}, Defect, "huma-contract(code=unreadable)"),
        (404, {"path": "/users"}, TransientError, "temporarily-unavailable(system=huma, why=http-404)"),
        (404, f"<html>{SECRET}</html>", TransientError, "temporarily-unavailable(system=huma, why=http-404)"),
        (400, f"<html>{SECRET}</html>", TransientError, "temporarily-unavailable(system=huma, why=http-400)"),
        (200, f"<html>{SECRET}</html>", TransientError, "temporarily-unavailable(system=huma, why=http-200)"),
        (500, {"status": 500, "message": SECRET}, TransientError, "temporarily-unavailable(system=huma, why=http-500)"),
        (200, {"givenName": SECRET}, Defect, "contract-changed(operation=users.update, system=huma)"),
    ],
)
def test_each_refusal_has_its_class_and_names_codes_and_fields_only(
    huma: Side, status: int, body: Any, error: type[IntegrationError], reason: str
) -> None:
    found = refusal(huma, status, body)
    assert type(found) is error
    assert str(found) == reason


def test_a_403_on_reading_is_the_keys_fault(huma: Side) -> None:
    huma.process.fault("status", status=403, path="/users")
    for read in (lambda: huma.client.users(0), lambda: huma.client.user(ANNA)):
        with pytest.raises(HumaKeyRefused) as caught:
            read()
        assert caught.value.reason.code == "huma-right-missing"


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_list_is_our_defect_and_nobodys_fault(huma: Side, status: int) -> None:
    huma.process.fault("status", status=status, path="/users")
    with pytest.raises(Defect):
        huma.client.users(0)


def test_a_locked_or_deactivated_profile_is_refused_for_that_person(huma: Side) -> None:
    with pytest.raises(Refused) as caught:
        huma.client.update_user(GUN, {"phone": "+46701740633"})
    assert caught.value.reason.params["code"] == "user:deactivated"
    with pytest.raises(Refused) as caught:
        client_of(huma.process, NARROW_KEY).update_user(ANNA, {"phone": "+46701740633"})
    assert caught.value.reason.params["fields"] == "phone"
    with pytest.raises(Missing):
        huma.client.update_user(NOBODY, {"phone": "+46701740633"})


# -- trouble on the way ----------------------------------------------------------------------------

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_reads_and_updates_survive_passing_trouble(huma: Side, fault: dict[str, Any]) -> None:
    huma.process.fault(**fault, count=2, path="/users")
    assert ANNA in huma.client.users(0).user_ids
    huma.process.fault(**fault, count=2, method="PATCH")
    assert huma.client.update_user(ANNA, {"phone": "+46701740633"})["phone"]["value"] == "+46701740633"
    huma.process.fault(**fault, count=2, path="/auth/")
    assert huma.client.check_key().organization_id == ORGANIZATION


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_a_creation_without_an_answer_is_looked_for_and_never_sent_twice(huma: Side, fault: dict[str, Any]) -> None:
    huma.process.fault(**fault, method="POST", path="/users", count=1)
    with pytest.raises(OutcomeUnknown):
        huma.client.create_user("Nils", "Nyexempel", "nils@example.com", invite=False)
    assert len(huma.sent("POST", "/users")) == 1
    assert (huma.client.find_user("nils@example.com") is not None) == (fault["kind"] == "drop_after")


def test_a_429_is_waited_for_and_a_lasting_one_handed_on(huma: Side) -> None:
    huma.process.fault("status", status=429, count=2, path="/users")
    assert huma.client.create_user("Nils", "Nyexempel", "nils@example.com", invite=False)
    huma.process.fault("status", status=429, headers={"Retry-After": "77"}, path="/users")
    with pytest.raises(RateLimited) as caught:
        huma.client.users(0)
    assert caught.value.retry_after == 77


# -- nothing leaks ---------------------------------------------------------------------------------


def test_no_refusal_carries_a_value_a_key_or_an_answer(huma: Side, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    bodies = [{"errorCode": f"{SECRET} x", "errorMessage": SECRET}, {"error": f"{SECRET}!"}, f"<html>{SECRET}</html>"]
    for status in (400, 401, 403, 404, 500):
        for body in bodies:
            huma.process.fault("status", status=status, body=body, path="/users")
            for call in (
                lambda: huma.client.update_user(ANNA, {"phone": SECRET}),
                lambda: huma.client.find_user(SECRET),
                lambda: huma.client.create_user(SECRET, SECRET, SECRET, invite=False),
            ):
                with pytest.raises(IntegrationError) as caught:
                    call()
                said += traceback.format_exception(caught.value)
                said.append(repr(caught.value.reason.to_json()))
            huma.process.clear_faults()
    text = "".join(said) + caplog.text
    assert SECRET not in text
    assert KEY[1] not in text
