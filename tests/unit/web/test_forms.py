"""Forms become decisions: what was moved and nothing else, and a reload never repeats them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huma_fortnox.domain.creation import EmploymentDefaults
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.errors import BadRequest, Conflict, ConsentNeeded, HumaKeyRefused, NotAllowed, Unknown
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Situation
from huma_fortnox.pages.terms import VERSION
from huma_fortnox.services.model import (
    ConnectionState,
    DecisionInput,
    NewUserDefaults,
    OrganizationSettings,
    Recipient,
    SynchronizationState,
    Thresholds,
)

from tests.unit.web.fakes import AUTHORIZATION_URL, COOKIE, RUN, Answer, World
from tests.unit.web.markup import Page

HOME = "/integrations/fortnox"
STEPS = f"{HOME}/synchronizations/{RUN}"
DIFFERENCES = f"{STEPS}/differences"
NEW_PEOPLE = f"{STEPS}/new-people"
KEY = [("client_id", "an-id"), ("client_secret", "a-secret"), ("webhook_secret", "shared")]
EMPLOYMENT = [("personel_type", "TJM"), ("employment_form", "TV"), ("salary_form", "MAN")]
LIMITS = [("bank_accounts", "7"), ("bank_account_percent", "30"), ("cleared_values", "2"), ("creations", "9")]
SETTINGS = [("phone_property", "Phone2"), ("default_region", "no"), ("country_name", " Sweden "), *LIMITS]


def test_only_the_radio_buttons_that_were_moved_become_decisions() -> None:
    world = World()
    answer = world.post(
        DIFFERENCES,
        [
            ("situation", "differs"),
            ("was:phone:u:anna", ""),
            ("choice:phone:u:anna", "use_huma"),
            ("was:address:u:anna", "leave"),
            ("choice:address:u:anna", "leave"),
            ("was:given_name:u:script", "use_huma"),
            ("choice:given_name:u:script", "leave"),
            ("then", "stay"),
        ],
    )
    assert world.synchronizations.given == [
        DecisionInput(direction=Direction.USE_HUMA, person="u:anna", field="phone"),
        DecisionInput(direction=Direction.LEAVE, person="u:script", field="given_name"),
    ]
    assert answer.status == 303
    assert answer.headers["location"] == f"{DIFFERENCES}?situation=differs&saved=1"


def test_undo_takes_back_one_decision_and_keeps_the_others() -> None:
    world = World()
    world.post(
        DIFFERENCES,
        [
            ("undo", "phone:u:anna"),
            ("was:phone:u:anna", "use_huma"),
            ("choice:phone:u:anna", "use_fortnox"),
            ("was:address:u:anna", ""),
            ("choice:address:u:anna", "use_huma"),
        ],
    )
    assert world.synchronizations.given == [
        DecisionInput(person="u:anna", field="phone"),
        DecisionInput(direction=Direction.USE_HUMA, person="u:anna", field="address"),
    ]


@pytest.mark.parametrize(
    ("pressed", "decision"),
    [
        ("use_huma:phone", DecisionInput(direction=Direction.USE_HUMA, field="phone")),
        ("leave:", DecisionInput(direction=Direction.LEAVE)),
        (":phone", DecisionInput(field="phone")),
        (":", DecisionInput()),
    ],
)
def test_a_whole_field_or_everything_is_decided_and_undone_by_one_button(pressed: str, decision: DecisionInput) -> None:
    world = World()
    world.post(DIFFERENCES, [("wide", pressed), ("situation", "differs")])
    assert world.synchronizations.given == [decision]


def test_a_button_for_a_whole_field_or_another_situation_loses_no_choice() -> None:
    world = World()
    moved = ("choice:phone:u:anna", "use_huma")
    answer = world.post(DIFFERENCES, [moved, ("show", "blocked"), ("situation", "differs"), ("after", "50")])
    assert answer.headers["location"] == f"{DIFFERENCES}?situation=blocked&saved=1"
    world.post(DIFFERENCES, [moved, ("wide", "leave:address")])
    exact = DecisionInput(direction=Direction.USE_HUMA, person="u:anna", field="phone")
    assert world.synchronizations.given == [exact, exact, DecisionInput(direction=Direction.LEAVE, field="address")]


@pytest.mark.parametrize(
    ("pairs", "leads_to"),
    [
        ([("name", " anna  b "), ("then", "stay")], "?situation=differs&name=anna+b"),
        ([("field", "phone"), ("then", "filter")], "?situation=differs&field=phone"),
        ([("was-name", "anna"), ("name", "anna"), ("then", "stay")], "?situation=differs&name=anna&after=50"),
        ([("was-name", "anna"), ("name", "anna"), ("then", "next")], "?situation=differs&name=anna&after=100"),
        ([("was-name", "anna"), ("name", "anna"), ("then", "everybody")], "?situation=differs"),
        ([("was-name", "anna"), ("name", "anna"), ("show", "blocked")], "?situation=blocked"),
    ],
)
def test_filter_and_place_stay_until_another_is_asked_for(pairs: list[tuple[str, str]], leads_to: str) -> None:
    shown = [("situation", "differs"), ("after", "50"), ("next_after", "100")]
    assert World().post(DIFFERENCES, [*shown, *pairs]).headers["location"] == f"{DIFFERENCES}{leads_to}"


def test_a_choice_made_before_filtering_is_kept() -> None:
    world = World()
    answer = world.post(DIFFERENCES, [("choice:phone:u:anna", "use_huma"), ("name", "bo"), ("then", "filter")])
    assert world.synchronizations.given == [DecisionInput(Direction.USE_HUMA, "u:anna", "phone")]
    assert answer.headers["location"].endswith("?name=bo&saved=1")


@pytest.mark.parametrize(("before", "restores"), [("use_fortnox", "use_fortnox:phone"), ("", ":phone")])
def test_undo_after_a_decision_for_a_whole_field_restores_the_one_before(before: str, restores: str) -> None:
    world = World()
    answer = world.post(DIFFERENCES, [("wide", "use_huma:phone"), ("was-wide:phone", before)])
    world.synchronizations.decisions = Decisions(fields={"phone": Direction.USE_HUMA})
    path, _, query = answer.headers["location"].partition("?")
    [undo] = [
        each["value"] for each in Page(world.get(path, query).body).all("button") if each.get("name") == "restore"
    ]
    assert undo == restores
    world.post(DIFFERENCES, [("restore", undo)])
    direction = Direction(before) if before else None
    assert world.synchronizations.given[-1] == DecisionInput(direction=direction, field="phone")


@pytest.mark.parametrize(
    "query", ["decided=use_huma:phone", "decided=use_huma:salary", "decided=:phone", "decided=leave:", ""]
)
def test_undo_is_not_offered_for_what_is_not_so(query: str) -> None:
    page = Page(World().get(DIFFERENCES, query).body)
    assert not [each for each in page.all("button") if each.get("name") == "restore"]


@pytest.mark.parametrize(
    ("stands", "query", "told"),
    [
        (Situation.DIFFERS, "differs", "now stands under “Differ”"),
        (Situation.BLOCKED, "blocked", "still has to be mended"),
        (None, "gone", "has left the plan"),
    ],
)
def test_a_blocked_person_is_read_again_and_where_they_stand_is_told(
    stands: Situation | None, query: str, told: str
) -> None:
    world = World()
    world.synchronizations.stands = stands
    pressed = [("again", "u:nomail"), ("situation", "blocked"), ("name", "utan"), ("was-name", "utan")]
    answer = world.post(DIFFERENCES, pressed)
    assert world.synchronizations.read == ["u:nomail"]
    assert answer.headers["location"] == f"{DIFFERENCES}?situation=blocked&name=utan&reread={query}"
    page = Page(world.get(DIFFERENCES, answer.headers["location"].partition("?")[2]).body)
    assert told in page.text
    assert [each["value"] for each in page.all("button") if each.get("name") == "again"] == ["u:nomail"]
    assert "again" not in {each.get("name") for each in Page(world.get(DIFFERENCES).body).all("button")}


def test_nobody_else_is_read_again() -> None:
    world = World()
    assert world.post(DIFFERENCES, [("again", "u:anna")]).status == 400
    assert "Read again" not in Page(world.get(DIFFERENCES, "reread=elsewhere").body).text


def test_a_pair_is_confirmed_or_denied() -> None:
    world = World()
    world.post(
        DIFFERENCES,
        [
            ("was-pair:two:21", ""),
            ("pair:two:21", "same"),
            ("was-pair:two:22", ""),
            ("pair:two:22", "different"),
            ("was-pair:x:1", "same"),
            ("pair:x:1", "same"),
        ],
    )
    assert world.synchronizations.given == [
        DecisionInput(user_id="two", employee_id="21", same_person=True),
        DecisionInput(user_id="two", employee_id="22", same_person=False),
    ]


@pytest.mark.parametrize(
    ("then", "leads_to"),
    [
        ("stay", f"{DIFFERENCES}?situation=differs&after=50"),
        ("first", f"{DIFFERENCES}?situation=differs"),
        ("next", f"{DIFFERENCES}?situation=differs&after=100"),
        ("continue", NEW_PEOPLE),
    ],
)
def test_the_pressed_button_decides_where_step_1_goes_on(then: str, leads_to: str) -> None:
    pairs = [("situation", "differs"), ("after", "50"), ("next_after", "100"), ("then", then)]
    assert World().post(DIFFERENCES, pairs).headers["location"] == leads_to


@pytest.mark.parametrize(
    "pairs",
    [
        [("choice:phone:u:anna", "burn")],
        [("wide", "burn:phone")],
        [("pair:two:21", "perhaps")],
        [("choice:phone:u:nobody", "use_huma")],
    ],
)
def test_a_decision_that_was_never_offered_is_refused_and_nothing_kept(pairs: list[tuple[str, str]]) -> None:
    world = World()
    answer = world.post(DIFFERENCES, pairs)
    assert answer.status == 400
    assert world.synchronizations.given == []
    assert "Nothing was changed." in answer.body


def test_decisions_for_a_run_that_is_applied_are_refused() -> None:
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, state=SynchronizationState.FINISHED)
    answer = world.post(DIFFERENCES, [("choice:phone:u:anna", "use_huma")])
    assert answer.status == 409
    assert "no longer waits for decisions" in answer.body


def test_ticks_of_both_lists_are_compared_with_what_was_listed() -> None:
    world = World()
    answer = world.post(
        NEW_PEOPLE,
        [
            ("listed:fortnox:u:new", "0"),
            ("create", "u:new"),
            ("listed:fortnox:u:left", "1"),
            ("listed:huma:e:31", "1"),
            ("create", "e:31"),
            ("then", "stay"),
        ],
    )
    assert world.synchronizations.given == [
        DecisionInput(person="u:new", create=True),
        DecisionInput(person="u:left", create=False),
    ]
    assert answer.headers["location"] == f"{NEW_PEOPLE}?saved=1"


@pytest.mark.parametrize(("every", "wanted"), [("tick", True), ("untick", False)])
def test_one_button_ticks_or_unticks_a_list_and_keeps_the_other(every: str, wanted: bool) -> None:
    world = World()
    world.post(
        NEW_PEOPLE,
        [
            ("every", f"{every}:fortnox"),
            ("listed:fortnox:u:new", str(int(not wanted))),
            ("listed:fortnox:u:left", str(int(wanted))),
            ("listed:huma:e:31", "0"),
            ("create", "e:31"),
        ],
    )
    assert world.synchronizations.given == [
        DecisionInput(person="u:new", create=wanted),
        DecisionInput(person="e:31", create=True),
    ]


@pytest.mark.parametrize(
    ("then", "leads_to"),
    [
        ("stay", f"{NEW_PEOPLE}?huma_after=7&fortnox_after=9"),
        ("next:huma", f"{NEW_PEOPLE}?huma_after=8&fortnox_after=9#list-huma"),
        ("first:fortnox", f"{NEW_PEOPLE}?huma_after=7#list-fortnox"),
        ("back", DIFFERENCES),
        ("continue", f"{STEPS}/summary"),
    ],
)
def test_the_pressed_button_decides_where_step_2_goes_on(then: str, leads_to: str) -> None:
    pairs = [("huma_after", "7"), ("huma_next", "8"), ("fortnox_after", "9"), ("fortnox_next", ""), ("then", then)]
    assert World().post(NEW_PEOPLE, pairs).headers["location"] == leads_to


@pytest.mark.parametrize(
    ("was", "called", "then", "leads_to"),
    [
        ("", "bo", "filter:huma", "huma_name=bo&fortnox_after=9#list-huma"),
        ("bo", "bo", "stay", "huma_name=bo&huma_after=7&fortnox_after=9"),
        ("bo", "bo", "next:huma", "huma_name=bo&huma_after=8&fortnox_after=9#list-huma"),
        ("bo", "bo", "everybody:huma", "fortnox_after=9#list-huma"),
    ],
)
def test_each_list_of_step_2_is_searched_by_itself(was: str, called: str, then: str, leads_to: str) -> None:
    places = [("huma_after", "7"), ("huma_next", "8"), ("fortnox_after", "9")]
    pairs = [*places, ("was-huma_name", was), ("huma_name", called), ("then", then)]
    assert World().post(NEW_PEOPLE, pairs).headers["location"] == f"{NEW_PEOPLE}?{leads_to}"


def test_employment_settings_are_remembered() -> None:
    world = World()
    answer = world.post(NEW_PEOPLE, [*EMPLOYMENT, ("then", "continue")])
    assert answer.status == 303
    assert world.connect.value.settings.employment == EmploymentDefaults("TJM", "TV", "MAN")
    selected = [each["value"] for each in Page(world.get(NEW_PEOPLE).body).all("option") if "selected" in each]
    assert selected == ["TJM", "TV", "MAN"]


def test_job_title_and_invitation_of_new_users_are_remembered() -> None:
    world = World()
    answer = world.post(NEW_PEOPLE, [("job_title", " Kock "), ("invite", "1"), ("then", "stay")])
    assert answer.status == 303
    assert world.connect.value.settings.new_users == NewUserDefaults("Kock", invite=True)
    page = Page(world.get(NEW_PEOPLE).body)
    [title] = [each["value"] for each in page.all("input") if each.get("name") == "job_title"]
    [invite] = [each for each in page.all("input") if each.get("name") == "invite"]
    assert (title, "checked" in invite) == ("Kock", True)
    world.post(NEW_PEOPLE, [("job_title", "Kock"), ("then", "continue")])
    assert world.connect.value.settings.new_users == NewUserDefaults("Kock", invite=False)
    world.post(NEW_PEOPLE, [("invite", "1"), ("then", "continue")])
    assert world.connect.value.settings.new_users == NewUserDefaults("Kock", invite=False)


@pytest.mark.parametrize("title", ["", " ", "x" * 101])
def test_a_job_title_that_is_none_is_refused_beside_its_field(title: str) -> None:
    world = World()
    answer = world.post(NEW_PEOPLE, [*EMPLOYMENT, ("job_title", title), ("then", "continue")])
    page = _shows_an_error(answer, 400, "Something is missing here.")
    [field] = [each for each in page.all("input") if each.get("name") == "job_title"]
    assert field["aria-invalid"] == "true"
    assert world.connect.value.settings.employment is None
    assert world.post(NEW_PEOPLE, [("job_title", title), ("invite", "1")]).status == 303
    assert world.connect.value.settings.new_users == NewUserDefaults()


@pytest.mark.parametrize("left_out", range(3))
def test_incomplete_employment_settings_are_refused_beside_their_fields(left_out: int) -> None:
    world = World()
    chosen = [each for index, each in enumerate(EMPLOYMENT) if index != left_out]
    answer = world.post(NEW_PEOPLE, [*chosen, ("then", "stay")])
    _shows_an_error(answer, 400, "All three employment settings")
    assert world.connect.value.settings.employment is None


def test_a_tick_saved_as_it_is_made_does_not_complain_of_what_is_still_being_chosen() -> None:
    world = World()
    answer = world.post(NEW_PEOPLE, [EMPLOYMENT[0], ("listed:fortnox:u:new", "0"), ("create", "u:new")])
    assert answer.headers["location"] == f"{NEW_PEOPLE}?saved=1"
    assert world.synchronizations.given == [DecisionInput(person="u:new", create=True)]


def test_a_run_starts_once() -> None:
    world = World()
    assert world.post(f"{HOME}/synchronizations").headers["location"] == STEPS
    again = world.post(f"{HOME}/synchronizations")
    assert again.status == 409
    assert "is under way already" in again.body
    assert f'href="{STEPS}"' in again.body


def test_applying_needs_the_confirmations() -> None:
    world = World()
    world.synchronizations.confirm = (Reason("many-bank-accounts", {"count": "8", "people": "25"}),)
    assert "8 bank account numbers will be changed" in world.get(f"{STEPS}/summary").body
    _shows_an_error(world.post(f"{STEPS}/apply"), 409, "wants your confirmation")
    answer = world.post(f"{STEPS}/apply", [("confirmed", "many-bank-accounts")])
    assert answer.status == 303
    assert world.synchronizations.confirmed == ["many-bank-accounts"]


def test_what_was_decided_after_the_summary_was_opened_is_not_confirmed_with_it() -> None:
    world = World()
    world.synchronizations.run = replace(world.synchronizations.run, decided="first")
    page = Page(world.get(f"{STEPS}/summary").body)
    [mark] = [each["value"] for each in page.all("input") if each.get("name") == "decided"]
    world.synchronizations.run = replace(world.synchronizations.run, decided="second")
    refused = world.post(f"{STEPS}/apply", [("decided", mark)])
    page = _shows_an_error(refused, 409, "Something was decided after you opened this summary.")
    [mark] = [each["value"] for each in page.all("input") if each.get("name") == "decided"]
    assert world.post(f"{STEPS}/apply", [("decided", mark)]).status == 303


def test_applying_without_employment_settings_says_where_to_choose_them() -> None:
    world = World()
    world.synchronizations.missing = (Reason("employment-settings-missing"),)
    _shows_an_error(world.post(f"{STEPS}/apply"), 400, "employment settings")
    assert Page(world.get(f"{STEPS}/summary").body).all("button")[-2].get("disabled") is not None


def test_a_run_can_be_cancelled() -> None:
    world = World()
    assert world.post(f"{STEPS}/cancel").headers["location"] == STEPS
    assert world.synchronizations.run.state is SynchronizationState.CANCELLED


def test_the_huma_key_is_checked_at_once_and_what_it_lacks_is_said() -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    world.connect.value = replace(world.connect.value, has_huma_key=False)
    assert "Enter the key to Huma first." in world.get(f"{HOME}/set-up").body
    world.connect.key_problems = (Reason("field-not-editable", {"field": "bank_account"}),)
    answer = world.post(f"{HOME}/huma-key", KEY)
    assert world.connect.keys == [("an-id", "a-secret", "shared")]
    assert answer.status == 303
    assert "secret" not in answer.headers["location"]
    path, _, query = answer.headers["location"].partition("?")
    shown = world.get(path, query)
    assert "Bank account number cannot be changed with this key." in shown.body
    assert Page(shown.body).faults == []


def test_what_the_address_claims_of_a_key_is_shown_only_in_our_own_words() -> None:
    answer = World().get(f"{HOME}/set-up", "key=saved&lacks=consent-lost:phone,field-not-visible:%3Cscript%3E,x")
    assert "taken back" not in answer.body
    assert "&lt;script" not in answer.body


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_a_missing_part_of_the_key_is_marked_at_its_field(missing: str) -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    answer = world.post(f"{HOME}/huma-key", [each for each in KEY if each[0] != missing])
    page = _shows_an_error(answer, 400, "Something is missing here.")
    [field] = [each for each in page.all("input") if each.get("name") == missing]
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == f"error-{missing}"
    assert world.connect.keys == []
    assert "a-secret" not in answer.body


@pytest.mark.parametrize(
    ("failure", "status", "told"),
    [
        (HumaKeyRefused(), 409, "Huma does not accept the API key."),
        (NotAllowed("huma-key-of-another-organization"), 403, "another organization"),
        (BadRequest("webhook-secret-missing"), 400, "client secret is missing"),
    ],
)
def test_a_refused_key_is_explained_on_the_form(failure: HumaKeyRefused, status: int, told: str) -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    world.connect.failure = failure
    answer = world.post(f"{HOME}/huma-key", KEY)
    _shows_an_error(answer, status, told)
    assert "a-secret" not in answer.body


def test_accepted_terms_lead_to_fortnox() -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    answer = world.post(f"{HOME}/set-up", [("terms", VERSION)])
    assert answer.status == 303
    assert answer.headers["location"] == AUTHORIZATION_URL
    assert world.connect.begun == [(COOKIE, VERSION)]


@pytest.mark.parametrize("given", [[], [("terms", "")], [("terms", "1999-01-01")]])
def test_without_the_tick_nothing_begins(given: list[tuple[str, str]]) -> None:
    world = World(state=ConnectionState.NOT_CONNECTED)
    page = _shows_an_error(world.post(f"{HOME}/set-up", given), 400, "not accepted yet")
    [box] = [each for each in page.all("input") if each.get("name") == "terms"]
    assert box["aria-describedby"] == "error-terms"
    assert world.connect.begun == []


def test_settings_are_saved() -> None:
    world = World()
    answer = world.post(f"{HOME}/settings", [*SETTINGS, *EMPLOYMENT])
    assert answer.headers["location"] == f"{HOME}/settings?saved=1"
    assert world.connect.value.settings == OrganizationSettings(
        FieldSettings("Phone2", "NO", "Sweden"),
        EmploymentDefaults("TJM", "TV", "MAN"),
        thresholds=Thresholds(7, 30, 2, 9),
    )
    more = [("create_automatically", "1"), ("bank_changes_an_hour", " 12 ")]
    world.post(f"{HOME}/settings", [*SETTINGS, *EMPLOYMENT, *more])
    settings = world.connect.value.settings
    assert (settings.create_automatically, settings.bank_changes_an_hour) == (True, 12)
    world.post(f"{HOME}/settings", [*SETTINGS, *EMPLOYMENT, ("bank_changes_an_hour", "")])
    settings = world.connect.value.settings
    assert (settings.create_automatically, settings.bank_changes_an_hour) == (False, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("phone_property", "Phone3"),
        ("default_region", "S1"),
        ("default_region", "ÅÄ"),
        ("country_name", ""),
        ("country_name", "x" * 61),
        ("salary_form", "MAN"),
        ("create_automatically", "1"),
        ("bank_changes_an_hour", "-1"),
        ("bank_changes_an_hour", "many"),
        ("bank_accounts", "0"),
        ("bank_account_percent", "101"),
        ("cleared_values", ""),
        ("creations", "1000000"),
        ("recipient_1", "nobody"),
        ("recipient_2", "a@example.se, b@example.se"),
        ("recipient_5", f"{'a' * 260}@example.se"),
    ],
)
def test_unusable_settings_are_marked_and_nothing_is_saved(name: str, value: str) -> None:
    world = World()
    before = world.connect.value
    pairs = [each for each in SETTINGS if each[0] != name]
    answer = world.post(f"{HOME}/settings", [*pairs, (name, value)])
    _shows_an_error(answer, 400, "needs your attention")
    assert world.connect.value == before


def test_who_gets_the_emails_can_be_named_each_with_a_language() -> None:
    world = World()
    rows = [
        *(("recipient_1", " pay@example.se "), ("language_1", "sv")),
        *(("recipient_2", ""), ("language_2", "en")),
        *(("recipient_3", "PAY@example.se"), ("language_3", "en")),
        *(("recipient_4", "chief@example.no"), ("language_4", "xx")),
    ]
    assert world.post(f"{HOME}/settings", [*SETTINGS, *rows]).status == 303
    recipients = world.connect.value.settings.recipients
    assert recipients == (Recipient("pay@example.se", "sv"), Recipient("chief@example.no", "en"))
    page = Page(world.get(f"{HOME}/settings").body)
    shown = {each["name"]: each["value"] for each in page.all("input") if each["name"].startswith("recipient_")}
    assert list(shown.values()) == ["pay@example.se", "chief@example.no", "", "", ""]


def test_the_settings_say_who_accepted_which_terms_and_when() -> None:
    text = " ".join(Page(World().get(f"{HOME}/settings").body).text.split())
    assert f"Terms of Service, version {VERSION}: accepted by Astrid Ek, 1 Mar 2026, 11:00:00." in text


def test_a_wrong_address_is_marked_where_it_stands_and_the_others_are_kept_in_the_form() -> None:
    rows = [("recipient_1", "pay@example.se"), ("recipient_2", "nobody")]
    page = Page(World().post(f"{HOME}/settings", [*SETTINGS, *rows]).body)
    fields = {each["name"]: each for each in page.all("input") if each["name"].startswith("recipient_")}
    assert "aria-invalid" not in fields["recipient_1"]
    assert fields["recipient_2"]["aria-invalid"] == "true"
    assert fields["recipient_1"]["value"] == "pay@example.se"


@pytest.mark.parametrize(
    ("path", "form", "asked", "told"),
    [
        ("try-again", [("user", "bo")], ("try-again", "bo"), "tried again for one person"),
        ("try-again", [], ("try-again", ""), "tried again for 3 people"),
        (
            "removal",
            [("user", "cia"), ("field", "address"), ("answer", "remove")],
            ("removal", "cia", "address", True),
            "Your answer is kept",
        ),
        (
            "removal",
            [("user", "cia"), ("field", "address"), ("answer", "keep")],
            ("removal", "cia", "address", False),
            "Your answer is kept",
        ),
        ("confirm-bank-changes", [], ("brake",), "changes of 2 people go to Fortnox now"),
        ("catch-up", [], ("catch-up",), "is being compared"),
        ("pause", [], ("pause",), "Real time is paused."),
        ("resume", [], ("resume",), "Real time goes on."),
    ],
)
def test_what_waits_can_be_seen_to_and_the_overview_says_that_it_was(
    path: str, form: list[tuple[str, str]], asked: tuple[object, ...], told: str
) -> None:
    world = World()
    answer = world.post(f"{HOME}/{path}", form)
    assert world.oversight.asked == [asked]
    assert answer.status == 303
    where, _, query = answer.headers["location"].partition("?")
    assert told in Page(world.get(where, query).body).text


@pytest.mark.parametrize("wrong", [("answer", "perhaps"), ("field", "salary")])
def test_an_answer_that_is_none_is_refused(wrong: tuple[str, str]) -> None:
    world = World()
    form = dict([("user", "cia"), ("field", "address"), ("answer", "keep"), wrong])
    assert world.post(f"{HOME}/removal", list(form.items())).status == 400
    assert world.oversight.asked == []


def test_what_has_been_settled_meanwhile_is_told() -> None:
    world = World()
    world.oversight.failure = Unknown("held-unknown")
    answer = world.post(f"{HOME}/try-again", [("user", "gone")])
    assert answer.status == 404
    assert "Nothing is held here any more." in answer.body


def test_the_overview_says_nothing_that_was_not_done() -> None:
    body = World().get(HOME, "done=%3Cb%3E&count=999999999").body
    assert 'class="notice good"' not in body


def test_disconnecting_asks_once() -> None:
    world = World()
    asked = world.get(f"{HOME}/disconnect")
    assert "Who is paired with whom, and what was waiting, is forgotten." in asked.body
    assert world.connect.value.state is ConnectionState.ACTIVE
    assert world.post(f"{HOME}/disconnect").headers["location"] == HOME
    assert "was disconnected" in world.get(HOME).body


def test_disconnecting_during_a_run_leads_to_the_run() -> None:
    world = World()
    world.connect.failure = Conflict("synchronization-running", {"synchronization": RUN})
    answer = world.post(f"{HOME}/disconnect")
    assert answer.status == 409
    assert f'href="{STEPS}"' in answer.body


def test_starting_without_a_working_connection_says_what_to_do() -> None:
    world = World()
    world.synchronizations.failure = ConsentNeeded("consent-lost")
    answer = world.post(f"{HOME}/synchronizations")
    assert answer.status == 409
    assert "Connect again" in answer.body


def _shows_an_error(answer: Answer, status: int, told: str) -> Page:
    assert answer.status == status
    page = Page(answer.body)
    assert page.faults == []
    assert told in page.text
    assert "Error:" in answer.body[: answer.body.index("</title>")]
    assert 'role="alert"' in answer.body
    return page
