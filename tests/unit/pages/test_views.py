"""What the pages show of a plan."""

from __future__ import annotations

import pytest
from huma_fortnox.domain.decisions import Decisions, Direction
from huma_fortnox.domain.outcome import FieldOutcome, Outcome
from huma_fortnox.domain.people import FieldSettings
from huma_fortnox.domain.plan_types import Pairing, PlannedPerson, Situation
from huma_fortnox.pages import views
from huma_fortnox.pages.mending import NOWHERE, mending
from huma_fortnox.pages.render import render, strong
from huma_fortnox.pages.texts import texts
from huma_fortnox.pages.values import marked, person_name, shower
from huma_fortnox.services.model import PeoplePage
from huma_fortnox.services.real_time import HeldPage
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.web.fakes import HELD, ORGANIZATION, PLAN, change, employee, user

T = texts("en")
SHOW = shower(FieldSettings())


def shown(*people: PlannedPerson, decisions: Decisions | None = None) -> list[views.PersonView]:
    return views.people(PeoplePage(people, decisions or Decisions()), SHOW, T)


ADDRESSES = st.lists(st.sampled_from(["Nya", "gatan", "4,", "114 18", "Umeå", " "]), max_size=8).map(" ".join)


@given(st.text(max_size=30) | ADDRESSES, st.text(max_size=30) | ADDRESSES)
def test_marking_loses_nothing_and_marks_all_that_differs(one: str, other: str) -> None:
    left, right = marked(one, other)
    assert "".join(text for text, _ in left) == one
    assert "".join(text for text, _ in right) == other
    same = [[text for text, differs in side if not differs] for side in (left, right)]
    assert "".join(same[0]) == "".join(same[1])
    assert any(differs for _, differs in (*left, *right)) is (one != other)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (PlannedPerson("u:1", Situation.DIFFERS, user("1", " Anna ", "Berg"), employee("7", "X", "Y")), "Anna Berg"),
        (PlannedPerson("u:1", Situation.DIFFERS, user("1", "", "  "), employee("7", "Bo", "Ek")), "Bo Ek"),
        (PlannedPerson("e:007", Situation.ONLY_IN_FORTNOX, employee=employee("007", "", "")), "007"),
        (PlannedPerson("u:1", Situation.ONLY_IN_HUMA, user("1", "", "")), "u:1"),
    ],
)
def test_a_person_is_called_by_the_best_name_there_is(person: PlannedPerson, name: str) -> None:
    assert person_name(person) == name


def test_a_pair_is_shown_side_by_side_with_what_agrees() -> None:
    [two] = [each for each in shown(*PLAN) if each.key == "u:two"]
    first, second = two.candidates
    assert first.question == "Is Två Möjliga in Huma the same person as Tove Möjlig, no. 21, in Fortnox?"
    assert [(each.label, each.huma, each.fortnox, each.agrees) for each in first.traits] == [
        ("Name", "Två Möjliga", "Tove Möjlig", False),
        ("E-mail", "two@example.se", "two@example.se", True),
        ("Employment ID", "", "21", False),
    ]
    assert second.traits[0].agrees


def test_the_other_half_of_a_pair_is_named_though_it_stands_on_another_page() -> None:
    [two] = [each for each in PLAN if each.key == "u:two"]
    other = PlannedPerson("e:22", Situation.AMBIGUOUS, employee=employee("22", "Tova", "Möjligt", active=False))
    [found] = views.people(PeoplePage((two,), Decisions(), others={"e:22": other}), SHOW, T)
    assert found.candidates[1].traits[0].fortnox == "Tova Möjligt"
    assert found.candidates[1].traits[-1].fortnox == "Inactive in Fortnox"
    assert found.candidates[0].traits[0].fortnox == ""


def test_what_agrees_beside_the_values_shown_is_named() -> None:
    pairing = Pairing("1", "7", ("identity_number", "name", "email"))
    person = PlannedPerson("u:1", Situation.ONLY_IN_HUMA, user("1", "Anna", "Berg"), pairings=(pairing,))
    assert shown(person)[0].candidates[0].evidence == "Personal identity number"


def test_a_pair_is_not_asked_about_again_in_another_list_of_the_page() -> None:
    asked: set[tuple[str, str]] = set()
    plan = {each.key: each for each in PLAN}
    [two] = views.people(PeoplePage((plan["u:two"],), Decisions()), SHOW, T, asked)
    [other] = views.people(PeoplePage((plan["e:21"],), Decisions()), SHOW, T, asked)
    assert (len(two.candidates), other.candidates, other.asked_above) == (2, (), True)


def test_an_account_is_shown_in_full_for_the_person_asked_for_and_nobody_else() -> None:
    account = change("bank_account", {"number": "6112 512028001", "country": "SE"}, None)
    people = [PlannedPerson(f"u:{who}", Situation.DIFFERS, user(who, "A", "B"), changes=(account,)) for who in "ab"]
    everything = shower(FieldSettings(), masked=False)
    one, other = views.people(PeoplePage(tuple(people), Decisions()), SHOW, T, revealed="u:a", show_all=everything)
    assert (one.revealed, other.revealed, other.masked) == (True, False, True)
    assert [text.replace(" ", "") for text, _ in one.differences[0].huma] == ["6112512028001"]
    assert other.differences[0].huma == (("Handelsbanken •••• 8001", False),)


def test_a_field_that_cannot_be_empty_offers_no_direction_that_would_empty_it() -> None:
    person = PlannedPerson("u:1", Situation.DIFFERS, user("1", "A", "B"), changes=(change("given_name", None, "Anna"),))
    [row] = shown(person)[0].differences
    assert [option.value for option in row.options] == ["use_fortnox", "leave"]
    assert row.clears == ""


def test_a_direction_that_would_remove_a_value_says_so_beforehand() -> None:
    person = PlannedPerson(
        "u:1",
        Situation.DIFFERS,
        changes=(change("phone", None, "070-1"), change("address", {"line1": "A"}, None), change("phone", "1", "2")),
    )
    assert [row.clears for row in shown(person)[0].differences] == [
        "Use Huma removes the value in Fortnox.",
        "Use Fortnox removes the value in Huma.",
        "",
    ]


def test_an_exact_decision_is_shown_as_made_even_if_it_removes_a_value() -> None:
    removing = change("phone", None, "070-1", chosen=Direction.USE_HUMA, clears=True)
    person = PlannedPerson("u:1", Situation.DIFFERS, changes=(removing,))
    exact = Decisions(changes={("u:1", "phone"): Direction.USE_HUMA})
    assert shown(person)[0].differences[0].was == ""
    assert shown(person, decisions=exact)[0].differences[0].was == "use_huma"


def test_the_picture_covers_everybody_once() -> None:
    slices = views.picture({"in_sync": 3, "differs": 1}, T)
    assert [(each.situation, each.count) for each in slices][:2] == [("in_sync", 3), ("differs", 1)]
    assert sum(each.width for each in slices) == pytest.approx(100)
    assert slices[1].start == pytest.approx(75)
    assert sum(each.width for each in views.picture({}, T)) == 0


def test_what_needs_somebody_stands_first_in_a_result() -> None:
    found = views.outcomes(
        [
            FieldOutcome("phone", Outcome.DONE),
            FieldOutcome("email", Outcome.HELD),
            FieldOutcome("person", Outcome.FAILED),
        ],
        T,
    )
    assert [each.outcome for each in found] == ["failed", "held", "done"]


def test_a_removal_is_asked_about_until_it_is_answered_and_only_where_the_field_may_be_empty() -> None:
    found = {person.user_id: person for person in views.held(HeldPage(HELD), T, mending(NOWHERE, ORGANIZATION, T))}
    fields = {each.key: each for each in found["cia"].fields}
    assert [(key, each.asks, each.may_remove) for key, each in fields.items()] == [
        ("address", True, True),
        ("phone", False, True),
        ("given_name", True, False),
    ]
    assert not any(each.asks for each in found["bo"].fields)
    assert found["new"].name == "new"


@given(st.text(alphabet="*<>&\"'ab ", max_size=20))
def test_emphasis_in_a_text_never_becomes_other_markup(text: str) -> None:
    made = str(strong(text)).replace("<strong>", "").replace("</strong>", "")
    assert "<" not in made
    assert ">" not in made


def test_templates_fail_on_a_name_they_do_not_know() -> None:
    with pytest.raises(Exception, match="undefined"):
        render("signed-out.html")


def test_a_pair_is_asked_about_once_on_a_page() -> None:
    found = {each.key: each for each in shown(*PLAN)}
    assert [each.employee_id for each in found["u:two"].candidates] == ["21", "22"]
    assert (found["e:21"].candidates, found["e:21"].asked_above) == ((), True)
    assert not found["u:two"].asked_above
