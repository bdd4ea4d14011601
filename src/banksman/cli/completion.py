"""`banksman completion`: scripts that let a shell complete commands, options and tasks."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from banksman.cli.here import COMPLETION_VARIABLE, PROGRAM, examples


@click.command(
    epilog=examples(
        "banksman completion bash >> ~/.bashrc",
        "banksman completion zsh >> ~/.zshrc",
        "banksman completion fish > ~/.config/fish/completions/banksman.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes the commands of Banksman."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three shells"
    root = ctx.find_root().command
    # The method of the base: the one for bash starts a bash to ask it for its version.
    script = ShellComplete.source(kind(root, {}, PROGRAM, COMPLETION_VARIABLE))
    click.echo(script)
