from __future__ import annotations

import json
import traceback
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from huma_fortnox.adapters.secrets import (
    CACHED_SECONDS,
    FortnoxCredentials,
    GrantKind,
    HumaCredentials,
    OrganizationSecret,
    OrganizationSecrets,
)
from huma_fortnox.domain.errors import Conflict, Defect, TransientError

from tests.contract.aws import Aws, Clock, Intercepted, mocked_aws, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORGANIZATION = "6f1c2a0e-0000-4000-8000-000000000001"
PREFIX = "huma-fortnox/test"
HUMA = HumaCredentials("huma-id", "huma-secret-value", "webhook-secret-value")
FORTNOX = FortnoxCredentials(
    GrantKind.REFRESH_TOKEN, "123456", "access-value", 1_800_003_600, "refresh-value", 1_800_000_000, "salary"
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mocked_aws() as mocked:
        yield mocked


def keeper(aws: Aws, clock: Clock | None = None, client: Any = None) -> OrganizationSecrets:
    return OrganizationSecrets(client or aws.secretsmanager, PREFIX, clock=clock or Clock(), sleep=lambda _: None)


def stored(aws: Aws) -> Any:
    return json.loads(aws.secretsmanager.get_secret_value(SecretId=f"{PREFIX}/{ORGANIZATION}")["SecretString"])


def read(secrets: OrganizationSecrets, **how: Any) -> OrganizationSecret:
    secret = secrets.read(ORGANIZATION, **how)
    assert secret is not None
    return secret


def test_an_organization_without_a_secret_has_none(aws: Aws) -> None:
    assert keeper(aws).read(ORGANIZATION) is None
    keeper(aws).forget_fortnox(ORGANIZATION)
    assert keeper(aws).read(ORGANIZATION) is None


def test_the_document_is_the_documented_one(aws: Aws) -> None:
    secrets = keeper(aws)
    secrets.save_huma(ORGANIZATION, HUMA)
    saved = secrets.save_fortnox(ORGANIZATION, FORTNOX)
    document = stored(aws)
    assert document["huma"] == {
        "client_id": "huma-id",
        "client_secret": "huma-secret-value",
        "webhook_secret": "webhook-secret-value",
    }
    assert document["fortnox"] == {
        "grant": "refresh_token",
        "tenant_id": "123456",
        "access_token": "access-value",
        "expires_at": 1_800_003_600,
        "refresh_token": "refresh-value",
        "refreshed_at": 1_800_000_000,
        "scope": "salary",
        "consent_id": saved.fortnox.consent_id if saved.fortnox else None,
    }
    assert len(bytes.fromhex(document["base_key"])) == 32
    assert read(keeper(aws)) == saved


def test_the_key_of_the_bases_is_made_once(aws: Aws) -> None:
    first = keeper(aws).save_huma(ORGANIZATION, HUMA).base_key
    keeper(aws).save_fortnox(ORGANIZATION, FORTNOX)
    keeper(aws).forget_fortnox(ORGANIZATION)
    assert keeper(aws).save_huma(ORGANIZATION, HUMA).base_key == first != ""


def test_an_entry_made_by_hand_keeps_what_is_not_known_here(aws: Aws) -> None:
    by_hand = {"huma": {"client_id": "a", "client_secret": "b"}, "note": "rotated in spring"}
    aws.secretsmanager.create_secret(Name=f"{PREFIX}/{ORGANIZATION}", SecretString=json.dumps(by_hand))
    secrets = keeper(aws)
    assert read(secrets).huma == HumaCredentials("a", "b", "")
    assert read(secrets).base_key == ""
    secrets.save_fortnox(ORGANIZATION, FORTNOX)
    assert stored(aws)["note"] == "rotated in spring"
    assert read(secrets).base_key == stored(aws)["base_key"] != ""


def test_forgetting_fortnox_leaves_huma(aws: Aws) -> None:
    secrets = keeper(aws)
    secrets.save_huma(ORGANIZATION, HUMA)
    secrets.save_fortnox(ORGANIZATION, FORTNOX)
    secrets.forget_fortnox(ORGANIZATION)
    assert read(keeper(aws)).fortnox is None
    assert read(keeper(aws)).huma == HUMA
    assert "refresh-value" not in json.dumps(stored(aws))


def test_a_cached_document_serves_for_a_short_time_and_a_fresh_one_is_read(aws: Aws) -> None:
    clock = Clock()
    ours = keeper(aws, clock)
    ours.save_huma(ORGANIZATION, HUMA)
    keeper(aws).save_huma(ORGANIZATION, replace(HUMA, client_secret="new"))
    assert read(ours).huma == HUMA
    clock.now += CACHED_SECONDS
    assert read(ours).huma == replace(HUMA, client_secret="new")
    keeper(aws).save_huma(ORGANIZATION, replace(HUMA, client_secret="newer"))
    assert read(ours, fresh=True).huma == replace(HUMA, client_secret="newer")


def test_what_one_saved_it_reads(aws: Aws) -> None:
    ours = keeper(aws)
    ours.save_huma(ORGANIZATION, HUMA)
    read(ours)
    ours.save_huma(ORGANIZATION, replace(HUMA, client_secret="new"))
    assert read(ours).huma == replace(HUMA, client_secret="new")


def test_an_earlier_version_can_be_read_by_its_name(aws: Aws) -> None:
    ours = keeper(aws)
    earlier = ours.save_huma(ORGANIZATION, HUMA)
    ours.save_huma(ORGANIZATION, replace(HUMA, client_secret="new"))
    assert read(ours, version=earlier.version) == earlier
    assert read(ours).huma != HUMA
    assert ours.read(ORGANIZATION, version="0" * 36) is None


def test_writers_who_meet_lose_nothing(aws: Aws) -> None:
    def save_huma() -> str:
        return keeper(aws).save_huma(ORGANIZATION, HUMA).base_key

    def save_fortnox() -> str:
        return keeper(aws).save_fortnox(ORGANIZATION, FORTNOX).base_key

    keys = together(*[save_huma, save_fortnox] * 4)
    secret = read(keeper(aws))
    assert secret.huma == HUMA
    assert secret.fortnox is not None
    assert set(keys) == {secret.base_key}


@pytest.mark.parametrize("existing", [True, False])
def test_a_writer_who_read_before_another_wrote_makes_its_change_anew(aws: Aws, existing: bool) -> None:
    if existing:
        keeper(aws).save_huma(ORGANIZATION, HUMA)
    others = [lambda: keeper(aws).save_fortnox(ORGANIZATION, FORTNOX)]

    def overtaken(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation in ("put_secret_value", "create_secret") and others:
            others.pop()()
        return call(**arguments)

    slow = keeper(aws, client=Intercepted(aws.secretsmanager, overtaken))
    slow.save_huma(ORGANIZATION, replace(HUMA, client_secret="new"))
    assert not others
    assert read(keeper(aws)).huma == replace(HUMA, client_secret="new")
    fortnox = read(keeper(aws)).fortnox
    assert fortnox is not None
    assert fortnox.refresh_token == "refresh-value"


def test_a_writer_who_is_overtaken_again_and_again_says_so(aws: Aws) -> None:
    keeper(aws).save_huma(ORGANIZATION, HUMA)
    number = iter(range(1000))

    def overtaken(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == "put_secret_value":
            keeper(aws).save_huma(ORGANIZATION, replace(HUMA, client_secret=str(next(number))))
        return call(**arguments)

    with pytest.raises(Conflict):
        keeper(aws, client=Intercepted(aws.secretsmanager, overtaken)).save_fortnox(ORGANIZATION, FORTNOX)


def test_a_write_repeated_because_its_answer_was_lost_is_one_write(aws: Aws) -> None:
    keeper(aws).save_huma(ORGANIZATION, HUMA)

    def twice(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == "put_secret_value":
            call(**arguments)
        return call(**arguments)

    keeper(aws, client=Intercepted(aws.secretsmanager, twice)).save_fortnox(ORGANIZATION, FORTNOX)
    assert read(keeper(aws)).huma == HUMA
    assert read(keeper(aws)).fortnox is not None


def test_a_renewal_keeps_its_consent_and_a_new_consent_gets_a_name(aws: Aws) -> None:
    secrets = keeper(aws)
    first = secrets.save_fortnox(ORGANIZATION, FORTNOX).fortnox
    assert first is not None
    renewed = secrets.save_fortnox(ORGANIZATION, replace(first, access_token="next"), renewal=True).fortnox
    assert renewed is not None
    assert renewed.consent_id == first.consent_id != ""
    second = secrets.save_fortnox(ORGANIZATION, FORTNOX).fortnox
    assert second is not None
    assert second.consent_id != first.consent_id


@pytest.mark.parametrize("meanwhile", ["connected again", "disconnected"])
def test_a_renewal_never_replaces_another_consent(aws: Aws, meanwhile: str) -> None:
    secrets = keeper(aws)
    first = secrets.save_fortnox(ORGANIZATION, FORTNOX).fortnox
    assert first is not None
    if meanwhile == "connected again":
        keeper(aws).save_fortnox(ORGANIZATION, FORTNOX)
    else:
        keeper(aws).forget_fortnox(ORGANIZATION)
    before = stored(aws)
    with pytest.raises(Conflict) as refused:
        secrets.save_fortnox(ORGANIZATION, replace(first, access_token="next"), renewal=True)
    assert refused.value.reason.code == "consent-replaced"
    assert stored(aws) == before


def test_no_value_is_part_of_what_is_printed(aws: Aws) -> None:
    keeper(aws).save_huma(ORGANIZATION, HUMA)
    secret = keeper(aws).save_fortnox(ORGANIZATION, FORTNOX)
    values = {*asdict(HUMA).values(), "access-value", "refresh-value", "123456", secret.base_key}
    printed = [repr(each) + str(each) + f"{each}" for each in (HUMA, FORTNOX, secret, [secret], {"a": secret.fortnox})]
    assert not [value for value in values for text in printed if value in text]


@pytest.mark.parametrize(
    "content", ["not JSON: very-secret", '["very-secret"]', '{"fortnox": {"grant": "very-secret"}}']
)
def test_an_unreadable_entry_is_a_defect_that_does_not_quote_it(aws: Aws, content: str) -> None:
    aws.secretsmanager.create_secret(Name=f"{PREFIX}/{ORGANIZATION}", SecretString=content)
    with pytest.raises(Defect) as unreadable:
        keeper(aws).read(ORGANIZATION)
    assert "very-secret" not in "".join(traceback.format_exception(unreadable.value))


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"), TransientError),
        (ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"), TransientError),
        (ConnectTimeoutError(endpoint_url="https://secretsmanager.example.com"), TransientError),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"), Defect),
        (ClientError({"Error": {"Code": "DecryptionFailure"}}, "GetSecretValue"), Defect),
    ],
)
@pytest.mark.parametrize("failing", ["get_secret_value", "put_secret_value"])
def test_failures_of_secrets_manager_are_failures_of_ours(
    aws: Aws, failing: str, failure: Exception, error: type[Exception]
) -> None:
    keeper(aws).save_huma(ORGANIZATION, HUMA)

    def fail(operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation == failing:
            raise failure
        return call(**arguments)

    with pytest.raises(error):
        keeper(aws, client=Intercepted(aws.secretsmanager, fail)).save_huma(ORGANIZATION, HUMA)
