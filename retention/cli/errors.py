"""Failures of settings and of the database, told like our own: place, finding, remedy."""

from zoneinfo import ZoneInfoNotFoundError

from retention.domain.errors import ConfigError, RetentionError


def as_known(error: Exception) -> RetentionError | None:
    """Return the error as one of ours, or None when it is a bug that needs its traceback."""
    from pydantic import ValidationError
    from sqlalchemy.exc import OperationalError

    if isinstance(error, RetentionError):
        return error
    if isinstance(error, ValidationError) and error.title == "Settings":
        first = error.errors(include_url=False)[0]
        name = f"RETENTION_{'_'.join(map(str, first['loc'])).upper()}"
        return ConfigError(name, first["msg"], "Correct it in the environment or in .env.")
    if isinstance(error, ZoneInfoNotFoundError):
        return ConfigError("RETENTION_TIMEZONE", "there is no such zone", "Use an IANA name.")
    if isinstance(error, OperationalError):
        said = str(error.orig).splitlines()[0]
        return ConfigError("RETENTION_DATABASE_URL", said, "Check the database.")
    if isinstance(error, OSError) and error.filename:
        said = error.strerror or type(error).__name__
        return ConfigError(str(error.filename), said, "Check the path and its permissions.")
    return None
