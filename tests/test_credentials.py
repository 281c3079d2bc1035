"""Credentials in text: found where a program would take the words for one; what only mentions one is not."""

from __future__ import annotations

import pytest
from detect_secrets.plugins.basic_auth import BasicAuthDetector

from tests.support.keys import ssh_key
from vendorws.images.credentials import Credential, in_assignments, in_netrc, in_text, in_variable, reader_for

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
GITLAB = "glpat-" + "x1Y2z3-_4567890abcde"


def kinds_in(path: str, text: str) -> list[str]:
    read = reader_for(path)
    return [] if read is None else [found.kind for found in read(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://dev:hunter2@git.acme.example/billing.git", "password in a URL"),
        ("git+https://dev:p@ss:w0rd!@git.acme.example/x", "password in a URL"),
        ("ssh://git:secret@git.acme.example/x", "password in a URL"),
        ("postgres://app:x$1@db/app", "password in a URL"),
        (f"https://{GITHUB}@github.com/acme/x", "token in a URL"),
        (f"https://{GITHUB}:@github.com/acme/x", "token in a URL"),
        (f"https://{GITHUB}:x-oauth-basic@github.com/acme/x", "password in a URL"),
        ("https://3f6a9c1e7d2b4850af6e@git.acme.example/x", "token in a URL"),
        (f"export T={GITHUB}", "GitHub token"),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz", "GitHub token"),
        (f"token {GITLAB}", "GitLab token"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", "AWS Access Key"),
        ("npm_" + "aB3" * 12, "npm token"),
        ("xoxb-123456789012-abcdefghijklmnop", "Slack token"),
        ("extraheader = AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Zm9v", "Authorization header"),
        ('{"Authorization": "Bearer abcdef123456"}', "Authorization header"),
    ],
)
def test_a_credential_that_says_what_it_is_is_found_once(text: str, kind: str) -> None:
    assert [found.kind for found in in_text(text)][:1] == [kind]
    assert len({found.secret for found in in_text(text)}) == len(list(in_text(text)))


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/acme/billing.git",
        "git@github.com:acme/billing.git",
        "https://acme@dev.azure.example/acme/_git/billing",
        "https://dev@git.acme.example/x.git",
        "https://${TOKEN}@github.com/acme/x",
        "https://dev:${TOKEN}@github.com/acme/x",
        "https://dev:$TOKEN@github.com/acme/x",
        "https://{user}:{password}@host/",
        "https://dev:****@git.acme.example/x",
        "https://<user>:<password>@host/",
        "https://github.com/acme/x.git@v1.2#egg=x",
        "https://example.com/a:b/c@d",
        "http://localhost:8000/",
        "Authorization: Bearer $TOKEN",
        "Mail dev@acme.example about ghp_ tokens",
    ],
)
def test_a_text_without_a_secret_gives_none(text: str) -> None:
    assert list(in_text(text)) == []


def test_what_the_well_known_detector_of_basic_auth_finds_in_a_url_is_found() -> None:
    for text in ("https://user:password@host", "ftp://a:b@c", "https://x-token-auth:Zm9v@bitbucket.org/acme/x"):
        (expected,) = BasicAuthDetector().analyze_string(text)
        assert [found.secret for found in in_text(text)] == [expected]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("DJANGO_SECRET_KEY", "j(h!4%t-1x"),
        ("GITHUB_TOKEN", "something-odd"),
        ("API_KEY", "0123456789"),
        ("AWS_SECRET_ACCESS_KEY", "abc/def"),
        ("ssh_prv_key", "not even a key"),
        ("DEPLOY_KEY_2", "xyz123"),
        ("BASIC_AUTH", "dev:hunter2"),
        ("PIP_INDEX_URL", "https://dev:hunter2@pypi.acme.example/simple"),
        ("DATABASE_URL", "postgres://app:hunter2@db/app"),
    ],
)
def test_a_variable_gives_its_secret_away_by_its_name_or_its_value(name: str, value: str) -> None:
    (found,) = in_variable(name, value)
    assert found.secret in value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),  # in every official Python image
        ("PYTHON_SHA256", "8da5fd9f3e3e9b1b1cb29cd1d2c2a41ac5a5bc3f7c8f6a2cbb1c0a2fd7d3d1e0"),
        ("PATH", "/usr/local/bin:/usr/bin"),
        ("PWD", "/site"),
        ("PASSWORD_FILE", "/run/secrets/password"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("SECRET_KEY", "${SECRET_KEY}"),
        ("SECRET_KEY", ""),
        ("USE_TOKEN", "true"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("SECRET_PATH", "vault/app"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("MONKEY", "banana"),
        ("REPO", "ssh://git@github.com/acme/billing.git"),
    ],
)
def test_a_variable_that_only_sounds_like_one_gives_none(name: str, value: str) -> None:
    assert list(in_variable(name, value)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/site/vendor/acme-billing/.git/config", '[remote "origin"]\n\turl = https://dev:pw1@git.acme.example/x\n'),
        ("/srv/billing.git/config", '[remote "origin"]\n\turl = https://dev:pw1@git.acme.example/x\n'),
        ("/site/.git/modules/lib/config", "url = https://dev:pw1@git.acme.example/lib\n"),
        ("/site/.git/config", f"[http]\n\textraheader = Authorization: Bearer {GITLAB}\n"),
        ("/site/.git/logs/HEAD", "0 1 Dev <d@acme.example> 1 +0 clone: from https://dev:pw1@git.acme.example/x\n"),
        ("/root/.gitconfig", '[url "https://dev:pw1@git.acme.example/"]\n\tinsteadOf = ssh://git@git.acme.example/\n'),
        ("/root/.config/git/credentials", "https://dev:pw1@git.acme.example\n"),
        ("/root/.git-credentials", "https://dev:pw1@git.acme.example\n"),
        ("/root/.netrc", "machine git.acme.example login dev password pw1\n"),
        ("/root/_netrc", 'machine git.acme.example\n  login dev\n  password "p w 1"\n'),
        ("/etc/pip.conf", "[global]\nindex-url = https://dev:pw1@pypi.acme.example/simple\n"),
        ("/root/.config/pip/pip.conf", "[global]\nproxy = http://dev:pw1@proxy.acme.example:3128\n"),
        (
            "/site/env/lib/python3.11/site-packages/billing-1.0.dist-info/direct_url.json",
            '{"url": "https://dev:pw1@git.acme.example/billing.git", "vcs_info": {"vcs": "git"}}',
        ),
        ("/site/requirements.txt", "-e git+https://dev:pw1@git.acme.example/billing.git#egg=billing\n"),
        ("/site/requirements/base.txt", "--index-url https://dev:pw1@pypi.acme.example/simple\n"),
        ("/root/.pypirc", "[pypi]\nusername = dev\npassword = pw1-long\n"),
        ("/root/.npmrc", "//npm.acme.example/:_authToken=0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f\n"),
        ("/site/.env", "export DB_PASSWORD='pw1'\n"),
        ("/site/.env.production", "DB_PASSWORD=pw1\n"),
        ("/root/.aws/credentials", "[default]\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"),
        ("/root/.docker/config.json", '{"auths": {"hub.acme.example": {"auth": "ZGFuYTpwdzE="}}}'),
        ("/root/.bash_history", "git clone https://dev:pw1@git.acme.example/x\n"),
        ("/root/.ssh/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza"),
    ],
)
def test_the_files_that_programs_keep_credentials_in_are_read(path: str, text: str) -> None:
    assert len(kinds_in(path, text)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/usr/share/doc/git/README", "git clone https://user:password@host/x.git\n"),
        ("/usr/lib/python3/dist-packages/urllib3/util/url.py", '"https://user:pass@host/"\n'),
        ("/site/app/config", "url = https://user:pass@host/\n"),
        ("/site/notes.txt", "machine x login y password z\n"),
        ("/site/.env.example", "DB_PASSWORD=changeme\n"),
    ],
)
def test_other_files_may_speak_of_credentials(path: str, text: str) -> None:
    assert kinds_in(path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/site/.git/config", '[remote "origin"]\n\turl = ssh://git@github.com/acme/billing.git\n'),
        ("/root/.netrc", "machine git.acme.example login dev password $TOKEN\n"),
        ("/etc/pip.conf", "[global]\nindex-url = https://pypi.acme.example/simple\ncert = /etc/ssl/ca.pem\n"),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8 dev@acme\n"),
        ("/root/.ssh/id_rsa", ssh_key().decode()),  # a whole key is found by what it is, not by where it is
        ("/root/.docker/config.json", '{"auths": {}, "credsStore": "desktop"}'),
    ],
)
def test_the_same_files_without_a_credential_give_none(path: str, text: str) -> None:
    assert kinds_in(path, text) == []


def test_several_passwords_of_a_netrc_are_all_found() -> None:
    text = "machine a login x password one\nmachine b login y\n\tpassword two\ndefault login z password three\n"
    assert [found.secret for found in in_netrc(text)] == ["one", "two", "three"]


def test_assignments_are_read_as_shells_ini_files_and_yaml_write_them() -> None:
    text = 'export A_TOKEN="one1"\n  b_token: two2\nset C_TOKEN=three3\n# D_TOKEN=four4\nplain words\n'
    assert [found.secret for found in in_assignments(text)] == ["one1", "two2", "three3"]


def test_a_credential_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(Credential("password", "hunter2"))
