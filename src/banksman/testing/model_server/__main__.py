"""`python -m banksman.testing.model_server SCRIPT [PORT]`: answers until it is interrupted."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from banksman.testing.model_server.script import read_scripts
from banksman.testing.model_server.server import ModelServer


def main(arguments: list[str]) -> int:
    """Answer by the scripts in a JSON file, each under an address of its own, which is told."""
    try:
        path, port = arguments[0], int(arguments[1]) if arguments[1:] else 0
        scripts = read_scripts(Path(path).read_text(encoding="utf-8"))
    except (IndexError, OSError, ValueError) as error:
        sys.stderr.write(
            f"usage: python -m banksman.testing.model_server SCRIPT [PORT]: {error}\n"
        )
        return 2
    with suppress(KeyboardInterrupt), ModelServer(scripts, port=port) as server:
        for name in scripts:
            sys.stdout.write(f"{name}\t{server.url(name)}\n")
        sys.stdout.flush()
        server.closing.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
