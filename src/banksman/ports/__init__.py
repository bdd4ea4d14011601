"""What the engine asks of the world: one protocol for each thing that can be exchanged.

Each has a conformance suite in `banksman.testing`; an adapter is right when it passes. Store
methods are synchronous (one short transaction for each round of the engine); what waits for a
process is a coroutine, and cancelling it is how it stops.
"""

from banksman.ports.agents import Agent, AgentFactory, AgentHost, Brief
from banksman.ports.checks import Check, Subject
from banksman.ports.disk import Disk, Room
from banksman.ports.processes import Confinement, Executor, ProcessEnd, ProcessSpec
from banksman.ports.store import Ownership, Store, Transaction
from banksman.ports.time import Chance, Clock
from banksman.ports.workspaces import (
    Capture,
    Checkout,
    Combined,
    Conflict,
    Workspace,
    Workspaces,
    Written,
)

__all__ = [
    "Agent",
    "AgentFactory",
    "AgentHost",
    "Brief",
    "Capture",
    "Chance",
    "Check",
    "Checkout",
    "Clock",
    "Combined",
    "Confinement",
    "Conflict",
    "Disk",
    "Executor",
    "Ownership",
    "ProcessEnd",
    "ProcessSpec",
    "Room",
    "Store",
    "Subject",
    "Transaction",
    "Workspace",
    "Workspaces",
    "Written",
]
