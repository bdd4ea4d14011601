"""Whether the sandbox holds on this machine: tried, not guessed.

A kernel, a container or a rule of the system may refuse what it is made of; and a program that
runs in it all the same proves nothing yet, so the probe looks whether it is where it should be.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from banksman.executors.sandbox import base

_LIMIT_S: Final = 30.0
_FIRST_PIDS: Final = 20
_HEADER_LINES: Final = 2
_MEND: Final = (
    "let users make namespaces (`sysctl kernel.apparmor_restrict_unprivileged_userns=0` or "
    "`sysctl kernel.unprivileged_userns_clone=1` as root; in a container, run it with "
    "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`)"
)
_LOOK: Final = """
echo $$
if (: > "$1/written") 2> /dev/null; then echo written; fi
while read -r line; do echo "$line"; done < /proc/net/dev
"""


def probe(program: Path) -> str:
    """Return why this bubblewrap does not hold here, and how to mend it; empty if it does."""
    with tempfile.TemporaryDirectory(prefix="banksman-probe-") as folder:
        bound = ("--tmpfs", "/tmp", "--ro-bind", folder, folder)  # noqa: S108 - of the sandbox
        look = ("--", "/bin/sh", "-c", _LOOK, "sh", folder)
        try:
            tried = subprocess.run(
                (*base(program, network=False), *bound, *look),
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_LIMIT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{program} cannot be run ({error})"
        if tried.returncode:
            said = tried.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            return f"{program} does not work ({said[-1]}); {_MEND}"
        return judged(tried.stdout.decode(errors="replace"))


def judged(seen: str) -> str:
    """Return what is wrong with what a program saw in the sandbox; empty if nothing is."""
    pid, *lines = seen.splitlines() or ["0"]
    if not pid.isdecimal() or not 0 < int(pid) <= _FIRST_PIDS:
        return "it gives programs no PID namespace of their own"
    if "written" in lines:
        return "it lets programs write what they must only read"
    links = {line.partition(":")[0].strip() for line in lines[_HEADER_LINES:]}
    if links - {"lo"}:
        return f"it does not keep programs from the network ({', '.join(sorted(links))})"
    return ""
