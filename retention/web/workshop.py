"""What the pages work with: the application, read anew when ops have changed a policy file."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from retention.bootstrap import Application, build_application
from retention.domain.errors import RetentionError
from retention.settings import Settings

_LOOK_AGAIN = timedelta(seconds=2)


@dataclass
class Workshop:
    """Hands out the application. Files that cannot be read leave the one before in force.

    `broken` says why they cannot, for every page to show.
    """

    settings: Settings
    application: Application = field(init=False)
    broken: str | None = None
    _seen: tuple[tuple[str, int], ...] = ()
    _looked: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.application = build_application(self.settings)
        self._seen = self._files()

    def current(self, now: datetime) -> Application:
        """Return the application as the files say it now; they are looked at every two seconds."""
        if self._looked is not None and timedelta(0) <= now - self._looked < _LOOK_AGAIN:
            return self.application
        with self._lock:
            self._looked = now
            seen = self._files()
            if seen != self._seen:
                self._seen = seen
                self._read_anew()
        return self.application

    def _read_anew(self) -> None:
        try:
            found = build_application(self.settings)
        except RetentionError as error:
            self.broken = str(error)
            return
        self.application.engine.dispose()
        self.application, self.broken = found, None

    def _files(self) -> tuple[tuple[str, int], ...]:
        folders: list[Path] = [self.settings.config_dir, self.settings.templates_dir / "email"]
        return tuple(
            (str(path), path.stat().st_mtime_ns)
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
