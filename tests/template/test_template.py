"""The template keeps the promises of the design: logs, rights, queues, table, alarms, environment, addresses."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huma_fortnox.adapters.table import Table
from huma_fortnox.domain.errors import ConsentNeeded, IntegrationError, OutcomeUnknown, RateLimited, TransientError
from huma_fortnox.services.quarantine import MOST_SILENT_ENDS, PATIENCE, RARELY, STILL_RARER, growing_wait
from huma_fortnox.settings import Settings
from huma_fortnox.web.app import routes
from huma_fortnox.web.callback import CALLBACK

from tests.template.document import ROOT, TEMPLATE, resources, template
from tests.unit.adapters.mail_events import bounced, complained

FUNCTIONS = resources("AWS::Serverless::Function")
QUEUES = resources("AWS::SQS::Queue")
GLOBALS = template()["Globals"]["Function"]
DAYS_14 = 14 * 24 * 3600
LONGEST_ON_SQS = 12 * 3600
"""For how long SQS lets a message wait."""


def handler_of(function: str) -> Path:
    return ROOT / str(FUNCTIONS[function]["CodeUri"]) / "handler.py"


def timeout_of(function: str) -> int:
    return int(FUNCTIONS[function].get("Timeout", GLOBALS["Timeout"]))


def statements_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for policy in properties["Policies"] for statement in policy["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_template_is_valid_and_lints() -> None:
    """No account and no network are needed: the linter brings its rules along."""
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-north-1", "NO_PROXY": "*"}
    sam = Path(sys.executable).with_name("sam")
    done = subprocess.run(
        [str(sam), "validate", "--lint", "--template-file", str(TEMPLATE)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


# -- functions


def test_every_folder_of_a_function_is_deployed_and_holds_one_file() -> None:
    folders = {path.parent.name for path in ROOT.glob("functions/*/handler.py")}
    assert {Path(str(properties["CodeUri"])).name for properties in FUNCTIONS.values()} == folders
    for folder in folders:
        code = [path.name for path in (ROOT / "functions" / folder).rglob("*") if path.suffix in (".py", ".txt")]
        assert code == ["handler.py"], folder


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_is_short(function: str) -> None:
    """Forty lines of code: blank lines, comments, docstrings and imports for the type checker are not counted."""
    tree = ast.parse(handler_of(function).read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    counted = {line for node in statements for line in _lines(node)}
    assert len(counted - {line for node in statements if _tells_people(node) for line in _lines(node)}) <= 40


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _tells_people(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_log_group_of_its_own_that_forgets(function: str) -> None:
    logging = FUNCTIONS[function]["LoggingConfig"]
    groups = resources("AWS::Logs::LogGroup")
    group = logging["LogGroup"]["Ref"]
    assert logging["LogFormat"] == "JSON"
    assert groups[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    users = [name for name, other in FUNCTIONS.items() if other["LoggingConfig"]["LogGroup"]["Ref"] == group]
    assert users == [function]


def test_every_log_group_has_a_name_of_its_own() -> None:
    names = [str(group["LogGroupName"]) for group in resources("AWS::Logs::LogGroup").values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_shares_its_role_with_nobody(function: str) -> None:
    assert "Role" not in FUNCTIONS[function]
    assert FUNCTIONS[function]["Policies"]
    assert "Role" not in GLOBALS
    assert "Policies" not in GLOBALS


STARS = (":secret:huma-fortnox/${Stage}/organizations/*", ":execution:huma-fortnox-${Stage}-synchronize-users:*")


@pytest.mark.parametrize("name", [*FUNCTIONS, *resources("AWS::Serverless::StateMachine")])
def test_no_right_is_unlimited(name: str) -> None:
    """The allowed stars end the path under which the organizations' secrets are, and the name of a run."""
    for statement in statements_of(template()["Resources"][name]["Properties"]):
        assert set(statement) <= {"Effect", "Action", "Resource", "Condition"}
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z]+:[A-Za-z]+", action), action
        for resource in listed(statement["Resource"]):
            text = resource if isinstance(resource, str) else str(resource.get("Fn::Sub", ""))
            assert "*" not in text or text.endswith(STARS), text


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_right_is_for_something_the_package_calls(function: str) -> None:
    """What no adapter ever asks AWS for, no function needs to be allowed."""
    adapters = (ROOT / "layers/shared/python/huma_fortnox/adapters").glob("*.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in adapters)
    for statement in statements_of(FUNCTIONS[function]):
        for action in listed(statement["Action"]):
            operation = re.sub(r"(?<!^)(?=[A-Z])", "_", action.split(":")[1]).lower()
            assert re.search(rf"(\.|\"){operation}\b", source), action


def test_stars_stand_nowhere_else_but_in_the_keys_own_policy() -> None:
    others = {
        name: resource
        for name, resource in template()["Resources"].items()
        if name != "DataKey" and resource["Type"] not in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
    }
    assert [path for path, text in _texts(others, ()) if "*" in text] == []


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value


def test_the_data_key_serves_only_through_the_services_that_store_the_data() -> None:
    (key,) = resources("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    administration, use = key["KeyPolicy"]["Statement"]
    assert str(administration["Principal"]["AWS"]["Fn::Sub"]).endswith(":root")
    condition = use["Condition"]["StringEquals"]
    assert condition["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
    assert [str(each["Fn::Sub"]).split(".")[0] for each in condition["kms:ViaService"]] == [
        "dynamodb",
        "secretsmanager",
    ]
    assert not any("*" in action for action in use["Action"] if not action.endswith(("ReEncrypt*", "GenerateDataKey*")))


# -- environment


def test_every_function_is_told_what_the_settings_need() -> None:
    usual = {name: parameter.get("Default") for name, parameter in template()["Parameters"].items()}
    given = {
        name: str(usual.get(value.get("Ref", "") if isinstance(value, dict) else "") or "https://example.com")
        for name, value in GLOBALS["Environment"]["Variables"].items()
    }
    settings = Settings.from_env({**given, "FORTNOX_CLEARING": ""})
    assert (settings.huma_clearing, settings.huma_account_types) == ("null", ("national", "international"))
    assert settings.bus == settings.lane_url == settings.state_machine == settings.sender == ""


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("variable", "action"),
    [
        ("BUS_NAME", "events:PutEvents"),
        ("LANE_URL", "sqs:"),
        ("STATE_MACHINE_ARN", "states:StartExecution"),
        ("SENDER", "ses:SendEmail"),
        ("MAIL_CONFIGURATION_SET", "ses:SendEmail"),
    ],
)
def test_a_function_is_told_a_name_exactly_when_it_may_use_it(function: str, variable: str, action: str) -> None:
    told = variable in FUNCTIONS[function].get("Environment", {}).get("Variables", {})
    allowed = any(
        each.startswith(action)
        for statement in statements_of(FUNCTIONS[function])
        for each in listed(statement["Action"])
    )
    assert told == allowed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_stops_waiting_before_lambda_stops_it(function: str) -> None:
    source = handler_of(function).read_text(encoding="utf-8")
    found = re.search(r"^SECONDS_TO_ANSWER = ([\d.]+)$", source, re.MULTILINE)
    waits = "deadline.start" in source
    assert (found is not None) == waits
    if found:
        assert 1 <= float(found.group(1)) < timeout_of(function) / 2


# -- queues and events


def test_the_lane_gives_a_push_all_the_time_it_may_take_six_times_over() -> None:
    assert QUEUES["ChangesQueue"]["VisibilityTimeout"] >= 6 * timeout_of("PushChange")


def test_the_lane_is_ordered_by_organization_and_each_lane_on_its_own() -> None:
    lane = QUEUES["ChangesQueue"]
    assert lane["FifoQueue"] is True
    assert lane["DeduplicationScope"] == "messageGroup"
    assert lane["FifoThroughputLimit"] == "perMessageGroupId"
    assert "ContentBasedDeduplication" not in lane


@pytest.mark.parametrize(
    "error",
    [
        None,
        TransientError(),
        OutcomeUnknown(),
        ConsentNeeded("waiting-for-reauthorization"),
        RateLimited(retry_after=0.1),
        TransientError("out-of-time"),
        TransientError("no-time-left", retry_after=1.0),
    ],
)
def test_no_message_is_lost_in_an_outage_of_two_days(error: IntegrationError | None) -> None:
    """Not even where a try takes no time: it is received less often than it may be, and kept far longer."""
    lane, seconds, receives = QUEUES["ChangesQueue"], 0, 0
    while seconds < 2 * 24 * 3600:
        receives += 1
        wait = growing_wait(receives, error)
        assert 1 <= wait <= LONGEST_ON_SQS
        seconds += wait
    assert receives < 0.8 * lane["RedrivePolicy"]["maxReceiveCount"]
    assert lane["MessageRetentionPeriod"] > 2 * seconds


def test_no_message_is_lost_where_every_try_ends_without_a_word() -> None:
    """It is laid aside by push_change long before SQS would do it, and waits the queue's own time-out in between."""
    lane = QUEUES["ChangesQueue"]
    assert lane["RedrivePolicy"]["maxReceiveCount"] / 100 > MOST_SILENT_ENDS
    assert 2 * 24 * 3600 / lane["VisibilityTimeout"] < lane["RedrivePolicy"]["maxReceiveCount"]


@pytest.mark.parametrize("rarely", [RARELY, STILL_RARER])
def test_a_lane_in_quarantine_is_tried_rarely_enough_for_days(rarely: int) -> None:
    assert rarely <= LONGEST_ON_SQS
    assert QUEUES["ChangesQueue"]["RedrivePolicy"]["maxReceiveCount"] > DAYS_14 / STILL_RARER + PATIENCE / RARELY


def test_a_batch_of_the_lane_answers_for_each_message() -> None:
    (source,) = FUNCTIONS["PushChange"]["Events"].values()
    assert source["Type"] == "SQS"
    properties = source["Properties"]
    assert properties["Queue"] == {"Fn::GetAtt": ["ChangesQueue", "Arn"]}
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BatchSize"] <= 10
    assert properties["ScalingConfig"]["MaximumConcurrency"] >= 2


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_encrypted_and_keeps_messages_as_long_as_it_can(queue: str) -> None:
    assert QUEUES[queue]["SqsManagedSseEnabled"] is True
    assert QUEUES[queue]["MessageRetentionPeriod"] == DAYS_14


def dead_letter_queues() -> set[str]:
    redriven = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in QUEUES.values()
        if "RedrivePolicy" in queue
    }
    for function in FUNCTIONS.values():
        for event in function.get("Events", {}).values():
            if "DeadLetterConfig" in event["Properties"]:
                redriven.add(event["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0])
    return redriven


def test_every_queue_has_dead_letters_and_every_dead_letter_an_alarm() -> None:
    dead = dead_letter_queues()
    assert set(QUEUES) - dead == {"ChangesQueue"}
    policy = QUEUES["ChangesQueue"]["RedrivePolicy"]
    assert policy["maxReceiveCount"] >= 5
    assert QUEUES[policy["deadLetterTargetArn"]["Fn::GetAtt"][0]]["FifoQueue"] is True
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    assert dead <= watched


@pytest.mark.parametrize("alarm", resources("AWS::CloudWatch::Alarm"))
def test_an_alarm_says_where_to_read_on_and_goes_to_the_topic(alarm: str) -> None:
    properties = resources("AWS::CloudWatch::Alarm")[alarm]
    assert "README" in properties["AlarmDescription"]
    assert properties["TreatMissingData"] == "notBreaching"
    assert properties["AlarmActions"]["Fn::If"][1] == [{"Ref": "AlarmTopicArn"}]


def test_events_from_huma_are_routed_by_topic_and_never_lost() -> None:
    (rule,) = FUNCTIONS["RouteChange"]["Events"].values()
    properties = rule["Properties"]
    assert properties["EventBusName"] == {"Ref": "EventBus"}
    assert properties["Pattern"] == {
        "source": ["huma"],
        "detail-type": ["users-create", "users-update", "users-delete", "users-export"],
    }
    assert properties["RetryPolicy"]["MaximumEventAgeInSeconds"] == 24 * 3600
    (policy,) = resources("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    dead = properties["DeadLetterConfig"]["Arn"]
    assert statement["Resource"] == dead
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0] == "RouteChangeHumaEvent"


def test_what_becomes_of_every_message_is_reported_to_the_function_that_notes_it() -> None:
    (destination,) = resources("AWS::SES::ConfigurationSetEventDestination").values()
    assert destination["ConfigurationSetName"] == {"Ref": "MailReports"}
    reported = destination["EventDestination"]
    assert (reported["Enabled"], reported["MatchingEventTypes"]) == (True, ["bounce", "complaint"])
    # SES reports to the account's own bus and to no other.
    assert reported["EventBridgeDestination"]["EventBusArn"]["Fn::Sub"].endswith(":event-bus/default")
    (rule,) = FUNCTIONS["MailFeedback"]["Events"].values()
    assert "EventBusName" not in rule["Properties"]
    pattern = json.loads(json.dumps(rule["Properties"]["Pattern"]).replace('{"Ref": "MailReports"}', '"mail-reports"'))
    assert matches(pattern, bounced())
    assert matches(pattern, complained())
    elsewhere = bounced()
    elsewhere["detail"]["mail"]["tags"]["ses:configuration-set"] = ["of-somebody-else"]
    assert not matches(pattern, elsewhere)
    assert not matches(pattern, {**bounced(), "detail-type": "Email Delivered"})


def matches(pattern: Any, event: Any) -> bool:
    """Tell whether a rule takes an event: lists name what a value, or one of several, may be."""
    if isinstance(pattern, dict):
        return isinstance(event, dict) and all(matches(inner, event.get(key)) for key, inner in pattern.items())
    return any(each in pattern for each in listed(event))


# -- data


def test_the_table_is_what_the_adapter_says_it_is() -> None:
    (table,) = resources("AWS::DynamoDB::Table").values()
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert {each["AttributeType"] for each in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "expires_at" in Path(sys.modules[Table.__module__].__file__ or "").read_text(encoding="utf-8")
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": ["DataKey", "Arn"]},
    }


@pytest.mark.parametrize("name", ["StateTable", "DataKey", "FortnoxAppSecret"])
def test_data_outlives_the_stack(name: str) -> None:
    resource = template()["Resources"][name]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_no_secret_has_a_value_in_the_template() -> None:
    for secret in resources("AWS::SecretsManager::Secret").values():
        assert not {"SecretString", "GenerateSecretString"} & set(secret)
        assert secret["KmsKeyId"] == {"Fn::GetAtt": ["DataKey", "Arn"]}


# -- addresses


def http_events(function: str) -> list[tuple[str, str]]:
    return [
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for event in FUNCTIONS[function].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def leads_to(method: str, path: str, event: tuple[str, str]) -> bool:
    pattern = re.sub(r"\\{[^/]*?\\\+\\}", ".+", re.escape(event[1]))
    pattern = re.sub(r"\\{[^/]*?\\}", "[^/]+", pattern)
    return event[0] in ("ANY", method) and re.fullmatch(pattern, path) is not None


def test_every_address_of_the_pages_and_the_api_reaches_them() -> None:
    events = http_events("SettingsPage")
    found = [(route.method, re.sub(r"<\w+>", "x", route.path)) for route in routes(_no_use_cases())]
    assert len(found) > 20
    lost = [route for route in found if not any(leads_to(*route, event) for event in events)]
    assert lost == []
    idle = [event for event in events if not any(leads_to(*route, event) for route in found)]
    # Nothing stands at the bare address; a page says so instead of API Gateway.
    assert idle == [("GET", "/")]


def _no_use_cases() -> Any:
    class Nothing:
        def __getattr__(self, name: str) -> Nothing:
            return self

    return Nothing()


def test_fortnox_and_huma_reach_their_own_functions() -> None:
    assert http_events("OauthCallback") == [("GET", CALLBACK)]
    assert http_events("HumaWebhook") == [("POST", "/huma/webhook/{organizationId}")]


def test_the_access_log_holds_no_path_query_or_address() -> None:
    (api,) = resources("AWS::Serverless::HttpApi").values()
    told = set(re.findall(r"\$context\.([A-Za-z.]+)", api["AccessLogSettings"]["Format"]))
    assert told == {"requestTime", "routeKey", "status", "responseLatency", "requestId"}
    assert api["StageName"] == "$default"
