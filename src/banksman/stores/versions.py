"""What marks a file as a store of ours, and of which version; light enough for every reader."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x424E4B53
"""`BNKS` in SQLite's `application_id`: other people's databases are left alone."""

SCHEMA_VERSION: Final = 5
"""Number of the newest migration, kept in SQLite's `user_version`.

A store that is up to date is known by it alone, without loading the tool that migrates.
"""
