"""How file, environment and flags become settings."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from pydantic import ValidationError

from banksman.config.environment import base_environment
from banksman.config.settings import Flags, Settings, load_settings
from banksman.config.settings_model import IntegrationStyle
from banksman.core.budget import Limits
from banksman.exceptions import InputException, PlanException

HOME = {"HOME": "/nobody"}
TWO_AGENTS = '[agents.a]\ntype = "command"\n[agents.b]\ntype = "command"\n'


SILENT = Flags()


def load(root: Path, text: str = "", flags: Flags = SILENT, **environ: str) -> Settings:
    if text:
        (root / "banksman.toml").write_text(text)
    return load_settings(root, flags, HOME | environ)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.file is None
    assert settings.project.name == tmp_path.name
    assert settings.project.base is None
    assert settings.project.target == "banksman/target"
    assert settings.project.style is IntegrationStyle.REBASE
    assert 1 <= settings.run.parallel <= 256
    assert settings.run.attempt_timeout_s == 3600
    assert settings.run.silence_timeout_s == 900
    assert settings.run.jitter is False
    assert settings.workspaces.setup_timeout_s == 900
    assert settings.workspaces_root is None
    assert settings.plan == tmp_path / "plan.yaml"
    assert settings.state_dir is None
    assert settings.state_home == Path("/nobody/.local/state")
    assert settings.color is None
    assert not settings.agents


def test_what_the_file_says_counts(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[project]\nname = "P"\nbase = "dev"\nstyle = "merge"\n'
        '[run]\nparallel = 3\nplan = "plans/a.jsonl"\nattempt_timeout = "1h30m"\n'
        "silence_timeout = 0\njitter = true\n"
        '[workspaces]\nsetup = [["make", "deps"]]\nsetup_timeout = "90s"\ncopy = [".env"]\n'
        'link = ["node_modules"]\nports = ["PORT"]\n'
        '[agents.x]\ntype = "command"\ncommand = ["x"]\ncopy = 1\nmodel_config = 2\n',
    )
    assert settings.file == tmp_path / "banksman.toml"
    assert settings.project.name == "P"
    assert settings.project.style is IntegrationStyle.MERGE
    assert settings.plan == tmp_path / "plans" / "a.jsonl"
    assert settings.run.attempt_timeout_s == 5400
    assert settings.run.silence_timeout_s is None
    assert settings.workspaces.setup == (("make", "deps"),)
    assert settings.workspaces.setup_timeout_s == 90
    assert settings.workspaces.copied == (".env",)
    assert settings.workspaces.linked == ("node_modules",)
    assert settings.workspaces.ports == ("PORT",)
    table = {"type": "command", "command": ["x"], "copy": 1, "model_config": 2}
    assert settings.agents["x"].table == table
    assert settings.place("agents", "x", "command") == "banksman.toml:19:1"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path)
    with pytest.raises(ValidationError):
        settings.run.parallel = 2


def test_a_flag_counts_more_than_the_file(tmp_path: Path) -> None:
    flags = Flags(parallel=7, agent="b", plan=Path("other.yaml"), color=True)
    settings = load(tmp_path, f'[run]\nparallel = 2\nagent = "a"\n{TWO_AGENTS}', flags)
    assert settings.run.parallel == 7
    assert settings.run.agent == "b"
    assert settings.plan == Path("other.yaml")
    assert settings.color is True


def test_what_may_be_spent_is_read_and_flags_count_more(tmp_path: Path) -> None:
    text = (
        "[limits]\ntask = {cost = 2.5, minutes = 0.000001}\n"
        'run = {cost = 20, minutes = "1h", turns = 5}\n'
    )
    flags = Flags(limits={"cost": 7, "tokens": 9, "minutes": None})
    limits = load(tmp_path, text, flags).limits
    assert limits.task.limits == Limits(cost_microusd=2_500_000, time_ms=1)
    assert limits.run.limits == Limits(
        cost_microusd=7_000_000, tokens=9, time_ms=3_600_000, turns=5
    )
    assert limits.project.limits == Limits()
    assert load(tmp_path, "[run]\n", SILENT).limits.run.limits == Limits()


@pytest.mark.parametrize("text", ["limits = 3\n", "[limits]\nrun = 3\n"])
def test_a_flag_does_not_hide_limits_that_are_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(PlanException, match="must be a group of keys, not 3"):
        load(tmp_path, text, Flags(limits={"cost": 7}))


def test_a_wrong_flag_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(PlanException) as caught:
        load(tmp_path, "[run]\njitter = 3\n", Flags(parallel=0, agent="x"))
    assert caught.value.problems == (
        "--parallel: [run] parallel must be 1 to 256, not 0.",
        "banksman.toml:2:1: [run] jitter must be true or false, not 3.",
    )


def test_an_agent_that_a_flag_names_must_be_configured(tmp_path: Path) -> None:
    with pytest.raises(PlanException) as caught:
        load(tmp_path, '[agents.claude]\ntype = "command"\n', Flags(agent="claud"))
    assert caught.value.problems == (
        '--agent: [run] agent is "claud", and there is no such agent; did you mean "claude"?',
    )


def test_another_file_can_be_named_by_flag_or_variable(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "sub" / "two.toml"
    two.parent.mkdir()
    one.write_text("[run]\nparallel = 1\n")
    two.write_text("[run]\nparallel = 2\n")
    by_variable = load(tmp_path, BANKSMAN_CONFIG=str(two))
    assert by_variable.run.parallel == 2
    assert by_variable.plan == two.parent / "plan.yaml"
    assert load(tmp_path, "", Flags(config=one), BANKSMAN_CONFIG=str(two)).run.parallel == 1


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(PlanException) as caught:
        load(tmp_path, "", Flags(config=Path("no.toml")))
    assert caught.value.problems == (
        (
            "no.toml: there is no such file; write one with `banksman init`, "
            "or name another file."
        ),
    )


def test_the_folder_for_the_state_is_absolute(tmp_path: Path) -> None:
    assert load(tmp_path, BANKSMAN_STATE_DIR="/var/b").state_dir == Path("/var/b")
    with pytest.raises(PlanException) as caught:
        load(tmp_path, BANKSMAN_STATE_DIR="b")
    assert caught.value.problems == (
        'the variable BANKSMAN_STATE_DIR: must be an absolute path, not "b".',
    )


def test_a_relative_state_home_counts_as_none(tmp_path: Path) -> None:
    assert load(tmp_path, XDG_STATE_HOME="/s").state_home == Path("/s")
    assert load(tmp_path, XDG_STATE_HOME="s").state_home == Path("/nobody/.local/state")


def test_without_a_home_the_system_is_asked(tmp_path: Path) -> None:
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # Containers run programs as users that have no name.
        with pytest.raises(InputException, match="the system does not know this user"):
            load_settings(tmp_path, Flags(), {})
    else:
        assert load_settings(tmp_path, Flags(), {}).state_home == home / ".local" / "state"


@pytest.mark.parametrize(
    ("root", "folder"), [("~/w", "/nobody/w"), ("/w", "/w"), ("../w/../v", "{parent}/v")]
)
def test_the_root_of_workspaces_is_made_absolute(
    tmp_path: Path, root: str, folder: str
) -> None:
    settings = load(tmp_path, f'[workspaces]\nroot = "{root}"\n')
    assert settings.workspaces_root == Path(folder.format(parent=tmp_path.parent))


def test_no_color_turns_colours_off_unless_a_flag_turns_them_on(tmp_path: Path) -> None:
    assert load(tmp_path, NO_COLOR="1").color is False
    assert load(tmp_path, NO_COLOR="").color is None
    assert load(tmp_path, "", Flags(color=True), NO_COLOR="1").color is True


def test_the_only_agent_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, '[agents.a]\ntype = "command"\n').require_agent() == "a"


def test_no_agent_gets_a_sentence_when_one_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputException) as caught:
        load(tmp_path).require_agent()
    assert str(caught.value) == (
        "no agent is configured in banksman.toml. "
        "Add one below [agents.<name>], or let `banksman init` write the file."
    )


def test_certificates_of_a_network_that_has_its_own_are_found() -> None:
    places = dict.fromkeys(
        ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
         "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
        "/certificates",
    )  # fmt: skip
    assert base_environment({**places, "SSL_KEY_FILE": "/secret"}) == places


def test_of_several_agents_one_must_be_the_default(tmp_path: Path) -> None:
    with pytest.raises(
        InputException, match="2 agents are configured, and none is the default"
    ):
        load(tmp_path, TWO_AGENTS).require_agent()


def test_agents_inherit_an_allow_list_and_what_was_chosen(tmp_path: Path) -> None:
    environ = {"PATH": "/bin", "LC_TIME": "C", "TOKEN": "secret", "XDG_RUNTIME_DIR": "/run/u"}
    assert base_environment(environ) == {"PATH": "/bin", "LC_TIME": "C"}
    assert base_environment(environ, also=["TOKEN"])["TOKEN"] == "secret"
    settings = load_settings(tmp_path, Flags(), HOME | environ)
    assert settings.environment == {"PATH": "/bin", "LC_TIME": "C", "HOME": "/nobody"}
    assert "secret" not in repr(settings)
