"""What tests of the engine on virtual time share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.orchestration.stage import Staging


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return what sets stages up; they are cleared after the test."""
    with closing(Staging(tmp_path)) as staging:
        yield staging
