"""An agent that changes git's configuration: nothing of it runs, and a person is asked.

In the sandbox it could not.
"""

from __future__ import annotations

import json
import shlex

import pytest

from tests.cli.shell import Shell


def test_a_planted_filter_and_hook_are_named_and_not_run(shell: Shell) -> None:
    ran = shell.folder / ".git" / "ran"
    clean = shlex.quote(f"sh -c 'touch {ran}; cat'")
    plants = (
        f"git config filter.x.clean {clean}; "
        'echo "*.py filter=x" > .gitattributes; echo "done = 1" > new.py; '
        'h=$(git rev-parse --git-common-dir)/hooks; mkdir -p "$h"; echo exit > "$h/pre-push"'
    )
    (shell.folder / "banksman.toml").write_text(
        "[run]\nparallel = 1\nagent = 'plain'\n[sandbox]\nmode = 'off'\n"
        "[agents.evil]\ntype = 'command'\n"
        f"command = {json.dumps(['sh', '-c', plants])}\n"
        "[agents.plain]\ntype = 'command'\nshell = 'echo done = 1 > plain.py'\n"
    )
    tasks = [
        {"key": "one", "title": "Plant", "agent": "evil", "priority": 9},
        {"key": "two", "title": "Write"},
    ]
    (shell.folder / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    assert shell.banksman("run", "--no-wait").code == 3
    (event,) = shell.banksman("breakpoint", "list", "--json").json
    told = shell.banksman("breakpoint", "show", str(event["id"])).out
    assert "git's configuration or hooks were changed while agents ran" in told
    assert f"added: filter.x.clean in {shell.folder}/.git/config" in told
    assert f"added: {shell.folder}/.git/hooks/pre-push" in told
    # Nothing begins before it is answered, and a new engine trusts it no more than the first.
    assert shell.banksman("run", "--no-wait").code == 3
    states = {
        row[0]: row[1] for row in shell.banksman("status").rows if row[0] in {"one", "two"}
    }
    assert states == {"one": "blocked", "two": "ready"}
    shell.git("config", "--remove-section", "filter.x")
    assert shell.banksman("resolve", str(event["id"]), "edit").code == 0
    said = shell.banksman("run", "--no-wait")
    assert said.code == 0, said.out + said.err
    assert shell.git("show", "banksman/target:new.py") == "done = 1"
    assert not ran.exists()


@pytest.mark.parametrize("leave", ["exit 3", 'rm -rf "$PWD"; exit 3'])
def test_what_a_failed_agent_planted_is_asked_about_and_not_trusted(
    shell: Shell, leave: str
) -> None:
    ran = shell.folder / ".git" / "ran"
    plants = f"git config filter.x.clean 'touch {ran}'; {leave}"
    (shell.folder / "banksman.toml").write_text(
        "[run]\nparallel = 1\n[sandbox]\nmode = 'off'\n[agents.evil]\ntype = 'command'\n"
        f"command = {json.dumps(['sh', '-c', plants])}\n"
    )
    tasks = [{"key": "one", "title": "Plant", "retries": 0}]
    (shell.folder / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))
    for _ in range(2):
        assert shell.banksman("run", "--no-wait").code == 3
        (event,) = shell.banksman("breakpoint", "list", "--json").json
        told = shell.banksman("breakpoint", "show", str(event["id"])).out
        assert f"added: filter.x.clean in {shell.folder}/.git/config" in told
    assert not ran.exists()
