"""`python -m banksman` is the command `banksman`."""

from __future__ import annotations

from banksman.cli.main import main

if __name__ == "__main__":
    main()
