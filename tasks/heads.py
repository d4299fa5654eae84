"""The audit's head, kept each night where the owner of the database cannot write."""

from retention.audit.verify import export_head
from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.db.session import writing
from tasks.steps import log, step


@step()
def keep_head() -> bool:
    """Append the newest head to the file of the settings; return whether there is one.

    Raises OSError when it cannot be written: then nothing says that it was.
    """
    shop = get_application()
    path = shop.settings.audit_heads
    if path is None:
        return False
    with writing(shop.engine) as session:
        line = export_head(session, utc_now())
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    log.info("the audit's head was kept")
    return True
