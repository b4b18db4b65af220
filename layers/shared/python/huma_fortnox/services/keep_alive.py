"""Authorizations that nobody uses are renewed before they run out."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from huma_fortnox.domain.errors import IntegrationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from huma_fortnox.services.ports import ConnectionStore
    from huma_fortnox.services.real_time_ports import ConnectedOrganizations, TokensAlive

logger = logging.getLogger(__name__)


class KeepAlive:
    """Renews what would otherwise expire; ``time_left`` are the seconds this process may still work."""

    def __init__(
        self,
        *,
        organizations: ConnectedOrganizations,
        connections: ConnectionStore,
        tokens: TokensAlive,
        time_left: Callable[[], float],
        shuffle: Callable[[list[str]], None] = random.shuffle,
    ) -> None:
        self._organizations = organizations
        self._connections = connections
        self._tokens = tokens
        self._time_left = time_left
        self._shuffle = shuffle

    def all(self) -> int:
        """Keep every organization's authorization alive; return how many were renewed.

        The order is drawn: should the time not suffice for all, nobody is always the last. There are two weeks of
        days left when a renewal falls due.
        """
        waiting = list(self._organizations.connected())
        self._shuffle(waiting)
        renewed = 0
        for number, organization_id in enumerate(waiting):
            if self._time_left() < 30:
                logger.warning("keep alive: out of time, organizations left=%d", len(waiting) - number)
                break
            try:
                if self._connections.load(organization_id).usable:
                    renewed += self._tokens.keep_alive(organization_id)
            except IntegrationError as error:
                # A lost consent has been noted and told; anything else is tried again tomorrow.
                logger.warning("keep alive: organization=%s reason=%s", organization_id, error.reason.code)
        return renewed
