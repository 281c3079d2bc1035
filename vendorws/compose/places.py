"""In which folder of its image does each Compose service keep pip's checkouts?

What `[tool.vendorws.services]` says counts first, then what the service's Dockerfile says, then a service that runs
the image which another one builds. A place that cannot be told is a sentence about what to configure, never a guess.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from vendorws.compose.services import Build, Service
from vendorws.dockerfiles.dockerfile import Place, Unclear, find_checkouts
from vendorws.model import VENDOR
from vendorws.settings import Settings
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """`folders` maps services to absolute paths in their containers; `unclear` says what keeps others from one."""

    folders: Mapping[str, str]
    unclear: tuple[str, ...]


def find_places(settings: Settings, services: Sequence[Service]) -> Places:
    """Look at every service; reads their Dockerfiles."""
    known = {service.name for service in services}
    folders = {name: posixpath.normpath(src) for name, src in settings.service_src.items() if name in known}
    unclear = [_unknown_service(name) for name in sorted(settings.service_src) if name not in known]
    for service in services:
        if service.name not in folders and service.build is not None and _sees_project(settings, service.build):
            found = read_dockerfile(service.build)
            if isinstance(found, Place):
                folders[service.name] = found.path
            elif isinstance(found, Unclear):
                unclear.append(_unclear(service.name, service.build, found))
    return Places({**_by_image(services, folders), **folders}, tuple(unclear))


def _by_image(services: Sequence[Service], folders: Mapping[str, str]) -> dict[str, str]:
    """The services that only run an image which a service with a known place builds."""
    images = {service.image: folders[service.name] for service in services if service.build and service.name in folders}
    return {
        service.name: images[service.image]
        for service in services
        if service.build is None and service.image is not None and service.image in images
    }


def _sees_project(settings: Settings, build: Build) -> bool:
    """Whether the project can be in this build at all: a neighbour project's service installs other requirements."""
    if build.context is None:
        return False
    context, root = build.context.resolve(), settings.root.resolve()
    return context == root or context in root.parents or root in context.parents


def read_dockerfile(build: Build) -> Place | Unclear | None:
    """What the Dockerfile of a build in a local folder says."""
    if build.inline is not None:
        return find_checkouts(build.inline, build.args, build.target)
    assert build.dockerfile is not None
    try:
        text = build.dockerfile.read_text("utf-8", errors="replace")
    except OSError as error:
        reason = f"{build.dockerfile} cannot be read ({error.strerror})"
        return Unclear(reason, 0, "Create that Dockerfile, or correct the service's build")
    return find_checkouts(text, build.args, build.target)


def _unclear(service: str, build: Build, found: Unclear) -> str:
    where = f"{build.dockerfile or 'dockerfile_inline'}, line {found.line}: " if found.line else ""
    mend = found.mend or f"Write `pip install … --src {VENDOR}/` there"
    return (
        f"It is not clear where to mount into the service {service}. {where}{found.reason}. {mend}, or write in "
        f'pyproject.toml [tool.vendorws.services.{service}] src = "/path/in/the/image".'
    )


def _unknown_service(name: str) -> str:
    return f"[tool.vendorws.services.{name}] is set, but no Compose file defines a service of this name."
