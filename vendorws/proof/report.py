"""A proof as lines for people and as a JSON document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vendorws.documents import SCHEMA_VERSION
from vendorws.errors import visible
from vendorws.proof.answers import Installed
from vendorws.proof.prove import Proof
from vendorws.proof.verdicts import Verdict
from vendorws.redaction import redact


def lines(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """A line for each package with its style (rich's name), and below it the next command, if there is one."""
    heads = _aligned(
        [tuple(map(visible, (one.package.name, one.package.service, one.package.target))) for one in verdicts]
    )
    for verdict, head in zip(verdicts, heads, strict=True):
        yield f"{head}  {_standing(verdict)}", "red" if verdict.fault else "green"
        if verdict.fault and verdict.fault.command:
            yield f"  -> {verdict.fault.command}", ""


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


def _standing(verdict: Verdict) -> str:
    if verdict.fault:
        return f"not live: {_printable(verdict.fault.reason)}"
    return f"live  {_details(verdict.installed)}" if verdict.installed else "live"


def _printable(text: str) -> str:
    return visible(redact(" ".join(text.split())))


def _details(installed: Installed) -> str:
    version = f"version {installed.version}" if installed.version else "its metadata was not looked at"
    scripts = len(installed.scripts or ())
    return _printable(f"{version}, {scripts} console script{'' if scripts == 1 else 's'}" if scripts else version)


def summary(proof: Proof) -> Iterator[str]:
    """Where was looked, and how many are live."""
    for service in dict.fromkeys(verdict.package.service for verdict in proof.verdicts):
        yield from dict.fromkeys(
            filter(None, (_where(one) for one in proof.verdicts if one.package.service == service))
        )
    live = sum(verdict.fault is None for verdict in proof.verdicts)
    counts = ((live, "live"), (len(proof.verdicts) - live, "not live"))
    yield from filter(None, [", ".join(f"{number} {what}" for number, what in counts if number)])


def _where(verdict: Verdict) -> str:
    if verdict.container is None or verdict.python is None:
        return ""
    container = verdict.container.name if verdict.container.running else f"a new container of {verdict.package.service}"
    return f"looked into {container}: Python {verdict.python.version} ({verdict.python.executable})"


def document(proof: Proof) -> dict[str, Any]:
    """The proof as `--json` prints it; what is not known is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": "verify",
        "packages": [_tree(verdict) for verdict in proof.verdicts],
        "notes": list(proof.notes),
    }


def _tree(verdict: Verdict) -> dict[str, Any]:
    package, fault, container, python = verdict.package, verdict.fault, verdict.container, verdict.python
    installed = verdict.installed
    return {
        "service": package.service,
        "name": package.name,
        "path": package.path,
        "target": package.target,
        "live": fault is None,
        "state": verdict.state.value,
        "reason": redact(fault.reason) if fault else None,
        "command": fault.command or None if fault else None,
        "container": container.name or None if container else None,
        "python": {"executable": python.executable, "version": python.version} if python else None,
        "version": installed.version if installed else None,
        "imports": {module.name: module.at for module in installed.modules} if installed else None,
        "scripts": installed.scripts if installed else None,
    }
