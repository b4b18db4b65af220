"""Many organizations, each with a Fortnox company of its own: the demo company again and again, for tests apart."""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.stack import PROJECT

Json = dict[str, Any]
DEMO = PROJECT / "local" / "demo_company"
ENGLISH, NOT_PERMITTED, SWEDISH, NORWEGIAN = range(4)
"""The administrators of each organization, by the place they have in Huma's sign-in."""
SPEAKERS = (("Svea Exempelgren", "sv-SE"), ("Nora Exempelnes", "nb-NO"))


@dataclass(frozen=True)
class Company:
    """One organization in Huma, and its company in Fortnox, which ``account`` logs in to."""

    organization: Json
    account: str
    fortnox_name: str


def write_companies(count: int, folder: Path) -> tuple[list[Company], Path, Path]:
    """Write the people files of Huma and Fortnox with so many companies."""
    huma = json.loads((DEMO / "huma.json").read_text(encoding="utf-8"))["organizations"][0]
    fortnox = json.loads((DEMO / "fortnox.json").read_text(encoding="utf-8"))
    organizations = [_organization(huma, number) for number in range(count)]
    companies = [_company(fortnox, number) for number in range(count)]
    first, *others = companies
    huma_file, fortnox_file = folder / "huma.json", folder / "fortnox.json"
    huma_file.write_text(json.dumps({"organizations": organizations}), encoding="utf-8")
    fortnox_file.write_text(json.dumps({**first, "otherCompanies": others}), encoding="utf-8")
    accounts = ["admin", "other-company", *(f"other-company-{number}" for number in range(2, count))]
    found = [
        Company(organization, account, company["company"]["name"])
        for organization, account, company in zip(organizations, accounts, companies, strict=True)
    ]
    return found, huma_file, fortnox_file


def _organization(source: Json, number: int) -> Json:
    made = copy.deepcopy(source)
    space = uuid.UUID(source["id"])

    def own(identifier: str) -> str:
        return str(uuid.uuid5(space, f"{identifier} {number}"))

    made |= {"id": own(source["id"]), "slug": f"{source['slug']}-{number}"}
    made["administrators"] += [
        {
            **source["administrators"][0],
            "id": own(name),
            "name": name,
            "email": f"{name.split()[0].lower()}@example.com",
            "locale": locale,
        }
        for name, locale in SPEAKERS
    ]
    for key in made["apiKeys"]:
        key |= {"clientId": own(key["clientId"]), "clientSecret": own(key["clientSecret"])}
    for each in (*made["administrators"], *made["users"]):
        each["id"] = own(each["id"])
    return made


def _company(source: Json, number: int) -> Json:
    made = copy.deepcopy(source)
    made["company"]["databaseNumber"] += number
    if number:
        made["company"]["name"] = f"{source['company']['name']} {number + 1}"
    return made
