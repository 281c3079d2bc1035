"""What a configuration and a history say, as both builders write them; and how a step is shown without its secrets."""

from __future__ import annotations

import pytest

from tests.support.images import as_json
from tests.support.keys import ssh_key
from vendorws.images.config import Variable, Words, document_words, printable, shown_instruction, variables, words
from vendorws.images.manifest import Image


def image(*steps: str, env: list[str] | None = None, **config: object) -> Image:
    document = {"config": {"Env": env or [], **config}, "history": [{"created_by": step} for step in steps]}
    return Image("app", "config.json", document, ())


def test_the_environment_is_told_with_the_step_that_set_it() -> None:
    made = image(
        "/bin/sh -c #(nop)  ENV LANG=C", "ENV A=1 TOKEN=abc", "RUN TOKEN=x true", env=["LANG=C", "TOKEN=a=bc", "X="]
    )
    assert [found for found in variables(made) if found.value in ("C", "a=bc", "")] == [
        Variable("environment", "LANG", "C", 0),
        Variable("environment", "TOKEN", "a=bc", 1),
        Variable("environment", "X", "", None),
        Variable("environment", "LANG", "C", 0),
    ]


def test_a_variable_that_a_later_step_overwrites_is_still_told() -> None:
    made = image("ENV TOKEN=first", "ENV TOKEN=", env=["TOKEN="])
    assert Variable("environment", "TOKEN", "first", 0) in list(variables(made))


@pytest.mark.parametrize(
    "step",
    [
        "|2 site_dir=/site/ tok=a b=c /bin/sh -c pip install -r requirements.txt --src vendor/",
        "RUN |2 site_dir=/site/ tok=a b=c /bin/sh -c pip install -r requirements.txt --src vendor/ # buildkit",
    ],
)
@pytest.mark.parametrize("arg", ["ARG {}", "/bin/sh -c #(nop)  ARG {}"])
def test_build_arguments_are_told_apart_by_their_declared_names(arg: str, step: str) -> None:
    made = image(arg.format("site_dir=/site/"), arg.format("tok"), step)
    assert list(variables(made)) == [
        Variable("build argument", "site_dir", "/site/", 0),
        Variable("build argument", "site_dir", "/site/", 2),
        Variable("build argument", "tok", "a b=c", 2),
    ]


def test_a_build_argument_of_many_lines_is_told_as_a_whole() -> None:
    key = ssh_key().decode()
    made = image("ARG ssh_prv_key", f'|1 ssh_prv_key={key} /bin/sh -c echo "$ssh_prv_key" > /root/.ssh/id_rsa')
    assert [found.value.strip() for found in variables(made)] == [key.strip()]


def test_build_arguments_nobody_declared_are_told_too() -> None:
    made = image("RUN |1 token=abc /bin/bash -o pipefail -c make # buildkit")
    ((found),) = variables(made)
    assert found.name == "token" and found.value.startswith("abc")


def test_every_text_of_the_configuration_is_told_with_the_way_to_it() -> None:
    made = image("RUN make", Labels={"source": "https://acme.example"}, Cmd=["a", "b"])
    told = [(found.where, found.name, found.text) for found in words(made)]
    assert ("history", None, "RUN make") in told
    assert ("configuration", "config.Labels.source", "https://acme.example") in told
    assert ("configuration", "config.Cmd", "b") in told
    assert sum(text == "RUN make" for _, _, text in told) == 1


def test_an_attestation_gives_its_build_arguments() -> None:
    document = {"predicate": {"parameters": {"args": {"build-arg:TOKEN": "abc", "target": "builder"}}}}
    found = list(document_words("blobs/sha256/aa", as_json(document)))
    assert Variable("build argument", "TOKEN", "abc", None) in found
    assert Words("document", "blobs/sha256/aa: predicate.parameters.args.target", "builder", None) in found


def test_a_document_that_is_no_json_is_one_text() -> None:
    assert list(document_words("VERSION", b"1.0 \xff")) == [Words("document", "VERSION", "1.0 �", None)]


def test_an_image_without_any_words_is_fine() -> None:
    bare = Image("app", "c", {"config": None, "history": None}, ())
    assert list(variables(bare)) == []
    assert list(words(bare)) == []


@pytest.mark.parametrize(
    ("created_by", "shown"),
    [
        ("/bin/sh -c #(nop) COPY dir:49bb in /site/ ", "COPY dir:49bb in /site/"),
        ("/bin/sh -c make  install", "RUN make install"),
        ("RUN /bin/sh -c make install # buildkit", "RUN make install"),
        ("COPY /site /site # buildkit", "COPY /site /site"),
        ("|1 ssh_prv_key=abc /bin/sh -c make", "RUN make"),
        ("RUN |2 a=b ssh_prv_key=abc\ndef\n /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 token=abc /bin/bash -c make # buildkit", "RUN …"),
        ("ENV TOKEN=abc OTHER=def", "ENV TOKEN=…"),
        ("/bin/sh -c #(nop)  ENV TOKEN=abc def", "ENV TOKEN=…"),
        ("ARG TOKEN=abc", "ARG TOKEN=…"),
        ("LABEL note=abc", "LABEL note=…"),
        ("ARG TOKEN", "ARG TOKEN"),
        ('RUN echo "$ssh_prv_key" > id_rsa', 'RUN echo "$ssh_prv_key" > id_rsa'),
        ("RUN echo 'machine a password hunter2' > .netrc", "RUN echo '…' > .netrc"),
        ('RUN echo "unclosed hunter2', 'RUN echo "…"'),
        ("RUN git clone https://dev:hunter2@git.acme.example/x", "RUN git clone https://dev:****@git.acme.example/x"),
        ("RUN cat <<EOF > .netrc\nmachine a password hunter2\nEOF", "RUN cat <<EOF > .netrc"),
        ("RUN printf \x1b[2Jcls", "RUN printf \\x1b[2Jcls"),
        ("", ""),
    ],
)
def test_a_step_is_shown_in_the_words_of_a_dockerfile_and_without_values(created_by: str, shown: str) -> None:
    assert shown_instruction(created_by, []) == shown


@pytest.mark.parametrize(
    "created_by",
    [
        "RUN echo machine a login dev password hunter2 > /root/.netrc",
        "RUN printf machine\\ a\\ password\\ h\\u\\nter2",
        "RUN login -p hunter2 && login --password=hunter2",
    ],
)
def test_a_secret_that_was_found_elsewhere_is_blanked_out_of_every_step(created_by: str) -> None:
    shown = shown_instruction(created_by, ["hunter2", "other"])
    assert "****" in shown and "nter2" not in shown


def test_a_short_secret_is_blanked_out_without_tearing_words() -> None:
    assert shown_instruction("RUN cat a b > abc", ["a"]) == "RUN cat **** b > abc"


def test_a_key_in_a_step_is_blanked_out() -> None:
    key = ssh_key().decode().strip()
    shown = shown_instruction(f"RUN echo {key} > /root/.ssh/id_rsa", [])
    assert shown == "RUN echo **** > /root/.ssh/id_rsa"


def test_a_long_step_is_cut() -> None:
    assert len(shown_instruction("RUN " + "make " * 100, [])) == 110


def test_a_very_long_step_is_cut_between_words() -> None:
    url = "https://dev:hunter2@git.acme.example/x"
    for padding in range(4950, 5000, 3):
        assert "hunter2" not in shown_instruction(f"RUN echo '{'x' * padding}' {url}", [])
    assert shown_instruction("RUN " + "x" * 6000, []) == "RUN"


def test_what_could_move_the_cursor_is_written_out() -> None:
    assert printable("a\x1b[31m\n\u202eb\udcff") == "a\\x1b[31m\\n\\u202eb\\udcff"
