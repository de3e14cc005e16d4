"""A command line that cannot be read (書き方の誤り): what is wrong, where, and what to write, in both languages.

The library that reads command lines says so in its own words, in English; here its errors become sentences like
every other one of this program. Loaded only when there is something to complain about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from gaiji.errors import BadInput, Text


def misuse(error: Any, command: Any, arguments: Sequence[str]) -> BadInput:
    """Return the error for a command line that `command` refused with `error`."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else _path(command, arguments)
    kind = type(error).__name__
    told = _told(kind, error, error.format_message().rstrip("."))
    if kind == "BadParameter":  # the sentence says what to write
        return BadInput(told.ja, f"{told.en}.")
    return BadInput(
        f"{told.ja}{path} --help で書き方を確かめてください。", f"{told.en}; see {path} --help."
    )


def _path(command: Any, arguments: Sequence[str]) -> str:
    """Return the command that the first words name: `gaiji jobs list`."""
    words = ["gaiji"]
    for word in arguments:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        words.append(word)
    return " ".join(words)


def _told(kind: str, error: Any, message: str) -> Text:
    """Say what is wrong; the Japanese is whole sentences, the English one without its full stop."""
    if kind == "MissingParameter":
        return _missing(error.param)
    if kind == "BadParameter" and getattr(error, "param", None) is not None:
        return _bad_value(error, message)
    if kind == "NoSuchOption":
        near = sorted(error.possibilities or ())
        ja = f"似ているのは {'・'.join(near)} です。" if near else ""
        en = f" (near it: {', '.join(near)})" if near else ""
        return Text(
            f"オプション {error.option_name} はありません。{ja}",
            f"There is no option {error.option_name}{en}",
        )
    if kind == "BadOptionUsage":
        name = error.option_name
        if "does not take" in message:
            return Text(
                f"オプション {name} は値を取りません。= から後を除いてください。",
                f"Option {name} takes no value; leave out what follows the =",
            )
        return Text(
            f"オプション {name} に値がありません。後に値を書いてください。",
            f"Option {name} has no value; write one after it",
        )
    if found := re.fullmatch(r"No such command '(.*)'", message, re.DOTALL):
        return Text(f"コマンド {found[1]} はありません。", f"There is no command {found[1]}")
    if found := re.search(r"unexpected extra argument(?:s|\(s\))? \((.*)\)", message, re.DOTALL):
        return Text(
            f"余分な引数 {found[1]} があります。除いてください。",
            f"There is more than the command takes: {found[1]}; leave it out",
        )
    if message.startswith("Missing command"):
        return Text(
            "コマンドがありません。続きを書いてください。", "The command is not complete; go on"
        )
    return Text(f"コマンドの書き方が違います({message})。", message)


def _name(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _missing(param: Any) -> Text:
    name, told = _name(param), str(getattr(param, "help", None) or "")
    ja, en = (f"({told.split(' / ')[place]})" if told else "" for place in (0, -1))
    if param.param_type_name == "argument":
        return Text(f"引数 {name}{ja} がありません。", f"Argument {name} {en} is missing")
    return Text(f"オプション {name}{ja} が要ります。", f"Option {name} {en} is needed")


def _bad_value(error: Any, message: str) -> Text:
    """Say which value an option does not take, and which it takes."""
    name, value = _name(error.param), _value(error, message)
    kind = getattr(getattr(error.param, "type_descriptor", None), "annotation", None)
    if get_origin(kind) is Literal:
        choices = [str(one) for one in get_args(kind)]
        takes = Text(
            f"{'・'.join(choices)} のどれかにしてください。", f"take one of {', '.join(choices)}"
        )
    elif kind is int:
        takes = _number(error.param)
    elif kind is datetime:
        takes = Text(
            "2026-03-31 のように、暦にある日付を書いてください。",
            "write a day of the calendar such as 2026-03-31",
        )
    else:
        takes = Text("値を直してください。", "correct it")
    return Text(
        f"{name} に {value} は使えません。{takes.ja}", f"{name} cannot be {value}; {takes.en}"
    )


def _value(error: Any, message: str) -> str:
    """Return the value as it was given."""
    cause = error.__cause__
    if hasattr(cause, "errors"):
        return str(cause.errors()[0]["input"]) or "''"
    found = re.search(r"'([^']*)'", message)
    return found[1] if found else message


def _number(param: Any) -> Text:
    least, most = getattr(param, "min", None), getattr(param, "max", None)
    if least is not None and most is not None:
        return Text(
            f"{least} から {most} までの整数を書いてください。",
            f"write a whole number from {least} to {most}",
        )
    if least is not None:
        return Text(
            f"{least} 以上の整数を書いてください。", f"write a whole number of at least {least}"
        )
    return Text("整数を書いてください。", "write a whole number")


__all__ = ["misuse"]
