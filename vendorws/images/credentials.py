"""Passwords and tokens in text: in URLs, in variables, and in the files that programs keep them in.

The forms of the vendors' tokens are detect-secrets' (Yelp): its plugins live here and nowhere else. Its detector of
private keys stops at the marker, and its detectors of entropy and of basic auth fire on any documentation, so those
are not used; what is asked instead is whether *this place* is one where a program would take the text for a credential.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import field
from functools import cache
from itertools import chain

from detect_secrets.filters.heuristic import is_prefixed_with_dollar_sign, is_templated_secret
from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    github_token,
    gitlab_token,
    jwt,
    keyword,
    openai,
    pypi_token,
    sendgrid,
    slack,
    stripe,
)

from vendorws.images.private_keys import find_keys
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """What kind of credential it is, for people; `secret` is its text, kept only to blank it out elsewhere."""

    kind: str
    secret: str = field(repr=False)


Reader = Callable[[str], Iterator[Credential]]


def in_text(text: str) -> Iterator[Credential]:
    """Credentials that say themselves what they are: in URLs, in an Authorization header, tokens of known vendors."""
    found = tuple(chain(_in_urls(text), _in_headers(text), _tokens(text)))
    for index, credential in enumerate(found):
        if not any(credential.secret in told.secret for told in found[:index]):
            yield credential


def in_variable(name: str, value: str) -> Iterator[Credential]:
    """As `in_text`, and else the whole value where the name says that it is secret."""
    found = tuple(in_text(value))
    yield from found or _by_name(name, value)


def in_assignments(text: str) -> Iterator[Credential]:
    """As `in_text`, and the values of lines like `name = value` and `name: value` whose name says that it is secret."""
    found = tuple(in_text(text))
    yield from found
    for match in _ASSIGNMENT.finditer(text):
        name, value = match["name"], match["value"].strip().strip("\"'")
        if not any(credential.secret in value for credential in found):
            yield from _by_name(name, value)


def in_netrc(text: str) -> Iterator[Credential]:
    """The passwords of a .netrc file."""
    for match in _NETRC_PASSWORD.finditer(text):
        password = match["quoted"] or match["plain"]
        if not _is_placeholder(password):
            yield Credential("password of a .netrc entry", password)


def in_docker_config(text: str) -> Iterator[Credential]:
    """The registry logins of docker's and podman's client configuration."""
    for match in _REGISTRY_LOGIN.finditer(text):
        yield Credential("login of a container registry", match["login"])


def in_ssh_folder(text: str) -> Iterator[Credential]:
    """A file of `.ssh` that begins as a private key does and then does not go on like one: cut short, or garbled."""
    if _KEY_FILE.match(text) and not find_keys(text):
        yield Credential("damaged private key", "")


def reader_for(path: str) -> Reader | None:
    """How the file at `path` (absolute in the image, `/` between its parts) holds credentials, if it is known to."""
    return next((reader for pattern, reader in _PLACES if pattern.search(path)), None)


# A user may be empty or missing; a password may hold anything but blanks, quotes and a slash. The scheme is left out:
# looking for where one begins would take a time that grows with the square of a long line.
_URL = re.compile(r"://(?P<user>[^/\s:@'\"<>]*)(?::(?P<password>[^/\s'\"<>]*))?@")
_LONGEST_USER_NAME = 20


def _in_urls(text: str) -> Iterator[Credential]:
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        password, user = match["password"], match["user"]
        if password and not _is_placeholder(password):
            yield Credential("password in a URL", password)
        elif not password and _is_token(user):
            yield Credential("token in a URL", user)


def _is_token(user: str) -> bool:
    """Whether the lone user of a URL is a token. `https://acme@dev.azure.example` names no secret: names are short."""
    has_digit, has_letter = any(map(str.isdigit, user)), any(map(str.isalpha, user))
    return len(user) >= _LONGEST_USER_NAME and has_digit and has_letter and not _is_placeholder(user)


_HEADER = re.compile(r"\bauthorization\"?\s*[:=]\s*\"?(?:basic|bearer|token)\s+(?P<secret>[^\s\"']{8,})", re.IGNORECASE)


def _in_headers(text: str) -> Iterator[Credential]:
    for match in _HEADER.finditer(text):
        if not _is_placeholder(match["secret"]):
            yield Credential("Authorization header", match["secret"])


@cache
def _token_forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    detectors = (
        github_token.GitHubTokenDetector(),
        gitlab_token.GitLabTokenDetector(),
        pypi_token.PypiTokenDetector(),
        aws.AWSKeyDetector(),
        azure_storage_key.AzureStorageKeyDetector(),
        jwt.JwtTokenDetector(),
        openai.OpenAIDetector(),
        sendgrid.SendGridDetector(),
        slack.SlackDetector(),
        stripe.StripeDetector(),
    )
    forms = [
        (re.sub(r"\bTokens?\b", "token", detector.secret_type), pattern)
        for detector in detectors
        for pattern in detector.denylist
    ]
    # Two forms that are younger than the detectors.
    fine_grained = ("GitHub token", re.compile(r"github_pat_[A-Za-z0-9_]{22,}"))
    return (*forms, fine_grained, ("npm token", re.compile(r"npm_[A-Za-z0-9]{36}")))


def _tokens(text: str) -> Iterator[Credential]:
    for kind, form in _token_forms():
        for match in form.finditer(text):
            yield Credential(kind, match[0])


# What detect-secrets' list of telling names lacks.
_TELLING_NAME = re.compile(
    r"(?:^|[_.:-])(?:pass|passphrase|token|auth|auth_?token|credentials?|access_?key|ssh_?key|prv_?key|deploy_?key)(?:_?\d+)?$",
    re.IGNORECASE,
)
# A name that tells where the secret is, or something about it.
_INDIRECT_NAME = re.compile(
    r"_(?:file|path|dir|url|uri|host|user|username|name|id|type|ttl|timeout|expiry|header|algorithm|sock)$",
    re.IGNORECASE,
)


def _by_name(name: str, value: str) -> Iterator[Credential]:
    if _names_a_secret(name) and _could_be_secret(value):
        yield Credential("secret by its name", value)


def _names_a_secret(name: str) -> bool:
    telling = _TELLING_NAME.search(name) or any(keyword.KeywordDetector().analyze_string(f'{name} = "value1"'))
    return bool(telling) and not _INDIRECT_NAME.search(name)


_SWITCH = re.compile(r"(?:true|false|yes|no|on|off|none|null|always|never|optional|required|\d{1,3})?", re.IGNORECASE)


def _could_be_secret(value: str) -> bool:
    return not (_SWITCH.fullmatch(value) or value.startswith(("/", "./", "~/")) or _is_placeholder(value))


def _is_placeholder(value: str) -> bool:
    """Whether `value` stands for a secret that is put in later: `${TOKEN}`, `$TOKEN`, `{token}`, `****`."""
    nothing_but_signs = not any(map(str.isalnum, value))
    return nothing_but_signs or is_templated_secret(value) or is_prefixed_with_dollar_sign(value)


_ASSIGNMENT = re.compile(
    r"^[ \t]*(?:export[ \t]+|set[ \t]+)?[\"']?(?P<name>[\w./:@-]*\w)[\"']?[ \t]*[=:][ \t]*(?P<value>\S.*)$",
    re.MULTILINE,
)
_NETRC_PASSWORD = re.compile(r"\bpassword\s+(?:\"(?P<quoted>(?:[^\"\\]|\\.)+)\"|(?P<plain>\S+))")
_KEY_FILE = re.compile(r"\s*-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_REGISTRY_LOGIN = re.compile(r'"(?:auth|identitytoken|registrytoken)"\s*:\s*"(?P<login>[^"]{4,})"')


# Which file is read how; the first pattern that fits wins.
_PLACES: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        # git: the configuration of a repository, its modules and worktrees, of a user and of the system; reflogs
        (r"\.git/(?:.+/)?(?:config|config\.worktree|FETCH_HEAD)$", in_text),
        (r"\.git/(?:.+/)?logs/", in_text),
        (r"/(?:\.gitconfig|\.gitmodules|\.git-credentials|etc/gitconfig|git/(?:config|credentials))$", in_text),
        (r"/[._]netrc$", in_netrc),
        # pip and its relatives: where an index or a repository is named, a password may stand in its URL
        (r"/pip\.(?:conf|ini)$", in_assignments),
        (r"/(?:direct_url\.json|[^/]+\.egg-link)$", in_text),
        (r"/(?:[^/]*requirements[^/]*|[^/]*constraints[^/]*)\.(?:txt|in)$", in_text),
        (r"/(?:requirements|constraints)/[^/]+\.(?:txt|in)$", in_text),
        (r"/(?:pyproject\.toml|setup\.cfg|uv\.toml|Pipfile|Pipfile\.lock|poetry\.lock|pdm\.lock|uv\.lock)$", in_text),
        (r"/(?:\.pypirc|\.npmrc|\.yarnrc(?:\.yml)?|pypoetry/auth\.toml)$", in_assignments),
        # ssh, shells, deployments, clouds
        (r"/\.ssh/[^/]+$", in_ssh_folder),
        (r"/\.env(?:\.(?!example|sample|template|dist)[^/]+)?$", in_assignments),
        (r"/\.aws/credentials$", in_assignments),
        (r"/(?:\.docker/config\.json|containers/auth\.json|\.dockercfg)$", in_docker_config),
        (r"/\.config/(?:gh/hosts\.yml|hub|glab-cli/config\.yml)$", in_assignments),
        (r"/\.(?:bash|zsh|ash|sh|python)_history$", in_text),
    )
)
