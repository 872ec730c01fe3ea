"""The slow gear, made with click from the same table: help, usage errors, shell completion.

Called for what `parse` declined. Whatever `parse` accepts, this understands in the same way.
Completion: `eval "$(_PYRUNTIME_COMPLETE=bash_source pyruntime)"` (or zsh_source, fish_source).
"""

from __future__ import annotations

import os

import click  # noqa: TID253 - this module is loaded only to talk to a person

from pyruntime.cli.grammar import Grammar
from pyruntime.cli.parse import LARGEST, Call, Declined, defaults, integer
from pyruntime.cli.root import state_root
from pyruntime.cli.table import FLAG, GLOBALS, INT, LIST, VERBS
from pyruntime.errors import Error, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from click.shell_completion import CompletionItem

    from pyruntime.cli.table import Option, Verb

ABOUT = """Run containers as the Open Container Initiative specifies: a bundle (config.json and a
root file system) becomes an isolated process."""


def explain(argv: list[str]) -> Call | None:
    """A call after all; None after help was printed; raises UsageError."""
    try:
        outcome = program().main(argv, "pyruntime", standalone_mode=False)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "pyruntime"
        raise UsageError(_sentence(error), hint=f"see {path} --help") from None
    return outcome if isinstance(outcome, Call) else None


def _sentence(error: click.ClickException) -> str:
    """click's words in the form of our errors: lower case, no full stop."""
    text = error.format_message().rstrip(".")
    return text[:1].lower() + text[1:]


def program() -> click.Group:
    """The whole command line as click sees it."""
    group = Program(
        "pyruntime",
        help=ABOUT,
        params=[click_option(option) for option in GLOBALS],
        callback=_without_verb,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        subcommand_metavar="VERB [OPTION | ARGUMENT]...",
    )
    for verb in VERBS.values():
        group.add_command(VerbCommand(verb))
    group.add_command(
        click.Command(
            "help",
            help="show this, or help for a verb",
            params=[click.Argument(["verb"], required=False)],
            callback=_help,
        )
    )
    return group


def click_option(option: Option) -> click.Option:
    """One row of the table as click has it."""
    names = ["--" + option.long] + (["-" + option.short] if option.short else [])
    if option.kind == FLAG:
        return click.Option([*names, option.name], is_flag=True, help=option.help)
    kind: click.ParamType[Any] = click.STRING
    if option.kind == INT:
        kind = Count()
    elif option.choices:
        kind = click.Choice(option.choices)
    return click.Option(
        [*names, option.name],
        type=kind,
        multiple=option.kind == LIST,
        default=option.default or None,
        show_default=bool(option.default),
        metavar=option.metavar or "|".join(option.choices) or None,
        help=option.help,
        hidden=option.hidden,
    )


class Count(click.ParamType):  # type: ignore[type-arg] # generic from 8.3 on
    """An INT of the table: no sign, no other base."""

    name = "count"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        if isinstance(value, int):
            return value
        try:
            return integer(str(value))
        except Declined:
            self.fail(f"{value!r} is not a number from 0 to {LARGEST}", param, ctx)


class Program(click.Group):
    """Global options, then a verb."""

    def make_parser(self, ctx: click.Context) -> Grammar:  # type: ignore[override]
        return Grammar(ctx, self.get_params(ctx), stop_at_argument=True)

    def invoke(self, ctx: click.Context) -> object:
        if ctx.params["version"]:
            return Call("version", _values(GLOBALS, ctx.params), {}, [])
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib

        near = difflib.get_close_matches(args[0], self.commands, 1)
        did_you_mean = f"; did you mean {near[0]}?" if near else ""
        raise click.UsageError(f'there is no verb "{args[0]}"{did_you_mean}', ctx)


class VerbCommand(click.Command):
    """One verb of the table; its result is a `Call`."""

    def __init__(self, verb: Verb) -> None:
        arguments = click.Argument(
            ["arguments"], nargs=-1, metavar=verb.arguments or None, shell_complete=_ids
        )
        super().__init__(
            verb.name,
            help=verb.help,
            params=[*(click_option(option) for option in verb.options), arguments],
            callback=self._call,
            options_metavar="[OPTION...]" if verb.options else "",
        )
        self.verb = verb

    def make_parser(self, ctx: click.Context) -> Grammar:  # type: ignore[override]
        return Grammar(ctx, self.get_params(ctx), stop_at_argument=self.verb.tail)

    def collect_usage_pieces(self, _ctx: click.Context) -> list[str]:
        pieces = [self.options_metavar or "", self.verb.arguments]
        return [piece for piece in pieces if piece]

    def _call(self, arguments: tuple[str, ...], **options: object) -> Call:
        context = click.get_current_context()
        self._count(context, arguments)
        assert context.parent is not None
        return Call(
            self.verb.name,
            _values(GLOBALS, context.parent.params),
            _values(self.verb.options, options),
            list(arguments),
        )

    def _count(self, context: click.Context, arguments: tuple[str, ...]) -> None:
        least, most = self.verb.least, self.verb.most
        if len(arguments) < least:
            exactly = "exactly" if least == most else "at least"
            wanted = f"{exactly} {least}"
        elif most is not None and len(arguments) > most:
            stray = next((word for word in arguments[most:] if word[:1] == "-"), None)
            if stray is not None:
                raise click.UsageError(
                    f"flag provided but not defined: -{stray.lstrip('-')}", context
                )
            wanted = f"{'exactly' if least == most else 'at most'} {most}"
        else:
            return
        plural = "" if wanted.endswith(" 1") else "s"
        raise click.UsageError(f'"{self.verb.name}" requires {wanted} argument{plural}', context)


def _values(options: tuple[Option, ...], given: dict[str, object]) -> dict[str, object]:
    """*given* as `parse` has it: defaults where click has None, lists where it has tuples."""
    values = defaults(options)
    for option in options:
        value = given[option.name]
        if value is not None:
            values[option.name] = list(value) if isinstance(value, tuple) else value
    return values


def _without_verb(**_globals: object) -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _help(verb: str | None) -> None:
    context = click.get_current_context().parent
    assert context is not None
    assert isinstance(context.command, click.Group)
    if verb is None:
        click.echo(context.get_help())
        return
    command = context.command.get_command(context, verb)
    if command is None:
        raise click.UsageError(f'there is no verb "{verb}"', context)
    click.echo(command.get_help(click.Context(command, info_name=verb, parent=context)))


def _ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids below the state root, for the shell."""
    from click.shell_completion import CompletionItem

    given = ctx.parent.params.get("root") if ctx.parent else ""
    try:
        names = sorted(os.listdir(state_root(given or "")))
    except (OSError, Error):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
