"""What pip itself makes of a requirements file, asked of pip's own parser: no network, no clone.

`ask` uses the pip of this interpreter. As a program it is the same for another version of pip, whose wheel it is
given: one JSON text a line comes in, one answer a line goes out.

    python -m tests.support.pip_oracle pip-20.2.4-py2.py3-none-any.whl
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A git repository that pip would clone below `--src`."""

    folder: str
    url: str
    revision: str | None
    subdirectory: str | None
    extras: tuple[str, ...]


class Answer(NamedTuple):
    """All the repositories, or pip's words where it refuses the file."""

    repositories: tuple[Asked, ...]
    refusal: str | None


def ask(file: Path) -> Answer:
    """What pip would do with `file`, as `pip install -r` does; the working folder is the caller's."""
    found: list[Asked] = []
    try:
        with quiet():
            for requirement in _requirements(file):
                if requirement.match_markers():
                    found += _repository(requirement)
    except Exception as error:  # whatever pip dies of, it refuses the file
        return Answer((), str(getattr(error, "msg", error)) or type(error).__name__)
    return Answer(tuple(found), None)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """pip logs, warns, and prints its usage."""
    import logging

    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _requirements(file: Path) -> Iterator[Any]:
    from pip._internal.req import constructors, req_file

    # A session is only there for what comes over the network.
    for parsed in req_file.parse_requirements(str(file), session=None):  # type: ignore[arg-type]
        yield constructors.install_req_from_parsed_requirement(parsed, isolated=False, user_supplied=True)


def _repository(requirement: Any) -> Iterator[Asked]:
    from pip._internal.vcs import vcs

    if not requirement.editable or requirement.constraint:
        return
    link = requirement.link
    backend = vcs.get_backend_for_scheme(link.scheme)
    if backend is None and link.scheme != "file":
        backend = vcs.get_backend(link.url.partition("+")[0].lower())  # pip before 21.0
    if backend is None or backend.name != "git":
        return
    remade = _remade(requirement)
    url, options = backend.get_url_rev_options(_hidden(remade.link.url))
    yield Asked(
        folder=_folder(requirement),
        url=url.secret,
        revision=options.rev,
        subdirectory=link.subdirectory_fragment,
        extras=tuple(sorted(requirement.extras)),
    )


def _remade(requirement: Any) -> Any:
    """pip's resolver builds the requirement once more before it clones, and may fail then."""
    import pip
    from pip._internal.resolution.resolvelib import candidates

    if pip.__version__.startswith("20.2"):  # it has another resolver
        return requirement
    return candidates.make_install_req_from_editable(requirement.link, requirement)


def _hidden(url: str) -> Any:
    from pip._internal.utils.misc import hide_url

    return hide_url(url)


def _folder(requirement: Any) -> str:
    from pip._internal.utils.temp_dir import global_tempdir_manager

    with tempfile.TemporaryDirectory() as source, global_tempdir_manager():
        try:
            path = requirement.ensure_build_location(source, autodelete=False, parallel_builds=False)
        except TypeError:
            path = requirement.ensure_build_location(source)
        return os.path.relpath(path, source)


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    for question in sys.stdin:
        file = folder / "requirements.txt"
        file.write_bytes(json.loads(question).encode())
        print(json.dumps(ask(file)), flush=True)


if __name__ == "__main__":
    main()
