"""`python -m banksman`, and where `banksman` starts."""

from __future__ import annotations

import sys

try:
    from banksman.cli.main import main
except ModuleNotFoundError as error:
    # These belong to the systems that it runs on.
    if error.name not in {"fcntl", "pwd", "resource", "termios"}:
        raise
    sys.exit("Banksman runs on Linux and macOS. On Windows, install and run it in WSL.")

if __name__ == "__main__":
    main()
