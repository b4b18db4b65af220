"""The e-mails: the result of a run, a run that failed, and what somebody has to act on.

Text and HTML are made from one view, so they say the same. They name people, fields and reasons, never a value. The
HTML needs no picture, no outside style sheet and no script, and follows the reader's dark mode where it can.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from huma_fortnox.domain.frozen import dataclass
from huma_fortnox.domain.outcome import Outcome
from huma_fortnox.pages.render import render
from huma_fortnox.pages.texts import Explained, texts
from huma_fortnox.pages.values import sensitive_keys

if TYPE_CHECKING:
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.pages.texts import Texts
    from huma_fortnox.services.model import Connection, PersonOutcome, Synchronization

LISTED_AT_MOST = 50
"""Held and failed items, and changed bank accounts, that a message lists; the page has them all."""

_NEEDS_SOMEBODY = (Outcome.HELD, Outcome.FAILED)
_COUNTED = (Outcome.DONE, Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.HELD, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message ready to be sent."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Item:
    """One held or failed change."""

    name: str
    field: str
    outcome: str
    label: str
    target: str
    explained: Explained | None


@dataclass(slots=True)
class _Findings:
    """What a message lists, gathered in one pass over the outcomes."""

    items: list[Item] = field(default_factory=list)
    items_in_all: int = 0
    bank: dict[str, list[str]] = field(default_factory=dict)
    bank_in_all: dict[str, int] = field(default_factory=dict)


def result_mail(
    synchronization: Synchronization,
    connection: Connection,
    outcomes: Iterable[PersonOutcome],
    *,
    page_url: str,
    locale: str,
) -> Mail:
    """Return the message about a run that finished or was cancelled; ``outcomes`` are read once."""
    t = texts(locale)
    state = synchronization.state.value
    counts = {outcome.value: synchronization.outcomes.get(outcome.value, 0) for outcome in _COUNTED}
    return _mail(
        t,
        subject=t(f"mail.subject-{state}", **counts),
        heading=t(f"result.title-{state}"),
        lead=_lead(synchronization, connection, t),
        reason=t.reason(synchronization.reason) if synchronization.reason else None,
        counts=_counts(synchronization, t),
        findings=_gather(outcomes, t),
        button=t("mail.button-result"),
        page_url=page_url,
        clean=t("mail.nothing-held") if synchronization.outcomes else "",
    )


def failed_mail(
    synchronization: Synchronization,
    connection: Connection,
    outcomes: Iterable[PersonOutcome] = (),
    *,
    page_url: str,
    locale: str,
) -> Mail:
    """Return the message that a run failed: why, what had been written by then, and what to do."""
    t = texts(locale)
    return _mail(
        t,
        subject=t("mail.subject-failed"),
        heading=t("result.title-failed"),
        lead=_lead(synchronization, connection, t),
        reason=t.reason(synchronization.reason) if synchronization.reason else None,
        counts=_counts(synchronization, t),
        findings=_gather(outcomes, t),
        button=t("mail.button-result"),
        page_url=page_url,
    )


def consent_needed_mail(connection: Connection, *, page_url: str, locale: str) -> Mail:
    """Return the message that an administrator must connect again."""
    t = texts(locale)
    return _mail(
        t,
        subject=t("mail.subject-consent"),
        heading=t("active.title-broken"),
        lead=t("mail.consent-lead", company=connection.company_name or t("side.fortnox")),
        reason=t.reason(connection.reason) if connection.reason else None,
        counts=[],
        findings=_Findings(),
        button=t("active.connect-again"),
        page_url=page_url,
    )


def quarantined_mail(connection: Connection, reason: Reason | None, *, page_url: str, locale: str) -> Mail:
    """Return the message that the organization's changes keep failing, with the latest reason."""
    t = texts(locale)
    return _mail(
        t,
        subject=t("mail.subject-quarantined"),
        heading=t("mail.quarantined"),
        lead=t("mail.quarantined-lead", company=connection.company_name or t("side.fortnox")),
        reason=t.reason(reason) if reason else None,
        counts=[],
        findings=_Findings(),
        button=t("mail.button-overview"),
        page_url=page_url,
    )


def bank_changes_stopped_mail(
    connection: Connection, *, changes: int, threshold: int, page_url: str, locale: str
) -> Mail:
    """Return the message that so many people's bank accounts changed within an hour that they wait for a word."""
    t = texts(locale)
    company = connection.company_name or t("side.fortnox")
    return _mail(
        t,
        subject=t("mail.subject-brake"),
        heading=t("mail.brake"),
        lead=t("mail.brake-lead", count=changes, threshold=threshold, company=company),
        reason=Explained(t("mail.brake-ask"), t("mail.brake-advice")),
        counts=[],
        findings=_Findings(),
        button=t("mail.button-overview"),
        page_url=page_url,
    )


def _lead(synchronization: Synchronization, connection: Connection, t: Texts) -> str:
    return t(
        "result.lead",
        name=synchronization.started_by.name,
        company=connection.company_name or t("side.fortnox"),
        when=t.moment(synchronization.finished_at or synchronization.started_at),
    )


def _counts(synchronization: Synchronization, t: Texts) -> list[tuple[str, str, str]]:
    if not synchronization.outcomes:
        return []
    return [
        (outcome.value, t(f"outcome.{outcome.value}"), t.number(synchronization.outcomes.get(outcome.value, 0)))
        for outcome in _COUNTED
    ]


def _gather(outcomes: Iterable[PersonOutcome], t: Texts) -> _Findings:
    money = sensitive_keys()
    found = _Findings()
    for person in outcomes:
        for each in person.outcomes:
            if each.outcome in _NEEDS_SOMEBODY:
                found.items_in_all += 1
                if len(found.items) < LISTED_AT_MOST:
                    found.items.append(
                        Item(
                            name=_one_line(person.name or person.key),
                            field=t.field(each.field),
                            outcome=each.outcome.value,
                            label=t(f"outcome.{each.outcome.value}"),
                            target=t(f"side.{each.target}") if each.target else "",
                            explained=t.reason(each.reason) if each.reason else None,
                        )
                    )
            elif each.outcome is Outcome.DONE and each.field in money and each.target:
                found.bank_in_all[each.target] = found.bank_in_all.get(each.target, 0) + 1
                names = found.bank.setdefault(each.target, [])
                if len(names) < LISTED_AT_MOST:
                    names.append(_one_line(person.name or person.key))
    return found


def _mail(
    t: Texts,
    *,
    subject: str,
    heading: str,
    lead: str,
    reason: Explained | None,
    counts: list[tuple[str, str, str]],
    findings: _Findings,
    button: str,
    page_url: str,
    clean: str = "",
) -> Mail:
    context = {
        "t": t,
        "subject": _one_line(subject),
        "heading": _one_line(heading),
        "lead": _one_line(lead),
        "reason": reason,
        "counts": counts,
        "items": findings.items,
        "clean": clean,
        "more": findings.items_in_all - len(findings.items),
        "bank": [
            (t(f"mail.bank-{side}", count=findings.bank_in_all[side]), names, findings.bank_in_all[side] - len(names))
            for side, names in sorted(findings.bank.items())
        ],
        "button": button,
        "page_url": page_url,
    }
    return Mail(_one_line(subject), render("mail.txt", **context), render("mail.html", **context))


def _one_line(text: str) -> str:
    """Return a text without control characters: a name must not become a header or a paragraph of its own."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text).split())
