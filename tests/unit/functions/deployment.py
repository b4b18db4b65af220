"""The deployed application in this process: the real handlers with the rights and the environment of the template.

AWS is moto (table, secrets) and small fakes (bus, queue, workflow, mail); Huma and Fortnox are the simulators, called
as WSGI applications. Every AWS call is held against the template's statements of the function that makes it.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import pytest
import requests
import urllib3
from aws_lambda_powertools.utilities.typing import LambdaContext
from huma_fortnox.adapters.http import HttpPolicy
from huma_fortnox.bootstrap import Application
from huma_fortnox.settings import Settings
from huma_fortnox.web.app import build
from huma_fortnox.web.callback import build_callback
from moto import mock_aws
from requests.adapters import BaseAdapter
from werkzeug.test import Client as WsgiClient

from local.fortnox_simulator.application import FortnoxSimulator
from local.fortnox_simulator.options import Options
from local.huma_simulator.simulator import HumaSimulator
from tests.contract.strict_dynamodb import strictly
from tests.template.document import resources

PUBLIC = "https://pages.example.com"
FUNCTIONS = {each["CodeUri"].rsplit("/", 1)[1]: each for each in resources("AWS::Serverless::Function").values()}
PREFIX = "huma-fortnox/test/organizations"
_APP_SECRET = "huma-fortnox/test/fortnox-app"
_SERVICES = {"sesv2": "ses", "stepfunctions": "states"}
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_BATCHES = {"SendMessageBatch": "SendMessage", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility"}


class Right(NamedTuple):
    """An action on a resource, as the template writes it."""

    action: str
    resource: str


class NotGranted(AssertionError):
    """A function calls what its own role does not allow: on AWS it would have been denied."""


def _rendered(resource: Any) -> str:
    """Return a template's resource as text that names its logical id or its path."""
    return json.dumps(resource)


def granted(function: str) -> set[Right]:
    """Return all rights that the template gives a function."""
    found = set()
    for policy in FUNCTIONS[function]["Policies"]:
        for statement in policy["Statement"]:
            for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
                resource = statement["Resource"]
                for each in resource if isinstance(resource, list) else [resource]:
                    found.add(Right(action, _rendered(each)))
    return found


def needed(service: str, operation: str, arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the action, and a pattern of the resource, that a call needs."""
    name = "".join(part.capitalize() for part in operation.split("_"))
    if service == "dynamodb":
        table = '"StateTable"' if "IndexName" not in arguments else r"StateTable.*index/"
        names = [_TRANSACTED[kind] for each in arguments.get("TransactItems", ()) for kind in each] or [name]
        yield from ((f"dynamodb:{each}", table) for each in names)
    elif service == "secretsmanager":
        secret = str(arguments.get("SecretId") or arguments["Name"])
        yield f"secretsmanager:{name}", "organizations/" if secret.startswith(PREFIX) else '"FortnoxAppSecret"'
    elif service == "events":
        yield "events:PutEvents", '"EventBus"'
    elif service == "sqs":
        dead = "dead" in arguments["QueueUrl"]
        yield f"sqs:{_BATCHES.get(name, name)}", '"ChangesDeadLetters"' if dead else '"ChangesQueue"'
    elif service == "sesv2":
        yield "ses:SendEmail", r"identity/\$\{Sender\}"
        assert arguments["ConfigurationSetName"]
        yield "ses:SendEmail", r"configuration-set/\$\{MailReports\}"
    else:
        yield f"{_SERVICES.get(service, service)}:{name}", r'"SynchronizeUsers"|synchronize-users'


class _Client:
    """A client of one function: every call is checked, noted and passed on."""

    def __init__(self, cloud: Cloud, function: str, service: str, target: Any) -> None:
        self._cloud, self._function, self._service, self._target = cloud, function, service, target

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("__"):
            raise AttributeError(operation)

        def call(**arguments: Any) -> Any:
            self._cloud.calls.append(operation)
            for action, pattern in needed(self._service, operation, arguments):
                fitting = {
                    each
                    for each in granted(self._function)
                    if each.action == action and re.search(pattern, each.resource)
                }
                if not fitting:
                    raise NotGranted(f"{self._function}: {action} on {pattern}")
                self._cloud.used[self._function] |= fitting
            target = getattr(self._target, operation)
            return strictly(operation, target, arguments) if self._service == "dynamodb" else target(**arguments)

        return call


class _Others:
    """The bus, the queue, the workflow and the mail: they keep what they are given."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.executions: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []
        self.waits: list[dict[str, Any]] = []

    def put_events(self, **arguments: Any) -> Any:
        self.events += arguments["Entries"]
        return {"FailedEntryCount": 0}

    def send_message(self, **arguments: Any) -> Any:
        self.messages.append(arguments)
        return {"MessageId": str(len(self.messages))}

    def change_message_visibility(self, **arguments: Any) -> Any:
        self.waits.append(arguments)
        return {}

    def start_execution(self, **arguments: Any) -> Any:
        self.executions.append(arguments)
        return {"executionArn": arguments["name"]}

    def describe_execution(self, **_: Any) -> Any:
        return {"status": "RUNNING"}

    def send_task_success(self, **arguments: Any) -> Any:
        self.answers.append(arguments)
        return {}

    def send_email(self, **arguments: Any) -> Any:
        self.mails.append(arguments)
        return {"MessageId": str(len(self.mails))}


class _Wsgi(BaseAdapter):
    """Sends requests to the simulators without a socket."""

    def __init__(self, **hosts: Any) -> None:
        super().__init__()
        self._hosts = hosts

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        client = WsgiClient(self._hosts[(parts.hostname or "").split(".")[0]])
        answer = client.open(
            parts.path,
            method=request.method,
            query_string=parts.query,
            headers=dict(request.headers),
            data=request.body,
            base_url=f"{parts.scheme}://{parts.netloc}",
        )
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(dict(answer.headers))
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(answer.data), status=answer.status_code, preload_content=False, decode_content=False
        )
        response.url = request.url or ""
        response.request = request
        answer.close()
        return response

    def close(self) -> None:
        """Nothing is open."""


class Context(LambdaContext):
    """What Lambda hands to a handler."""

    def __init__(self, function: str) -> None:
        self._function_name = function
        self._function_version = "1"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = f"arn:aws:lambda:eu-north-1:000000000000:function:{function}"
        self._aws_request_id = "request-1"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 100_000


class Cloud:
    """All functions over one account, one Huma and one Fortnox."""

    def __init__(self, fortnox: FortnoxSimulator, huma: HumaSimulator) -> None:
        self.fortnox, self.huma = fortnox, huma
        self.others = _Others()
        self.used: defaultdict[str, set[Right]] = defaultdict(set)
        self.calls: list[str] = []
        self.table = boto3.client("dynamodb", region_name="eu-north-1")
        self.secrets = boto3.client("secretsmanager", region_name="eu-north-1")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("https://", _Wsgi(fortnox=fortnox, huma=huma))
        self._applications: dict[str, Application] = {}
        properties = resources("AWS::DynamoDB::Table")["StateTable"]
        wanted = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        self.table.create_table(TableName="state", **{name: properties[name] for name in wanted if name in properties})
        app = json.dumps({"client_id": "demo-client", "client_secret": "demo-secret"})
        self.secrets.create_secret(Name=_APP_SECRET, SecretString=app)

    def application(self, function: str) -> Application:
        """Return the application of one function, with its own rights and settings."""
        if function not in self._applications:
            application = Application(self._settings(function), clients=lambda service: self.client(function, service))
            application.http = HttpPolicy(deadline=application.deadline, session=self._session, sleep=time.sleep)
            self._applications[function] = application
        return self._applications[function]

    def _settings(self, function: str) -> Settings:
        environment = {
            "PUBLIC_URL": PUBLIC,
            "TABLE_NAME": "state",
            "SECRET_PREFIX": PREFIX,
            "FORTNOX_APP_SECRET": _APP_SECRET,
            "FORTNOX_API_URL": "https://fortnox.example.com",
            "FORTNOX_AUTH_URL": "https://fortnox.example.com/oauth-v1",
            "HUMA_API_URL": "https://huma.example.com",
            "HUMA_ISSUER": "https://huma.example.com",
            "HUMA_JWKS_URL": "https://huma.example.com/.well-known/jwks.json",
        }
        for name in FUNCTIONS[function].get("Environment", {}).get("Variables", {}):
            environment[name] = "no-reply@example.com" if name == "SENDER" else f"the-{name.lower().replace('_', '-')}"
        return Settings.from_env(environment)

    def client(self, function: str, service: str) -> Any:
        """Return a client of one function."""
        target = {"dynamodb": self.table, "secretsmanager": self.secrets}.get(service, self.others)
        return _Client(self, function, service, target)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function's real handler."""
        module = importlib.import_module(f"functions.{function}.handler")
        application: Any = self.application(function)
        if function == "settings_page":
            application = application, build(application.web, fortnox_login="https://fortnox.example.com")
        elif function == "oauth_callback":
            application = application, build_callback(application.web)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "_application", lambda: application)
            return module.handler(event, Context(function))

    def restart(self) -> None:
        """Let every function start anew, with nothing in memory."""
        self._applications.clear()

    def unused(self, function: str) -> set[str]:
        """Return the actions a function may call and has not called so far."""
        return {right.action for right in granted(function) - self.used[function]}


@contextmanager
def deployed(**options: Any) -> Iterator[Cloud]:
    """Deploy everything for as long as the context lasts; ``options`` are those of the simulated Fortnox."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "testing")
        fortnox = FortnoxSimulator(Options(redirect_uri=f"{PUBLIC}/oauth/fortnox/callback", **options))
        yield Cloud(fortnox, HumaSimulator(integration_url=PUBLIC, issuer="https://huma.example.com"))


def http_event(method: str, path: str, *, body: Any = None, query: Any = None, **headers: str) -> dict[str, Any]:
    """Return an HTTP API event of payload format 2.0."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "queryStringParameters": query or {},
        "headers": {"host": "pages.example.com", **headers},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "request-1",
        },
        "isBase64Encoded": False,
    }
    if "cookie" in headers:
        event["cookies"] = [headers["cookie"]]
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        event["headers"].setdefault("content-type", "application/json")
    return event
