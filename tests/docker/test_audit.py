"""`vendorws audit` on images that a real engine built: the article's, planted ones, and harmless ones."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result, Vendorws
from tests.support.docker import Docker, need_engine
from tests.support.keys import private_keys, public_keys, ssh_key
from tests.support.project import Project

pytestmark = pytest.mark.timeout(600)

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
PASSWORD = "hunter2-hunter2"
BOTH_BUILDERS = pytest.mark.parametrize("buildkit", ["1", "0"], ids=["buildkit", "classic"])

# The image of the article, as far as the key goes: it comes as a build argument and is used in the first stage only.
ARTICLE = """\
ARG python=python:3.11
FROM $python AS builder
ARG site_dir=/site/
RUN mkdir -p $site_dir
WORKDIR $site_dir
ARG ssh_prv_key
RUN mkdir -p /root/.ssh; chmod 700 /root/.ssh; \\
    echo "$ssh_prv_key" > /root/.ssh/id_rsa; \\
    chmod 600 /root/.ssh/id_rsa
RUN echo " IdentityFile /root/.ssh/id_rsa" >> /etc/ssh/ssh_config
RUN python3 -m venv env
COPY requirements.txt $site_dir/requirements.txt
RUN env/bin/pip install --no-index -r $site_dir/requirements.txt --src vendor/

FROM $python
ARG site_dir=/site/
WORKDIR $site_dir
COPY --from=builder $site_dir $site_dir
CMD ["echo", "test demo"]
"""

PLANTED = """\
FROM {base}
ARG DEPLOY_TOKEN
COPY id_rsa /root/.ssh/id_rsa
COPY folder /srv/folder
RUN echo "$DEPLOY_TOKEN" | wc -c && rm -r /root/.ssh /srv/folder
ENV PIP_INDEX_URL=https://dev:{password}@pypi.acme.example/simple
RUN mkdir -p /site/.git && echo '[remote "o"] url = https://{github}@github.com/acme/billing.git' > /site/.git/config
RUN echo machine git.acme.example login dev password {password} > /root/.netrc
"""


# The same in short, for a base that has nothing but a shell.
SHORT = """\
FROM {base} AS builder
ARG ssh_prv_key
RUN mkdir -p /site /root/.ssh; chmod 700 /root/.ssh; echo {mark} > /site/mark
RUN echo "$ssh_prv_key" > /root/.ssh/id_rsa; chmod 600 /root/.ssh/id_rsa
RUN cat /site/mark > /site/installed

FROM {base}
COPY --from=builder /site /site
"""


class Images:
    """Builds images under a name of their own and removes them in the end."""

    def __init__(self, engine: Docker) -> None:
        self._engine = engine
        self.name = f"vendorws-test-audit-{secrets.token_hex(4)}"

    def build(self, tag: str, folder: Path, *options: str, buildkit: str = "1") -> str:
        image = f"{self.name}:{tag}"
        self._engine.ok("build", "--tag", image, *options, folder, env={"DOCKER_BUILDKIT": buildkit})
        return image

    def remove(self) -> None:
        names = self._engine.ok("image", "ls", "--quiet", self.name).split()
        if names:
            self._engine.ok("image", "rm", "--force", *names)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of a few megabytes with a shell, made of this machine's own programs."""
    engine = need_engine(os.environ)
    context = tmp_path_factory.mktemp("base")
    for program in ("sh", "mkdir", "chmod", "rm", "cat", "wc"):
        found = shutil.which(program)
        assert found is not None
        libraries = subprocess.run(["ldd", found], capture_output=True, encoding="utf-8", check=True).stdout
        for file in (f"/bin/{program}", *re.findall(r"/\S+\.so\S*", libraries)):
            target = context / "root" / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found if file.startswith("/bin/") else file, target)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY root /\n")
    name = "vendorws-test-base:shell"
    engine.ok("build", "--quiet", "--tag", name, context)
    return name


@pytest.fixture
def images(engine: Docker) -> Iterator[Images]:
    images = Images(engine)
    yield images
    images.remove()


def places(result: Result) -> set[tuple[str, str]]:
    """What was found: its kind, and its path or the variable's name."""
    rows: list[dict[str, Any]] = result.json["findings"]
    return {(row["kind"], row["path"] or row["name"] or row["where"]) for row in rows}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@BOTH_BUILDERS
def test_the_articles_image_passes_and_its_builder_stage_fails(
    vendorws: Vendorws, images: Images, tmp_path: Path, buildkit: str
) -> None:
    context = write(tmp_path / "context", {"Dockerfile": ARTICLE.encode(), "requirements.txt": b"# nothing\n"})
    key = f"--build-arg=ssh_prv_key={ssh_key().decode()}"
    final = images.build("final", context, key, buildkit=buildkit)
    builder = images.build("builder", context, key, "--target=builder", buildkit=buildkit)
    clean = vendorws.ok("audit", final)
    assert f"{final}: no secret in " in clean.stdout
    leaky = vendorws("audit", builder)
    assert leaky.exit_code == 1
    assert "/root/.ssh/id_rsa\n      OpenSSH private key\n      made by: RUN mkdir -p /root/.ssh;" in leaky.stdout
    assert "build argument ssh_prv_key\n      OpenSSH private key" in leaky.stdout
    assert not any(line.decode() in leaky.stdout + leaky.stderr for line in ssh_key().splitlines()[1:-1])


@BOTH_BUILDERS
def test_every_planted_secret_is_found_and_none_is_printed(
    vendorws: Vendorws, images: Images, base: str, tmp_path: Path, buildkit: str
) -> None:
    context = write(
        tmp_path / "context",
        {
            "Dockerfile": PLANTED.format(base=base, password=PASSWORD, github=GITHUB).encode(),
            "id_rsa": ssh_key(),
            **{f"folder/{number}.bin": b"\0\1" + key for number, key in enumerate(private_keys().values())},
        },
    )
    image = images.build("planted", context, f"--build-arg=DEPLOY_TOKEN={PASSWORD}", buildkit=buildkit)
    result = vendorws("audit", image, "--json")
    assert result.exit_code == 1
    found = places(result)
    assert found >= {
        ("OpenSSH private key", "/root/.ssh/id_rsa"),
        ("password in a URL", "PIP_INDEX_URL"),
        ("token in a URL", "/site/.git/config"),
        ("password of a .netrc entry", "/root/.netrc"),
        ("secret by its name", "DEPLOY_TOKEN"),
        *((kind, f"/srv/folder/{number}.bin") for number, kind in enumerate(private_keys())),
    }
    deleted = [row for row in result.json["findings"] if (row["path"] or "").startswith(("/root/.ssh", "/srv"))]
    assert len({row["deleted_by"] for row in deleted}) == 1 and deleted[0]["deleted_by"]
    made = {row["path"]: row["instruction"] for row in result.json["findings"]}
    assert made["/root/.netrc"] == "RUN echo machine git.acme.example login dev password **** > /root/.netrc"
    assert made["/root/.ssh/id_rsa"].startswith("COPY ")
    text = vendorws("audit", image)
    for secret in (PASSWORD, GITHUB, *(line.decode() for line in ssh_key().splitlines()[1:-1])):
        assert secret not in result.stdout + result.stderr + text.stdout + text.stderr


def test_an_image_full_of_look_alikes_passes(vendorws: Vendorws, images: Images, tmp_path: Path) -> None:
    tests = Path(sysconfig.get_paths()["stdlib"], "test")
    files = {
        "Dockerfile": b"FROM python:3.11\nENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D\nCOPY files /srv/\n",
        "files/README": b"Paste the text from -----BEGIN RSA PRIVATE KEY----- to -----END RSA PRIVATE KEY-----.\n",
        **{f"files/tests/{pem.name}": pem.read_bytes() for pem in tests.rglob("*.pem")},
        **{f"files/{name}": key for name, key in public_keys().items()},
    }
    result = vendorws("audit", images.build("harmless", write(tmp_path / "context", files)), "--json")
    assert result.exit_code == 0 and result.json["findings"] == []


def test_an_archive_and_the_image_it_was_saved_from_give_one_report(
    engine: Docker, vendorws: Vendorws, images: Images, tmp_path: Path
) -> None:
    context = write(tmp_path / "context", {"Dockerfile": b"FROM scratch\nCOPY id_rsa /\n", "id_rsa": ssh_key()})
    image = images.build("scratch", context)
    engine.ok("image", "save", "--output", tmp_path / "app.tar", image)
    from_engine, from_file = vendorws("audit", image, "--json"), vendorws("audit", tmp_path / "app.tar", "--json")
    assert from_engine.json == from_file.json
    assert places(from_file) == {("OpenSSH private key", "/id_rsa")}


def test_an_image_that_is_not_there_is_named(vendorws: Vendorws, engine: Docker) -> None:
    result = vendorws("audit", "vendorws-test-nothing:here")
    assert result.exit_code == 4
    assert "The engine knows no image vendorws-test-nothing:here" in result.stderr


# --builder: what the build left besides the image.


@pytest.fixture
def article(engine: Docker, base: str, project: Project) -> Project:
    """A project with a builder stage that no other build has."""
    text = SHORT.format(base=base, mark=secrets.token_hex(8))
    compose = "services:\n  app:\n    build:\n      context: .\n      args:\n        ssh_prv_key: $ssh_prv_key\n"
    write(project.root, {"Dockerfile": text.encode(), "docker-compose.yml": compose.encode()})
    return project


def made_for_the_look(engine: Docker) -> str:
    return engine.ok("image", "ls", "--quiet", "--filter=reference=vendorws-audit-*")


def test_the_builder_stage_of_a_clean_image_is_found_through_compose(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    key = {"ssh_prv_key": ssh_key().decode()}
    final = images.build("final", article.root, f"--build-arg=ssh_prv_key={key['ssh_prv_key']}")
    before = made_for_the_look(engine)
    vendorws.ok("audit", final)
    result = vendorws("audit", final, "--builder", "--json", env=key)
    assert result.exit_code == 1
    assert {row["image"] for row in result.json["findings"]} == {"stage builder of the service app"}
    assert places(result) == {
        ("OpenSSH private key", "/root/.ssh/id_rsa"),
        ("OpenSSH private key", "ssh_prv_key"),
    }
    assert any("BuildKit's cache cannot be read" in sentence for sentence in result.json["not_looked_at"])
    assert made_for_the_look(engine) == before


def test_an_override_that_is_listed_is_part_of_the_build(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    article.write("docker-compose.override.yml", "services: {app: {build: {args: {ssh_prv_key: $ssh_prv_key}}}}\n")
    article.write("docker-compose.yml", "services: {app: {build: .}}\n")
    article.write(".env", "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml\n")
    final = images.build("final", article.root)
    result = vendorws("audit", final, "--builder", "--json", env={"ssh_prv_key": ssh_key().decode()})
    assert ("OpenSSH private key", "/root/.ssh/id_rsa") in places(result)


def test_what_the_build_was_given_and_the_audit_was_not_is_said(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    final = images.build("final", article.root, f"--build-arg=ssh_prv_key={ssh_key().decode()}")
    result = vendorws("audit", final, "--builder")
    assert "built again without $ssh_prv_key, which is not set here" in result.stderr
    assert result.exit_code == 4


def test_a_stage_that_cannot_be_built_again_is_said_and_the_rest_is_looked_at(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    final = images.build("final", article.root)
    dockerfile = article.root / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text("utf-8").replace("RUN cat", "RUN exit 3; cat"), "utf-8")
    result = vendorws("audit", final, "--builder", "--json", env={"ssh_prv_key": "x"})
    assert (result.exit_code, result.json["complete"]) == (4, False)
    assert any("could not be built again" in sentence for sentence in result.json["not_looked_at"])


def test_a_stage_that_the_classic_builder_left_without_a_name_is_found(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    key = ssh_key().decode()
    final = images.build("final", article.root, f"--build-arg=ssh_prv_key={key}", buildkit="0")
    result = vendorws("audit", final, "--builder", "--json", env={"ssh_prv_key": ""})
    left = {row["image"] for row in result.json["findings"] if row["path"] == "/root/.ssh/id_rsa"}
    assert len(left) == 1 and "image without a name sha256:" in left.pop()
    engine("image", "prune", "--force")


def test_without_compose_the_dockerfile_is_enough(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    (article.root / "docker-compose.yml").unlink()
    dockerfile = article.root / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text("utf-8").replace("ARG ssh_prv_key", f"ENV TOKEN={PASSWORD}"), "utf-8")
    result = vendorws("audit", images.build("final", article.root), "--builder", "--json")
    assert [(row["image"], row["name"]) for row in result.json["findings"]] == [
        ("stage builder of the Dockerfile", "TOKEN")
    ]


def test_without_compose_the_arguments_are_those_of_the_environment(
    article: Project, engine: Docker, vendorws: Vendorws, images: Images
) -> None:
    (article.root / "docker-compose.yml").unlink()
    key = ssh_key().decode()
    final = images.build("final", article.root, f"--build-arg=ssh_prv_key={key}")
    result = vendorws("audit", final, "--builder", "--json", env={"ssh_prv_key": key})
    assert ("OpenSSH private key", "/root/.ssh/id_rsa") in places(result)
    without = vendorws("audit", final, "--builder")
    assert without.exit_code == 4
    assert "built again without $ssh_prv_key, which is not set here" in without.stderr


def test_a_password_in_a_command_is_found_in_the_records_of_the_build_cache(
    project: Project, engine: Docker, base: str, vendorws: Vendorws, images: Images
) -> None:
    mark = secrets.token_hex(8)
    text = (
        f"FROM {base} AS fetch\nRUN echo {mark} https://dev:{PASSWORD}@git.acme.example/x > /y\n"
        f"FROM {base}\nCOPY --from=fetch /y /y\n"
    )
    write(project.root, {"Dockerfile": text.encode()})
    result = vendorws("audit", images.build("final", project.root), "--builder", "--json")
    records = [row for row in result.json["findings"] if row["where"] == "build cache"]
    assert [row["kind"] for row in records] == ["password in a URL"]
    assert mark in records[0]["instruction"] and PASSWORD not in result.stdout


def test_builder_with_an_archive_is_a_usage_error(vendorws: Vendorws, tmp_path: Path, engine: Docker) -> None:
    (tmp_path / "app.tar").write_bytes(b"")
    assert vendorws("audit", tmp_path / "app.tar", "--builder").exit_code == 2


def test_a_project_without_a_dockerfile_has_no_stage_to_look_at(
    project: Project, engine: Docker, vendorws: Vendorws, images: Images, tmp_path: Path
) -> None:
    image = images.build("scratch", write(tmp_path / "c", {"Dockerfile": b"FROM scratch\nCOPY x /\n", "x": b"1"}))
    result = vendorws("audit", image, "--builder")
    assert result.exit_code == 4
    assert "There is no Dockerfile" in result.stderr
