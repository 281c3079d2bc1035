"""Environment markers describe the container, not the machine that vendorws runs on."""

from __future__ import annotations

import platform as machine
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vendorws.errors import UsageError
from vendorws.requirement_files.editables import Wrong

if TYPE_CHECKING:
    from packaging.markers import Marker

_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
_PYTHON = re.compile(r"[0-9]+\.[0-9]+(?:\.[0-9]+[0-9a-z]*)?")
_MACHINES = {("linux", "arm64"): "aarch64", ("darwin", "aarch64"): "arm64"}


def marker_environment(python_version: str, platform: str) -> dict[str, str]:
    """The marker variables (PEP 508) of a container with this Python ("3.12") on this platform ("linux").

    Raises UsageError.
    """
    if not _PYTHON.fullmatch(python_version):
        raise UsageError(f"python-version = {python_version!r} is no version.", 'Write python-version = "3.12".')
    if platform not in _SYSTEMS:
        raise UsageError(f"platform = {platform!r} is not known.", 'Write "linux", "darwin" or "win32".')
    full = python_version if python_version.count(".") >= 2 else f"{python_version}.0"
    here = sys.platform == platform
    return {
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": machine.python_implementation(),
        "python_version": ".".join(python_version.split(".")[:2]),
        "python_full_version": full,
        "implementation_version": full,
        "sys_platform": platform,
        "platform_system": _SYSTEMS[platform],
        "platform_machine": _MACHINES.get((platform, machine.machine()), machine.machine()),
        "platform_release": machine.release() if here else "",
        "platform_version": machine.version() if here else "",
        "os_name": "nt" if platform == "win32" else "posix",
    }


def holds(marker: Marker | None, environment: Mapping[str, str]) -> bool:
    """Whether the line is meant for this environment. Raises Wrong where pip would fail on the comparison."""
    try:
        return marker is None or marker.evaluate({**environment, "extra": ""})
    except (ValueError, KeyError, RecursionError):  # packaging's own errors are of these
        raise Wrong(f"The marker {marker} cannot be decided.", "Compare it with a version or a name.") from None
