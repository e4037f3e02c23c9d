"""Times as our public surface writes them: RFC 3339 in UTC with milliseconds."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def rfc3339_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
