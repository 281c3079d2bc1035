"""Commands as they are typed, in a POSIX shell: they have to work as they are printed."""

from __future__ import annotations

import shlex


def shell_command(*words: str) -> str:
    """These words as one line for a POSIX shell."""
    return " ".join(map(_quoted, words))


def git_command(at: str, *arguments: str) -> str:
    """git in the checkout that is typed as `at`, for a POSIX shell."""
    literally = ["--literal-pathspecs"] if any(set("*?[\\:") & set(path) for path in _paths(arguments)) else []
    return shell_command("git", *literally, "-C", at, *arguments)


def move_aside(at: str) -> str:
    """Give what is there another name."""
    return shell_command("mv", at, f"{at}.aside")


def _quoted(word: str) -> str:
    """One word for a POSIX shell; what a terminal would act upon is spelt out for printf."""
    if word.isprintable():
        return shlex.quote(word)
    octal = "".join(f"\\{byte:03o}" for byte in word.encode("utf-8", "surrogateescape"))
    return f"\"$(printf '{octal}')\""


def _paths(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments in which git would read `*` and `:` as a pattern."""
    return arguments[arguments.index("--") + 1 :] if "--" in arguments else ()
