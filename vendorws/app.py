"""The app, and the one error funnel.

Commands are registered here and import what they need when they run, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vendorws import __version__
from vendorws.commands import audit, init, keyless, list_requirements, override, status, sync, undo, verify
from vendorws.errors import EnvironmentProblem, VendorwsError
from vendorws.exit_code import ExitCode


class _Command(TyperCommand):
    """A command that takes the values which nobody typed as they stand.

    To check a value typer asks pydantic, and importing that takes as long as all the rest of a short command.
    """

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401
        return _checking_only_what_is_typed(super().get_params(ctx))


_COMPLETION = {
    "install_completion": "Teach this shell, or the one named behind it (bash, zsh, fish), the commands and packages.",
    "show_completion": "Print what that would install.",
}


class _Group(TyperGroup):
    """The same for the options before the command.

    The two that are about completion may be followed by a shell; typer itself takes no notice of it.
    """

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401
        parameters: list[Any] = super().get_params(ctx)
        for parameter in parameters:
            if parameter.name in _COMPLETION:
                parameter.help = _COMPLETION[parameter.name]
        return _checking_only_what_is_typed(parameters)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        if len(args) == 2 and args[0].removeprefix("--").replace("-", "_") in _COMPLETION:
            _set_up_completion(ctx, *args)
        return super().parse_args(ctx, args)


def _set_up_completion(context: Any, option: str, shell: str) -> None:  # noqa: ANN401
    """Do what the option says for this shell. Ends the process."""
    from typer.completion import install_callback, show_callback

    shells = ("bash", "zsh", "fish", "powershell", "pwsh")
    if shell not in shells:
        raise typer.BadParameter(f"{shell!r} is not one of {', '.join(shells)}.", ctx=context, param_hint=option)
    option_itself: Any = None  # neither of the two looks at it
    (install_callback if option == "--install-completion" else show_callback)(context, option_itself, shell)


def _checking_only_what_is_typed(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        parameter.process_value = partial(_value, parameter, type(parameter).process_value)
    return parameters


def _value(parameter: Any, check: Callable[[Any, Any, Any], Any], context: Any, value: Any) -> Any:  # noqa: ANN401
    source = context.get_parameter_source(parameter.name)
    by_default = source is not None and source.name == "DEFAULT"
    if by_default and not parameter.required:
        return value
    try:
        return check(parameter, context, value)
    except typer.BadParameter as mistake:
        mistake.message = mistake.message.removeprefix("Value error, ")  # how pydantic begins what typer told it
        raise


app = typer.Typer(
    name="vendorws",
    cls=_Group,
    help="Work on the private git packages of requirements.txt, where pip puts them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _verb, _short_help in (
    ("sync", sync.sync, "Clone what is missing, bring the rest forward."),
    ("status", status.status, "One line for each repository."),
    ("list", list_requirements.list_requirements, "Each requirements line, and its verdict."),
    ("override", override.override, "Mount the checkouts into Docker Compose."),
    ("keyless", keyless.keyless, "Build images from the checkouts, without a key."),
    ("verify", verify.verify, "Prove that edits are live in the container."),
    ("init", init.init, "Lay out what a project lacks."),
    ("audit", audit.audit, "Does an image give away a key?"),
    ("undo", undo.undo, "Back to where the last sync began."),
):
    app.command(_name, cls=_Command, short_help=_short_help)(_verb)


def _version(wanted: bool) -> None:  # noqa: FBT001  (the shape that typer asks for)
    if wanted:
        typer.echo(f"vendorws {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command that was typed, and turn an expected failure into its sentence and exit code."""
    from vendorws.environment import forget_leaked_environment, open_what_is_closed, say_all_letters

    open_what_is_closed()
    forget_leaked_environment()
    say_all_letters()
    try:
        try:
            _require_a_folder()
            app(prog_name="vendorws")
        except VendorwsError as error:
            _print_error(error)
            _print_as_json(error.message, error.hint, error.exit_code)
            sys.exit(int(error.exit_code))
        except SystemExit as ended:
            _print_mistake_as_json(ended)
            raise
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        sys.exit(int(_unforeseen(error)))


def _unforeseen(error: OSError) -> ExitCode:
    """What the system refused and nobody has told better. Raises the error where it was not the system."""
    if error.errno is None:
        raise error
    if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
        _drop_output()
        problem = EnvironmentProblem(f"the output cannot be written: {error.strerror}.", "Make room there.")
    else:
        about = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        problem = EnvironmentProblem(f"{about}{error.strerror}.")
    _print_error(problem)
    return ExitCode.ENVIRONMENT


def _require_a_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise EnvironmentProblem("the folder you are in does not exist any more.", "Type: cd ..") from error


def _drop_output() -> None:
    """Nobody takes our output any more; keep the interpreter from complaining about it while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(error: VendorwsError) -> None:
    from vendorws.redaction import presentable

    lines = [f"error: {error.message}", *([f"  {error.hint}"] if error.hint else [])]
    sys.stderr.write(presentable("\n".join(lines)) + "\n")


def _print_mistake_as_json(ended: SystemExit) -> None:
    """What typer has said of the command line; it ends the process while it handles its own exception."""
    mistake: Any = ended.__context__
    if ended.code == int(ExitCode.USAGE) and hasattr(mistake, "format_message"):
        about = mistake.ctx.command_path if mistake.ctx else "vendorws"
        _print_as_json(mistake.format_message(), f"Try `{about} --help`.", ExitCode.USAGE)


def _print_as_json(message: str, hint: str, code: ExitCode) -> None:
    """The failure once more for the program that asked for JSON and takes it from standard output."""
    words = sys.argv[1:]
    if "--json" not in words:
        return
    from vendorws.documents import print_document
    from vendorws.report import error_document

    verbs = {command.name for command in app.registered_commands}
    print_document(error_document(next((word for word in words if word in verbs), None), message, hint, code))
