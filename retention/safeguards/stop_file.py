"""The file STOP in the state folder: it stops all sending also when no database answers."""

from pathlib import Path


def is_stopped(stop_file: Path) -> bool:
    """Return whether somebody has stopped all sending.

    Whatever has the name counts, also a link that leads nowhere; where nobody can look, it does.
    """
    try:
        stop_file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
