"""``completion``: what a shell needs to complete commands and options with TAB."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL (bash 4.4 or newer, zsh or fish).

    \b
    Example:
      etsledger completion bash > ~/.local/share/bash-completion/completions/etsledger
      etsledger completion zsh > "${fpath[1]}/_etsledger"
      etsledger completion fish > ~/.config/fish/completions/etsledger.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    command = context.find_root().command
    click.echo(kind(command, {}, "etsledger", "_ETSLEDGER_COMPLETE").source())
