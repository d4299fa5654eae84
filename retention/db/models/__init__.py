"""The state that must survive: runs, cases, actions, approvals, messages, and the audit.

Primary keys of business records are derived from what they stand for (see domain.keys), so a
repeated night writes the same rows. Dates (`*_on`) are business dates; moments (`*_at`) are aware.
"""
