"""What is relied on of the memory of addresses, the same for the fake of the unit tests and for DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from huma_fortnox.adapters.mail_problems import PASSING_SECONDS, DynamoMailProblems
from huma_fortnox.adapters.table import Table
from huma_fortnox.domain.outcome import Reason
from huma_fortnox.services.model import MailProblem

from tests.contract.aws import Aws, Clock, mocked_aws
from tests.contract.strict_dynamodb import strict
from tests.contract.test_stores import create_table
from tests.unit.services import fakes

if TYPE_CHECKING:
    from huma_fortnox.services.ports import MailProblems

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
OTHER = "6f1c2a0e-0000-4000-8000-000000000002"
ADDRESS = "astrid@example.com"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["in memory", "on DynamoDB"])
def problems(request: pytest.FixtureRequest, aws: Aws, clock: Clock) -> MailProblems:
    if request.param == "in memory":
        return fakes.FakeMailProblems(clock)
    name = create_table(aws, f"table-{request.node.name.encode().hex()[:200]}")
    return DynamoMailProblems(Table(strict(aws.dynamodb), name, clock=clock))


def bounced(at: float, *, final: bool = True, address: str = ADDRESS) -> MailProblem:
    return MailProblem(address, Reason("mail-bounced"), int(at), final)


def test_a_problem_is_found_by_its_address_however_that_is_written(problems: MailProblems, clock: Clock) -> None:
    noted = bounced(clock())
    assert problems.of(ORGANIZATION, ADDRESS) is None
    assert problems.save(ORGANIZATION, noted)
    assert problems.of(ORGANIZATION, " Astrid@Example.com ") == noted
    assert problems.of(ORGANIZATION, "bo@example.com") is None
    assert problems.of(OTHER, ADDRESS) is None


def test_the_same_report_again_or_an_older_one_changes_nothing(problems: MailProblems, clock: Clock) -> None:
    assert problems.save(ORGANIZATION, bounced(clock()))
    assert not problems.save(ORGANIZATION, bounced(clock()))
    assert not problems.save(ORGANIZATION, bounced(clock() - 1))
    assert problems.save(ORGANIZATION, bounced(clock() + 1))


def test_what_may_pass_never_takes_the_place_of_what_is_final(problems: MailProblems, clock: Clock) -> None:
    assert problems.save(ORGANIZATION, bounced(clock(), final=False))
    assert problems.save(ORGANIZATION, bounced(clock() - 5))
    assert not problems.save(ORGANIZATION, bounced(clock() + 5, final=False))
    found = problems.of(ORGANIZATION, ADDRESS)
    assert found is not None
    assert found.final


def test_what_may_pass_is_forgotten_and_what_is_final_is_not(problems: MailProblems, clock: Clock) -> None:
    problems.save(ORGANIZATION, bounced(clock(), final=False))
    problems.save(ORGANIZATION, bounced(clock(), address="bo@example.com"))
    clock.now += PASSING_SECONDS + 1
    assert [each.address for each in problems.all(ORGANIZATION)] == ["bo@example.com"]
    assert problems.of(ORGANIZATION, ADDRESS) is None


def test_forgetting_leaves_other_organizations_alone(problems: MailProblems, clock: Clock) -> None:
    for organization in (ORGANIZATION, OTHER):
        for address in (ADDRESS, "bo@example.com"):
            problems.save(organization, bounced(clock(), address=address))
    problems.forget(ORGANIZATION)
    assert list(problems.all(ORGANIZATION)) == []
    assert len(problems.all(OTHER)) == 2
