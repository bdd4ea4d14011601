"""What of the environment goes on to agents and checks: an allow-list."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Final

_NAMES: Final = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        # Where programs keep settings and caches; XDG_RUNTIME_DIR has sockets, and stays out.
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        # Certificates of a network that has its own: without them nothing can be fetched.
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
    }
)
_PREFIX: Final = "LC_"


def environment() -> Mapping[str, str]:
    """Return all variables, for the command line to hand on."""
    return dict(os.environ)


def base_environment(
    environ: Mapping[str, str], *, also: Collection[str] = ()
) -> dict[str, str]:
    """Return the variables that agents and checks inherit; secrets are not among them.

    Args:
        environ: All there are.
        also: Names that a person chose to pass on as well.

    Examples:
        >>> base_environment({"PATH": "/bin", "LC_ALL": "C", "API_KEY": "secret"})
        {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {
        name: value
        for name, value in environ.items()
        if name in _NAMES or name.startswith(_PREFIX) or name in also
    }
