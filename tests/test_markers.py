"""Markers describe the container."""

from __future__ import annotations

import platform
import sys

import pytest
from packaging.markers import Marker, default_environment

from vendorws.errors import UsageError
from vendorws.requirement_files.editables import Wrong
from vendorws.requirement_files.markers import holds, marker_environment


@pytest.mark.parametrize(
    ("version", "where", "marker"),
    [
        ("3.12", "linux", 'python_version == "3.12" and python_full_version == "3.12.0"'),
        ("3.9.18", "linux", 'python_version == "3.9" and python_full_version == "3.9.18"'),
        ("3.13.0rc1", "linux", 'implementation_version == "3.13.0rc1"'),
        ("3.12", "linux", 'sys_platform == "linux" and platform_system == "Linux" and os_name == "posix"'),
        ("3.12", "darwin", 'sys_platform == "darwin" and platform_system == "Darwin" and os_name == "posix"'),
        ("3.12", "win32", 'sys_platform == "win32" and platform_system == "Windows" and os_name == "nt"'),
        ("3.12", "win32", 'extra == ""'),
    ],
)
def test_the_environment_is_the_container_s(version: str, where: str, marker: str) -> None:
    assert holds(Marker(marker), marker_environment(version, where))
    assert not holds(Marker(f'{marker.split(" == ")[0]} == "other"'), marker_environment(version, where))


def test_every_variable_of_markers_has_a_value() -> None:
    """And where nothing is told of the container, the one that packaging takes on this machine."""
    environment, theirs = marker_environment("3.12", sys.platform), default_environment()
    assert environment.keys() == theirs.keys()
    for name in ("implementation_name", "platform_python_implementation"):
        assert environment[name] == theirs[name]  # type: ignore[literal-required]


def test_the_kernel_of_another_system_is_not_known() -> None:
    other = "darwin" if sys.platform == "linux" else "linux"
    assert marker_environment("3.12", other)["platform_release"] == ""
    assert marker_environment("3.12", sys.platform)["platform_release"] == platform.release()


def test_a_container_on_an_apple_computer_says_aarch64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert marker_environment("3.12", "linux")["platform_machine"] == "aarch64"
    assert marker_environment("3.12", "darwin")["platform_machine"] == "arm64"


def test_no_marker_holds_everywhere() -> None:
    assert holds(None, {})


@pytest.mark.parametrize(("version", "where"), [("3", "linux"), ("three", "linux"), ("3.12", "windows"), ("", "linux")])
def test_a_container_that_is_none_is_said(version: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        marker_environment(version, where)
    assert "Write " in caught.value.hint


def test_a_comparison_that_means_nothing_is_wrong() -> None:
    with pytest.raises(Wrong, match="cannot be decided"):
        holds(Marker('os_name ~= "nt"'), marker_environment("3.12", "linux"))
