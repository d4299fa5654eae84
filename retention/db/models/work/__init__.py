"""Cases, their actions and the messages: they refer to each other, so all three are known."""

from retention.db.models.work import actions, cases, messages

__all__ = ["actions", "cases", "messages"]
