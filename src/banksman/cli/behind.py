"""The command line in the background: what `banksman run --detach` leaves running."""

from __future__ import annotations

import signal

from banksman.cli.main import main


def _stay(*_: object) -> None:
    """Do nothing: the terminal is gone, and the run goes on."""


if __name__ == "__main__":
    # A handler and not SIG_IGN: what is ignored stays so in the programs that agents start.
    signal.signal(signal.SIGHUP, _stay)
    main(behind=True)
