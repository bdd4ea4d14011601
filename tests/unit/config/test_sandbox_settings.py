"""How file, variable and flag say whether and how agents and checks are confined."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.config.settings import Confining, Flags, load_settings
from banksman.exceptions import PlanException


def confining(
    root: Path, text: str = "", flags: Flags | None = None, **environ: str
) -> Confining:
    (root / "banksman.toml").write_text(text)
    return load_settings(root, flags or Flags(), {"HOME": "/nobody", **environ}).sandbox


def test_it_is_on_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    off = '[sandbox]\nmode = "off"\n'
    assert confining(tmp_path).confined
    assert not confining(tmp_path, off).confined
    assert confining(tmp_path, off, BANKSMAN_SANDBOX="on").confined
    assert not confining(tmp_path, BANKSMAN_SANDBOX="off").confined
    assert not confining(tmp_path, "", Flags(sandbox=False), BANKSMAN_SANDBOX="on").confined


def test_paths_are_absolute_from_home_or_from_the_file(tmp_path: Path) -> None:
    found = confining(tmp_path, '[sandbox]\nhidden = ["~/a", "b", "/c"]\nwritable = ["../d"]\n')
    assert found.hidden == (Path("/nobody/a"), tmp_path / "b", Path("/c"))
    assert found.writable == (tmp_path.parent / "d",)
    assert found.user_home == Path("/nobody")


@pytest.mark.parametrize(
    ("text", "variable", "message"),
    [
        ('[sandbox]\nmode = "of"\n', "", "[sandbox] mode must be on or off"),
        ("[sandbox]\nmode = false\n", "", "[sandbox] mode must be on or off"),
        ('[sandbox]\nhiden = ["a"]\n', "", 'did you mean "hidden"'),
        ("", "yes", 'the variable BANKSMAN_SANDBOX: must be "on" or "off", not "yes"'),
    ],
)
def test_what_makes_no_sense_is_named(
    tmp_path: Path, text: str, variable: str, message: str
) -> None:
    with pytest.raises(PlanException) as refused:
        confining(tmp_path, text, BANKSMAN_SANDBOX=variable)
    assert message in str(refused.value)
