"""The whole journey on one machine, as a script: `python -m local.demo`.

Prints what a person would see, checks every expectation, and ends with status 0 only if all of them held.
"""

from __future__ import annotations

import io
import signal
import socket
import sys
import time
import traceback
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from local.build import BuildError
from local.demo_again import synchronize_again
from local.demo_apply import apply, read_mail
from local.demo_changes import follow_changes, ignore_noise
from local.demo_connect import connect_fortnox, enter_huma_key, open_from_huma
from local.demo_decide import choose_new_people, decide, read_summary
from local.demo_page import NotOnPage
from local.demo_plan import show_plan
from local.demo_run import READING_SECONDS, start
from local.demo_scene import Scene
from local.demo_screen import NotHeld, Screen
from local.stack import LOCAL, StackError
from local.world import World, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable

COMPANY = Path(__file__).parent / "demo_company"
STEPS: tuple[Callable[[Scene], None], ...]


def synchronize(scene: Scene) -> None:
    """Run the first synchronization."""
    scene.screen.chapter("Synchronize users, step 1: what differs")
    run = start(scene)
    run.wait_until({"awaiting_decisions"}, seconds=READING_SECONDS)
    show_plan(scene, run)
    decide(scene, run)
    summary = choose_new_people(scene, run)
    read_summary(scene, run, summary)
    apply(scene, run, summary)
    read_mail(scene, run)


STEPS = (
    open_from_huma,
    enter_huma_key,
    connect_fortnox,
    synchronize,
    follow_changes,
    ignore_noise,
    synchronize_again,
)


def main() -> int:
    """Run the demo; return the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "•" still shows the rest
    screen = Screen()
    try:
        _run(screen)
    except (NotHeld, NotOnPage) as error:
        return _fail(f"\nThis did not hold.\n  {error}")
    except (StackError, BuildError, WorldError) as error:
        return _fail(f"\nThe system did not start: {error}")
    except KeyboardInterrupt:
        return _fail("\nStopped.", 130)
    except Exception as error:
        traceback.print_exc()
        return _fail(f"\nThe demo itself went wrong, or an answer was not what it can read: {type(error).__name__}")
    print("\nEverything held.")
    return 0


def _run(screen: Screen) -> None:
    began = time.monotonic()
    screen.say("Starting the real template on a local emulator, a simulated Huma and a simulated Fortnox …")
    with World.start(huma_people=COMPANY / "huma.json", fortnox_people=COMPANY / "fortnox.json") as world:
        addresses = (world.public_url, world.huma_url, world.fortnox_url, world.stack.endpoint_url)
        scene = Scene.set(world, screen)
        people = f"{len(scene.users())} people in Huma, {len(scene.employees())} in Fortnox"
        screen.say(f"Up after {time.monotonic() - began:.0f} s. {scene.organization['name']}: {people}.")
        for step in STEPS:
            step(scene)
    screen.chapter("The end")
    screen.expect(not any(map(_answers, addresses)), "Nothing is left running.")
    screen.say(f"{screen.held} expectations held in {time.monotonic() - began:.0f} s.")


def _answers(address: str) -> bool:
    """Tell whether anything listens at an address."""
    parts = urllib.parse.urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


def _fail(reason: str, status: int = 1) -> int:
    print(reason, file=sys.stderr, flush=True)
    if status == 1:
        print(f"What the system wrote is under {LOCAL.name}/ (runs/*/logs).", file=sys.stderr)
    return status


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
