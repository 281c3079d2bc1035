"""The program that `vendorws verify` runs inside a container. It prints JSON and leaves nothing behind.

    python -B -c <this text> survey <this text> <question>

`survey` runs in whichever Python was found first: it looks for the files that the host wrote, and has every Python of
the container `answer` where each package imports from, whether its metadata can be read and its console scripts load.
Only the host decides what that means. It has to do on Python 3.6, and without any other module of vendorws; paths are
text here, as they are in the JSON. The question:

    {"python": path or null,     the only Python to ask, instead of all
     "wait": seconds             how long a file of the host may take to arrive
     "limit": seconds            how long one Python may take
     "packages": [{"name":     canonical
                   "target":   where the checkout is mounted
                   "witness":   the host's file, relative to the target, or null
                   "token":    what is written in it
                   "samples":  {path relative to the target: digest of the host's file}}]}
"""

import csv
import glob
import hashlib
import importlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional
from urllib.parse import unquote

MARK = "vendorws-probe:"
"""What the line with the answer starts with; whatever the container's own start-up code prints has other lines."""


def main(arguments: List[str]) -> None:
    """`survey SOURCE QUESTION` or `answer QUESTION`."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if arguments[0] == "survey":
        say(1, survey(arguments[1], json.loads(arguments[2])))
    else:
        answer(json.loads(arguments[1]))


def say(descriptor: int, document: Dict[str, Any]) -> None:
    """Write one line, whole."""
    line = ("\n" + MARK + json.dumps(document) + "\n").encode()
    while line:
        line = line[os.write(descriptor, line) :]


def answer_in(output: str) -> Optional[Dict[str, Any]]:
    """The last answer among everything that was printed, None without one."""
    lines = [line[len(MARK) :] for line in output.splitlines() if line.startswith(MARK)]
    answered = json.loads(lines[-1]) if lines else None
    return answered if isinstance(answered, dict) else None


# ---- survey: what does not depend on the Python -----------------------------------------------------------------


def survey(source: str, question: Dict[str, Any]) -> Dict[str, Any]:
    """The host's files as they are seen here, and the answer of each Python."""
    wait_for_witnesses(question)
    pythons = [question["python"]] if question["python"] else list(find_pythons(question["packages"]))
    return {
        "folders": {package["name"]: folder(package) for package in question["packages"]},
        "pythons": [ask(python, source, question) for python in pythons],
    }


def wait_for_witnesses(question: Dict[str, Any]) -> None:
    """A shared file system may take a moment to show what the host wrote."""
    end = time.time() + question["wait"]
    packages = [package for package in question["packages"] if package["witness"]]
    while not all(has_witness(package) for package in packages) and time.time() < end:
        time.sleep(0.05)


def folder(package: Dict[str, Any]) -> Dict[str, Any]:
    """What is at the target."""
    return {
        "witness": has_witness(package),
        "denied": is_denied(package),
        "differs": next((path for path, digest in sorted(package["samples"].items()) if not same(package, path)), None),
    }


def has_witness(package: Dict[str, Any]) -> bool:
    """Whether the host's file is here, with what the host wrote."""
    content = read(os.path.join(package["target"], package["witness"])) if package["witness"] else None
    return content is not None and content.decode("utf-8", "replace").strip() == package["token"]


def is_denied(package: Dict[str, Any]) -> bool:
    """Whether the host's file may be here, and this user must not look."""
    try:
        os.stat(os.path.join(package["target"], package["witness"] or "."))
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(package["target"], os.R_OK | os.X_OK)


def same(package: Dict[str, Any], path: str) -> bool:
    """Whether a file is as the host has it."""
    content = read(os.path.join(package["target"], path))
    return content is not None and digest_of(content) == package["samples"][path]


def digest_of(content: bytes) -> str:
    """Sixteen hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def read(path: str) -> Optional[bytes]:
    """A file's content, None where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


# ---- survey: the Pythons ----------------------------------------------------------------------------------------


def find_pythons(packages: List[Dict[str, Any]]) -> Iterator[str]:
    """One Python of each `bin` folder, the likeliest first: virtual environments lie near the checkouts, mostly."""
    seen = set()
    for candidate in bin_folders(packages):
        real = os.path.realpath(candidate)
        python = next((path for name in ("python3", "python") for path in runnable(candidate, name)), None)
        if python and real not in seen:
            seen.add(real)
            yield python


def runnable(place: str, name: str) -> List[str]:
    """The program of this name, if it is there."""
    path = os.path.join(place, name)
    return [path] if os.path.isfile(path) and os.access(path, os.X_OK) else []


def bin_folders(packages: List[Dict[str, Any]]) -> Iterator[str]:
    """Where a Python may be, in the order of how likely it is the one that the service runs."""
    yield from first_process()
    if os.environ.get("VIRTUAL_ENV"):
        yield os.path.join(os.environ["VIRTUAL_ENV"], "bin")
    yield from os.environ.get("PATH", os.defpath).split(os.pathsep)
    parents = [os.getcwd(), "/opt", "/usr/local", os.path.expanduser("~"), "/home", "/home/*"]
    for package in packages:
        parents = list(ancestors(package["target"])) + parents
    for parent in dict.fromkeys(parents):
        for pattern in ("bin", "*/bin", ".*/bin"):
            yield from sorted(glob.glob(os.path.join(parent, pattern)))
    for pattern in ("~/.local/share/virtualenvs/*/bin", "~/.cache/pypoetry/virtualenvs/*/bin", "/opt/conda/envs/*/bin"):
        yield from sorted(glob.glob(os.path.expanduser(pattern)))


def first_process() -> List[str]:
    """The folder of the Python that the container was started with, if it is one."""
    program = (read("/proc/1/cmdline") or b"").split(b"\0")[0].decode("utf-8", "replace")
    if "/" not in program or not os.path.basename(program).startswith("python"):
        return []
    try:
        return [os.path.dirname(os.path.join(os.readlink("/proc/1/cwd"), program))]
    except OSError:
        return []


def ancestors(path: str) -> Iterator[str]:
    """The folders above, the nearest first."""
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        yield path


def ask(python: str, source: str, question: Dict[str, Any]) -> Dict[str, Any]:
    """The answer of one Python; one that is stopped by the limit has told what it knew by then."""
    try:
        process = subprocess.Popen(
            [python, "-B", "-c", source, "answer", json.dumps(question)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return {"executable": python, "failure": str(error)}
    try:
        output, _ = process.communicate(timeout=question["limit"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    answered = answer_in(output.decode("utf-8", "replace"))
    return answered or {"executable": python, "failure": f"it ended with {process.returncode} and no answer"}


# ---- answer: what one Python knows ------------------------------------------------------------------------------


def answer(question: Dict[str, Any]) -> None:
    """Tell where everything would import from, then import and load it, and tell that too; end without any clean-up."""
    out = os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    # `python -c` puts the working folder first; the application is not started that way.
    sys.path[:] = [entry for entry in sys.path if entry]
    distributions = find_distributions()
    mounts = mount_points()
    found = {one["name"]: distribution_of(one, distributions or ()) for one in question["packages"]}
    packages = {one["name"]: package(one, found[one["name"]], mounts) for one in question["packages"]}
    document = {
        "executable": sys.executable,
        "version": ".".join(map(str, sys.version_info[:3])),
        "reads_metadata": distributions is not None,
        "packages": packages,
    }
    say(out, document)
    for name, distribution in found.items():
        run(packages[name], distribution)
    say(out, document)
    os._exit(0)


def package(asked: Dict[str, Any], distribution: Optional["Distribution"], mounts: List[str]) -> Dict[str, Any]:
    """One package before anything of it was run; `scripts` is null until then."""
    target = os.path.realpath(asked["target"])
    named = names_of(asked["name"], distribution, target)
    modules = {name: where(name, target, mounts) for name in named or names_on_path(target)}
    return {
        "version": distribution.version if distribution else None,
        "legacy": has_egg_link(asked["name"], target),
        "modules": {name: dict(found, runs=name in named) for name, found in modules.items()},
        "scripts": None,
    }


def where(module: str, target: str, mounts: List[str]) -> Dict[str, Any]:
    """Where a module would be imported from; it is not run for that. `inside`: from the mount on the target."""
    places = locations(module)
    here = [place for place in places if is_below(place, target)]
    inside = [place for place in here if mount_of(place, mounts) == mount_of(target, mounts)]
    return {"at": next(iter(inside or places), None), "inside": bool(inside), "failure": None}


def locations(module: str) -> List[str]:
    """A file, or the folders of a namespace package; nothing where it cannot be imported."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception:  # a parent package or an import hook of the container's may raise anything
        return []
    if spec is None:
        return []
    if spec.has_location and spec.origin:
        return [os.path.realpath(spec.origin)]
    return [os.path.realpath(place) for place in spec.submodule_search_locations or ()]


def is_below(path: str, parent: str) -> bool:
    """Whether `path` is `parent` or lies in it; both are real paths."""
    return path == parent or path.startswith(parent.rstrip("/") + "/")


def mount_points() -> List[str]:
    """Every mount point, the longest first. Format: proc_pid_mountinfo(5)."""
    lines = (read("/proc/self/mountinfo") or b"").decode("utf-8", "surrogateescape").splitlines()
    points = [line.split(" ")[4] for line in lines if line.count(" ") > 4]
    unescaped = [re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), point) for point in points]
    return sorted(unescaped, key=len, reverse=True)


def mount_of(path: str, mounts: List[str]) -> str:
    """The mount point that `path` lies on."""
    return next((point for point in mounts if is_below(path, point)), "/")


# ---- answer: which modules does a package have? -----------------------------------------------------------------


def names_of(name: str, distribution: Optional["Distribution"], target: str) -> List[str]:
    """What the package's metadata says; where it says nothing, what on the path is called like the package."""
    if distribution is not None:
        named = finder_names(distribution) or top_level_names(distribution) or recorded_names(distribution)
        if named:
            return named
    names = names_on_path(target)
    called = [found for found in names if canonical(found) == name]
    return called or [found for found in names if name.startswith(canonical(found) + "-")]


def finder_names(distribution: "Distribution") -> List[str]:
    """The roots that setuptools' import hook for editables maps."""
    record = distribution.read("RECORD") or ""
    hooks = re.findall(r"^(__editable___\w+_finder)\.py,", record, re.MULTILINE)
    return sorted({root for hook in hooks for root in getattr(sys.modules.get(hook), "MAPPING", ())})


def top_level_names(distribution: "Distribution") -> List[str]:
    """What setuptools wrote down."""
    return sorted(set((distribution.read("top_level.txt") or "").split()))


def recorded_names(distribution: "Distribution") -> List[str]:
    """The roots of the files that were installed, but for those that are there for pip and site."""
    names = set()
    for row in csv.reader((distribution.read("RECORD") or "").splitlines()):
        root, slash, _ = row[0].partition("/") if row else ("", "", "")
        stem, _, suffix = root.partition(".")
        if (stem if not slash else root).isidentifier() and (slash or suffix.rpartition(".")[2] in ("py", "so")):
            names.add(stem)
    return sorted(name for name in names if not name.startswith("__"))


def names_on_path(target: str) -> List[str]:
    """The modules in those folders below the target that are on the path: an editable puts one there."""
    folders = [entry for entry in map(os.path.realpath, sys.path) if is_below(entry, target)]
    return sorted({found for place in folders for found in importable(place)})


def importable(place: str) -> Iterator[str]:
    """The modules and packages right below a folder."""
    for path in glob.glob(os.path.join(place, "*")):
        stem, suffix = os.path.splitext(os.path.basename(path))
        holds_modules = any(glob.glob(os.path.join(path, pattern)) for pattern in ("*.py", "*/*.py"))
        if stem.isidentifier() and (suffix == ".py" or (holds_modules and not suffix)):
            yield stem


def canonical(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


# ---- answer: metadata -------------------------------------------------------------------------------------------


class Distribution:
    """What is installed under one name; `read` gives a metadata file's text or None, `scripts` loads by name."""

    def __init__(
        self, name: str, version: str, read: Callable[[str], Optional[str]], scripts: Dict[str, Callable[[], object]]
    ) -> None:
        self.name, self.version, self.read, self.scripts = name, version, read, scripts


def find_distributions() -> Optional[List[Distribution]]:
    """Everything that is installed, as the application itself would look it up; None where nothing here can tell."""
    for reader in ("importlib.metadata", "importlib_metadata"):
        try:
            found = importlib.import_module(reader).distributions()
        except ImportError:
            continue
        return [distribution for one in found for distribution in by_metadata(one)]
    try:
        working_set = importlib.import_module("pkg_resources").working_set
    except ImportError:
        return None
    return [by_setuptools(one) for one in working_set]


def by_metadata(one: Any) -> Iterator[Distribution]:  # noqa: ANN401  (its type is there since Python 3.8)
    """Python 3.8 and later, and the backport of its module."""
    try:
        name, version, points = one.metadata["Name"], one.version, list(one.entry_points)
    except Exception:  # remains of an interrupted uninstall, say
        return
    if name:
        scripts = {point.name: point.load for point in points if point.group == "console_scripts"}
        yield Distribution(str(name), str(version), one.read_text, scripts)


def by_setuptools(one: Any) -> Distribution:  # noqa: ANN401
    """Before Python 3.8."""
    points = one.get_entry_map("console_scripts")
    scripts = {name: point.resolve for name, point in points.items()}

    def read_text(file: str) -> Optional[str]:
        return str(one.get_metadata(file)) if one.has_metadata(file) else None

    return Distribution(one.project_name, one.version, read_text, scripts)


def distribution_of(asked: Dict[str, Any], distributions: Iterable[Distribution]) -> Optional[Distribution]:
    """The package by its name, else (an `#egg=` may name it otherwise) by the folder that it was installed from."""
    target = os.path.realpath(asked["target"])
    by_name = [one for one in distributions if canonical(one.name) == asked["name"]]
    by_folder = (one for one in distributions if installed_from(one, target))
    return by_name[0] if by_name else next(by_folder, None)


def installed_from(distribution: Distribution, target: str) -> bool:
    """Whether `direct_url.json` (PEP 610) names a folder at or below the target."""
    text = distribution.read("direct_url.json")
    url = str(json.loads(text).get("url", "")) if text else ""
    return url.startswith("file://") and is_below(os.path.realpath(unquote(url[len("file://") :])), target)


def has_egg_link(name: str, target: str) -> bool:
    """Whether `setup.py develop` installed it: its metadata lies in the folder itself then."""
    for entry in sys.path:
        for link in glob.glob(os.path.join(entry, "*.egg-link")):
            lines = (read(link) or b"").decode("utf-8", "replace").splitlines()
            stem = os.path.splitext(os.path.basename(link))[0]
            if canonical(stem) == name or (lines and is_below(os.path.realpath(lines[0].strip()), target)):
                return True
    return False


# ---- answer: does it run? ---------------------------------------------------------------------------------------


def run(package: Dict[str, Any], distribution: Optional[Distribution]) -> None:
    """Import the modules and load the console scripts, and note what fails.

    Not those that only lie on the path: one of them may be a setup.py, or a script that acts as soon as it is run.
    """
    for name, module in package["modules"].items():
        if module.pop("runs") and module["inside"] and name != "setup":
            module["failure"] = import_failure(name)
    package["scripts"] = load_scripts(distribution) if distribution else {}


def import_failure(module: str) -> Optional[str]:
    """What is missing where a module does not import. One that asks for more (settings, say) is not at fault."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        return in_words(error)
    except BaseException:
        return None
    return None


def load_scripts(distribution: Distribution) -> Dict[str, Optional[str]]:
    """What each console script would say when it starts: null, or why it does not."""
    failures = {}  # type: Dict[str, Optional[str]]
    for name, load in sorted(distribution.scripts.items()):
        sys.argv = [name]
        try:
            load()
            failures[name] = None
        except BaseException as error:  # a module may even exit
            failures[name] = in_words(error)
    return failures


def in_words(error: BaseException) -> str:
    """As the last line of a traceback has it."""
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1:])
