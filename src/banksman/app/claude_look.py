"""Whether Claude Code can be used here: which it is, whether it is new enough and logged in."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from banksman.agents.claude_code import OLDEST, too_old, version_in, version_spec
from banksman.app.clock import SystemClock
from banksman.config.environment import base_environment
from banksman.executors.local import LocalExecutor

_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
_LOGIN: Final = ".claude/.credentials.json"


async def claude_found(program: str, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether something is in the way of using this program, and what was found."""
    version = await _version(program, environ)
    if version is None:
        return True, f"{program} tells no version: install it again"
    if version < OLDEST:
        return True, too_old(version)
    told = f"{program}, version {'.'.join(map(str, version))}"
    if not _is_logged_in(environ):
        return True, f"{told}, is not logged in: run `claude` once, or set {_KEYS[0]}"
    return False, told


async def _version(program: str, environ: Mapping[str, str]) -> tuple[int, int, int] | None:
    with tempfile.TemporaryDirectory(prefix="banksman-") as folder:
        executor = LocalExecutor(Path(folder) / "spools", SystemClock())
        spec = version_spec(program, cwd=Path(folder), env=base_environment(environ))
        end = await executor.run("version", spec)
        executor.close()
    return version_in(end.output)


def _is_logged_in(environ: Mapping[str, str]) -> bool:
    """Return whether there is a key or a login; where logins are not files, believe in one."""
    login = Path(environ.get("HOME", "/")) / _LOGIN
    keys = any(environ.get(name) for name in _KEYS)
    return keys or login.is_file() or sys.platform == "darwin"
