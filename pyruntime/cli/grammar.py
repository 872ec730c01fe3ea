"""Go's flag grammar for click: the parser object that click asks for, with runc's words for mistakes.

`parse` walks the same grammar without words; `test_parsers_agree` holds the two together.
"""

from __future__ import annotations

import click  # noqa: TID253 - loaded only by explain

from pyruntime.cli.parse import BOOLEANS, option_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Grammar:
    """What click calls an OptionParser."""

    def __init__(
        self, ctx: click.Context, parameters: list[click.Parameter], *, stop_at_argument: bool
    ) -> None:
        self.ctx = ctx
        self.stop_at_argument = stop_at_argument
        self.known: dict[str, click.Option] = {}
        self.argument: click.Argument | None = None
        for parameter in parameters:
            if isinstance(parameter, click.Option):
                self.known.update((name.lstrip("-"), parameter) for name in parameter.opts)
            elif isinstance(parameter, click.Argument):
                self.argument = parameter
        self._opt_prefixes = {"-", "--"}  # click's completion reads it

    def parse_args(
        self, args: list[str]
    ) -> tuple[dict[str, Any], list[str], list[click.Parameter]]:
        """Values by parameter, the words left over, the parameters in their order."""
        values: dict[str, Any] = {}
        order: list[click.Parameter] = []
        arguments: list[str] = []
        words = list(args)
        while words:
            word = words.pop(0)
            if word == "--":
                arguments += words
                break
            if self._is_option(word, arguments):
                self._take(word, words, values, order)
                continue
            arguments.append(word)
            if self.stop_at_argument:
                arguments += words
                break
        if self.argument is None or self.argument.name is None:
            return values, arguments, order
        values[self.argument.name] = tuple(arguments)
        return values, [], [*order, self.argument]

    def _is_option(self, word: str, arguments: list[str]) -> bool:
        if not word.startswith("-") or word == "-":
            return False
        return not arguments or option_name(word) in self.known

    def _take(
        self, word: str, words: list[str], values: dict[str, Any], order: list[click.Parameter]
    ) -> None:
        option = self.known.get(option_name(word))
        if option is None or option.name is None:
            if self.ctx.resilient_parsing:
                return
            raise click.UsageError(f"flag provided but not defined: -{option_name(word)}", self.ctx)
        order.append(option)
        spelled, equals, text = word.partition("=")
        if option.is_flag:
            values[option.name] = self._boolean(spelled, text) if equals else True
            return
        if not equals:
            if not words:
                if self.ctx.resilient_parsing:
                    return
                raise click.UsageError(f"flag needs an argument: {spelled}", self.ctx)
            text = words.pop(0)
        if not self.ctx.resilient_parsing:
            option.type.convert(
                text, option, self.ctx
            )  # a wrong value is wrong even if another follows
        if option.multiple:
            values.setdefault(option.name, []).append(text)
        else:
            values[option.name] = text

    def _boolean(self, spelled: str, text: str) -> bool:
        if text not in BOOLEANS and not self.ctx.resilient_parsing:
            raise click.UsageError(f'invalid boolean value "{text}" for {spelled}', self.ctx)
        return BOOLEANS.get(text, False)
