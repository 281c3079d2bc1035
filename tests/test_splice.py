"""Additions to an override that is the user's: every other byte stays, and they come out again without a trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.docker import Docker
from vendorws.compose.entries import entries_between
from vendorws.compose.mounts import Mode, Mount
from vendorws.compose.splice import MARK, CannotSplice, splice, without_ours
from vendorws.compose.trees import parse_yaml

BILLING = Mount("app", "billing", "./vendor/billing", "/site/vendor/billing")
THEME = Mount("app", "theme", "./vendor/theme", "/site/vendor/theme")
WORKER = Mount("worker", "billing", "./vendor/billing", "/srv/vendor/billing")


def added(text: str) -> str:
    return f"{text} {MARK}\n"


def line(mount: Mount, indent: int) -> str:
    source, target = mount.source, mount.target
    text = f"- {{type: bind, source: {source}, target: {target}, bind: {{create_host_path: false}}}}"
    return added(" " * indent + text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "services:\n  app:\n    volumes:\n      - ./a:/a # mine\n",
            "services:\n  app:\n    volumes:\n" + line(BILLING, 6) + "      - ./a:/a # mine\n",
            id="in front of a list",
        ),
        pytest.param(
            "services:\n  app:\n    volumes:\n    # first\n    - ./a:/a\n",
            "services:\n  app:\n    volumes:\n" + line(BILLING, 4) + "    # first\n    - ./a:/a\n",
            id="a list that is not indented",
        ),
        pytest.param(
            "services:\n  app:\n    # env\n    environment: {A: 'b'}\n",
            "services:\n  app:\n" + added("    volumes:") + line(BILLING, 6) + "    # env\n    environment: {A: 'b'}\n",
            id="a service without volumes",
        ),
        pytest.param(
            "services:\n    app:\n        volumes:\n    db:\n        image: x\n",
            "services:\n    app:\n        volumes:\n" + line(BILLING, 12) + "    db:\n        image: x\n",
            id="an empty list, four columns",
        ),
        pytest.param(
            "services:\n  app:\n",
            "services:\n  app:\n" + added("    volumes:") + line(BILLING, 6),
            id="an empty service",
        ),
        pytest.param(
            'services: # all\n  "db": {image: x}\n',
            "services: # all\n" + added("  app:") + added("    volumes:") + line(BILLING, 6) + '  "db": {image: x}\n',
            id="another service",
        ),
        pytest.param(
            "services:\n",
            "services:\n" + added("  app:") + added("    volumes:") + line(BILLING, 6),
            id="no services",
        ),
        pytest.param(
            "# mine\n\nvolumes:\n  data:\n",
            "# mine\n\n"
            + added("services:") + added("  app:") + added("    volumes:") + line(BILLING, 6)
            + "volumes:\n  data:\n",
            id="no key of that name",
        ),
        pytest.param(
            "",
            added("services:") + added("  app:") + added("    volumes:") + line(BILLING, 6),
            id="an empty file",
        ),
        pytest.param(
            "# only a comment\n",
            "# only a comment\n" + added("services:") + added("  app:") + added("    volumes:") + line(BILLING, 6),
            id="a comment alone",
        ),
        pytest.param(
            "services:\n  app:\n    volumes: !override\n      - ./a:/a\n",
            "services:\n  app:\n    volumes: !override\n" + line(BILLING, 6) + "      - ./a:/a\n",
            id="a list that replaces",
        ),
        pytest.param(
            '---\nservices:\n  "app":\n    "volumes":\n      - ./a:/a\n',
            '---\nservices:\n  "app":\n    "volumes":\n' + line(BILLING, 6) + "      - ./a:/a\n",
            id="quoted keys",
        ),
    ],
)  # fmt: skip
def test_an_entry_goes_right_below_its_key(before: str, after: str) -> None:
    assert splice(before, [BILLING], Mode.BIND) == after
    assert without_ours(after) == before


def test_several_services_and_packages_keep_their_order() -> None:
    text = "services:\n  worker:\n    volumes: [] \n".replace(" [] ", "")
    result = splice(text, [BILLING, THEME, WORKER], Mode.BIND)
    assert result == (
        "services:\n"
        + added("  app:") + added("    volumes:") + line(BILLING, 6) + line(THEME, 6)
        + "  worker:\n    volumes:\n" + line(WORKER, 6)
    )  # fmt: skip


def test_a_file_without_a_last_line_end_gets_none() -> None:
    text = "services:\n  app:\n    image: x"
    result = splice(text, [BILLING], Mode.BIND)
    assert result.endswith("image: x")
    assert without_ours(result) == text
    result = splice("# mine", [BILLING], Mode.BIND)
    assert not result.endswith("\n")
    assert without_ours(result) == "# mine"


def test_windows_line_ends_stay_windows_line_ends() -> None:
    text = "services:\r\n  app:\r\n    volumes:\r\n      - ./a:/a"
    result = splice(text, [BILLING], Mode.BIND)
    assert result.count("\n") == result.count("\r\n") == 4
    assert without_ours(result) == text
    assert without_ours(splice("# mine\r\n#", [BILLING], Mode.BIND)) == "# mine\r\n#"


def test_a_second_time_changes_nothing_and_what_is_unwanted_goes() -> None:
    text = "services:\n  app:\n    volumes:\n      - ./a:/a\n"
    once = splice(text, [BILLING, THEME, WORKER], Mode.BIND)
    assert splice(once, [BILLING, THEME, WORKER], Mode.BIND) == once
    assert splice(once, [THEME], Mode.BIND) == splice(text, [THEME], Mode.BIND)
    assert splice(once, [], Mode.BIND) == text


def test_watch_entries_go_below_develop() -> None:
    text = "services:\n  app:\n    develop:\n      watch:\n        - {action: rebuild, path: ./x}\n"
    result = splice(text, [BILLING], Mode.WATCH)
    assert "        - {action: sync, path: ./vendor/billing, target: /site/vendor/billing, ignore: [.git/]} #" in result
    assert splice(result, [BILLING], Mode.BIND) == splice(text, [BILLING], Mode.BIND)
    assert without_ours(result) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("services: {app: {image: x}}\n", "services is not written as an indented mapping"),
        ("{services: {}}\n", "its top level is not written"),
        ("services:\n  app: {image: x}\n", "services.app is not written as an indented mapping"),
        ("services:\n  app:\n    volumes: [./a:/a]\n", "services.app.volumes is not written as an indented list"),
        ("services:\n  app:\n    volumes: []\n", "services.app.volumes is not written as an indented list"),
        ("services:\n  app:\n    volumes: ~\n", "services.app.volumes is not written as an indented list"),
        ("services:\n  app:\n    volumes: !reset []\n", "services.app.volumes is not written as an indented list"),
        ("services:\n  app: !reset null\n", "services.app is not written as an indented mapping"),
        ("services:\n  app: &x\n    volumes:\n      - ./a:/a\n  b: *x\n", "an anchor, an alias or a merge key"),
        ("x-a: &x\n  volumes:\n    - ./a:/a\nservices:\n  app: *x\n", "an anchor, an alias or a merge key"),
        ("x-a: &x\n  volumes:\n    - ./a:/a\nservices:\n  app:\n    <<: *x\n", "an anchor, an alias or a merge key"),
        ("services:\n  app:\n    image: x\n---\nservices:\n", "several documents"),
        ("services:\r  app:\r", "unusual line ends"),
        ("---\n...\n", "the result would not be valid YAML"),
        (f"services:\n  app:\n    image: x {MARK}\n", "line 3 carries our mark"),
    ],
)
def test_what_cannot_be_added_to_safely_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CannotSplice) as refusal:
        splice(text, [BILLING], Mode.BIND)
    assert reason in str(refusal.value)


def test_an_anchor_that_nothing_else_uses_is_no_obstacle() -> None:
    text = "services:\n  app: &x\n    volumes: &y\n      - ./a:/a\n"
    assert without_ours(splice(text, [BILLING], Mode.BIND)) == text


def test_what_the_user_built_below_our_keys_stays() -> None:
    spliced = splice("services:\n  db:\n    image: x\n", [BILLING], Mode.BIND)
    built_on = spliced.replace("  db:", "      - ./mine:/mine\n  db:")
    assert without_ours(built_on) == ("services:\n  app:\n    volumes:\n      - ./mine:/mine\n  db:\n    image: x\n")


def test_a_list_of_the_users_that_is_not_indented_stays_below_our_key_too() -> None:
    built_on = "services:\n  app:\n" + added("    volumes:") + "    - ./mine:/mine\n"
    assert without_ours(built_on) == "services:\n  app:\n    volumes:\n    - ./mine:/mine\n"


def test_an_override_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(CannotSplice, match="not valid YAML"):
        without_ours(added("services:") + "[\n")


def test_text_that_only_looks_like_an_entry_is_text() -> None:
    text = (
        "services:\n  app:\n    command: |\n"
        + line(BILLING, 6)
        + '    labels:\n      a: "x\n'
        + line(THEME, 6)
        + '        "\n'
    )
    assert without_ours(text) == text
    spliced = splice(text, [BILLING], Mode.BIND)
    assert without_ours(spliced) == text


def test_a_comment_about_the_mark_is_a_comment() -> None:
    text = f"# what ends in {MARK}\nservices:\n"
    assert without_ours(text) == text
    assert without_ours(splice(text, [BILLING], Mode.BIND)) == text


def test_names_that_yaml_or_compose_would_read_otherwise_are_quoted() -> None:
    odd = Mount("on", "x", "./ven$dor/x", "/a b/x")
    result = splice("", [odd], Mode.BIND)
    assert '"on":' in result
    assert 'source: "./ven$$dor/x", target: "/a b/x"' in result
    assert entries_between({}, parse_yaml(result.encode(), "it")).mounts == (odd,)


# ---- property: any override that people write ---------------------------------------------------------------------

_names = st.sampled_from(["app", "db", "worker", "on", "x.y-z_1"])
_comments = st.sampled_from(["", "", " # why", " # 'quoted' {odd: [text"])
_scalars = st.sampled_from(["x", "'1.0'", '"a: b"', "yes", "~", "${A:-b}", "'*'", "|\n@  two\n@  lines", ">-\n@  one"])
_ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def _volumes(draw: st.DrawFn, indent: int) -> list[str]:
    pad = " " * (indent + draw(st.sampled_from([0, 2, 4])))
    items = draw(
        st.lists(
            st.sampled_from(["- ./a:/a", "- data:/data", "- type: bind\n@  source: ./b\n@  target: /b", "- '/c'"]),
            max_size=3,
        )
    )
    return [f"{pad}{item}{draw(_comments)}".replace("@", pad) for item in items]


@st.composite
def _service(draw: st.DrawFn, indent: int) -> list[str]:
    pad, lines = " " * indent, []
    for key in draw(st.permutations(["image", "volumes", "environment", "develop", "command"]))[
        : draw(st.integers(0, 4))
    ]:
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", f"{pad}# a note", "# at the margin"])))
        if key == "volumes":
            lines += [f"{pad}volumes:{draw(_comments)}", *draw(_volumes(indent))]
        elif key == "environment":
            lines.append(f"{pad}environment: {{A: 'b', C: [d]}}{draw(_comments)}")
        elif key == "develop":
            lines += [f"{pad}develop:", f"{pad}  watch:", f"{pad}    - {{action: rebuild, path: ./x}}"]
        else:
            lines.append(f"{pad}{key}: {draw(_scalars)}".replace("@", pad))
    return lines


@st.composite
def overrides(draw: st.DrawFn) -> str:
    step = draw(st.sampled_from([1, 2, 4]))
    lines = draw(
        st.lists(st.sampled_from(["# head", "", "---", "x-note: 'kept'"]), max_size=2, unique=True).map(sorted)
    )
    lines = [line for line in lines if line != "x-note: 'kept'"] + (
        ["x-note: 'kept'"] if "x-note: 'kept'" in lines else []
    )
    if draw(st.booleans()):
        lines.append(f"services:{draw(_comments)}")
        for name in draw(st.lists(_names, max_size=3, unique=True)):
            shown = draw(st.sampled_from([name, f'"{name}"', f"'{name}'"]))
            lines += [f"{' ' * step}{shown}:{draw(_comments)}", *draw(_service(2 * step))]
    if draw(st.booleans()):
        lines += ["volumes:", "  data:"]
    end = draw(_ends)
    return "\n".join(lines).replace("\n", end) + draw(st.sampled_from(["", end, end + end]))


_mounts = st.lists(
    st.builds(
        lambda service, name: Mount(service, name, f"./vendor/{name}", f"/site/vendor/{name}"),
        _names,
        st.sampled_from(["billing", "theme", "x"]),
    ),
    max_size=4,
    unique=True,
).map(lambda found: sorted(found, key=lambda mount: (mount.service, mount.source)))


@given(overrides(), _mounts, st.sampled_from(Mode))
@settings(max_examples=100, deadline=None)
def test_whatever_people_write_comes_back_byte_for_byte(text: str, mounts: list[Mount], mode: Mode) -> None:
    try:
        spliced = splice(text, mounts, mode)
    except CannotSplice:
        return
    assert without_ours(spliced) == text
    assert splice(spliced, mounts, mode) == spliced
    before, after = parse_yaml(text.encode(), "it"), parse_yaml(spliced.encode(), "it")
    assert sorted(map(repr, entries_between(before, after).mounts)) == sorted(map(repr, mounts))
    kept = [line for line in spliced.split("\n") if MARK not in line]
    assert "\n".join(kept).rstrip() == text.rstrip()


@given(overrides(), _mounts.filter(bool))
@settings(max_examples=50, deadline=None)
def test_nearly_all_that_people_write_can_be_added_to(text: str, mounts: list[Mount]) -> None:
    splice(text, mounts, Mode.BIND)


@given(overrides(), _mounts.filter(bool), st.sampled_from(Mode))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_compose_finds_exactly_the_additions(
    docker_compose: Docker, tmp_path: Path, text: str, mounts: list[Mount], mode: Mode
) -> None:
    base = {"services": {name: {"image": "base", "build": "."} for name in ("app", "db", "worker", "on", "x.y-z_1")}}
    (tmp_path / "compose.yaml").write_text(json.dumps({**base, "volumes": {"data": {}}}))
    spliced = splice(text, mounts, mode)
    before, after = (_configured(docker_compose, tmp_path, content) for content in (text, spliced))
    assume(before)  # Compose refuses some overrides that hold nothing
    for mount in mounts:
        if mode is Mode.BIND:
            entry = {"type": "bind", "source": str(tmp_path / mount.source), "target": mount.target}
        else:
            entry = {"action": "sync", "path": str(tmp_path / mount.source), "target": mount.target}
        found = _entries(after, mount.service, mode)
        [ours] = [item for item in found if item["target" if "target" in item else "path"] == mount.target]
        assert {key: ours[key] for key in entry} == entry
        found.remove(ours)
    for service in base["services"]:
        assert _entries(after, service, mode) == _entries(before, service, mode)


def _configured(compose: Docker, folder: Path, override: str) -> dict[str, dict[str, object]]:
    (folder / "docker-compose.override.yml").write_bytes(override.encode())
    ran = compose("compose", "config", "--format", "json", cwd=folder)
    found: dict[str, dict[str, dict[str, object]]] = ran.json if ran.exit_code == 0 else {"services": {}}
    return found["services"]


def _entries(services: dict[str, dict[str, object]], name: str, mode: Mode) -> list[dict[str, object]]:
    service = services[name]
    if mode is Mode.BIND:
        return service.setdefault("volumes", [])  # type: ignore[return-value]
    develop: dict[str, list[dict[str, object]]] = service.setdefault("develop", {})  # type: ignore[assignment]
    return develop.setdefault("watch", [])
