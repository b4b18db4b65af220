"""The local emulator does what the product relies on: a check of each gap that is filled."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.exceptions import ClientError

from local.build import build
from local.emulator import MINISTACK_VERSION
from local.stack import EMULATOR_PYTHON, LOCAL, PROJECT, Mail, Stack, StackError

from .conftest import HOST_SECRETS, TEMPLATES

REAL_ENVIRONMENT = dict(os.environ)
"""As it is before a fixture plays a developer's shell: wheels may come through a proxy that is real."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.stack


def request(stack: Stack, path: str, method: str = "GET", **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, stack.api_url + path, allow_redirects=False, timeout=40, **options)


def eventually(read: Callable[[], Any], within: float = 20.0) -> Any:
    """The first result that is true, or a failed test."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if result := read():
            return result
        time.sleep(0.02)
    pytest.fail(f"Nothing came within {within:.0f} s")


# --- Safety ------------------------------------------------------------------------------------


def test_the_gaps_are_filled_for_the_release_that_is_pinned() -> None:
    pinned = (PROJECT / "local" / "requirements.txt").read_text()
    assert f"\nministack=={MINISTACK_VERSION} " in pinned


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's socket tables")
def test_every_socket_of_the_emulator_and_its_functions_listens_on_loopback_only(
    everything: Stack,
) -> None:
    request(everything, "/")
    group = processes_of(everything._process.pid)
    sockets = {inode for process in group for inode in sockets_of(process)}
    listening = [
        (table, address)
        for table in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6")
        for address, inode in listeners(Path(table))
        if inode in sockets
    ]
    assert len(listening) >= 3, "two ports of the emulator and one of a function"
    assert {address for _, address in listening} == {"0100007F"}


def processes_of(group: int) -> list[Path]:
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [path for path in processes if group_of(path) == group]


def group_of(process: Path) -> int | None:
    """The process group of an entry of /proc, or nothing when it has ended or is a zombie."""
    try:
        state, _, group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(group) if state != "Z" else None


def sockets_of(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if match := re.fullmatch(r"socket:\[(\d+)\]", target):
            yield match[1]


def listeners(table: Path) -> Iterator[tuple[str, str]]:
    """Address and inode of each listening TCP or bound UDP socket."""
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] in ("0A", "07"):
            yield fields[1].partition(":")[0], fields[9]


def test_a_function_gets_nothing_of_the_host_and_can_only_reach_the_emulator(
    everything: Stack,
) -> None:
    runtime = request(everything, "/things/runtime").json()

    environment = runtime["environment"]
    assert not set(HOST_SECRETS.values()) & set(environment.values())
    assert environment["AWS_ENDPOINT_URL"] == everything.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert environment["HOME"].startswith(str(LOCAL))
    assert environment["GREETING"] == "hej", "a parameter of the stack"
    assert runtime["endpoint"] == everything.endpoint_url


# --- Functions ---------------------------------------------------------------------------------


def test_a_function_finds_its_layer_and_the_runtime_but_not_the_emulators_packages(
    everything: Stack,
) -> None:
    runtime = request(everything, "/things/runtime").json()

    assert runtime["phone"] == "+46701740605", "pure Python from the layer"
    assert runtime["key_length"] == 44, "a compiled wheel from the layer"
    assert not runtime["sees_emulator"]
    assert runtime["arn"].endswith(f":function:{runtime['function_name']}")
    assert 15_000 < runtime["remaining"] <= 20_000


def test_what_a_function_prints_can_be_read_at_once_and_in_cloudwatch(everything: Stack) -> None:
    request(everything, "/things/prints")

    lines = everything.logs("AnswerRequest")
    assert "a line on standard output" in lines
    assert "a line on standard error" in lines
    assert any('"message":"a line of the logger"' in line for line in lines)
    assert everything.logs("TakeMessage") != lines

    group = f"/aws/lambda/{everything.outputs['AnswerRequestName']}"
    request(everything, "/")
    events = everything.client("logs").filter_log_events(logGroupName=group)["events"]
    assert "a line on standard output" in [event["message"] for event in events]


def test_a_warm_request_is_not_held_back(everything: Stack) -> None:
    request(everything, "/")
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        request(everything, "/")
        seconds.append(time.perf_counter() - start)
    # Unfilled, each of two gaps alone costs 40 ms or more every single time.
    assert min(seconds) < 0.03


def test_a_workflow_retries_and_catches_by_exception_name_and_waits_for_a_person(
    everything: Stack,
) -> None:
    states = everything.client("stepfunctions")
    table = everything.client("dynamodb")
    run = "run-1"
    execution = states.start_execution(stateMachineArn=everything.outputs["WorkflowArn"], name=run, input="{}")[
        "executionArn"
    ]

    key = {"pk": {"S": run}, "sk": {"S": "question"}}
    question = eventually(lambda: table.get_item(TableName=everything.outputs["TableName"], Key=key).get("Item"))
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    states.send_task_success(taskToken=question["token"]["S"], output=json.dumps({"numbers": [1, 2, 3]}))

    def finished() -> Any:
        description = states.describe_execution(executionArn=execution)
        return description["status"] != "RUNNING" and description

    result = eventually(finished)
    assert result["status"] == "SUCCEEDED", (result.get("error"), result.get("cause"))
    assert json.loads(result["output"]) == {
        "attempts": 3,
        "doubled": [2, 4, 6],
        "both": ["waited", 3],
        "caught": "Hopeless",
        "unasked": "Hopeless",
    }


def test_a_stopped_workflow_stays_stopped(everything: Stack) -> None:
    states = everything.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=everything.outputs["WorkflowArn"], name="run-2", input="{}")[
        "executionArn"
    ]
    key = {"pk": {"S": "run-2"}, "sk": {"S": "question"}}
    table = everything.client("dynamodb")
    question = eventually(lambda: table.get_item(TableName=everything.outputs["TableName"], Key=key).get("Item"))

    states.stop_execution(executionArn=execution)
    states.send_task_failure(taskToken=question["token"]["S"], error="TooLate")

    time.sleep(0.3)
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_an_event_passes_the_bus_and_the_lanes_in_order_however_often_one_lane_fails(
    everything: Stack,
) -> None:
    sqs = everything.client("sqs")

    def send(lane: str, name: str, failures: int = 0) -> None:
        sqs.send_message(
            QueueUrl=everything.outputs["QueueUrl"],
            MessageBody=json.dumps({"lane": lane, "name": name, "failures": failures}),
            MessageGroupId=lane,
            MessageDeduplicationId=name,
        )

    def put_event(detail_type: str, name: str) -> None:
        entry = {
            "EventBusName": everything.outputs["BusName"],
            "Source": "example",
            "DetailType": detail_type,
            "Detail": json.dumps({"lane": "quick", "name": name}),
        }
        assert everything.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def taken(lane: str) -> list[str]:
        item = everything.client("dynamodb").get_item(
            TableName=everything.outputs["TableName"],
            Key={"pk": {"S": f"lane#{lane}"}, "sk": {"S": "taken"}},
        )
        return [name["S"] for name in item["Item"]["messages"]["L"]] if "Item" in item else []

    send("dead", "never", failures=9)
    send("slow", "1", failures=1)
    send("slow", "2")
    put_event("thing-unheard-of", "unwanted")
    put_event("thing-update", "wanted")

    eventually(lambda: taken("quick") == ["wanted"])
    eventually(lambda: taken("slow") == ["1", "2"])
    dead_letters = everything.outputs["DeadLettersUrl"]
    dead = eventually(lambda: sqs.receive_message(QueueUrl=dead_letters).get("Messages"))
    assert json.loads(dead[0]["Body"])["name"] == "never"
    assert taken("dead") == []
    assert taken("quick") == ["wanted"]


def test_the_long_work_of_one_lane_delays_no_other_lane_and_its_own_messages_come_one_batch_at_a_time(
    everything: Stack,
) -> None:
    sqs = everything.client("sqs")

    def send(lane: str, name: str, seconds: float) -> None:
        sqs.send_message(
            QueueUrl=everything.outputs["QueueUrl"],
            MessageBody=json.dumps({"lane": lane, "name": name, "seconds": seconds}),
            MessageGroupId=lane,
            MessageDeduplicationId=name,
        )

    def taken(lane: str) -> list[str]:
        item = everything.client("dynamodb").get_item(
            TableName=everything.outputs["TableName"],
            Key={"pk": {"S": f"lane#{lane}"}, "sk": {"S": "taken"}},
        )
        return [name["S"] for name in item["Item"]["messages"]["L"]] if "Item" in item else []

    send("long", "long 1", 2)
    send("long", "long 2", 0)
    send("short", "short 1", 0)
    eventually(lambda: taken("short") == ["short 1"], within=1.8)
    assert taken("long") == []
    eventually(lambda: taken("long") == ["long 1", "long 2"])


# --- HTTP API ----------------------------------------------------------------------------------


def test_a_request_arrives_as_payload_format_2_0(everything: Stack) -> None:
    event = request(
        everything,
        "/things/1?b=2&a=1&a=3&empty=",
        "POST",
        data={"name": "Åsa"},
        headers={"Cookie": "one=1; two=2", "X-Mixed-Case": "Kept", "Authorization": "Bearer a.b.c"},
    ).json()

    assert event["version"] == "2.0"
    assert event["routeKey"] == "ANY /things/{thingId}"
    assert event["rawPath"] == "/things/1"
    assert event["rawQueryString"] == "b=2&a=1&a=3&empty="
    assert event["queryStringParameters"] == {"b": "2", "a": "1,3", "empty": ""}
    assert event["pathParameters"] == {"thingId": "1"}
    assert event["cookies"] == ["one=1", "two=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-mixed-case"] == "Kept"
    assert event["headers"]["authorization"] == "Bearer a.b.c"
    assert event["headers"]["host"] == everything.api_url.removeprefix("http://")
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["isBase64Encoded"] is True, "a form is not among the text types"
    assert event["body"] == "bmFtZT0lQzMlODVzYQ=="
    context = event["requestContext"]
    assert context["domainName"] == "127.0.0.1"
    assert context["stage"] == "$default"
    assert context["http"]["method"] == "POST"
    assert context["http"]["path"] == "/things/1"
    assert context["http"]["sourceIp"] == "127.0.0.1"


def test_a_json_body_arrives_as_text(everything: Stack) -> None:
    event = request(everything, "/things/1", "PUT", json={"name": "Åsa"}).json()

    assert event["isBase64Encoded"] is False
    assert json.loads(event["body"]) == {"name": "Åsa"}


def test_cookies_and_redirects_of_the_function_reach_the_browser(everything: Stack) -> None:
    response = request(everything, "/things/cookies")

    assert response.status_code == 303
    assert response.headers["Location"] == "/things/next?a=1"
    assert response.raw.headers.getlist("Set-Cookie") == [
        "one=1; Path=/; HttpOnly",
        "two=2; Path=/",
    ]


def test_bytes_survive_both_ways(everything: Stack) -> None:
    received = request(everything, "/things/binary")
    sent = request(everything, "/things/1", "POST", data=bytes(range(256))).json()

    assert received.content == b"\x00\xff\x80\x7f\x00"
    assert received.headers["Content-Type"] == "application/octet-stream"
    assert sent["isBase64Encoded"] is True
    assert len(sent["body"]) == 344


def test_a_body_over_one_mebibyte_reaches_the_function_and_one_over_ten_does_not(
    everything: Stack,
) -> None:
    mebibyte = 1024 * 1024
    passed = request(everything, "/files/a/b", "POST", data=b"x" * (mebibyte + 1))
    refused = request(everything, "/files/a/b", "POST", data=b"x" * (10 * mebibyte + 1))

    assert passed.json()["pathParameters"] == {"proxy": "a/b"}
    assert passed.json()["body"] > mebibyte
    assert refused.status_code == 413


def test_paths_and_methods_without_a_route_are_not_found(everything: Stack) -> None:
    assert request(everything, "/nothing").status_code == 404
    assert request(everything, "/", "POST").status_code == 404
    assert request(everything, "/things/1", "HEAD").status_code == 200
    assert request(everything, "/things/1", "HEAD").content == b""


def test_a_failed_function_answers_500_without_its_exception(everything: Stack) -> None:
    response = request(everything, "/things/fails")

    assert response.status_code == 500
    assert response.json() == {"message": "Internal Server Error"}
    assert any("the text of an exception" in line for line in everything.logs("AnswerRequest"))


def test_the_http_api_is_permitted_to_call_the_function(everything: Stack) -> None:
    name = everything.outputs["AnswerRequestName"]
    policy = json.loads(everything.client("lambda").get_policy(FunctionName=name)["Policy"])

    assert {statement["Principal"]["Service"] for statement in policy["Statement"]} == {"apigateway.amazonaws.com"}


# --- Other resources ---------------------------------------------------------------------------


def test_a_table_expires_items_and_is_encrypted_with_its_key(everything: Stack) -> None:
    dynamodb = everything.client("dynamodb")
    name = everything.outputs["TableName"]

    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    encryption = dynamodb.describe_table(TableName=name)["Table"]["SSEDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    assert encryption["Status"] == "ENABLED"
    assert encryption["KMSMasterKeyArn"] == everything.outputs["KeyArn"]


def test_writes_are_counted_as_aws_charges_for_them(everything: Stack) -> None:
    dynamodb, name = everything.client("dynamodb"), everything.outputs["TableName"]

    def units(write: Callable[..., Any], **arguments: Any) -> float:
        before = everything.dynamodb_usage()["WriteUnits"]
        with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            write(**arguments)
        return everything.dynamodb_usage()["WriteUnits"] - before

    small, large = ({"pk": {"S": "metered"}, "sk": {"S": str(size)}, "x": {"S": "x" * size}} for size in (10, 2000))
    assert units(dynamodb.put_item, TableName=name, Item=small) == 1
    assert units(dynamodb.put_item, TableName=name, Item=large) == 2
    put = [{"PutRequest": {"Item": item}} for item in (small, large)]
    assert units(dynamodb.batch_write_item, RequestItems={name: put}) == 3
    transaction = [{"Put": {"TableName": name, "Item": item}} for item in (small, large)]
    assert units(dynamodb.transact_write_items, TransactItems=transaction) == 6
    new = "attribute_not_exists(pk)"
    assert units(dynamodb.put_item, TableName=name, Item=small, ConditionExpression=new) == 1
    assert units(dynamodb.put_item, TableName=name, Item=large, ConditionExpression=new) == 2
    key = {each: large[each] for each in ("pk", "sk")}
    assert units(dynamodb.get_item, TableName=name, Key=key) == 0
    assert units(dynamodb.delete_item, TableName=name, Key=key) == 2


def test_a_function_uses_table_secret_and_mail(everything: Stack) -> None:
    everything.reset_mails()

    assert request(everything, "/things/services").json() == {"item": "1", "secret": "example"}
    assert everything.mails() == [
        Mail(
            sender="Exempel <sender@example.com>",
            to=("admin@example.com",),
            subject="Resultat: 3 ändrade",
            text="Å ä ö",
            html="<p>Å ä ö</p>",
        )
    ]
    everything.reset_mails()
    assert everything.mails() == []


def test_mail_from_an_identity_that_is_not_verified_is_refused(everything: Stack) -> None:
    with pytest.raises(ClientError, match="not verified"):
        everything.client("sesv2").send_email(
            FromEmailAddress="stranger@example.org",
            Destination={"ToAddresses": ["admin@example.com"]},
            Content={"Simple": {"Subject": {"Data": "-"}, "Body": {"Text": {"Data": "-"}}}},
        )


def test_alarms_and_schedules_are_deployed(everything: Stack) -> None:
    resources = everything.client("cloudformation").describe_stack_resources(StackName="huma-fortnox-local")[
        "StackResources"
    ]
    status = {resource["LogicalResourceId"]: resource["ResourceStatus"] for resource in resources}

    for name in ("DeadLettersAlarm", "ErrorRateAlarm", "AnyAlarm", "Archive", "RouteEventDaily"):
        assert status[name] == "CREATE_COMPLETE"
    rules = everything.client("events").list_rules()["Rules"]
    assert "cron(0 3 * * ? *)" in {rule.get("ScheduleExpression") for rule in rules}


# --- Deploying ---------------------------------------------------------------------------------


def test_an_update_replaces_the_code_the_routes_and_the_expiry_of_items() -> None:
    with Stack.launch() as stack:
        assert request(stack, "/kept").status_code == 503, "nothing is deployed yet"
        stack.deploy({}, template=TEMPLATES / "one_function" / "before.yaml")
        assert request(stack, "/kept").text == "GET /kept"
        assert request(stack, "/removed").text == "GET /removed"

        stack.deploy({}, template=TEMPLATES / "one_function" / "after.yaml")

        assert request(stack, "/kept").text == "now GET /kept"
        assert request(stack, "/added").text == "now GET /added"
        assert request(stack, "/removed").status_code == 404
        expiry = stack.client("dynamodb").describe_time_to_live(TableName=stack.outputs["TableName"])
        assert expiry["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"

        stack.deploy({}, template=TEMPLATES / "one_function" / "after.yaml")
        assert request(stack, "/added").text == "now GET /added"

        origin = {"Origin": "https://app.example.com"}
        preflight = request(stack, "/added", "OPTIONS", headers=origin)
        assert preflight.status_code == 204
        assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
        answer = request(stack, "/added", headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
        stranger = request(stack, "/added", headers={"Origin": "https://example.org"})
        assert "Access-Control-Allow-Origin" not in stranger.headers


def test_a_failed_deployment_says_which_resource_failed_and_leaves_nothing_running() -> None:
    before = emulators_started_here()
    with pytest.raises(StackError, match=r"Impossible \(AWS::CloudWatch::Alarm\): .*Comparison"):
        Stack.start({}, template=TEMPLATES / "one_function" / "impossible.yaml")
    assert emulators_started_here() == before


def emulators_started_here() -> set[str]:
    """Those of this process and those left alone: other tests may run stacks of their own beside it."""
    listing = subprocess.run(["ps", "-eo", "ppid,pid,args"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in listing.splitlines() if " local.emulator " in line]
    return {line for line in lines if int(line.split()[0]) in (os.getpid(), 1)}


def test_a_port_in_use_is_named(everything: Stack) -> None:
    port = int(everything.api_url.rpartition(":")[2])
    with pytest.raises(StackError, match=f"port {port} on 127.0.0.1 cannot be used"):
        Stack.launch(port=port)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_behind_when_the_process_that_started_the_stack_dies(
    end: signal.Signals,
) -> None:
    # Who is started in the background of a shell ignores an interrupt, and hands that down.
    script = f"""
import signal, time, urllib.request
from pathlib import Path
from local.stack import Stack
signal.signal(signal.SIGINT, signal.default_int_handler)
with Stack.start({{}}, template=Path({str(TEMPLATES / "one_function" / "before.yaml")!r})) as stack:
    urllib.request.urlopen(stack.api_url + "/kept").read()
    print(stack._process.pid, flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    with parent.stdout:
        group = int(parent.stdout.readline())
        os.killpg(group, 0)
        parent.send_signal(end)
        parent.wait(timeout=10)

    def ended() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    eventually(ended, within=5)


def test_a_build_of_unchanged_content_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    template = TEMPLATES / "one_function" / "before.yaml"
    first = build(template, cache=LOCAL / "cache", emulator_python=EMULATOR_PYTHON)

    def refuse(*_: Any, **__: Any) -> Any:
        pytest.fail("the template was built again")

    monkeypatch.setattr("local.build.subprocess.run", refuse)
    again = build(template, cache=LOCAL / "cache", emulator_python=EMULATOR_PYTHON)
    assert again == first


def test_a_change_in_our_code_is_built_without_installing_the_wheels_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The layer as it is, under a template of its own: a change of it is not a change here.
    shutil.copytree(
        PROJECT / "layers" / "shared",
        tmp_path / "layer",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    template = tmp_path / "template.yaml"
    template.write_text("""\
Transform: AWS::Serverless-2016-10-31
Resources:
  SharedLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile, BuildArchitecture: arm64}
    Properties: {ContentUri: layer, CompatibleRuntimes: [python3.13]}
""")
    options: Any = {"cache": LOCAL / "cache", "emulator_python": EMULATOR_PYTHON}
    first = build(template, **options)

    (tmp_path / "layer" / "python" / "huma_fortnox" / "added.py").write_text("ADDED = 1\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    second = build(template, **options)

    assert names_in(second, "added.py") == {"python/huma_fortnox/added.py"}
    assert names_in(first, "added.py") == set()
    assert names_in(second, "jinja2/__init__.py") == {"python/jinja2/__init__.py"}


def names_in(finished: Any, suffix: str) -> set[str]:
    (archive,) = finished.folder.glob("*.zip")
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", archive],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {line.split()[0] for line in listing.splitlines()}
    return {name for name in names if name.endswith(suffix)}


def test_the_layer_for_lambda_has_arm64_wheels_and_only_the_languages_we_show(
    tmp_path: Path,
) -> None:
    subprocess.run(
        ["make", "-C", PROJECT / "layers" / "shared", "build-SharedLayer"],
        env={
            **{name: value for name, value in REAL_ENVIRONMENT.items() if name[:6] != "LAYER_"},
            "ARTIFACTS_DIR": str(tmp_path),
            "LAYER_PIP": f"'{sys.executable}' -m pip",
            "LAYER_WHEELS_CACHE": str(LOCAL / "cache" / "wheels"),
        },
        stdout=subprocess.DEVNULL,
        check=True,
    )

    python = tmp_path / "python"
    compiled = {path.name for path in python.rglob("*.so")}
    assert "_cffi_backend.cpython-313-aarch64-linux-gnu.so" in compiled
    assert not [name for name in compiled if "x86_64" in name]
    locales = {path.stem for path in (python / "babel" / "locale-data").iterdir()}
    assert {"root", "sv", "sv_SE", "en", "en_GB", "nb_NO", "no", "da", "fi", "de_AT"} <= locales
    assert not {"fr", "zh", "nn", "ar"} & locales
    assert (python / "huma_fortnox" / "py.typed").exists()
    assert not list(python.rglob("__pycache__"))
    size = sum(path.stat().st_size for path in python.rglob("*") if path.is_file())
    assert size < 60_000_000, "unpacked, of the 250 MB that Lambda allows"
