"""What day and time it is for the simulator: the machine's, unless a day was set for a test."""

from __future__ import annotations

from datetime import UTC, date, datetime, time


class Clock:
    """Gives the time of day of the machine and the date that was set, if one was."""

    def __init__(self, today: date | None = None) -> None:
        self.fixed = today

    def today(self) -> date:
        """The date that positions are measured against."""
        return self.fixed or datetime.now(UTC).date()

    def now(self) -> str:
        """This moment as Huma writes a date-time, on the set day where one was set."""
        moment = datetime.now(UTC)
        if self.fixed is not None:
            moment = datetime.combine(self.fixed, time(moment.hour, moment.minute), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
