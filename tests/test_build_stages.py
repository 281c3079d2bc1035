"""Which stages of a Dockerfile a build goes through, and which commands are a project's own."""

from __future__ import annotations

import pytest

from vendorws.images.build_stages import came_from, earlier_stages, open_arguments, run_commands
from vendorws.images.config import command_of

ARTICLE = """\
ARG python=python:3.11
FROM $python AS builder
ARG ssh_prv_key
RUN echo "$ssh_prv_key" > /root/.ssh/id_rsa; \\
    chmod 600 /root/.ssh/id_rsa
FROM $python
COPY --from=builder /site /site
"""


@pytest.mark.parametrize(
    ("text", "target", "stages"),
    [
        (ARTICLE, None, ("builder",)),
        (ARTICLE, "builder", ()),
        ("FROM a\nRUN x\nFROM b\nCOPY --from=0 /x /x\n", None, ("0",)),
        ("FROM a AS one\nFROM one AS two\nFROM TWO\n", None, ("one", "two")),
        ("FROM a AS one\nFROM b AS unused\nFROM c\nCOPY --chown=1 --from=One /x /x\n", None, ("one",)),
        ("FROM a AS one\nFROM b\nRUN --mount=type=bind,from=one,target=/x make\n", None, ("one",)),
        ("FROM a AS one\nFROM b\nRUN --mount=from=one,target=/x make\n", None, ("one",)),
        ("FROM --platform=linux/amd64 a as one\nFROM one as last\nFROM last AS after\n", "last", ("one",)),
        ("FROM a\nCOPY --from=hub.acme.example/tools /x /x\n", None, ()),
        ("FROM a\n", "nowhere", ()),
        ("# nothing\n", None, ()),
    ],
)
def test_the_stages_before_the_last_are_those_it_came_from(
    text: str, target: str | None, stages: tuple[str, ...]
) -> None:
    assert earlier_stages(text, target) == stages


COMMAND = 'echo "$ssh_prv_key" > /root/.ssh/id_rsa;     chmod 600 /root/.ssh/id_rsa'


@pytest.mark.parametrize(
    "created_by",
    [
        f"/bin/sh -c {COMMAND}",
        f"|1 ssh_prv_key=abc /bin/sh -c {COMMAND}",
        f"RUN |1 ssh_prv_key=abc /bin/sh -c {COMMAND} # buildkit",
        f"RUN /bin/sh -c {COMMAND} # buildkit",
    ],
)
def test_a_command_is_known_again_in_the_history_of_either_builder(created_by: str) -> None:
    assert command_of(created_by) in run_commands(ARTICLE)


def test_mounts_are_no_part_of_a_command() -> None:
    text = "FROM a\nRUN --mount=type=ssh --mount=type=cache,target=/c \\\n  pip install -r requirements.txt\n"
    assert run_commands(text) == {"pip install -r requirements.txt"}


@pytest.mark.parametrize(
    "text", ["RUN make", "RUN <<EOF\npip install -r requirements.txt\nEOF", "COPY a_long_file_name /b"]
)
def test_a_command_that_any_project_may_have_is_not_the_projects_own(text: str) -> None:
    assert run_commands(f"FROM a\n{text}\n") == frozenset()


@pytest.mark.parametrize("created_by", ["", "COPY a b # buildkit", "/bin/sh -c #(nop) ENV A=b", "ENV A=b"])
def test_a_step_that_runs_nothing_has_no_command(created_by: str) -> None:
    assert command_of(created_by) == ""


OURS = frozenset({"apt-get install -y postgresql-client", "pip install -r requirements.txt --src vendor/"})


@pytest.mark.parametrize(
    ("history", "ours"),
    [
        (["apt-get install -y postgresql-client", "pip install -r requirements.txt --src vendor/"], True),
        (["apt-get install -y postgresql-client"], True),
        (["cd /usr/local/bin && ln -s idle3 idle", "apt-get install -y postgresql-client"], True),
        (["apt-get install -y postgresql-client", "make"], True),
        (["apt-get install -y postgresql-client", "cp -r /their/own/things /srv"], False),
        (["cp -r /their/own/things /srv"], False),
        (["make"], False),
        ([], False),
    ],
)
def test_an_image_without_a_name_is_ours_when_nobody_elses_command_follows_ours(history: list[str], ours: bool) -> None:
    assert came_from(OURS, ["ENV A=b", *(f"RUN /bin/sh -c {command} # buildkit" for command in history)]) is ours


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FROM a\nARG key\n", ("key",)),
        ("FROM a\nARG one two=2 three\nARG one\n", ("one", "three")),
        ("ARG base=a\nFROM $base\nARG base\n", ()),
        ("FROM a\narg key=\n", ()),
        ("FROM a\nARG TARGETARCH HTTPS_PROXY no_proxy BUILDKIT_SBOM_SCAN_STAGE\n", ()),
        ("FROM a\nRUN ARG key\n", ()),
    ],
)
def test_the_arguments_that_a_build_must_be_given(text: str, names: tuple[str, ...]) -> None:
    assert open_arguments(text) == names
