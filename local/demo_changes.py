"""The demo's real time: changes in Huma reach Fortnox by themselves; echoes, duplicates, forgeries lead to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.demo_scene import HOME

if TYPE_CHECKING:
    from local.demo_scene import Json, Scene

ARRIVAL_SECONDS = 10.0
SETTLE_SECONDS = 20.0
ACCEPTED = 202


@dataclass(frozen=True)
class Edit:
    """Something done on a person's page in Huma, and what Fortnox has to hold afterwards.

    ``form`` is the form's address below the person's page, ``inputs`` what is filled in.
    """

    name: str
    what: str
    stored: Mapping[str, str]
    form: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


EDITS = (
    Edit("Farid", "a new phone number", {"Phone1": "070-174 06 40"}, inputs={"phone": "070-1740640"}),
    Edit(
        "Greta",
        "a new address",
        {"Address2": "Provgatan 77 B", "PostCode": "123 99"},
        inputs={"homeAddress.line1": "Provgatan 77 B", "homeAddress.postalCode": "12399"},
    ),
    Edit("Yasmin", "a last day of work", {"EmployedTo": "2031-05-30"}, inputs={"lastDayOfWork": "2031-05-30"}),
    # The change has waited for her all along; only now she follows the link in the mail.
    Edit("Alma", "confirms her new e-mail", {"Email": "alma.molnberg@example.com"}, form="/confirm-email"),
)


def follow_changes(scene: Scene) -> None:
    """Change people in Huma's profile editor and measure how long it takes until Fortnox has it."""
    screen = scene.screen
    screen.chapter("A change in Huma arrives in Fortnox by itself")
    scene.show_page(scene.browser.open(scene.address(HOME)))
    screen.expect_equal(scene.call("GET", "/connection")["state"], "active", "The connection is active.")
    # What the synchronization wrote to Huma has come back as events; with those over, an edit is measured alone.
    _settle(scene)
    rows = []
    for edit in EDITS:
        delay = _carry(scene, edit)
        stored = ", ".join(f"{name} = {value}" for name, value in edit.stored.items())
        rows.append((edit.name, edit.what, stored, f"{delay * 1000:.0f} ms"))
    screen.table(("Person", "In Huma", "In Fortnox", "From the edit to the request to Fortnox"), rows)
    screen.expect(True, "Each took one request to Fortnox, which changed these values and no other.")
    activity = scene.browser.open(scene.address(f"{HOME}/activity")).main.text()
    screen.expect(
        all(edit.name in activity for edit in EDITS) and not any(value in activity for value in _values_written()),
        "The activity log names people and fields, and no value.",
    )


def _values_written() -> set[str]:
    return {value for edit in EDITS for value in (*edit.stored.values(), *edit.inputs.values())}


def _carry(scene: Scene, edit: Edit) -> float:
    """Make one edit and return the seconds from it to the request that carries it to Fortnox."""
    screen, user_id = scene.screen, scene.user_id(edit.name)
    employee_id = scene.employee_of(user_id)
    before, asked = scene.employees(), scene.fortnox.asked_so_far()
    sent: int = scene.huma.control("GET", "webhooks")["next"]
    page = scene.browser.open(f"{scene.huma.url}/{scene.organization['slug']}/people/{user_id}")
    scene.browser.submit(page.form(page.path + edit.form), edit.inputs)
    changed_at: float = scene.huma.control("GET", f"webhooks?since={sent}")["deliveries"][0]["changedAt"]

    def arrived() -> Json | None:
        return next(iter(scene.fortnox.asked(asked, path="/3/")), None)

    request = screen.wait_for(f"{edit.name}: {edit.what} in Fortnox", arrived, seconds=ARRIVAL_SECONDS, pause=0.02)
    _settle(scene)
    requests = [(each["method"], each["path"]) for each in scene.fortnox.asked(asked, path="/3/")]
    wanted = [("PUT", f"/3/employees/{employee_id}")]
    if requests != wanted:
        screen.expect_equal(requests, wanted, f"{edit.name}: one request to Fortnox, which changes the employee.")
    before[employee_id].update(edit.stored)
    if scene.employees() != before:
        after = scene.employees()[employee_id]
        screen.expect_equal(after, before[employee_id], f"{edit.name}: {edit.what} in Fortnox, and nothing else.")
    return float(request["at"]) - changed_at


def ignore_noise(scene: Scene) -> None:
    """Send what must not lead to anything: an echo of our own write, one event three times, a forgery."""
    screen = scene.screen
    screen.chapter("Echoes, duplicates and forgeries")
    _send_again(scene, "Nils", 1, "An echo: Huma tells us of Nils, whom the synchronization itself has written there.")
    _send_again(scene, "Farid", 3, "Duplicates: Huma tells us of Farid's new phone number three more times.")
    asked = scene.huma.asked_so_far(), scene.fortnox.asked_so_far()
    delivery = _send(scene, "Farid", signature="wrong")[0]
    _settle(scene)
    screen.say("A forgery: the same message, signed with another secret.")
    screen.expect_equal(delivery["status"], 401, "It is refused (401).")
    requests = scene.huma.asked(asked[0]) + scene.fortnox.asked(asked[1])
    screen.expect_equal(len(requests), 0, "Nobody was asked anything because of it.")


def _send_again(scene: Scene, name: str, times: int, what: str) -> None:
    screen, user_id = scene.screen, scene.user_id(name)
    asked = scene.huma.asked_so_far(), scene.fortnox.asked_so_far()
    deliveries = _send(scene, name, repeat=times)

    def read() -> bool | None:
        return any(scene.huma.asked(asked[0], method="GET", path=f"/users/{user_id}")) or None

    screen.say(what)
    screen.wait_for(f"{name} is read from Huma again", read, seconds=SETTLE_SECONDS)
    _settle(scene)
    accepted = [each["status"] for each in deliveries]
    screen.expect_equal(accepted, [ACCEPTED] * times, "Accepted, and looked into in Huma.")
    requests = scene.fortnox.asked(asked[1])
    screen.expect_equal(len(requests), 0, "Requests to Fortnox because of it: 0.")


def _send(scene: Scene, name: str, **options: Any) -> list[Json]:
    """Let Huma send its message about a person once more; return what became of it."""
    message = {"organization": scene.organization["id"], "topic": "users-update", "userIds": [scene.user_id(name)]}
    deliveries: list[Json] = scene.huma.control("POST", "webhooks", {**message, **options})["deliveries"]
    return deliveries


def _settle(scene: Scene) -> None:
    """Wait until every message that Huma sent and we accepted is on its lane, and the lanes are empty."""
    stack = scene.world.stack
    queue, names = stack.client("sqs"), ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sent = scene.huma.control("GET", f"webhooks?settle={SETTLE_SECONDS:.0f}")["deliveries"]
    announced = sum(len(each["userIds"]) for each in sent if each["status"] == ACCEPTED)

    def over() -> bool | None:
        routed = sum('"message":"event ' in line for line in stack.logs("RouteChange"))
        found = queue.get_queue_attributes(QueueUrl=stack.outputs["ChangesQueueUrl"], AttributeNames=names)
        return (routed >= announced and all(found["Attributes"][name] == "0" for name in names)) or None

    scene.screen.wait_for("all events are carried or dropped", over, seconds=SETTLE_SECONDS, pause=0.05)
