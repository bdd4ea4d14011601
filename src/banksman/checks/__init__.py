"""Questions asked of the evidence by real tools."""

from banksman.checks.factory import checks_from
from banksman.checks.outfit import outfit_digest

__all__ = ["checks_from", "outfit_digest"]
