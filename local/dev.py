"""The whole system on this machine, staying up until Ctrl-C: prints where everything is."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from local.build import BuildError
from local.stack import StackError
from local.world import World, WorldError

COMPANY = Path(__file__).parent / "demo_company"
PORT, HUMA_PORT, FORTNOX_PORT = 8700, 8701, 8702


def main() -> int:
    """Start everything, print the addresses, and wait."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with World.start(
            huma_people=COMPANY / "huma.json",
            fortnox_people=COMPANY / "fortnox.json",
            port=PORT,
            huma_port=HUMA_PORT,
            fortnox_port=FORTNOX_PORT,
        ) as world:
            _print_addresses(world)
            signal.pause()
    except KeyboardInterrupt:
        print("\nStopped.")
    except (StackError, BuildError, WorldError) as error:
        print(f"The system did not start: {error}", file=sys.stderr)
        return 1
    return 0


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _print_addresses(world: World) -> None:
    print("Everything is up.\n")
    if world.huma is not None:
        print("  Start here: Huma > System settings > Integrations > Fortnox, and the profile editor")
        for organization in world.huma.people()["organizations"]:
            place = f"{world.huma_url}/{organization['slug']}"
            print(f"    {organization['name']}: {place}/settings/integrations/fortnox  {place}/people")
            for key in organization.get("apiKeys", []):
                print(f"      Huma API key to enter in the set-up: {key['clientId']}  {key['clientSecret']}")
            webhook = organization.get("webhook") or {}
            print(f"      webhook secret: {webhook.get('secret')}")
    print(f"\n  Our pages          {world.public_url}/integrations/fortnox (opened from Huma's menu)")
    print(f"  Our API            {world.public_url}/api/openapi.json")
    if world.fortnox is not None:
        print(f"  Fortnox            {world.fortnox_url}/ (log in as admin, password demo)")
    print(f"  Mailbox            {world.stack.endpoint_url}/_ministack/ses/messages")
    print("\nCtrl-C stops everything.")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
