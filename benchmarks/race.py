"""Several tools at the same three pieces of work, in turn, round after round, so that all meet the same weather."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.layout import Package
from benchmarks.measure import GitProcesses, Measured, count_git, measure
from benchmarks.server import GitHost
from benchmarks.tools import Command, Site, Tool, complete

WORKS = ("cold", "again", "status")


@dataclass(slots=True)
class Figures:
    """What one tool needed for one piece of work: a measurement for each round, and what it started."""

    rounds: list[Measured] = field(default_factory=list)
    connections: int = 0
    dropped: int = 0
    git: GitProcesses | None = None

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(measured.seconds for measured in self.rounds)

    @property
    def peak(self) -> float:
        """In MB, of the largest process in any round."""
        return max(measured.peak for measured in self.rounds)

    @property
    def failed(self) -> bool:
        return any(measured.code != 0 for measured in self.rounds)

    def ratio(self, floor: Figures) -> float:
        """The median of the ratios of paired rounds."""
        pairs = zip(self.rounds, floor.rounds, strict=False)
        return statistics.median(mine.seconds / its.seconds for mine, its in pairs)


@dataclass(slots=True)
class Result:
    """One tool's figures by work (`cold`, `again`, `status`), and how many packages it got at worst."""

    tool: str
    works: dict[str, Figures] = field(default_factory=dict)
    got: int = 10**9

    def figures(self, work: str) -> Figures:
        return self.works.setdefault(work, Figures())


@dataclass(frozen=True, slots=True)
class Race:
    """The course: where, against which host, with which packages; `say` is told what is going on."""

    folder: Path
    host: GitHost
    packages: Sequence[Package]
    say: Callable[[str], None]
    jobs: int = 8
    ref: Callable[[Package], str] = lambda _: "main"

    def run(
        self, tools: Sequence[Tool], rounds: int, *, works: Sequence[str] = WORKS, count: bool = True
    ) -> list[Result]:
        """Every tool in turn, `rounds` times (a slow one once), then once more to count processes."""
        results = {tool.name: Result(tool.name) for tool in tools}
        for number in range(rounds):
            for tool in tools:
                if number and tool.is_slow:
                    continue
                self.say(f"round {number + 1} of {rounds}: {tool.name}")
                self._round(tool, results[tool.name], works)
        for tool in tools if count else ():
            if not tool.is_slow:
                self.say(f"counting processes: {tool.name}")
                self._count(tool, results[tool.name], works)
        return list(results.values())

    def fastest(self, make: Callable[[int], Tool], jobs: Sequence[int], rounds: int) -> tuple[int, Tool]:
        """The number of jobs with the least time for cold and again together, by trial."""
        tried = {number: make(number) for number in jobs}
        results = self.run(list(tried.values()), rounds, works=("cold", "again"), count=False)
        times = [sum(result.figures(work).seconds for work in ("cold", "again")) for result in results]
        best = min(range(len(times)), key=times.__getitem__)
        self.say(", ".join(f"{name}: {seconds:.2f} s" for name, seconds in zip(tried, times, strict=True)))
        return list(tried.items())[best]

    def looker(self, tool: Tool) -> Callable[[], float]:
        """Let a tool get everything; what is given back runs its `status` there, and says for how many seconds."""
        self.say(f"getting {len(self.packages)} packages: {tool.name}")
        site, figures = self._fresh_site(tool), Figures()
        status = self._command(tool, "status", site)
        assert status is not None, "this tool knows no status"

        def look(command: Command = status) -> float:
            self._measure(command, site, figures)
            return figures.rounds[-1].seconds

        look(tool.cold(site))
        look()  # once before it counts: everything is in memory then, for each tool
        return look

    def _round(self, tool: Tool, result: Result, works: Sequence[str]) -> None:
        site = self._fresh_site(tool)
        for work in works:
            command = self._command(tool, work, site)
            for _ in range(5 if work == "status" else 1):
                if command is not None:
                    self._measure(command, site, result.figures(work))
        result.got = min(result.got, complete(site, self._environment(site)))

    def _measure(self, command: Command, site: Site, figures: Figures) -> None:
        before, dropped = self.host.connections(), self.host.dropped()
        log = site.folder.with_suffix(".log")
        figures.rounds.append(measure(command, cwd=site.folder, environment=self._environment(site), log=log))
        figures.connections = max(figures.connections, self.host.connections() - before)
        figures.dropped += self.host.dropped() - dropped

    def _count(self, tool: Tool, result: Result, works: Sequence[str]) -> None:
        site = self._fresh_site(tool)
        log = site.folder.with_suffix(".log")
        for work in works:
            command = self._command(tool, work, site)
            if command is not None:
                environment = self._environment(site)
                _, result.figures(work).git = count_git(command, cwd=site.folder, environment=environment, log=log)

    @staticmethod
    def _command(tool: Tool, work: str, site: Site) -> Command | None:
        commands = {"cold": tool.cold, "again": tool.again, "status": tool.status}
        return commands[work](site)

    def _fresh_site(self, tool: Tool) -> Site:
        folder = self.folder / tool.name.replace(" ", "-").replace(",", "")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "home").mkdir(parents=True)
        site = Site(
            folder / "site", [(package, self.host.url(package.bare)) for package in self.packages], self.jobs, self.ref
        )
        site.folder.mkdir()
        tool.prepare(site)
        return site

    def _environment(self, site: Site) -> dict[str, str]:
        home = str(site.folder.parent / "home")
        own = {
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "GIT_SSH_COMMAND": f"ssh -F {self.host.client_config}",
        }
        return {**os.environ, **own, "SOCKETS": str(self.host.client_config.parent)}
