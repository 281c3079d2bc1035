"""The audit as a whole, on archives in the real formats: planted secrets are found, look-alikes are not.

No secret that is planted here may come out again: every test looks for it in all that is printed.
"""

from __future__ import annotations

import io
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Vendorws
from tests.support.images import (
    ImageSpec,
    Step,
    as_json,
    docker_archive,
    file,
    layer,
    oci_archive,
    oci_files,
    sha256,
    tar,
    write_files,
)
from tests.support.keys import armoured, private_keys, public_keys, ssh_key
from vendorws.images.archive import ArchiveProblem, read_archive
from vendorws.images.audit import LayerFinding, Report, WordFinding, audit, with_leftovers
from vendorws.images.build_stages import CacheRecord, Leftovers

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
BASE = Step("FROM debian", layer({"etc/hostname": b"base", "usr/bin/ssh": b"\x7fELF" + b"\0" * 3000}))


def report_of(*images: ImageSpec) -> Report:
    return audit(read_archive(io.BytesIO(docker_archive(*images)), "app.tar"), "app.tar")


def report(*steps: Step, **config: Any) -> Report:
    return report_of(ImageSpec([BASE, *steps], config))


def places(found: Report) -> list[tuple[str, str]]:
    return [
        (finding.kind, finding.path if isinstance(finding, LayerFinding) else f"{finding.where} {finding.name}")
        for finding in found.findings
    ]


PLANTED: dict[str, tuple[str, bytes, str]] = {
    **{
        f"{kind} in a file": ("srv/data.bin", b"\0\1\2" * 500 + key + b"\3" * 500, kind)
        for kind, key in private_keys().items()
    },
    "key at its usual place": ("root/.ssh/id_rsa", ssh_key(), "OpenSSH private key"),
    "token in a checkout's origin": (
        "site/vendor/billing/.git/config",
        f'[remote "origin"]\n\turl = https://{GITHUB}@github.com/acme/billing.git\n'.encode(),
        "token in a URL",
    ),
    "password in a bare repository": (
        "srv/x.git/config",
        b'[remote "o"]\nurl = https://d:hunter2@h/x\n',
        "password in a URL",
    ),
    "netrc": ("root/.netrc", b"machine h login d password hunter2\n", "password of a .netrc entry"),
    "git-credentials": ("root/.git-credentials", b"https://d:hunter2@h\n", "password in a URL"),
    "pip.conf": ("etc/pip.conf", b"[global]\nindex-url = https://d:hunter2@h/simple\n", "password in a URL"),
    "direct_url.json": (
        "site/env/lib/python3.11/site-packages/b-1.dist-info/direct_url.json",
        b'{"url": "https://d:hunter2@h/b.git", "vcs_info": {"vcs": "git"}}',
        "password in a URL",
    ),
}
SECRETS = ("hunter2", GITHUB, *(line.decode() for key in private_keys().values() for line in key.splitlines()[5:7]))


def shows_no_secret(text: str) -> bool:
    return not any(secret in text for secret in SECRETS if len(secret) > 6)


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_secret_is_found_with_its_layer_its_path_and_what_made_it(name: str) -> None:
    path, content, kind = PLANTED[name]
    planted = layer({"a": b"1", path: content, "z": b"2"})
    found = report(Step("WORKDIR /site"), Step("RUN /bin/sh -c make secrets # buildkit", planted))
    assert found.findings == (
        LayerFinding("app:latest", kind, 2, f"sha256:{sha256(planted)}", f"/{path}", "RUN make secrets", None),
    )
    assert shows_no_secret(repr(found))


def test_a_key_that_a_later_layer_deletes_is_found_and_the_deletion_is_told() -> None:
    found = report(
        Step("COPY id_rsa /root/.ssh/", layer({"root/.ssh/id_rsa": ssh_key()})),
        Step("RUN make", layer({"site/app": b"1"})),
        Step("RUN rm /root/.ssh/id_rsa", layer({"root/.ssh/.wh.id_rsa": b""})),
    )
    (finding,) = found.findings
    assert isinstance(finding, LayerFinding)
    assert (finding.layer, finding.instruction, finding.deleted_by) == (2, "COPY id_rsa /root/.ssh/", 4)


@pytest.mark.parametrize("whiteout", [".wh.root", "root/.wh..ssh", "root/.ssh/.wh..wh..opq", "root/.wh..wh..opq"])
def test_a_deletion_of_a_folder_counts_too(whiteout: str) -> None:
    found = report(Step("COPY", layer({"root/.ssh/id_rsa": ssh_key()})), Step("RUN rm -r", layer({whiteout: b""})))
    assert [finding.deleted_by for finding in found.findings if isinstance(finding, LayerFinding)] == [3]


@pytest.mark.parametrize(
    "whiteout", ["root/.ssh/.wh.id", "root/.ssh/id_rsa/.wh..wh..opq", ".wh.roo", "site/.wh.id_rsa"]
)
def test_a_deletion_of_something_else_does_not(whiteout: str) -> None:
    found = report(Step("COPY", layer({"root/.ssh/id_rsa": ssh_key()})), Step("RUN", layer({whiteout: b""})))
    assert [finding.deleted_by for finding in found.findings if isinstance(finding, LayerFinding)] == [None]


def test_a_key_in_the_environment_is_told_once_with_the_step_that_set_it() -> None:
    key = ssh_key().decode()
    found = report(Step("WORKDIR /x"), Step(f"ENV SSH_KEY={key}"), Env=["PATH=/bin", f"SSH_KEY={key}"])
    assert found.findings == (
        WordFinding("app:latest", "OpenSSH private key", "environment", "SSH_KEY", "ENV SSH_KEY=…"),
    )


def test_a_secret_in_the_environment_that_was_overwritten_is_still_in_the_history() -> None:
    found = report(Step("ENV TOKEN=hunter2"), Step("ENV TOKEN="), Env=["TOKEN="])
    assert places(found) == [("secret by its name", "environment TOKEN")]


def test_a_key_in_a_build_argument_is_told_once_for_all_the_steps_that_carry_it() -> None:
    key = ssh_key().decode()
    found = report(
        Step("/bin/sh -c #(nop)  ARG ssh_prv_key"),
        Step(f'|1 ssh_prv_key={key} /bin/sh -c echo "$ssh_prv_key" > /root/.ssh/id_rsa', layer({"a": b"1"})),
        Step(f"|1 ssh_prv_key={key} /bin/sh -c pip install", layer({"b": b"1"})),
    )
    assert found.findings[0] == WordFinding(
        "app:latest",
        "OpenSSH private key",
        "build argument",
        "ssh_prv_key",
        'RUN echo "$ssh_prv_key" > /root/.ssh/id_rsa',
    )
    assert places(found) == [("OpenSSH private key", "build argument ssh_prv_key")]


@pytest.mark.parametrize(
    ("step", "config", "place"),
    [
        ("ARG TOKEN=hunter2", {}, ("secret by its name", "build argument TOKEN")),
        ("RUN |1 TOKEN=hunter2 /bin/sh -c make # buildkit", {}, ("secret by its name", "build argument TOKEN")),
        ("RUN git clone https://d:hunter2@h/x", {}, ("password in a URL", "history None")),
        (
            "RUN make",
            {"Env": ["PIP_INDEX_URL=https://d:hunter2@h/"]},
            ("password in a URL", "environment PIP_INDEX_URL"),
        ),
        (
            "RUN make",
            {"Labels": {"src": "https://d:hunter2@h/"}},
            ("password in a URL", "configuration config.Labels.src"),
        ),
        ("RUN make", {"Cmd": ["sh", "-c", f"curl -H {GITHUB}"]}, ("GitHub token", "configuration config.Cmd")),
    ],
)
def test_secrets_in_the_words_of_an_image_are_found(step: str, config: dict[str, Any], place: tuple[str, str]) -> None:
    found = report(Step(step), **config)
    assert places(found) == [place]
    assert shows_no_secret(repr(found))


def test_a_password_found_in_a_file_is_blanked_out_of_the_step_that_wrote_it() -> None:
    found = report(
        Step(
            "RUN echo machine h login d password hunter2 > /root/.netrc",
            layer({"root/.netrc": b"machine h login d password hunter2\n"}),
        )
    )
    (finding,) = found.findings
    assert finding.instruction == "RUN echo machine h login d password **** > /root/.netrc"


def test_a_provenance_attestation_that_records_a_build_argument_is_found() -> None:
    statement = as_json({"predicate": {"parameters": {"args": {"build-arg:TOKEN": "hunter2"}}}})
    files = {**oci_files(ImageSpec([BASE])), f"blobs/sha256/{sha256(statement)}": statement}
    found = audit(read_archive(io.BytesIO(tar([file(n, c) for n, c in files.items()])), "app"), "app")
    assert places(found) == [("secret by its name", "build argument TOKEN")]


def test_several_images_of_one_archive_share_their_base_and_each_finding_is_told_once() -> None:
    shared = Step("COPY", layer({"id_rsa": ssh_key()}))
    one = ImageSpec([BASE, shared], tag="one:1")
    two = ImageSpec([BASE, shared, Step("COPY", layer({".netrc": b"machine h login d password hunter2"}))], tag="two:1")
    assert [(finding.image, finding.kind) for finding in report_of(one, two).findings] == [
        ("one:1", "OpenSSH private key"),
        ("two:1", "password of a .netrc entry"),
    ]


def test_a_layer_that_no_image_claims_is_looked_into_all_the_same() -> None:
    files = {**oci_files(ImageSpec([BASE])), f"blobs/sha256/{'a' * 64}": layer({"id_rsa": ssh_key()})}
    found = audit(read_archive(io.BytesIO(tar([file(n, c) for n, c in files.items()])), "app"), "app")
    (finding,) = found.findings
    assert isinstance(finding, LayerFinding) and finding.layer is None and finding.path == "/id_rsa"


def test_a_key_across_the_pieces_of_a_long_credential_file_is_found_and_its_lines_are_not_torn() -> None:
    filler = b"# " + b"x" * 97 + b"\n"
    content = filler * 10_485 + b"https://d:hunter2@h\n" + filler * 20_000
    found = report(Step("COPY", layer({"root/.git-credentials": content})))
    assert places(found) == [("password in a URL", "/root/.git-credentials")]


def test_a_credential_file_without_line_ends_is_still_read() -> None:
    content = b"x" * 3_000_000 + b" https://d:hunter2@h"
    assert len(report(Step("COPY", layer({"root/.git-credentials": content}))).findings) == 1


# Look-alikes.


LOOK_ALIKES: dict[str, bytes] = {
    **{f"root/.ssh/{name}": content for name, content in public_keys().items()},
    "etc/ssl/certs/ca.pem": armoured("CERTIFICATE") * 3,
    "etc/ssh/ssh_known_hosts": b"github.com " + public_keys()["id_rsa.pub"],
    "root/.ssh/config": b"Host *\n  IdentityFile ~/.ssh/id_rsa\n",
    "usr/share/doc/ssh/README": (
        b"A key file begins with -----BEGIN OPENSSH PRIVATE KEY----- and ends with -----END OPENSSH PRIVATE KEY-----.\n"
        b"Clone with git clone https://user:password@host/x.git or put machine h login u password p into .netrc.\n"
        b"PuTTY-User-Key-File-2 is the first word of a .ppk file. export TOKEN=secret\n"
    ),
    "usr/share/doc/x/index.html": (
        b"<pre>-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----</pre>"
    ),
    "usr/bin/ssh-keygen": b"\x7fELF\0-----BEGIN OPENSSH PRIVATE KEY-----\n\0-----END OPENSSH PRIVATE KEY-----\n\0%s\0"
    * 3,
    "usr/lib/python3/dist-packages/x/ssh.py": b'_SK_START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n',
    "site/vendor/billing/.git/config": b'[remote "origin"]\n\turl = ssh://git@github.com/acme/billing.git\n',
    "etc/pip.conf": b"[global]\nindex-url = https://pypi.acme.example/simple\n",
    "site/env/direct_url.json": b'{"url": "ssh://git@github.com/acme/billing.git"}',
    "usr/lib/python3.16/test/certdata/keycert.pem": private_keys()["private key"] + armoured("CERTIFICATE"),
}


@pytest.mark.parametrize("path", sorted(LOOK_ALIKES))
def test_a_look_alike_gives_no_finding(path: str) -> None:
    assert report(Step("COPY", layer({path: LOOK_ALIKES[path]}))).findings == ()


def test_the_words_of_an_everyday_image_give_no_finding() -> None:
    found = report(
        Step("ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D"),
        Step("ARG ssh_prv_key"),
        Step("ARG PASSWORD_FILE=/run/secrets/x"),
        Step('RUN /bin/sh -c echo "$ssh_prv_key" > /dev/null # buildkit', layer({"x": b""})),
        Step("RUN --mount=type=ssh pip install git+ssh://git@github.com/acme/billing.git"),
        Env=["PATH=/bin", "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", "SSH_AUTH_SOCK=/agent"],
        Labels={"org.opencontainers.image.source": "https://github.com/acme/app"},
    )
    assert found.findings == ()


def test_the_test_keys_of_the_standard_library_are_passed_over_and_counted() -> None:
    tests = Path(sysconfig.get_paths()["stdlib"], "test")
    pems = {f"copy/{pem.name}": pem.read_bytes() for pem in [*tests.glob("*.pem"), *tests.glob("certdata/*.pem")]}
    found = report(Step("COPY", layer(pems)))
    assert found.findings == ()
    if pems:
        assert found.passed_over["CPython's test suite"] >= 10


def test_what_is_not_opened_is_counted_by_folder() -> None:
    packed = {
        "usr/share/doc/a/changelog.gz": b"\x1f\x8b" + b"x" * 50,
        "usr/share/doc/b/changelog.gz": b"\x1f\x8b" + b"x" * 50,
        "x.zip": b"PK\x03\x04",
        "opt/x.tar": layer({"a": b"1"}),
        "site/.git/objects/ab/" + "c" * 38: b"x\x01",
        "site/.git/objects/pack/pack-1.pack": b"PACK\0\0\0\2",
    }
    found = report(Step("COPY", layer(packed)))
    assert found.findings == ()
    assert dict(found.not_opened) == {"/usr/share/doc": 2, "/": 1, "/opt": 1, "/site/.git/objects": 2}


# What builds left behind; how it is got at is in tests/docker/test_audit.py.


def test_leftovers_are_told_under_the_names_that_people_give_them() -> None:
    stage = ImageSpec([BASE, Step("COPY", layer({"id_rsa": ssh_key()}))], tag="vendorws-audit-1:0")
    left = Leftovers({"vendorws-audit-1:0": "stage builder of the service app"}, (), ("The cache was not looked at.",))
    found = with_leftovers(report_of(ImageSpec([BASE]), stage), left)
    assert [image.name for image in found.images] == ["app:latest", "stage builder of the service app"]
    assert [finding.image for finding in found.findings] == ["stage builder of the service app"]
    assert found.not_looked_at == ("The cache was not looked at.",)


def test_a_record_of_the_build_cache_is_searched_and_shown_without_its_secret() -> None:
    words = "mount / from exec /bin/sh -c git clone https://d:hunter2@h/x https://d:hunter2@h/y"
    left = Leftovers({}, (CacheRecord("abc", words), CacheRecord("def", "mount / from exec /bin/sh -c make")), ())
    (finding,) = with_leftovers(report_of(ImageSpec([BASE])), left).findings
    assert isinstance(finding, WordFinding)
    assert (finding.where, finding.name, finding.kind) == ("build cache", "abc", "password in a URL")
    assert finding.instruction is not None and "git clone https://d:****@h/x" in finding.instruction


# What is missing.


def test_a_foreign_layer_is_said_not_to_be_looked_at() -> None:
    image = ImageSpec([BASE, Step("ADD", layer({"a": b"1"}))])
    files = oci_files(image)
    name = next(n for n in files if files[n][:2] == b"\x1f\x8b")
    foreign = {
        n: c.replace(b"image.layer.v1", b"image.layer.nondistributable.v1") for n, c in files.items() if n != name
    }
    renamed = {
        n: c for n, c in foreign.items() if not (c.startswith(b'{"schemaVersion": 2, "config"') or n == "index.json")
    }
    (manifest,) = [c for c in foreign.values() if c.startswith(b'{"schemaVersion": 2, "config"')]
    renamed[f"blobs/sha256/{sha256(manifest)}"] = manifest
    renamed["index.json"] = as_json({"manifests": [{"digest": f"sha256:{sha256(manifest)}"}]})
    found = audit(read_archive(io.BytesIO(tar([file(n, c) for n, c in renamed.items()])), "app"), "app")
    (sentence,) = found.not_looked_at
    assert "foreign" in sentence and "Layer 1" in sentence


@pytest.mark.parametrize("content", [None, b"garbage" * 1000, b"\x1f\x8b"], ids=["missing", "encrypted", "short"])
def test_a_layer_that_is_not_there_is_an_error_and_no_clean_report(content: bytes | None) -> None:
    files = oci_files(ImageSpec([BASE]))
    name = next(n for n in files if files[n][:2] == b"\x1f\x8b")
    files.pop(name)
    if content is not None:
        files[name] = content
    with pytest.raises(ArchiveProblem, match="layer"):
        audit(read_archive(io.BytesIO(tar([file(n, c) for n, c in files.items()])), "app"), "app")


# The command.


def save(folder: Path, name: str, content: bytes) -> Path:
    target = folder / name
    target.write_bytes(content)
    return target


PLANTED_IMAGE = ImageSpec(
    [
        BASE,
        Step(f"ENV TOKEN={GITHUB}"),
        Step("RUN echo d:hunter2 > x", layer({"root/.netrc": b"machine h login d password hunter2", "k": ssh_key()})),
        Step("RUN rm /k", layer({".wh.k": b"", "a.gz": b"\x1f\x8b"})),
    ],
    {"Env": [f"TOKEN={GITHUB}"]},
)


def test_the_command_tells_layer_path_and_instruction_and_exits_1(vendorws: Vendorws, tmp_path: Path) -> None:
    result = vendorws("audit", save(tmp_path, "app.tar", docker_archive(PLANTED_IMAGE)))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "app:latest: 3 secrets in 3 layers, the history and the configuration"
    assert lines[1:4] == ["  environment TOKEN", "      GitHub token", "      made by: ENV TOKEN=…"]
    digest = sha256(PLANTED_IMAGE.layers[1])[:12]
    assert lines[4:10] == [
        f"  layer 2 of 3  sha256:{digest}  /root/.netrc",
        "      password of a .netrc entry",
        "      made by: RUN echo d:**** > x",
        f"  layer 2 of 3  sha256:{digest}  /k",
        "      OpenSSH private key; deleted by layer 3, and still in the image",
        "      made by: RUN echo d:**** > x",
    ]
    assert "1 archive or compressed file inside the layers not opened (/ 1)" in result.stderr
    assert shows_no_secret(result.stdout + result.stderr)


def test_a_clean_image_exits_0(vendorws: Vendorws, tmp_path: Path) -> None:
    archive = save(tmp_path, "app.tar", oci_archive(ImageSpec([BASE])))
    result = vendorws.ok("audit", archive)
    assert result.stdout == "app:latest: no secret in 1 layer, the history and the configuration\n"


def test_json_has_one_row_for_each_finding_and_no_secret(vendorws: Vendorws, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "layout", oci_files(PLANTED_IMAGE))
    result = vendorws("audit", folder, "--json")
    assert result.exit_code == 1
    document = result.json
    assert (document["schema_version"], document["command"]) == (1, "audit")
    assert [image["name"] for image in document["images"]] == ["app:latest"]
    assert {tuple(sorted(row)) for row in document["findings"]} == {
        ("deleted_by", "digest", "image", "instruction", "kind", "layer", "name", "path", "where")
    }
    assert [(row["where"], row["name"], row["layer"], row["path"]) for row in document["findings"]] == [
        ("environment", "TOKEN", None, None),
        ("layer", None, 2, "/root/.netrc"),
        ("layer", None, 2, "/k"),
    ]
    assert document["not_opened"] == [{"folder": "/", "count": 1}]
    assert shows_no_secret(result.stdout + result.stderr)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hello", "is no image"),
        (docker_archive(PLANTED_IMAGE)[:3000], "cut off"),
        (tar([file("etc/passwd", b"root")]), "neither manifest.json nor index.json"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_exit_4(
    vendorws: Vendorws, tmp_path: Path, content: bytes, sentence: str
) -> None:
    result = vendorws("audit", save(tmp_path, "app.tar", content))
    assert result.exit_code == 4 and result.stdout == ""
    assert sentence in result.stderr and result.stderr.count("error:") == 1 and "Traceback" not in result.stderr


def test_without_an_image_it_is_a_usage_error(vendorws: Vendorws) -> None:
    assert vendorws("audit").exit_code == 2


def test_an_empty_name_is_a_usage_error(vendorws: Vendorws) -> None:
    result = vendorws("audit", "")  # as "$IMAGE" is, where that is not set
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "error: IMAGE is empty.")


def test_a_pipe_is_called_standard_input(vendorws: Vendorws) -> None:
    result = vendorws("audit", "-", input="\0" * 10240)
    assert result.exit_code == 4
    assert result.stderr.startswith("error: standard input is no image, or is cut off")


def test_a_name_in_an_archive_cannot_move_the_cursor(vendorws: Vendorws, tmp_path: Path) -> None:
    image = ImageSpec([Step("COPY \x1b[2J", layer({"a\x1b]0;x\x07\n/k": ssh_key()}))], tag="app:\x1b[1A")
    result = vendorws("audit", save(tmp_path, "app.tar", docker_archive(image)))
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout
    assert "/a\\x1b]0;x\\x07\\n/k" in result.stdout
