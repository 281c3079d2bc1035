"""Which project a command is about, and what it has configured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vendorws.errors import UsageError
from vendorws.exit_code import ExitCode
from vendorws.model import LOCK_FILE
from vendorws.settings import COMPOSE_NAMES, DEFAULT_TIMEOUT, find_root, read_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "requirements.txt").touch()
    return folder


def configure(root: Path, table: str) -> None:
    (root / "pyproject.toml").write_text(f'[project]\nname = "shop"\n\n[tool.vendorws]\n{table}\n', "utf-8")


# -- the project -----------------------------------------------------------------------------------------------


def test_the_folder_itself_and_every_folder_below(root: Path) -> None:
    deep = root / "app" / "models"
    deep.mkdir(parents=True)
    assert find_root(root) == find_root(root / "app") == find_root(deep) == root
    assert read_settings(deep).root == root


def test_no_project(tmp_path: Path) -> None:
    assert find_root(tmp_path) is None
    assert read_settings(tmp_path).root == tmp_path, "the command says which file is missing"


def test_the_nearest_project_wins(root: Path) -> None:
    inner = root / "service"
    inner.mkdir()
    (inner / "requirements.txt").touch()
    assert find_root(inner) == inner


def says_so(folder: Path, how: str) -> None:
    """Make a folder say by itself that it is a project."""
    if how == "table":
        configure(folder, "jobs = 3")
    elif how == "checkouts":
        (folder / "vendor").mkdir()
        (folder / "vendor" / LOCK_FILE).touch()
    else:
        (folder / how).touch()


@pytest.mark.parametrize("how", ["table", "checkouts", *COMPOSE_NAMES])
def test_a_folder_that_says_so_wins_over_a_nearer_requirements_file(root: Path, how: str) -> None:
    """docs/ has a requirements.txt of its own, for the tool that renders it."""
    docs = root / "site" / "docs"
    docs.mkdir(parents=True)
    (docs / "requirements.txt").touch()
    assert find_root(docs) == docs, "nothing else to go by"
    says_so(root, how)
    assert find_root(docs) == root
    says_so(docs, how)
    assert find_root(docs) == docs, "both say so: the nearest"


def test_a_compose_file_without_requirements_says_nothing(root: Path) -> None:
    """A monorepo: one Compose file at the top, each service with its own requirements."""
    service = root / "services" / "shop"
    service.mkdir(parents=True)
    (root / "requirements.txt").rename(service / "requirements.txt")
    (root / "compose.yaml").touch()
    assert find_root(service) == service


def test_a_git_repository_of_its_own_is_a_project_of_its_own(root: Path) -> None:
    says_so(root, "table")
    plugin = root / "plugins" / "colours"
    (plugin / "docs").mkdir(parents=True)
    (plugin / "requirements.txt").touch()
    assert find_root(plugin / "docs") == root
    (plugin / ".git").mkdir()
    assert find_root(plugin / "docs") == plugin


def test_a_checkout_that_says_so_belongs_to_the_project_around_it_all_the_same(root: Path) -> None:
    checkout = root / "vendor" / "billing"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "requirements.txt").touch()
    says_so(checkout, "table")
    assert find_root(checkout) == root


def test_a_table_makes_a_project_too(root: Path) -> None:
    inner = root / "service"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    assert find_root(inner) == root
    configure(inner, 'requirements = ["reqs/all.txt"]')
    assert find_root(inner) == inner


def test_a_checkout_belongs_to_the_project_around_it(root: Path) -> None:
    """It may well have a requirements.txt of its own, and even vendor packages itself."""
    checkout = root / "vendor" / "billing"
    inner = checkout / "vendor" / "crypto" / "src"
    inner.mkdir(parents=True)
    (checkout / "requirements.txt").touch()
    (checkout / "vendor" / "crypto" / "requirements.txt").touch()
    assert find_root(checkout) == find_root(checkout / "vendor") == find_root(inner) == root


def test_a_folder_called_vendor_elsewhere_means_nothing(tmp_path: Path) -> None:
    project = tmp_path / "vendor" / "shop"
    project.mkdir(parents=True)
    (project / "requirements.txt").touch()
    assert find_root(project) == project


def test_the_project_that_is_named(root: Path, tmp_path: Path) -> None:
    assert read_settings(tmp_path, project=Path("shop")).root == root
    assert read_settings(tmp_path, project=root).root == root
    assert read_settings(root / "none", project=Path("..")).root == root
    with pytest.raises(UsageError, match=r"^nowhere is not a folder\.$") as refused:
        read_settings(tmp_path, project=Path("nowhere"))
    assert refused.value.exit_code is ExitCode.USAGE


# -- what it configures ----------------------------------------------------------------------------------------


def test_without_a_table(root: Path) -> None:
    settings = read_settings(root)
    assert settings.requirements == (root / "requirements.txt",)
    assert settings.python_version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert settings.platform == "linux"
    assert settings.service_src == {}
    assert settings.jobs is None
    assert settings.timeout == DEFAULT_TIMEOUT
    assert settings.vendor == root / "vendor"
    assert (settings.cache, settings.filter, settings.trust_tags) == (None, None, False)


def test_with_everything(root: Path) -> None:
    configure(
        root,
        'requirements = ["base.txt", "reqs/dev.txt"]\npython-version = "3.12"\nplatform = "win32"\njobs = 3\n'
        'timeout = 90\ncache = "~/mirrors"\nfilter = "blob:none"\ntrust-tags = true\n'
        '[tool.vendorws.services.web]\nsrc = "/site/vendor"\n'
        '[tool.vendorws.services."the worker"]\nsrc = "/srv/vendor"\n',
    )
    settings = read_settings(root)
    assert settings.requirements == (root / "base.txt", root / "reqs" / "dev.txt")
    assert (settings.python_version, settings.platform) == ("3.12", "win32")
    assert settings.service_src == {"web": "/site/vendor", "the worker": "/srv/vendor"}
    assert (settings.jobs, settings.timeout) == (3, 90.0)
    assert (settings.cache, settings.filter) == (Path.home() / "mirrors", "blob:none")
    assert settings.trust_tags


def test_files_that_are_named_are_relative_to_where_they_are_typed(root: Path) -> None:
    configure(root, 'requirements = ["base.txt"]')
    (root / "app").mkdir()
    settings = read_settings(root / "app", requirements=(Path("../dev.txt"), Path("/etc/all.txt")))
    assert settings.requirements == (root / "app" / ".." / "dev.txt", Path("/etc/all.txt"))


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ('requirement = "x"', "has no setting 'requirement'.", "Did you mean 'requirements'?"),
        ("colour = 1", "has no setting 'colour'.", "It knows requirements, python-version, platform, services, jobs,"),
        ("requirements = []", "requirements is empty.", 'Write requirements = ["requirements.txt"].'),
        ('requirements = "a.txt"', "requirements must be a list of texts.", "For example requirements = ['requirem"),
        ('requirements = ["a.txt", 1]', "requirements must be a list of texts.", "For example"),
        ('requirements = [""]', "requirements must be a list of texts.", "For example"),
        ("python-version = 3.12", "python-version must be a text in quotes.", 'For example python-version = "3.'),
        ('platform = ""', "platform must be a text in quotes.", 'For example platform = "linux".'),
        ("jobs = 0", "jobs must be a whole number from 1 to 64.", "For example jobs = 8."),
        ("jobs = true", "jobs must be a whole number from 1 to 64.", "For example jobs = 8."),
        ("jobs = 900", "jobs must be a whole number from 1 to 64.", "For example jobs = 8."),
        ("jobs = 1.5", "jobs must be a whole number from 1 to 64.", "For example jobs = 8."),
        ('trust-tags = "no"', "trust-tags must be true or false.", "For example trust-tags = true."),
        ("cache = 1", "cache must be a text in quotes.", 'For example cache = "~/.cache/vendorws".'),
        ('filter = "all"', "filter cannot be 'all'.", "Write blob:none, blob:limit=1m or tree:0."),
        ("timeout = 0", "timeout must be a number of seconds above 0.", "For example timeout = 600."),
        ("timeout = -1.5", "timeout must be a number of seconds above 0.", "For example timeout = 600."),
        ("timeout = nan", "timeout must be a number of seconds above 0.", "For example timeout = 600."),
        ("timeout = true", "timeout must be a number of seconds above 0.", "For example timeout = 600."),
        ('timeout = "1h"', "timeout must be a number of seconds above 0.", "For example timeout = 600."),
        ("services = 1", "services is not a table.", 'Write [tool.vendorws.services.app] src = "…".'),
        ('services.web = "/x"', "takes one setting: src, an absolute path in the image.", "For example src ="),
        ('services.web.src = "x"', "takes one setting: src, an absolute path in the image.", "For example src ="),
        ("services.web = {}", "takes one setting: src, an absolute path in the image.", "For example src ="),
        (
            'services.web = {src = "/x", to = 1}',
            "takes one setting: src, an absolute path in the image.",
            "For example",
        ),
    ],
)
def test_a_setting_that_is_wrong(root: Path, table: str, message: str, hint: str) -> None:
    configure(root, table)
    with pytest.raises(UsageError) as refused:
        read_settings(root)
    assert refused.value.message.startswith("[tool.vendorws") and refused.value.message.endswith(message)
    assert refused.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.vendorws\n", "is not valid TOML: "),
        (b"# vendorws\nx = \xff\n", "cannot be read: "),
        (b"[tool]\nvendorws = 1\n", "tool.vendorws is not a table."),
        (b"tool = 'vendorws'\n", "tool.vendorws is not a table."),
    ],
)
def test_a_file_that_is_wrong(root: Path, content: bytes, message: str) -> None:
    (root / "pyproject.toml").write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_settings(root)
    assert str(root / "pyproject.toml") in refused.value.message
    assert message in refused.value.message


def test_a_pyproject_that_is_a_folder(root: Path) -> None:
    (root / "pyproject.toml").mkdir()
    with pytest.raises(UsageError, match=r"cannot be read: .*Is a directory"):
        read_settings(root)


def test_a_file_that_says_nothing_of_us_is_not_ours_to_judge(root: Path) -> None:
    (root / "pyproject.toml").write_text("[half a table")
    assert read_settings(root).jobs is None


@pytest.mark.parametrize("timeout", ["0.5", "1e3", "inf"])
def test_a_timeout_may_be_any_number_of_seconds(root: Path, timeout: str) -> None:
    configure(root, f"timeout = {timeout}")
    assert read_settings(root).timeout == float(timeout)
