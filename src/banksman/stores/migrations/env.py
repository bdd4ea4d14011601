"""Alembic's way in: migrates on the connection it is given."""  # noqa: INP001 - read as a file

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
