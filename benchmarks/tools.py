"""The tools that are compared: what each needs to be told, and what is typed for the same three pieces of work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.layout import Package
from benchmarks.server import HOST

PEERS = (
    "mxdev==5.4.1",
    "vcs2l==1.1.7",
    "west==1.5.0",
    "tsrc==3.0.1",
    "gita==0.16.8.2",
    "pip==25.2",
    "setuptools==80.9.0",
)
"""What the peers' virtual environment holds. git submodule comes with git."""


@dataclass(frozen=True, slots=True)
class Site:
    """One tool's project: its folder, the packages it is to have, and how each is reached."""

    folder: Path
    packages: Sequence[tuple[Package, str]]
    """Each with its URL."""
    jobs: int
    ref: Callable[[Package], str] = lambda _: "main"

    @property
    def vendor(self) -> Path:
        return self.folder / "vendor"


Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Tool:
    """`prepare` writes a tool's own configuration, unmeasured; each command is run in the site's folder.

    `cold` starts from nothing, `again` from what cold left, `status` only looks; None where the tool cannot.
    """

    name: str
    prepare: Callable[[Site], None]
    cold: Callable[[Site], Command]
    again: Callable[[Site], Command]
    status: Callable[[Site], Command | None]
    is_slow: bool = False


def shell(script: str) -> Command:
    """A small script for sh."""
    return ("sh", "-ec", script)


# -- vendorws --------------------------------------------------------------------------------------------------


def vendorws(*options: str, name: str = "vendorws", program: Command = (sys.executable, "-m", "vendorws")) -> Tool:
    """The tool itself."""

    sync = (*program, "sync", *options)
    return Tool(name, write_requirements, lambda _: sync, lambda _: sync, lambda _: (*program, "status"))


def write_requirements(site: Site) -> None:
    """requirements.txt with a line for each package."""
    lines = (f"-e git+{url}@{site.ref(package)}#egg={package.name}\n" for package, url in site.packages)
    (site.folder / "requirements.txt").write_text("".join(lines))


# -- the floor: plain git in the best loop that a shell has ----------------------------------------------------


def floor(*, jobs: int | None = None, name: str = "git, xargs, one connection", shared: bool = True) -> Tool:
    """`git clone`, `git fetch` and `git status` by `xargs -P`; nothing is compared, nothing is kept safe.

    The connection is opened first and closed last, by hand, as `shared` says.
    """

    def prepare(site: Site) -> None:
        lists: dict[str, list[str]] = {"clone": [], "fetch": [], "status": []}
        for package, url in site.packages:
            place = f"vendor/{package.name}"
            lists["clone"].append(f"clone --quiet --branch {site.ref(package)} {url} {place}\n")
            lists["fetch"].append(
                f"-C {place} fetch --quiet --no-tags origin +refs/heads/main:refs/remotes/origin/main\n"
            )
            lists["status"].append(f"-C {place} status --porcelain=v2 --branch\n")
        for verb, lines in lists.items():
            (site.folder / verb).write_text("".join(lines))

    def each(verb: str, site: Site) -> str:
        return f"xargs -P {jobs or site.jobs} -L 1 git <{verb}"

    def over_one_connection(verb: str, site: Site) -> Command:
        if not shared:
            return shell(each(verb, site))
        return shell(f"""\
            share="-o ControlPath=$SOCKETS/floor-%C"
            own=$GIT_SSH_COMMAND
            $own $share -o ControlMaster=yes -f -N {HOST}
            export GIT_SSH_COMMAND="$own $share -o ControlMaster=no"
            {each(verb, site)} || failed=1
            $own $share -O exit {HOST}
            exit ${{failed:-0}}""")

    return Tool(
        name,
        prepare,
        lambda site: over_one_connection("clone", site),
        lambda site: over_one_connection("fetch", site),
        lambda site: shell(each("status", site)),
    )


# -- the peers -------------------------------------------------------------------------------------------------


def peers(folder: Path) -> tuple[Tool, ...]:
    """Every peer, from the virtual environment in `folder` (made and filled on the first call)."""
    programs = _installed(folder)
    return (
        _mxdev(programs / "mxdev"),
        _vcs2l(programs / "vcs"),
        _west(programs / "west"),
        _tsrc(programs / "tsrc"),
        _gita(programs / "gita"),
        _submodule(),
        _pip(programs / "python"),
    )


def _installed(folder: Path) -> Path:
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != repr(PEERS):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
        subprocess.run([folder / "bin" / "python", *install], check=True)
        stamp.write_text(repr(PEERS))
    return folder / "bin"


def _mxdev(program: Path) -> Tool:
    def prepare(site: Site) -> None:
        sections = (f"[{p.name}]\nurl = {url}\nbranch = main\ninstall-mode = skip\n" for p, url in site.packages)
        settings = f"[settings]\nrequirements-in = in.txt\nthreads = {site.jobs}\ndefault-target = vendor\n"
        (site.folder / "mx.ini").write_text(settings + "".join(sections))
        (site.folder / "in.txt").write_text("")

    return Tool("mxdev", prepare, lambda _: (program, "-s"), lambda _: (program, "-s"), lambda _: None)


def _vcs2l(program: Path) -> Tool:
    def prepare(site: Site) -> None:
        entries = (f"  {p.name}: {{type: git, url: '{url}', version: main}}\n" for p, url in site.packages)
        (site.folder / "repos.yaml").write_text("repositories:\n" + "".join(entries))
        site.vendor.mkdir()

    def verb(*words: str) -> Callable[[Site], Command]:
        return lambda site: (program, *words, "--workers", str(site.jobs), "vendor")

    return Tool("vcs2l", prepare, verb("import", "--input", "repos.yaml"), verb("pull"), verb("status"))


def _west(program: Path) -> Tool:
    def prepare(site: Site) -> None:
        projects = (
            f"  - {{name: {p.name}, url: '{url}', revision: main, path: vendor/{p.name}}}\n" for p, url in site.packages
        )
        _manifest(site, "west.yml", "manifest:\n  projects:\n" + "".join(projects))

    cold = shell(f"{program} init -l manifest && {program} update")
    return Tool("west", prepare, lambda _: cold, lambda _: (program, "update"), lambda _: (program, "status"))


def _tsrc(program: Path) -> Tool:
    def prepare(site: Site) -> None:
        repos = (f"  - {{dest: vendor/{p.name}, url: '{url}', branch: main}}\n" for p, url in site.packages)
        _manifest(site, "manifest.yml", "repos:\n" + "".join(repos))

    return Tool(
        "tsrc",
        prepare,
        lambda site: (program, "init", "-j", str(site.jobs), f"file://{site.folder}/manifest"),
        lambda site: (program, "sync", "-j", str(site.jobs)),
        lambda site: (program, "status", "-j", str(site.jobs)),
    )


def _manifest(site: Site, file: str, text: str) -> None:
    """A git repository of its own with the list of repositories in it."""
    folder = site.folder / "manifest"
    folder.mkdir()
    (folder / file).write_text(text)
    for words in (("init", "--quiet"), ("add", file), ("commit", "--quiet", "-m", "List the packages")):
        _git(folder, *words)


def _gita(program: Path) -> Tool:
    """Keeps its list below the home folder; it clones into the folder it is in."""

    def prepare(site: Site) -> None:
        rows = (f"{url},{p.name},{site.vendor / p.name},,,main\n" for p, url in site.packages)
        (site.folder / "repos.csv").write_text("".join(rows))
        site.vendor.mkdir()

    return Tool(
        "gita",
        prepare,
        lambda site: shell(f"cd vendor && {program} clone --from-file ../repos.csv"),
        lambda _: (program, "pull"),
        lambda _: (program, "ll"),
    )


def _submodule() -> Tool:
    def prepare(site: Site) -> None:
        _git(site.folder, "init", "--quiet")
        modules, index = [], []
        for package, url in site.packages:
            path = f"vendor/{package.name}"
            modules.append(f'[submodule "{package.name}"]\n\tpath = {path}\n\turl = {url}\n\tbranch = main\n')
            index.append(f"160000 {package.head}\t{path}\n")
        (site.folder / ".gitmodules").write_text("".join(modules))
        _git(site.folder, "update-index", "--index-info", stdin="".join(index))
        _git(site.folder, "add", ".gitmodules")
        _git(site.folder, "commit", "--quiet", "-m", "Pin the packages")

    def update(*words: str) -> Callable[[Site], Command]:
        return lambda site: ("git", "submodule", "--quiet", "update", *words, "--jobs", str(site.jobs))

    return Tool(
        "git submodule", prepare, update("--init"), update("--remote"), lambda _: ("git", "submodule", "status")
    )


def _pip(python: Path) -> Tool:
    """Builds and installs each package as well; that is its job, and cannot be left out."""
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    command = (*install, "--no-build-isolation", "--src", "vendor", "-r", "requirements.txt")
    return Tool("pip", write_requirements, lambda _: command, lambda _: command, lambda _: None, is_slow=True)


def _git(cwd: Path, *arguments: str, stdin: str = "") -> None:
    subprocess.run(["git", *arguments], cwd=cwd, input=stdin, text=True, capture_output=True, check=True)


def complete(site: Site, environment: Mapping[str, str]) -> int:
    """How many packages are there, with the expected commit checked out and nothing changed."""
    return sum(_is_complete(site.vendor / package.name, package, environment) for package, _ in site.packages)


def _is_complete(checkout: Path, package: Package, environment: Mapping[str, str]) -> bool:
    if not (checkout / ".git").exists():
        return False
    look = ["git", "status", "--porcelain=v2", "--branch"]
    said = subprocess.run(look, cwd=checkout, env=environment, capture_output=True, text=True, check=False).stdout
    changed = [line for line in said.splitlines() if not line.startswith(("#", "?"))]  # pip leaves *.egg-info
    return f"# branch.oid {package.head}" in said and not changed
