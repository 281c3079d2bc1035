"""Images without a key: pip in the build clones from the checkouts of this machine.

    requirements + checkouts -> which URL is which folder -> vendor/.gitconfig

The requirements file and pip stay as they are: git itself is told where each URL is. `keyless.advice` says what may
surprise in the image, `keyless.build` what to write into the Dockerfile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from vendorws.errors import OverrideRefused
from vendorws.files import write_atomically, writing
from vendorws.git_client.command import Git
from vendorws.keyless.config import CONFIG, MARKER, Source, config_text, sources_of, submodule_url
from vendorws.model import Requirements
from vendorws.redaction import redact
from vendorws.settings import Settings
from vendorws.values import dataclass


class KeylessStatus(str, Enum):
    """What became of the file; the values are part of the JSON output."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class KeylessPlan:
    """The config file as it should be: `old` and `new` are its contents (`old` None: no file)."""

    path: Path
    sources: tuple[Source, ...]
    old: str | None
    new: str

    @property
    def status(self) -> KeylessStatus:
        """What carrying it out does to the file."""
        return KeylessStatus.UNCHANGED if self.old == self.new else KeylessStatus.WRITTEN


def plan_keyless(settings: Settings, requirements: Requirements) -> KeylessPlan:
    """What the config should say. Raises OverrideRefused where a file of somebody else has its place."""
    path = settings.vendor / CONFIG
    old = path.read_text("utf-8", errors="replace") if path.exists() else None
    if old is not None and not old.startswith(MARKER.partition(";")[0]):
        raise OverrideRefused(f"{path} was not written by vendorws; it is left as it is.", f"mv {path} {path}.aside")
    git = Git(vendor=settings.vendor, cwd=settings.vendor)
    wanted = list(_pin_sources(settings, requirements))
    for source in tuple(wanted):
        wanted += _submodule_sources(git, settings.vendor, source)
    sources = sources_of(wanted)
    return KeylessPlan(path, sources, old, config_text(sources, _known_urls(requirements)))


def update_if_present(settings: Settings, requirements: Requirements) -> KeylessPlan | None:
    """Bring a config that exists up to date; None without one. Raises what `plan_keyless` does."""
    if not (settings.vendor / CONFIG).exists():
        return None
    plan = plan_keyless(settings, requirements)
    carry_out(plan)
    return plan


def carry_out(plan: KeylessPlan) -> None:
    """Write the config, unless it is as it should be. Raises EnvironmentProblem."""
    if plan.old != plan.new:
        with writing(plan.path):
            plan.path.parent.mkdir(exist_ok=True)
            write_atomically(plan.path, plan.new.encode())


# ---- which URL is which folder ------------------------------------------------------------------------------------


def _pin_sources(settings: Settings, requirements: Requirements) -> Iterator[Source]:
    """Each URL once: of packages from one repository the first that is checked out stands for all."""
    spelt: dict[str, list[str]] = {}
    for requirement in requirements.requirements:
        if requirement.pin is not None and not has_secret(requirement.pin.url):
            spelt.setdefault(requirement.pin.name, []).append(requirement.pin.url)
    there = [name for name in spelt if (settings.vendor / name / ".git").exists()]
    for name in [*there, *(name for name in spelt if name not in there)]:
        yield Source(name, tuple(dict.fromkeys(spelt[name])))


def has_secret(url: str) -> bool:
    """Whether the URL carries a password or a token, which is written nowhere."""
    return redact(url) != url


def _submodule_sources(git: Git, vendor: Path, parent: Source) -> Iterator[Source]:
    """The submodules in a checkout, and those in them, by the URLs that git will ask for in the build."""
    for submodule in submodules(git, vendor / parent.folder):
        urls = tuple(dict.fromkeys(submodule_url(submodule.url, url) for url in parent.urls))
        inner = Source(f"{parent.folder}/{submodule.path}", tuple(url for url in urls if not has_secret(url)))
        yield inner
        yield from _submodule_sources(git, vendor, inner)


@dataclass(frozen=True, slots=True)
class Submodule:
    """One entry of .gitmodules: `path` relative to the checkout, `url` as it is written there."""

    path: str
    url: str


def submodules(git: Git, checkout: Path) -> tuple[Submodule, ...]:
    """The submodules of a checkout, as its .gitmodules lists them; none where there is no checkout."""
    if not (checkout / ".git").exists() or not (checkout / ".gitmodules").is_file():
        return ()
    listed = git.inside(checkout).run("config", "--file", ".gitmodules", "--null", "--list").text
    values: dict[str, dict[str, str]] = {}
    for setting in filter(None, listed.split("\0")):
        key, _, value = setting.partition("\n")
        section, _, option = key.removeprefix("submodule.").rpartition(".")
        values.setdefault(section, {})[option] = value
    return tuple(
        Submodule(options["path"], options["url"])
        for options in values.values()
        if "path" in options and "url" in options and ".." not in Path(options["path"]).parts
    )


_GIT_URL = re.compile(r"git\+([a-z]+://[^\s'\"#;@]*(?:@[^\s'\"#;@/]+)?[^\s'\"#;@]*)")


def _known_urls(requirements: Requirements) -> tuple[str, ...]:
    """Every git URL on any line, also of packages that are not vendored."""
    found = (match[1] for requirement in requirements.requirements for match in _GIT_URL.finditer(requirement.text))
    return tuple(url for url in found if not has_secret(url))
