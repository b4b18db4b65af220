"""Wires a function together: one object that makes, on first use, what the function asks for and nothing else.

A test makes the same object with other settings and clients.
"""

from __future__ import annotations

import gc
import time
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from huma_fortnox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.adapters.activity import DynamoActivity
    from huma_fortnox.adapters.connections import DynamoConnections
    from huma_fortnox.adapters.consent import FortnoxApp
    from huma_fortnox.adapters.events import ChangesLane
    from huma_fortnox.adapters.held import DynamoHeld
    from huma_fortnox.adapters.http import Deadline, HttpPolicy
    from huma_fortnox.adapters.lane_state import DynamoBrakes, DynamoLanes, DynamoNotices, DynamoReconciliations
    from huma_fortnox.adapters.links import DynamoLinks
    from huma_fortnox.adapters.mail_problems import DynamoMailProblems
    from huma_fortnox.adapters.push_store import DynamoPushStore
    from huma_fortnox.adapters.secrets import OrganizationSecrets
    from huma_fortnox.adapters.sessions import DynamoSessions
    from huma_fortnox.adapters.synchronizations import DynamoSynchronizations
    from huma_fortnox.adapters.systems import RealSystems
    from huma_fortnox.adapters.table import Table
    from huma_fortnox.adapters.unique_values import DynamoUniqueValues
    from huma_fortnox.adapters.vault import SecretsVault
    from huma_fortnox.adapters.workflow import StepFunctionsWorkflow
    from huma_fortnox.domain.outcome import Reason
    from huma_fortnox.pages.mending import Doors
    from huma_fortnox.services.brake import BankBrake
    from huma_fortnox.services.changes import ChangeIntake, ChangeRouter
    from huma_fortnox.services.connect import Connect
    from huma_fortnox.services.consent_watch import ConsentWatch
    from huma_fortnox.services.keep_alive import KeepAlive
    from huma_fortnox.services.lane_batch import LaneBatch
    from huma_fortnox.services.mail_feedback import MailFeedback
    from huma_fortnox.services.newcomers import Newcomers
    from huma_fortnox.services.oversight import Oversight
    from huma_fortnox.services.planning import Planning
    from huma_fortnox.services.push import Push
    from huma_fortnox.services.quarantine import LaneHealth
    from huma_fortnox.services.reconcile import Reconcile
    from huma_fortnox.services.report import Report
    from huma_fortnox.services.sessions import Sessions
    from huma_fortnox.services.synchronizations import Synchronizations
    from huma_fortnox.services.synchronize import Synchronize
    from huma_fortnox.web.use_cases import UseCases

PEOPLE_AT_A_TIME = 8
"""How many people a synchronization works on side by side: enough for Fortnox's limit to be what it waits for.

Half as many again are worked on that Fortnox does not hear of."""

# Imports stand inside the properties: a function pays at cold start only for what it uses.

gc.set_threshold(50_000, 10, 100)
"""Importing makes some 100,000 objects that all stay: collecting every 700 of them is an eighth of a cold start."""


@cache
def _session() -> Any:
    from botocore.session import get_session

    return get_session()


def _client(service: str) -> Any:
    # What boto3.client() gives, without importing the rest of boto3: a fifth of a cold start.
    from botocore.config import Config

    return _session().create_client(
        service,
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "max_attempts": 4},
            max_pool_connections=2 * PEOPLE_AT_A_TIME,
        ),
    )


class Application:
    """Everything a function may need, made on first use and kept for the process.

    ``clients`` makes AWS clients by service name; ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clients: Callable[[str], Any] = _client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings.from_env()
        self._clients = clients
        self._clock = clock

    # -- the use cases

    @cached_property
    def web(self) -> UseCases:
        """What the pages and the API use."""
        from huma_fortnox.web.use_cases import UseCases

        return UseCases(
            sessions=self.sessions,
            connect=self.connect,
            synchronizations=self.synchronizations,
            activity=self.activity_store,
            oversight=self.oversight,
        )

    @cached_property
    def sessions(self) -> Sessions:
        """Who is asking."""
        from huma_fortnox.adapters.launch import HumaTokens
        from huma_fortnox.services.sessions import Sessions

        tokens = HumaTokens(self.settings.huma_jwks_url, self.settings.huma_issuer, self.http)
        return Sessions(self.session_store, tokens, self._clock)

    @cached_property
    def connect(self) -> Connect:
        """Connecting and disconnecting."""
        from huma_fortnox.adapters.consent import FortnoxLogin
        from huma_fortnox.pages import terms
        from huma_fortnox.services.connect import Connect

        return Connect(
            connections=self.connection_store,
            sessions=self.session_store,
            synchronizations=self.synchronization_store,
            links=self.link_store,
            activity=self.activity_store,
            vault=self.vault,
            consent=FortnoxLogin(
                self.fortnox_app,
                self.secrets,
                api_url=self.settings.fortnox_api_url,
                redirect_uri=f"{self.settings.public_url}/oauth/fortnox/callback",
                http=self.http,
            ),
            systems=lambda: self.systems,
            terms_version=terms.VERSION,
            clock=self._clock,
            on_reconnected=lambda administrator: self.oversight.reconnected(administrator),
            on_disconnected=lambda organization_id: self.oversight.forget(organization_id),
        )

    @cached_property
    def doors(self) -> Doors:
        """Where people are in the two systems."""
        from huma_fortnox.pages.mending import Doors

        return Doors(self.settings.huma_person_url, self.settings.fortnox_employee_url)

    @cached_property
    def synchronizations(self) -> Synchronizations:
        """Runs as the administrator sees them."""
        from huma_fortnox.adapters.lease import Leases
        from huma_fortnox.services.rereading import Rereading
        from huma_fortnox.services.synchronizations import Synchronizations

        return Synchronizations(
            store=self.synchronization_store,
            connections=self.connection_store,
            links=self.link_store,
            planning=self.planning,
            workflow=self.workflow,
            rereading=Rereading(
                store=self.synchronization_store,
                planning=self.planning,
                systems=lambda: self.systems,
                leases=lambda organization_id: Leases(self.table, organization_id, clock=self._clock),
                afterwards=lambda: self.systems.give_back(),
            ),
            activity=self.activity_store,
            clock=self._clock,
        )

    @cached_property
    def synchronize(self) -> Synchronize:
        """The steps of a run."""
        from huma_fortnox.adapters.lease import Leases
        from huma_fortnox.services.applying import Applying
        from huma_fortnox.services.synchronize import Synchronize

        return Synchronize(
            store=self.synchronization_store,
            connections=self.connection_store,
            activity=self.activity_store,
            planning=self.planning,
            applying=Applying(
                store=self.synchronization_store,
                links=self.link_store,
                connections=self.connection_store,
                vault=self.vault,
                systems=self.systems,
                leases=lambda organization_id: Leases(self.table, organization_id, clock=self._clock),
                lane=lambda: self.lane,
                time_left=self.deadline.remaining,
                workers=PEOPLE_AT_A_TIME,
            ),
            systems=self.systems,
            workflow=self.workflow,
            consent_watch=self.consent_watch,
            clock=self._clock,
            on_finished=lambda organization_id: self.oversight.synchronized(organization_id),
        )

    @cached_property
    def push(self) -> Push:
        """Real time, Huma to Fortnox."""
        from huma_fortnox.services.push import Push

        return Push(
            store=self.push_store,
            unique=self.unique_values,
            vault=self.vault,
            systems=self.systems,
            brake=self.brake,
            newcomers=lambda: self.newcomers,
            consent_watch=self.consent_watch,
            clock=self._clock,
        )

    @cached_property
    def newcomers(self) -> Newcomers:
        """New users, created in Fortnox."""
        from huma_fortnox.services.newcomers import Newcomers

        return Newcomers(store=self.push_store, systems=self.systems)

    @cached_property
    def lane_batch(self) -> LaneBatch:
        """The lanes' messages."""
        from huma_fortnox.services.lane_batch import LaneBatch

        return LaneBatch(push=self.push, reconcile=self.reconcile, lanes=self.lane, health=self.lane_health)

    @cached_property
    def reconcile(self) -> Reconcile:
        """Changes that no event announced."""
        from huma_fortnox.services.reconcile import Reconcile

        return Reconcile(
            store=self.reconciliation_store,
            connections=self.connection_store,
            organizations=self.connection_store,
            lanes=self.lane,
            activity=self.activity_store,
            systems=lambda: self.systems,
            push=lambda: self.push,
            clock=self._clock,
        )

    @cached_property
    def lane_health(self) -> LaneHealth:
        """How the lanes fare."""
        from huma_fortnox.services.quarantine import LaneHealth

        return LaneHealth(
            store=self.lane_store,
            lanes=self.lane,
            notices=self.notices,
            activity=self.activity_store,
            report=lambda: self.report,
            clock=self._clock,
        )

    @cached_property
    def brake(self) -> BankBrake:
        """The brake on bank account changes."""
        from huma_fortnox.services.brake import BankBrake

        return BankBrake(
            store=self.brake_store,
            unique=self.unique_values,
            notices=self.notices,
            activity=self.activity_store,
            report=lambda: self.report,
            clock=self._clock,
        )

    @cached_property
    def oversight(self) -> Oversight:
        """Real time as an administrator sees it."""
        from huma_fortnox.services.oversight import Oversight

        return Oversight(
            connections=self.connection_store,
            links=self.link_store,
            held=self.held_store,
            lane_store=self.lane_store,
            lanes=self.lane,
            health=self.lane_health,
            brake=self.brake,
            unique=self.unique_values,
            reconcile=self.reconcile,
            activity=self.activity_store,
            mail_feedback=self.mail_feedback,
            clock=self._clock,
        )

    @cached_property
    def keep_alive(self) -> KeepAlive:
        """Authorizations that would run out unused."""
        from huma_fortnox.services.keep_alive import KeepAlive

        return KeepAlive(
            organizations=self.connection_store,
            connections=self.connection_store,
            tokens=self.systems,
            time_left=self.deadline.remaining,
        )

    @cached_property
    def intake(self) -> ChangeIntake:
        """Huma's webhooks."""
        from huma_fortnox.adapters.events import HumaEventBus
        from huma_fortnox.services.changes import ChangeIntake

        return ChangeIntake(self.vault, HumaEventBus(self._clients("events"), self.settings.bus), self._clock)

    @cached_property
    def router(self) -> ChangeRouter:
        """From the bus into the lanes."""
        from huma_fortnox.services.changes import ChangeRouter

        return ChangeRouter(self.connection_store, self.lane)

    @cached_property
    def report(self) -> Report | None:
        """The e-mails; ``None`` in a function that may not send any."""
        if not self.settings.sender:
            return None
        from huma_fortnox.adapters.mail import SesMailer
        from huma_fortnox.pages.letters import PageLetters
        from huma_fortnox.services.report import Report

        return Report(
            store=self.synchronization_store,
            connections=self.connection_store,
            letters=PageLetters(self.settings.public_url),
            mailer=SesMailer(self._clients("sesv2"), self.settings.sender, self.settings.mail_configuration_set),
            mail_problems=self.mail_problem_store,
        )

    @cached_property
    def mail_feedback(self) -> MailFeedback:
        """What became of e-mails."""
        from huma_fortnox.services.mail_feedback import MailFeedback

        return MailFeedback(
            problems=self.mail_problem_store,
            connections=self.connection_store,
            activity=self.activity_store,
            clock=self._clock,
        )

    @cached_property
    def consent_watch(self) -> ConsentWatch:
        """What happens when Fortnox no longer lets us in."""
        from huma_fortnox.services.consent_watch import ConsentWatch

        return ConsentWatch(
            connections=self.connection_store,
            activity=self.activity_store,
            notices=self.notices,
            report=lambda: self.report,
            clock=self._clock,
        )

    @cached_property
    def planning(self) -> Planning:
        """Plans of runs."""
        from huma_fortnox.services.planning import Planning

        return Planning(
            store=self.synchronization_store,
            links=self.link_store,
            connections=self.connection_store,
            vault=self.vault,
        )

    # -- the adapters

    @cached_property
    def deadline(self) -> Deadline:
        """Until when this invocation may wait; a handler starts it."""
        from huma_fortnox.adapters.http import Deadline

        return Deadline()

    @cached_property
    def http(self) -> HttpPolicy:
        """The one connection policy."""
        from huma_fortnox.adapters.http import HttpPolicy

        return HttpPolicy(deadline=self.deadline)

    @cached_property
    def table(self) -> Table:
        """The state table."""
        from huma_fortnox.adapters.table import Table

        return Table(self._clients("dynamodb"), self.settings.table, clock=self._clock)

    @cached_property
    def secrets(self) -> OrganizationSecrets:
        """The organizations' secrets."""
        from huma_fortnox.adapters.secrets import OrganizationSecrets

        return OrganizationSecrets(
            self._clients("secretsmanager"), self.settings.secret_prefix, kms_key=self.settings.data_key
        )

    @cached_property
    def vault(self) -> SecretsVault:
        """The organizations' secrets as the use cases see them."""
        from huma_fortnox.adapters.vault import SecretsVault

        return SecretsVault(self.secrets, clock=self._clock)

    @cached_property
    def fortnox_app(self) -> FortnoxApp:
        """Our app at Fortnox."""
        from huma_fortnox.adapters.consent import FortnoxApp

        return FortnoxApp(
            self._clients("secretsmanager"),
            self.settings.fortnox_app_secret,
            self.settings.fortnox_auth_url,
            self.http,
        )

    @cached_property
    def systems(self) -> RealSystems:
        """Huma and Fortnox."""
        from huma_fortnox.adapters.huma import Unconfirmed
        from huma_fortnox.adapters.rate_ledger import Limit
        from huma_fortnox.adapters.systems import RealSystems

        def lost(organization_id: str, reason: Reason) -> None:
            self.consent_watch.lost(organization_id, reason)

        return RealSystems(
            huma_api_url=self.settings.huma_api_url,
            fortnox_api_url=self.settings.fortnox_api_url,
            vault=self.vault,
            secrets=self.secrets,
            table=self.table,
            app=self.fortnox_app,
            http=self.http,
            on_consent_lost=lost,
            fortnox_options={
                "clearing": self.settings.fortnox_clearing,
                "complete_required": self.settings.fortnox_complete_required,
            },
            huma_unconfirmed=Unconfirmed(self.settings.huma_clearing, *self.settings.huma_account_types),
            limit=Limit(window=self.settings.fortnox_window),
        )

    @cached_property
    def workflow(self) -> StepFunctionsWorkflow:
        """The state machine."""
        from huma_fortnox.adapters.workflow import StepFunctionsWorkflow

        return StepFunctionsWorkflow(self._clients("stepfunctions"), self.settings.state_machine)

    @cached_property
    def lane(self) -> ChangesLane:
        """The lanes of changes."""
        from huma_fortnox.adapters.events import ChangesLane

        return ChangesLane(self._clients("sqs"), self.settings.lane_url, self.settings.dead_letters_url)

    @cached_property
    def connection_store(self) -> DynamoConnections:
        """Connections."""
        from huma_fortnox.adapters.connections import DynamoConnections

        return DynamoConnections(self.table)

    @cached_property
    def session_store(self) -> DynamoSessions:
        """Sessions."""
        from huma_fortnox.adapters.sessions import DynamoSessions

        return DynamoSessions(self.table)

    @cached_property
    def synchronization_store(self) -> DynamoSynchronizations:
        """Runs."""
        from huma_fortnox.adapters.synchronizations import DynamoSynchronizations

        return DynamoSynchronizations(self.table)

    @cached_property
    def link_store(self) -> DynamoLinks:
        """Links."""
        from huma_fortnox.adapters.links import DynamoLinks

        return DynamoLinks(self.table)

    @cached_property
    def activity_store(self) -> DynamoActivity:
        """The log."""
        from huma_fortnox.adapters.activity import DynamoActivity

        return DynamoActivity(self.table)

    @cached_property
    def push_store(self) -> DynamoPushStore:
        """What a push reads and keeps."""
        from huma_fortnox.adapters.push_store import DynamoPushStore

        return DynamoPushStore(self.table)

    @cached_property
    def held_store(self) -> DynamoHeld:
        """Held fields."""
        from huma_fortnox.adapters.held import DynamoHeld

        return DynamoHeld(self.table)

    @cached_property
    def lane_store(self) -> DynamoLanes:
        """How lanes fare."""
        from huma_fortnox.adapters.lane_state import DynamoLanes

        return DynamoLanes(self.table)

    @cached_property
    def brake_store(self) -> DynamoBrakes:
        """Sensitive changes of the last hour."""
        from huma_fortnox.adapters.lane_state import DynamoBrakes

        return DynamoBrakes(self.table)

    @cached_property
    def reconciliation_store(self) -> DynamoReconciliations:
        """Rounds of reconciliation."""
        from huma_fortnox.adapters.lane_state import DynamoReconciliations

        return DynamoReconciliations(self.table)

    @cached_property
    def mail_problem_store(self) -> DynamoMailProblems:
        """Addresses that do not take e-mail."""
        from huma_fortnox.adapters.mail_problems import DynamoMailProblems

        return DynamoMailProblems(self.table)

    @cached_property
    def notices(self) -> DynamoNotices:
        """What was told."""
        from huma_fortnox.adapters.lane_state import DynamoNotices

        return DynamoNotices(self.table)

    @cached_property
    def unique_values(self) -> DynamoUniqueValues:
        """Who has which unique value."""
        from huma_fortnox.adapters.unique_values import DynamoUniqueValues

        return DynamoUniqueValues(self.table, self.link_store)
