"""The verdict on a package, from what was seen: each way in which an edit can fail to reach a container."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vendorws.errors import ExitCode
from vendorws.proof.answers import Answer, Folder, Installed, Module, Python
from vendorws.proof.prove import Proof
from vendorws.proof.report import document, lines, summary
from vendorws.proof.verdicts import (
    Container,
    Fault,
    Package,
    Prompt,
    ServiceConfig,
    ServiceMount,
    State,
    Verdict,
    choose_python,
    container_fault,
    exit_code,
    is_copied,
    missing_fault,
    mount_fault,
    unseen,
)

HERE = Path("/home/dev/shop/vendor/billing")
THERE = "/site/vendor/billing"
BILLING = Package("app", "billing", "vendor/billing", HERE, THERE)


def bound(target: str = THERE, source: Path = HERE) -> ServiceMount:
    return ServiceMount(target, str(source), source)


def service(*mounts: ServiceMount, copies: tuple[ServiceMount, ...] = (), builds: bool = True) -> ServiceConfig:
    return ServiceConfig("app", "shop-app", builds, mounts, copies)


# ---- what Compose mounts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mounts",
    [
        [bound()],
        [bound(f"{THERE}/")],
        [bound("/site/vendor", HERE.parent)],
        [bound("/site/", HERE.parent.parent)],
        [bound(), bound("/site/vendor", Path("/elsewhere"))],
        [bound(), ServiceMount("/site", "the volume", None), bound("/site/vendor/theme", Path("/elsewhere"))],
    ],
)
def test_one_mount_that_shows_the_checkout_is_right(mounts: list[ServiceMount]) -> None:
    assert mount_fault(BILLING, service(*mounts)) is None


def test_nothing_is_mounted() -> None:
    for mounts in ([], [bound("/site/vendor/billing-old")], [bound("/site/vendor", Path("/elsewhere"))]):
        fault = mount_fault(BILLING, service(*mounts))
        assert fault == Fault(State.NOT_MOUNTED, f"Compose mounts nothing on {THERE}")


def test_something_else_is_mounted() -> None:
    folder = mount_fault(BILLING, service(bound(source=Path("/elsewhere"))))
    assert folder == Fault(State.OTHER_MOUNT, f"Compose mounts /elsewhere on {THERE}")
    volume = mount_fault(BILLING, service(ServiceMount(THERE, "the volume data", None)))
    assert volume == Fault(State.OTHER_MOUNT, f"Compose mounts the volume data on {THERE}")


def test_two_targets_that_differ_by_a_slash_are_two_mounts() -> None:
    fault = mount_fault(BILLING, service(bound(f"{THERE}/", Path("/elsewhere")), bound()))
    assert fault is not None
    assert fault.state is State.MOUNTED_TWICE
    assert f"/elsewhere and {HERE}" in fault.reason


def test_a_volume_between_the_checkout_and_the_folder_above_hides_it() -> None:
    mounts = [bound("/site", HERE.parent.parent), ServiceMount("/site/vendor", "the volume", None)]
    fault = mount_fault(BILLING, service(*mounts))
    assert fault is not None
    assert fault.state is State.NOT_MOUNTED


def test_a_checkout_that_watch_copies_needs_no_mount() -> None:
    copied = service(copies=(bound(),))
    assert mount_fault(BILLING, copied) is None
    assert is_copied(BILLING, copied)
    assert not is_copied(BILLING, service(bound(), copies=(bound(),)))
    assert not is_copied(BILLING, service(copies=(bound(source=Path("/elsewhere")),)))
    assert not is_copied(BILLING, service(copies=(bound(), bound(f"{THERE}/"))))


# ---- what a container shows -------------------------------------------------------------------------------------

LIVE = Installed("1.0", False, (Module("billing", f"{THERE}/billing/__init__.py", True),), {"billing": None})
SEEN = Folder(has_witness=True, is_denied=False, differs=None)
NEW = Container("", running=False, mounts={})
RUNNING = Container("shop-app-1", running=True, mounts={THERE: str(HERE)})


def python(installed: Installed = LIVE, executable: str = "/site/env/bin/python3") -> Python:
    return Python(executable, "3.11.2", packages={"billing": installed})


def fault(
    installed: Installed = LIVE,
    *,
    folder: Folder = SEEN,
    container: Container = NEW,
    config: ServiceConfig | None = None,
    asked: Python | None = None,
    package: Package = BILLING,
) -> Fault | None:
    asked = asked or python(installed)
    answer = Answer({"billing": folder}, (asked,))
    return container_fault(package, config or service(bound()), container, answer, asked)


def state(installed: Installed) -> State:
    found = fault(installed)
    return found.state if found else State.LIVE


def test_what_is_seen_and_imported_and_loads_is_live() -> None:
    assert fault() is None
    assert fault(container=RUNNING) is None


UNWITNESSED = replace(SEEN, has_witness=False)


def test_a_container_that_was_started_without_the_mount_is_started_anew() -> None:
    for mounts in ({}, {THERE: "/elsewhere"}, {"/site/vendor/billing-old": str(HERE)}):
        found = fault(folder=UNWITNESSED, container=replace(RUNNING, mounts=mounts))
        assert found is not None
        assert (found.state, found.command) == (State.OUTDATED, "docker compose up -d app")


@pytest.mark.parametrize("source", [str(HERE), f"/host_mnt{HERE}"])
@pytest.mark.parametrize("target", [THERE, f"{THERE}/"])
def test_a_container_that_holds_the_folder_of_before_is_restarted(source: str, target: str) -> None:
    found = fault(folder=UNWITNESSED, container=replace(RUNNING, mounts={target: source}))
    assert found is not None
    assert (found.state, found.command) == (State.OTHER_FOLDER, "docker compose restart app")


def test_a_new_container_that_does_not_see_the_file_runs_on_another_machine() -> None:
    found = fault(folder=UNWITNESSED)
    assert found is not None
    assert (found.state, found.command) == (State.OTHER_FOLDER, "vendorws override --mode watch")
    assert "another machine" in found.reason


def test_a_checkout_that_the_containers_user_must_not_read_is_told() -> None:
    found = fault(folder=replace(UNWITNESSED, is_denied=True), package=replace(BILLING, checkout=Path("/home/my shop")))
    assert found is not None
    assert (found.state, found.command) == (State.UNREADABLE, "chmod -R a+rX '/home/my shop'")


def module(name: str, at: str | None) -> Module:
    return Module(name, at, at is not None and at.startswith(THERE))


def with_modules(*modules: Module) -> Installed:
    return replace(LIVE, modules=modules)


def test_a_copy_in_site_packages_is_called_one() -> None:
    found = fault(with_modules(module("billing", "/usr/lib/python3.11/site-packages/billing.py")), container=RUNNING)
    assert found is not None
    assert (found.state, found.command) == (State.ELSEWHERE, "docker compose up -d --build app")
    assert "installed as a copy" in found.reason


def test_an_import_from_another_folder_is_named() -> None:
    found = fault(with_modules(module("billing", "/src/billing/billing.py")))
    assert found is not None
    assert found.reason == f"billing imports from /src/billing/billing.py, not from {THERE}"


def test_every_module_of_a_package_has_to_be_live() -> None:
    ours, other = module("billing", f"{THERE}/billing.py"), module("bills", "/opt/bills.py")
    assert state(with_modules(ours, other)) is State.ELSEWHERE
    assert state(with_modules(ours, module("bills", None))) is State.NOT_IMPORTABLE


def test_a_folder_of_tests_that_another_package_installs_too_does_not_count() -> None:
    ours = module("billing", f"{THERE}/billing.py")
    assert state(with_modules(ours, module("tests", "/site/vendor/theme/tests/__init__.py"))) is State.LIVE
    assert state(with_modules(module("tests", "/site/vendor/theme/tests/__init__.py"))) is State.ELSEWHERE


def test_a_package_without_modules_is_judged_by_its_metadata() -> None:
    assert state(Installed("1.0", False, (), {})) is State.LIVE
    assert state(Installed(None, False, (), {})) is State.NOT_INSTALLED


def test_a_legacy_editable_without_metadata_gets_the_command_that_makes_it_anew() -> None:
    found = fault(replace(LIVE, version=None, legacy=True), package=replace(BILLING, subdirectory="py/my lib"))
    assert found is not None
    assert found.state is State.NO_METADATA
    assert found.command == (
        'docker compose run --rm --no-deps --user "$(id -u):$(id -g)" '
        f"--workdir '{THERE}/py/my lib' --entrypoint /site/env/bin/python3 app -B setup.py -q egg_info"
    )


def test_what_is_on_the_path_and_was_never_installed_has_no_metadata() -> None:
    found = fault(replace(LIVE, version=None))
    assert found is not None
    assert (found.state, found.command) == (State.NO_METADATA, "docker compose build app")


def test_a_python_without_any_means_to_read_metadata_is_not_blamed() -> None:
    assert fault(asked=replace(python(replace(LIVE, version=None)), reads_metadata=False)) is None


@pytest.mark.parametrize(
    "failure",
    [
        "ModuleNotFoundError: No module named 'billing._version'",
        "ImportError: cannot import name '_fast' from 'billing' (/site/vendor/billing/billing/__init__.py)",
    ],
)
def test_a_part_that_the_build_makes_gets_the_command_that_makes_it_in_the_checkout(failure: str) -> None:
    found = fault(with_modules(replace(LIVE.modules[0], failure=failure)))
    assert found is not None
    assert found.state is State.NOT_IMPORTABLE
    assert found.reason.startswith(f"edits are live, but billing does not import: {failure}; what its build makes")
    assert found.command.endswith(
        f"--workdir {THERE} --entrypoint /site/env/bin/python3 app -m pip install --no-deps --prefix /tmp/built -e ."
    )
    script = fault(replace(LIVE, scripts={"billing": failure}))
    assert script is not None
    assert (script.state, script.command) == (State.SCRIPT_FAILS, found.command)


def test_a_module_that_lacks_another_package_asks_for_a_new_image() -> None:
    failure = "ModuleNotFoundError: No module named 'billing_core'"
    found = fault(with_modules(replace(LIVE.modules[0], failure=failure)))
    assert found is not None
    assert (found.state, found.command) == (State.NOT_IMPORTABLE, "docker compose build app")


def test_a_script_that_does_not_load_says_why() -> None:
    failing = replace(LIVE, scripts={"a": None, "b": "ImportError: cannot import name 'x'"})
    found = fault(failing)
    assert found is not None
    assert (found.state, found.command) == (State.SCRIPT_FAILS, "")
    assert found.reason.endswith("the console script b does not load: ImportError: cannot import name 'x'")


def test_a_script_that_lacks_a_module_asks_for_a_new_image() -> None:
    lacking = replace(LIVE, scripts={"b": "ModuleNotFoundError: No module named 'yaml'"})
    found = fault(lacking, config=service(bound(), builds=False))
    assert found is not None
    assert found.command == "docker compose pull app"
    found = fault(lacking, config=service(bound(), builds=False), container=RUNNING)
    assert found is not None
    assert found.command == "docker compose up -d --pull always app"


def test_scripts_that_hang_are_not_called_live() -> None:
    assert state(replace(LIVE, scripts=None)) is State.SCRIPT_FAILS


def test_files_that_were_not_copied_yet_are_named() -> None:
    copied = service(copies=(bound(),))
    unwitnessed = replace(UNWITNESSED, differs="billing/app.py")
    found = fault(folder=unwitnessed, config=copied, container=RUNNING)
    assert found is not None
    assert (found.state, found.command) == (State.NOT_SYNCED, "docker compose watch app")
    assert found.reason.startswith("billing/app.py is another there")
    assert fault(folder=UNWITNESSED, config=copied, container=RUNNING) is None
    found = fault(folder=UNWITNESSED, config=copied)
    assert found is not None
    assert found.state is State.NOT_SYNCED


def test_commands_are_suggested_as_they_have_to_be_typed_here() -> None:
    prompt = Prompt(("--project", "my shop"), "my shop", ("-f", "a.yml"))
    assert prompt.vendorws("sync", "billing") == "vendorws sync --project 'my shop' billing"
    assert prompt.compose("up -d app") == "cd 'my shop' && docker compose -f a.yml up -d app"
    package = replace(BILLING, prompt=prompt)
    assert missing_fault(package, ["billing"]) is None
    missing = missing_fault(package, ["theme"])
    assert missing is not None
    assert missing.command == "vendorws sync --project 'my shop' billing"


# ---- which Python -----------------------------------------------------------------------------------------------


def test_the_python_that_knows_the_packages_is_the_one() -> None:
    nothing = python(Installed(None, False, (Module("billing", None, False),), {}), "/usr/bin/python3")
    broken = Python("/opt/bin/python3", failure="it ended with 1 and no answer")
    environment = python()
    assert choose_python(Answer({}, (broken, nothing, environment, python(executable="/other")))) is environment
    assert choose_python(Answer({}, (broken, nothing))) is nothing
    assert choose_python(Answer({}, ())) is None


def test_without_a_python_that_answers_nobody_can_look() -> None:
    answer = Answer({"billing": SEEN}, ())
    found = container_fault(BILLING, service(bound()), NEW, answer, None)
    assert found is not None
    assert (found.state, found.command) == (
        State.UNSEEN,
        "vendorws verify app --python /path/in/the/container/bin/python",
    )
    found = fault(asked=Python("/opt/bin/python3", failure="it ended with -9 and no answer"))
    assert found is not None
    assert found.reason == "/opt/bin/python3 gave no answer: it ended with -9 and no answer"


def test_where_a_shell_is_missing_the_python_is_to_be_named() -> None:
    assert "--python" in unseen(BILLING, 'exec: "sh": executable file not found in $PATH').command
    assert unseen(BILLING, "Container app is paused").command == ""


# ---- the report -------------------------------------------------------------------------------------------------

THEME = replace(BILLING, name="theme", path="vendor/theme", target="/site/vendor/theme")
PROOF = Proof(
    (
        Verdict(BILLING, None, RUNNING, python(), LIVE),
        Verdict(THEME, Fault(State.MISSING, "vendor/theme is not there\x1b[2J", "vendorws sync theme")),
    ),
    ("a note",),
)


def test_a_line_for_each_package_and_the_command_below_it() -> None:
    assert list(lines(PROOF.verdicts)) == [
        ("billing  app  /site/vendor/billing  live  version 1.0, 1 console script", "green"),
        (r"theme    app  /site/vendor/theme    not live: vendor/theme is not there\x1b[2J", "red"),
        ("  -> vendorws sync theme", ""),
    ]
    assert list(lines(())) == []


def test_names_that_a_terminal_would_act_upon_line_up_as_they_are_shown() -> None:
    odd = replace(BILLING, service="\x1b[2J")
    heads = [line.partition(THERE)[0] for line, _ in lines([Verdict(BILLING, None), Verdict(odd, None)])]
    assert heads == ["billing  app      ", r"billing  \x1b[2J  "]


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        (replace(LIVE, scripts={}), "live  version 1.0"),
        (replace(LIVE, scripts={"a": None, "b": None}), "live  version 1.0, 2 console scripts"),
        (replace(LIVE, version=None, scripts={}), "live  its metadata was not looked at"),
    ],
)
def test_what_was_found_is_told(installed: Installed, words: str) -> None:
    ((line, _),) = lines([Verdict(BILLING, None, RUNNING, python(installed), installed)])
    assert line == f"billing  app  /site/vendor/billing  {words}"


def test_the_summary_says_where_was_looked() -> None:
    assert list(summary(PROOF)) == [
        "looked into shop-app-1: Python 3.11.2 (/site/env/bin/python3)",
        "1 live, 1 not live",
    ]
    one_off = Proof((Verdict(BILLING, None, NEW, python(), LIVE),))
    assert list(summary(one_off)) == [
        "looked into a new container of app: Python 3.11.2 (/site/env/bin/python3)",
        "1 live",
    ]


def test_the_document_has_null_for_what_is_not_known() -> None:
    packages = json.loads(json.dumps(document(PROOF)))["packages"]
    assert packages[0]["scripts"] == {"billing": None}
    assert packages[0]["container"] == "shop-app-1"
    assert {key for key, value in packages[1].items() if value is None} == {
        "container",
        "python",
        "version",
        "imports",
        "scripts",
    }


def test_the_exit_code_is_1_when_something_is_not_live() -> None:
    assert exit_code(PROOF.verdicts) is ExitCode.ATTENTION
    assert exit_code(PROOF.verdicts[:1]) is ExitCode.DONE
    assert exit_code(()) is ExitCode.DONE
