"""A synchronization of a thousand people on the real stack, at the rate that Fortnox allows.

What both systems must hold afterwards is worked out from the people files and the decisions by a few plain rules,
without our own code.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.large_company import Mix
from local.large_run import carry_out, employees, large_company, read_and_plan, users
from local.soak_company import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.administration import Administration

pytestmark = pytest.mark.stack

MIX = Mix(people=900, differing=300, only_in_huma=50, only_in_fortnox=50)
DECISIONS: tuple[dict[str, Any], ...] = (
    {"field": "phone", "direction": "use_huma"},
    {"field": "family_name", "direction": "use_huma"},
    {"field": "address", "direction": "use_fortnox"},
)
LEFT, OTHER_WAY = 7, 5
"""So many family names are left as they are, and so many phone numbers go from Fortnox to Huma."""

Json = dict[str, Any]


@pytest.fixture(scope="module")
def company() -> Iterator[Administration]:
    with large_company(MIX) as administration:
        yield administration


def unchanged_but(before: Json, after: Json, *changed: str) -> None:
    assert {name: value for name, value in after.items() if name not in changed} == {
        name: value for name, value in before.items() if name not in changed
    }


def test_a_thousand_people_are_synchronized_as_decided_with_no_request_too_many(company: Administration) -> None:
    users_before, employees_before = users(company), employees(company)
    both = sorted(users_before.keys() & employees_before.keys())
    assert len(both) == 900
    found = {email: differences(users_before[email], employees_before[email]) for email in both}
    differing = {
        field: [email for email in both if found[email] == [field]] for field in ("phone", "familyName", "homeAddress")
    }
    assert {field: len(emails) for field, emails in differing.items()} == dict.fromkeys(differing, 100)
    left, other_way = differing["familyName"][:LEFT], differing["phone"][:OTHER_WAY]

    run = read_and_plan(company)
    situations = {name: count for name, count in company.run(run)["situations"].items() if count}
    assert situations == {"in_sync": 600, "differs": 300, "only_in_huma": 50, "only_in_fortnox": 50}
    company.decide(run, *DECISIONS)
    key = {email: f"u:{user['id']}" for email, user in users_before.items()}
    company.decide(run, *({"person": key[each], "field": "family_name", "direction": "leave"} for each in left))
    company.decide(run, *({"person": key[each], "field": "phone", "direction": "use_fortnox"} for each in other_way))
    company.create_everybody(run)
    ended = carry_out(company, run)

    users_after, employees_after = users(company), employees(company)
    assert len(users_after) == len(employees_after) == len(users_before.keys() | employees_before.keys()) == 1000
    (organization,) = company.huma.people()["organizations"]
    assert len(organization["users"]) == len(company.fortnox.people()["employees"]) == 1000
    for email in sorted(users_after):
        user, employee = users_after[email], employees_after[email]
        # Everybody agrees in everything, whom somebody was created for included, but the names that were left.
        assert differences(user, employee) == (["familyName"] if email in left else []), email
        if email not in both:
            continue
        to_huma = {"phone"} if email in other_way else {"homeAddress"} if email in differing["homeAddress"] else set()
        to_fortnox = {"Phone1"} if email in set(differing["phone"]) - set(other_way) else set()
        to_fortnox |= {"LastName"} if email in set(differing["familyName"]) - set(left) else set()
        unchanged_but(users_before[email], user, *to_huma)
        unchanged_but(employees_before[email], employee, *to_fortnox)
        if email in other_way:
            assert user["phone"] != users_before[email]["phone"]
        if email in differing["homeAddress"]:
            assert user["homeAddress"]["line1"].startswith("Gamla ")
    for email in users_before.keys() - both:
        unchanged_but(users_before[email], users_after[email], "employmentId")
    for email in employees_before.keys() - both:
        unchanged_but(employees_before[email], employees_after[email])

    asked = company.fortnox.requests(path="/3/")
    changes = [each for each in asked if each["method"] in ("PUT", "POST")]
    written = Counter(each["path"] for each in changes if each["method"] == "PUT")
    assert [path for path, times in written.items() if times > 1] == []
    assert len(changes) == (100 - OTHER_WAY) + (100 - LEFT) + 50
    assert len(asked) <= math.ceil(950 / 500) * 2 + len(changes)
    assert {each["status"] for each in asked} <= {200, 201}
    assert len(company.fortnox.requests(path="/oauth-v1/token")) <= 1

    outcomes = company.outcomes(run)
    assert len(outcomes) == 1000
    told = [outcome for each in outcomes.values() for outcome in each]
    assert sum(each["outcome"] == "skipped" and each["reason"]["code"] == "left-as-is" for each in told) == LEFT
    assert not [each for each in told if each["outcome"] in ("failed", "held")]
    for outcome in ("done", "skipped", "unchanged"):
        assert ended["outcomes"][outcome] == sum(each["outcome"] == outcome for each in told)
    assert sum(each["field"] == "person" and each["outcome"] == "unchanged" for each in told) == 600
    progress = ended["progress"]
    assert progress["usersRead"] == progress["usersTotal"] == 950
    assert progress["applied"] == progress["toApply"] == 1000


def test_another_run_finds_nothing_to_do_and_waits_for_nobody(company: Administration) -> None:
    company.fortnox.forget_requests()
    company.world.stack.reset_mails()
    run = company.start()
    ended = company.until(run, "finished", seconds=60)
    assert (ended["situations"]["in_sync"], ended["outcomes"]) == (1000, {"unchanged": 1000})
    asked = company.fortnox.requests(path="/3/")
    assert [each["method"] for each in asked] == ["GET"] * math.ceil(1000 / 500)
