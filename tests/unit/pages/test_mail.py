"""The e-mails say what happened, name no value, and cannot be bent by a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.pages.letters import PageLetters
from huma_fortnox.pages.mail import (
    LISTED_AT_MOST,
    Mail,
    bank_changes_stopped_mail,
    consent_needed_mail,
    failed_mail,
    quarantined_mail,
    result_mail,
)
from huma_fortnox.pages.texts import locales
from huma_fortnox.services.model import ConnectionState, PersonOutcome, Synchronization, SynchronizationState
from huma_fortnox.services.real_time import Brake, Quarantine

from tests.unit.web.fakes import NOW, OUTCOMES, PLAN, RUN, connection, synchronization

URL = "https://integration.example.com/integrations/fortnox/synchronizations/run-1"
ACTIVE = connection(ConnectionState.ACTIVE)
COUNTS = {"done": 1234, "unchanged": 3, "skipped": 0, "held": 1, "failed": 1}


def run(state: SynchronizationState = SynchronizationState.FINISHED, reason: Reason | None = None) -> Synchronization:
    return replace(synchronization(state, PLAN), outcomes=COUNTS, finished_at=NOW, reason=reason)


def result(people: Iterator[PersonOutcome] | tuple[PersonOutcome, ...] = OUTCOMES, locale: str = "en") -> Mail:
    return result_mail(run(), ACTIVE, people, page_url=URL, locale=locale)


@pytest.mark.parametrize("locale", locales())
def test_text_and_html_say_the_same(locale: str) -> None:
    mail = result(locale=locale)
    parsed = _Message(mail.html)
    for line in mail.text.splitlines():
        words = line.strip(" -=").strip()
        if words and not words.endswith(URL):
            assert words in parsed.plain or words.split(":")[0] in parsed.plain, words
    assert mail.text.count(URL) == 1
    assert parsed.links == [URL]


def test_it_says_who_ran_it_for_which_company_and_how_it_ended() -> None:
    mail = result()
    assert mail.subject == "Fortnox: synchronization finished (1,234 done, 1 held, 1 failed)"
    assert "Started by Astrid Ek, for Björk & Söner AB" in mail.text
    assert "Done: 1,234" in mail.text


def test_each_held_or_failed_item_has_its_reason_and_what_to_do() -> None:
    text = result().text
    assert "Held: Anna Berg, Address in Fortnox" in text
    assert "A part of the address has 300 characters; 255 is the most. Shorten the address." in text
    assert "Failed: <script>alert(1)</script> O'Brien, Given name in Fortnox" in text


def test_changed_bank_accounts_are_named_without_numbers() -> None:
    mail = result()
    assert "One bank account number was changed in Fortnox:" in mail.text
    assert "  - Anna Berg" in mail.text
    assert "One bank account number was changed in Fortnox: Anna Berg" in _Message(mail.html).plain


def test_a_hostile_name_stays_a_name() -> None:
    hostile = PersonOutcome(
        "u:x",
        "</td><script>alert(1)</script>\r\nBcc: all@example.com\u2028\x00Z",
        (FieldOutcome("phone", Outcome.HELD, "fortnox", Reason("phone-invalid")),),
    )
    mail = result((hostile,))
    assert "<script>" not in mail.html
    assert "\r" not in mail.text
    assert "\nBcc" not in mail.text
    assert "</script> Bcc: all@example.com Z, Phone number" in mail.text
    odd = replace(ACTIVE, company_name="Ek\r\nBcc: all@example.com")
    assert "\n" not in result_mail(run(), odd, (), page_url=URL, locale="en").subject
    assert "\nBcc" not in result_mail(run(), odd, (), page_url=URL, locale="en").text


def test_a_long_list_is_cut_and_leads_to_the_rest_and_is_read_once() -> None:
    def everybody() -> Iterator[PersonOutcome]:
        for number in range(LISTED_AT_MOST + 7):
            yield PersonOutcome(
                f"u:{number}",
                f"Person {number}",
                (
                    FieldOutcome("phone", Outcome.HELD, "fortnox", Reason("phone-invalid")),
                    FieldOutcome("bank_account", Outcome.DONE, "huma"),
                ),
            )

    mail = result(everybody())
    assert mail.text.count("Held: Person") == LISTED_AT_MOST
    assert "7 more are listed on the page." in mail.text
    assert "57 bank account numbers were changed in Huma:" in mail.text
    assert "and 7 more" in mail.text
    assert len(mail.html) < 100_000


def test_a_clean_run_says_that_nothing_needs_anybody() -> None:
    done = PersonOutcome("u:a", "Anna", (FieldOutcome("phone", Outcome.DONE, "fortnox"),))
    assert "Nothing was held and nothing failed." in result((done,)).text


def test_a_failed_run_says_so_and_why() -> None:
    failed = run(SynchronizationState.FAILED, Reason("consent-lost"))
    mail = failed_mail(failed, ACTIVE, page_url=URL, locale="en")
    assert mail.subject == "Fortnox: synchronization failed"
    assert "The consent in Fortnox has been taken back" in mail.text
    assert "Connect again." in mail.text
    assert "nothing failed" not in mail.text


def test_a_cancelled_run_says_so() -> None:
    mail = result_mail(run(SynchronizationState.CANCELLED), ACTIVE, (), page_url=URL, locale="en")
    assert mail.subject == "Fortnox: synchronization cancelled"


def test_a_needed_consent_says_what_to_do_and_that_nothing_is_lost() -> None:
    lost = connection(ConnectionState.NEEDS_REAUTHORIZATION)
    mail = consent_needed_mail(lost, page_url=URL, locale="en")
    assert "Björk & Söner AB has stopped" in mail.text
    assert "Connect again: " + URL in mail.text
    assert mail.html.count("<a ") == 1


def test_failing_changes_are_told_with_the_latest_reason() -> None:
    mail = quarantined_mail(ACTIVE, Reason("rate-limited"), page_url=URL, locale="en")
    assert mail.subject == "Fortnox: changes keep failing"
    assert "nothing is lost" in mail.text
    assert "Fortnox asks us to slow down." in mail.text
    assert "slow down" not in quarantined_mail(ACTIVE, None, page_url=URL, locale="en").text


def test_stopped_bank_changes_are_told_with_their_number() -> None:
    mail = bank_changes_stopped_mail(ACTIVE, changes=6, threshold=5, page_url=URL, locale="en")
    assert mail.subject == "Fortnox: bank account changes wait for you"
    assert "6 bank accounts were changed in Huma within an hour, for Björk & Söner AB; the limit is 5." in mail.text
    assert "Ask the people concerned, then let the changes through on the overview." in mail.text


@pytest.mark.parametrize("locale", locales())
def test_the_html_is_well_formed_and_needs_nothing_from_outside(locale: str) -> None:
    for mail in (
        result(locale=locale),
        consent_needed_mail(ACTIVE, page_url=URL, locale=locale),
        quarantined_mail(ACTIVE, Reason("rate-limited"), page_url=URL, locale=locale),
        bank_changes_stopped_mail(ACTIVE, changes=6, threshold=5, page_url=URL, locale=locale),
    ):
        parsed = _Message(mail.html)
        assert parsed.faults == []
        assert "<img" not in mail.html
        assert "@import" not in mail.html
        assert "prefers-color-scheme: dark" in mail.html


@pytest.mark.parametrize(
    ("state", "subject"),
    [
        (SynchronizationState.FINISHED, "finished"),
        (SynchronizationState.CANCELLED, "cancelled"),
        (SynchronizationState.FAILED, "failed"),
    ],
)
def test_the_use_cases_get_the_letter_that_fits_the_run(state: SynchronizationState, subject: str) -> None:
    letters = PageLetters("https://integration.example.com")
    letter = letters.result(run(state), ACTIVE, iter(OUTCOMES), locale="en")
    assert subject in letter.subject
    assert f"https://integration.example.com/integrations/fortnox/synchronizations/{RUN}" in letter.text


@pytest.mark.parametrize("locale", locales())
def test_every_letter_speaks_its_readers_language_and_leads_to_a_page_of_ours(locale: str) -> None:
    letters = PageLetters("https://integration.example.com")
    for letter in (
        letters.result(run(), ACTIVE, iter(OUTCOMES), locale=locale),
        letters.consent_needed(ACTIVE, locale=locale),
        letters.quarantined(ACTIVE, Quarantine(NOW, NOW + 60, Reason("rate-limited")), locale=locale),
        letters.bank_changes_stopped(ACTIVE, Brake(NOW, 6, 5), locale=locale),
    ):
        assert f'lang="{locale}"' in letter.html
        assert letter.text.count("https://integration.example.com/integrations/fortnox") == 1


class _Message(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self._text = ""
        self.feed(html)
        self.close()
        if self._open:
            self.faults.append(f"never closed: {self._open}")

    @property
    def plain(self) -> str:
        return " ".join(self._text.split()).replace(" ,", ",")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag not in ("br", "meta"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open and "title" not in self._open:
            self._text += f" {data}"
