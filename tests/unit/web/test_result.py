"""The result's page and file: what needs somebody first, where to mend it, and no answer that is too large."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from huma_fortnox.domain.outcome import FieldOutcome, Outcome, Reason
from huma_fortnox.pages.mending import Doors
from huma_fortnox.services.model import PersonOutcome, SynchronizationState
from huma_fortnox.web import result_file

from tests.unit.web.fakes import NOW, ORGANIZATION, RUN, Answer, World
from tests.unit.web.markup import Page

RESULT = f"/integrations/fortnox/synchronizations/{RUN}/result"
GZIP = {"accept-encoding": "gzip"}


@pytest.fixture
def world() -> World:
    found = World()
    over = replace(
        found.synchronizations.run,
        state=SynchronizationState.FINISHED,
        finished_at=NOW,
        outcomes={"done": 2, "held": 1, "failed": 1},
    )
    found.synchronizations.run = over
    return found


def links(answer: Answer) -> list[str]:
    return [each["href"] for each in Page(answer.body).all("a")]


def test_what_needs_somebody_is_shown_first(world: World) -> None:
    page = Page(world.get(RESULT).body)
    assert "Needs somebody" in page.text
    assert "2 things were not carried out" in page.text
    assert "Bank account number" not in page.text
    assert "Bank account number" in Page(world.get(RESULT, "outcome=all").body).text


def test_a_clean_result_shows_everybody(world: World) -> None:
    world.synchronizations.run = replace(world.synchronizations.run, outcomes={"done": 3})
    assert "Everybody" in Page(world.get(RESULT).body).text


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_can_be_looked_at_and_its_tile_says_so(world: World, outcome: Outcome) -> None:
    page = Page(world.get(RESULT, f"outcome={outcome}").body)
    assert page.faults == []
    [chosen] = [each for each in page.all("a") if each.get("aria-current") == "true"]
    assert f"outcome={outcome}" in chosen["href"]


def test_pages_and_files_keep_to_what_was_chosen(world: World) -> None:
    found = links(world.get(RESULT, "outcome=held"))
    assert f"{RESULT}?outcome=held&after=more#people" in found
    assert f"{RESULT}.csv?outcome=held" in found


def test_each_thing_leads_to_where_it_is_mended(world: World) -> None:
    world.doors = Doors("https://huma.example.com/{organization}/{user}", "https://fortnox.example.com/{employee}")
    assert f"https://huma.example.com/{ORGANIZATION}/anna" in links(world.get(RESULT))
    overview = links(world.get("/integrations/fortnox"))
    assert f"https://huma.example.com/{ORGANIZATION}/bo" in overview


def test_the_file_is_kept_by_nobody_and_has_a_name_of_its_own(world: World) -> None:
    answer = world.get(f"{RESULT}.csv")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="fortnox-2026-03-02.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body.startswith('\ufeff"Person","Reference"')


def test_the_file_follows_the_choice_the_language_and_the_separator(world: World) -> None:
    assert len(world.get(f"{RESULT}.csv", "outcome=held").body.splitlines()) == 2
    assert len(world.get(f"{RESULT}.csv").body.splitlines()) == 3  # what needs somebody
    assert len(world.get(f"{RESULT}.csv", "outcome=all").body.splitlines()) == 5
    world.sessions.administrator = replace(world.sessions.administrator, locale="sv-SE")
    assert world.get(f"{RESULT}.csv").body.startswith('\ufeff"Person";"Referens";"Fält"')
    assert world.get(f"{RESULT}.csv", "separator=comma").body.startswith('\ufeff"Person","Referens"')
    assert f"{RESULT}.csv?outcome=attention&separator=comma" in links(world.get(RESULT))


@pytest.mark.parametrize("query", ["separator=tab", "part=0", "part=2", "part=x", "part=1000000000"])
def test_what_the_file_cannot_be_is_refused(world: World, query: str) -> None:
    assert world.get(f"{RESULT}.csv", query).status == 400


def test_a_run_that_is_not_over_has_no_file_yet() -> None:
    answer = World().get(f"{RESULT}.csv")
    assert (answer.status, answer.headers["location"]) == (303, RESULT.removesuffix("/result"))


def test_a_large_result_comes_in_several_files_that_hold_all_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_file, "LINES", 3)
    world.synchronizations.run = replace(world.synchronizations.run, outcomes={"done": 2, "held": 1, "failed": 1})
    assert f"{RESULT}.csv?outcome=all&part=2" in links(world.get(RESULT, "outcome=all"))
    first = world.get(f"{RESULT}.csv", "outcome=all&part=1")
    assert first.headers["link"] == f'<{RESULT}.csv?outcome=all&part=2>; rel="next"'
    second = world.get(f"{RESULT}.csv", "outcome=all&part=2")
    assert "link" not in second.headers
    assert second.headers["content-disposition"].endswith('-2.csv"')
    whole = [list(csv.reader(io.StringIO(each.body[1:]))) for each in (first, second)]
    assert [len(each) for each in whole] == [4, 2]
    assert whole[0][0] == whole[1][0]


def test_ten_thousand_people_fit_into_one_answer(world: World) -> None:
    reason = Reason("bank-account-not-checkable", {"bank": "Exempelbanken"})
    lines = (FieldOutcome("phone", Outcome.DONE, "fortnox"),) * 4 + (
        FieldOutcome("bank_account", Outcome.HELD, "fortnox", reason),
    )
    world.synchronizations.everybody = [
        PersonOutcome(f"u:{number * 7919:036x}", f"Person Exempel {number}", lines) for number in range(10_000)
    ]
    world.synchronizations.run = replace(world.synchronizations.run, outcomes={"done": 40_000, "held": 10_000})
    answer = world.get(f"{RESULT}.csv", "outcome=all", headers=GZIP)
    assert len(answer.body.splitlines()) == 50_001
    assert answer.size < 4_000_000
    refused = world.get(f"{RESULT}.csv", "outcome=all")
    assert refused.status == 406
    assert "too large to be sent uncompressed" in Page(refused.body).text


def test_the_api_gives_the_same_file_and_outcomes_one_by_one(world: World) -> None:
    path = f"/synchronizations/{RUN}"
    assert world.call("GET", f"{path}/result.csv", query="outcome=held").body == (
        world.get(f"{RESULT}.csv", "outcome=held").body
    )
    held = world.call("GET", f"{path}/outcomes", query="outcome=held").json()
    assert [line["outcome"] for each in held["people"] for line in each["outcomes"]] == ["held"]
    assert world.call("GET", f"{path}/outcomes", query="outcome=lost").status == 400
