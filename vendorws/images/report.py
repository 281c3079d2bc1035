"""An audit's report as lines for people and as a JSON document. Neither holds a secret: a Report has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from vendorws.documents import SCHEMA_VERSION
from vendorws.errors import ExitCode
from vendorws.images.audit import BUILD_CACHE, Finding, LayerFinding, Report, WordFinding
from vendorws.images.config import printable


def exit_code(report: Report) -> ExitCode:
    """1 when a secret was found, else 4 when a stage that was asked for could not be looked at: silence is no proof."""
    if report.findings:
        return ExitCode.ATTENTION
    return ExitCode.DONE if report.complete else ExitCode.ENVIRONMENT


def lines(report: Report) -> Iterator[tuple[str, str]]:
    """The report for people: each line with its style (rich's name, or empty)."""
    for image in report.images:
        found = [finding for finding in report.findings if finding.image == image.name]
        yield _heading(image.name, len(image.layers), len(found)), "bold red" if found else "bold green"
        for finding in found:
            yield from _finding_lines(finding, len(image.layers))
    names = {image.name for image in report.images}
    others = [finding for finding in report.findings if finding.image not in names]
    for finding, before in zip(others, [None, *others], strict=False):
        if before is None or before.image != finding.image:
            yield printable(finding.image), "bold red"
        yield from _finding_lines(finding, 0)
    if report.findings:
        yield _ADVICE, ""


def notes(report: Report) -> Iterator[str]:
    """What was not looked at, and what was passed over: nobody should take silence for more than it is."""
    if report.not_opened:
        folders = sorted(report.not_opened.items(), key=lambda item: (-item[1], item[0]))
        most = ", ".join(f"{printable(folder)} {count}" for folder, count in folders[:_FOLDERS])
        what = _counted(sum(report.not_opened.values()), "archive or compressed file", "archives and compressed files")
        yield f"{what} inside the layers not opened ({most}{', …' if len(folders) > _FOLDERS else ''})"
    if report.passed_over:
        keys = _counted(sum(report.passed_over.values()), "published test key", "published test keys")
        sources = ", ".join(f"{source}: {count}" for source, count in sorted(report.passed_over.items()))
        yield f"{keys} passed over ({sources})"
    yield from map(printable, report.not_looked_at)


_FOLDERS = 6


def document(report: Report) -> dict[str, Any]:
    """The report as `--json` prints it; a key that does not apply is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": "audit",
        "images": [asdict(image) for image in report.images],
        "findings": [_row(finding) for finding in report.findings],
        "not_opened": [{"folder": folder, "count": count} for folder, count in sorted(report.not_opened.items())],
        "passed_over": [{"publisher": source, "count": count} for source, count in sorted(report.passed_over.items())],
        "not_looked_at": list(report.not_looked_at),
        "complete": report.complete,
    }


_ADVICE = (
    "Whoever has the image has these: change or revoke them, then build without them"
    " (vendorws init --ssh or --keyless lays out how)."
)


def _heading(name: str, layers: int, found: int) -> str:
    looked_at = f"{_counted(layers, 'layer', 'layers')}, the history and the configuration"
    secrets = _counted(found, "secret", "secrets") if found else "no secret"
    return f"{printable(name)}: {secrets} in {looked_at}"


def _finding_lines(finding: Finding, layers: int) -> Iterator[tuple[str, str]]:
    yield f"  {_place(finding, layers)}", ""
    yield f"      {finding.kind}{_deletion(finding)}", "red"
    if finding.instruction:
        yield f"      made by: {finding.instruction}", ""


def _place(finding: Finding, layers: int) -> str:
    if isinstance(finding, WordFinding):
        place = "record" if finding.image == BUILD_CACHE else finding.where
        return f"{place} {printable(finding.name)}" if finding.name else place
    number = f"layer {finding.layer} of {layers}" if finding.layer else "layer"
    return f"{number}  {short(finding.digest)}  {printable(finding.path)}"


def _deletion(finding: Finding) -> str:
    if isinstance(finding, LayerFinding) and finding.deleted_by:
        return f"; deleted by layer {finding.deleted_by}, and still in the image"
    return ""


def _row(finding: Finding) -> Mapping[str, Any]:
    empty = dict.fromkeys(("image", "kind", "where", "layer", "digest", "path", "name", "instruction", "deleted_by"))
    where = {} if isinstance(finding, WordFinding) else {"where": "layer"}
    return {**empty, **where, **asdict(finding)}


def short(digest: str) -> str:
    """`sha256:` and twelve digits, as docker shows them."""
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}" if colon else digest


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
