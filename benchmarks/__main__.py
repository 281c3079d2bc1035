"""Lay out repositories and a git host, let the tools race, print the tables: see docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks import tools
from benchmarks.layout import Package, lay_out
from benchmarks.measure import measure
from benchmarks.race import Race, Result
from benchmarks.server import RAISED, git_host
from benchmarks.table import race_table, table
from vendorws.requirement_files.pins import read_requirements
from vendorws.settings import read_settings

_GIT_CONFIG = """\
[user]
    name = Developer
    email = developer@acme.example
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
[advice]
    detachedHead = false
"""


def main() -> None:
    """The command."""
    options = _parse(sys.argv[1:])
    folder = options.folder.resolve()
    _seal(folder)
    started = time.monotonic()
    parts = {
        "loopback": lambda: _loopback(folder, options),
        "far": lambda: _far(folder, options),
        "limits": lambda: _limits(folder, options),
        "less": lambda: _less(folder, options),
        "offline": lambda: _offline(folder, options),
        "start": lambda: _start_up(folder, options),
        "slope": lambda: _slope(folder, options),
        "growth": lambda: _growth(folder, options),
    }
    _print(_machine())
    wanted = options.parts or [part for part in parts if part != "growth" or not options.quick]
    for name in sorted(wanted, key=list(parts).index):  # the picture last: what draws it weighs on all that is started
        _print(parts[name]())
    _say(f"done in {time.monotonic() - started:.0f} s")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help="loopback, far, limits, less, offline, start, slope, growth; or all")
    parser.add_argument("--quick", action="store_true", help="a look in two minutes: fewer packages, one round")
    parser.add_argument("-n", "--packages", type=int, help="how many packages (50, quick: 10)")
    parser.add_argument("--rounds", type=int, help="how often each tool runs (5, quick: 1)")
    parser.add_argument("--no-peers", action="store_true", help="only vendorws and the floor")
    parser.add_argument("--round-trip", type=float, default=0.04, help="seconds to the host that is far away")
    parser.add_argument("--folder", type=Path, default=Path(".bench"), help="where everything is kept (.bench)")
    parser.add_argument("--plot", type=Path, help="write the growth with the number of packages here, as SVG")
    options = parser.parse_args(arguments)
    options.packages = options.packages or (10 if options.quick else 50)
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


# -- the parts -------------------------------------------------------------------------------------------------


def _loopback(folder: Path, options: argparse.Namespace) -> str:
    return _compare(folder, options, f"{options.packages} packages, ssh on loopback, OpenSSH's own limits", 0.0)


def _far(folder: Path, options: argparse.Namespace) -> str:
    away = f"{options.round_trip * 1000:.0f} ms away"
    return _compare(folder, options, f"{options.packages} packages, {away}, OpenSSH's own limits", options.round_trip)


def _compare(folder: Path, options: argparse.Namespace, title: str, round_trip: float) -> str:
    peers = [] if options.no_peers or (options.quick and round_trip) else tools.peers(folder / "peers")
    if options.quick:
        peers = [peer for peer in peers if not peer.is_slow]
    with git_host(folder / "host", round_trip=round_trip) as host:
        race = Race(folder / "race", host, _packages(folder, options.packages), _say)
        jobs, floor = race.fastest(lambda number: tools.floor(jobs=number, name=str(number)), _trials(options), 1)
        floor = tools.floor(jobs=jobs)
        unshared = tools.floor(jobs=jobs, name="git, xargs, a connection each", shared=False)
        results = race.run([floor, tools.vendorws(), unshared, *peers], options.rounds)
    return f"## {title}\n\n{race_table(results, options.packages)}\n\nThe floor ran best with -P {jobs}."


def _limits(folder: Path, options: argparse.Namespace) -> str:
    rows: list[Result] = []
    with git_host(folder / "host", round_trip=options.round_trip, limits=RAISED) as host:
        race = Race(folder / "race", host, _packages(folder, options.packages), _say)
        jobs, _ = race.fastest(lambda number: tools.floor(jobs=number, name=str(number)), (8, 16, 24), 1)
        ours = [tools.vendorws("--jobs", str(number), name=f"vendorws --jobs {number}") for number in (4, 8, 16, 24)]
        rows = race.run([tools.floor(jobs=jobs), *ours], max(1, options.rounds // 2), works=("cold", "again"))
    return (
        f"## {options.packages} packages, {options.round_trip * 1000:.0f} ms away, raised limits\n\n"
        f"{race_table(rows, options.packages, ('cold', 'again'))}"
    )


def _less(folder: Path, options: argparse.Namespace) -> str:
    """What the mirrors and partial clones save."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    ways = [
        tools.vendorws(),
        tools.vendorws("--cache", str(cache), name="vendorws --cache, filled"),
        tools.vendorws("--filter", "blob:none", name="vendorws --filter blob:none"),
    ]
    with git_host(folder / "host", round_trip=options.round_trip) as host:
        race = Race(folder / "race", host, _packages(folder, options.packages), _say)
        race.run(
            [tools.vendorws("--cache", str(cache), name="vendorws --cache, empty")], 1, works=("cold",), count=False
        )
        results = race.run(ways, options.rounds, works=("cold",), count=False)
    rows = [[result.tool, f"{result.figures('cold').seconds:.2f}"] for result in results]
    return (
        f"## {options.packages} packages, {options.round_trip * 1000:.0f} ms away\n\n{table(['tool', 'cold, s'], rows)}"
    )


def _offline(folder: Path, options: argparse.Namespace) -> str:
    def head(package: Package) -> str:
        return package.head

    with git_host(folder / "host") as host:
        race = Race(folder / "race", host, _packages(folder, options.packages), _say, ref=head)
        (result,) = race.run([tools.vendorws()], options.rounds)
    again = result.figures("again")
    return (
        f"## {options.packages} packages pinned at commits that are here\n\n"
        f"sync takes {again.seconds:.2f} s, with {again.connections} ssh connections."
    )


def _start_up(folder: Path, options: argparse.Namespace) -> str:
    ours = (sys.executable, "-m", "vendorws")
    site = folder / "race" / "start"
    site.mkdir(parents=True, exist_ok=True)
    (site / "requirements.txt").write_text("")
    completion = {"_VENDORWS_COMPLETE": "complete_bash", "COMP_WORDS": "vendorws s", "COMP_CWORD": "1"}
    cases = {
        "python -c pass": ((sys.executable, "-c", "pass"), {}),
        "vendorws --version": ((*ours, "--version"), {}),
        "vendorws --help": ((*ours, "--help"), {}),
        "completion": ((str(Path(sys.executable).parent / "vendorws"),), completion),
        "vendorws status, no package": ((*ours, "status"), {}),
        "vendorws list, 1 line": ((*ours, "list", "-r", _many_lines(site, 1)), {}),
        "vendorws list, 10,000 lines": ((*ours, "list", "-r", _many_lines(site)), {}),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(5 if options.quick else 15):
        for name, (command, more) in cases.items():
            measured = measure(command, cwd=site, environment=os.environ | more, log=site / "log")
            times[name].append((measured.seconds, measured.cpu))
    medians = {
        name: [statistics.median(column) for column in zip(*pairs, strict=True)] for name, pairs in times.items()
    }
    bare = medians["python -c pass"]
    rows = [
        [name, *(f"{1000 * value:.0f}" for value in (seconds, seconds - bare[0], cpu - bare[1]))]
        for name, (seconds, cpu) in medians.items()
    ]
    reading = statistics.median(_seconds_to_read(_many_lines(site)) for _ in range(5))
    return (
        f"## Start-up\n\n{table(['command', 'ms', 'more than python', 'of it CPU'], rows)}\n\n"
        f"Reading requirements of 10,000 lines takes {reading:.2f} s."
    )


def _seconds_to_read(file: Path) -> float:
    settings = read_settings(file.parent, requirements=(file,))
    start = time.perf_counter()
    read_requirements(settings)
    return time.perf_counter() - start


def _many_lines(site: Path, count: int = 10_000) -> Path:
    file = site / f"{count}.txt"
    lines = (f"-e git+ssh://git@github.com/acme/part-{n}.git@main#egg=part-{n}\n" for n in range(count // 10))
    others = (f"package-{n}[extra]>={n % 9}.{n % 7} ; python_version >= '3.8'  # why\n" for n in range(count * 9 // 10))
    file.write_text("".join((*lines, *others)) or "-e git+ssh://git@github.com/acme/part.git@main#egg=part\n")
    return file


def _slope(folder: Path, options: argparse.Namespace) -> str:
    """What each further checkout costs a `status`, whatever it costs to start.

    All looks of a round come within two seconds: a difference of two times is no use where the weather has changed.
    """
    few, many = (5, 20) if options.quick else (50, 200)
    racers = [tools.floor(jobs=8), tools.vendorws()]
    slopes: dict[str, list[float]] = {tool.name: [] for tool in racers}
    with git_host(folder / "host") as host:
        races = [Race(folder / f"race-{count}", host, _packages(folder, count), _say) for count in (few, many)]
        looks = {tool.name: [race.looker(tool) for race in races] for tool in racers}
        for _ in range(6 * options.rounds):
            for name, (look_at_few, look_at_many) in looks.items():
                at_few, at_many = look_at_few(), look_at_many()
                slopes[name].append((at_many - at_few) / (many - few))
    medians = {name: statistics.median(found) for name, found in slopes.items()}
    floor, *_ = medians.values()
    rows = [[name, f"{1000 * median:.2f}", f"{median / floor:.2f}"] for name, median in medians.items()]
    return f"## Status of each further checkout, from {few} to {many}\n\n{table(['tool', 'ms', 'x floor'], rows)}"


def _growth(folder: Path, options: argparse.Namespace) -> str:
    counts = (5, 10, 20) if options.quick else (10, 50, 200, 1000)
    found: dict[int, list[Result]] = {}
    for count in counts:
        _say(f"growth: {count} packages")
        with git_host(folder / "host") as host:
            race = Race(folder / "race", host, _packages(folder, count), _say)
            found[count] = race.run([tools.floor(jobs=8), tools.vendorws()], 1 if count > 200 else 3)
    if options.plot:
        from benchmarks.plot import growth_plot  # late: a process that is started weighs as much as this one at first

        options.plot.write_text(growth_plot(found))
    rows = [
        [str(count), result.tool, *(f"{result.figures(work).seconds:.2f}" for work in result.works), _peak(result)]
        for count, results in found.items()
        for result in results
    ]
    header = ["packages", "tool", "cold, s", "nothing to do, s", "status, s", "peak MB"]
    return f"## Growth\n\n{table(header, rows)}"


def _peak(result: Result) -> str:
    return f"{max(figures.peak for figures in result.works.values()):.0f}"


# -- around them -----------------------------------------------------------------------------------------------


def _trials(options: argparse.Namespace) -> tuple[int, ...]:
    return (8,) if options.quick else (4, 6, 8, 10)


def _packages(folder: Path, count: int) -> tuple[Package, ...]:
    _say(f"laying out {count} packages")
    return lay_out(folder / "packages", count)


def _seal(folder: Path) -> None:
    """Nothing of the developer's own configuration takes part."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gitconfig").write_text(_GIT_CONFIG)
    (folder / ".gitignore").write_text("*\n")
    for name in [name for name in os.environ if name.startswith(("GIT_", "VENDORWS_", "SSH_", "XDG_"))]:
        del os.environ[name]
    os.environ |= {"GIT_CONFIG_GLOBAL": str(folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}


def _machine() -> str:
    versions = [
        subprocess.run(words, capture_output=True, text=True, check=True)
        for words in (("git", "version"), ("ssh", "-V"))
    ]
    said = [(ran.stdout + ran.stderr).split(",")[0].strip() for ran in versions]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{date.today().isoformat()}: {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, {', '.join(said)}, {', '.join(tools.PEERS)}"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
