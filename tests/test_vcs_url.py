"""The URL of an editable requirement, taken apart. tests/test_pins_against_pip.py has pip's own answers."""

from __future__ import annotations

import pytest

from vendorws.requirement_files import vcs_url
from vendorws.requirement_files.vcs_url import BadUrl, clone_url, identity


@pytest.mark.parametrize(
    ("url", "clone", "revision"),
    [
        ("git+ssh://git@host/r.git@feature/x#egg=x", "ssh://git@host/r.git", "feature/x"),
        ("git+ssh://git@host/r.git@issue/#42#egg=x", "ssh://git@host/r.git", "issue/"),
        ("git+https://u:p@host:8080/r.git?a=b#egg=x", "https://u:p@host:8080/r.git?a=b", None),
        ("git+https://host/a@b/r@v1#egg=x", "https://host/a@b/r", "v1"),
        ("GIT+SSH://git@Host/R#egg=x", "ssh://git@Host/R", None),
        ("git+ssh:///r@v1", "ssh:///r", "v1"),
        ("git+file:///srv/a%20b@v%2520", "file:///srv/a b", "v "),
        ("git+file:/srv/a\\b", "file:///srv/a/b", None),
        ("git+file://#egg=x", "file://", None),
        ("git+git@host:org/r.git@v1#egg=x", "git@host:org/r.git", "v1"),
        ("git+ssh:host/r", "ssh:host/r", None),
    ],
)
def test_git_is_given_what_pip_gives_it(url: str, clone: str, revision: str | None) -> None:
    assert clone_url(url, decode=True) == (clone, revision)


def test_older_pips_do_not_decode_the_revision() -> None:
    assert clone_url("git+ssh://git@host/r@a%2Fb", decode=False)[1] == "a%2Fb"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("git+ssh://git@host/r@", "There is no revision behind the @."),
        ("git+ssh://git@host/r@-x", "The revision -x begins with a dash: git would take it for an option."),
        ("git+ssh://git@host/r@%2D-upload-pack=x", "The revision --upload-pack=x begins with a dash"),
        ("git+ssh://git@host/r@a%0Ab", "There is a control character in the URL."),
        ("git+ssh://git@host/r\x1b[1m", "There is a control character in the URL."),
        ("git+ssh://-oProxyCommand=x/r", "The host begins with a dash"),
        ("git+ssh://%2DoProxyCommand=x/r", "The host begins with a dash"),
        ("git+-oProxyCommand=x:r", "The host begins with a dash"),
        ("git+ext::sh -c x", "git would start another program for this URL."),
        ("git+https::x", "git would start another program for this URL."),
        ("git+ssh://[::1/r", "This is no URL: Invalid IPv6 URL."),
        ("git+git@host://r", "This is no URL: it has no scheme."),
        ("git+x/file:/r", "This is no URL: the path of a file is not absolute."),
    ],
)
def test_what_git_must_not_be_given_is_refused(url: str, message: str) -> None:
    with pytest.raises(BadUrl) as caught:
        clone_url(url, decode=True)
    assert str(caught.value).startswith(message)


def test_a_url_without_a_readable_scheme_is_refused() -> None:
    with pytest.raises(BadUrl, match="This is no URL"):
        vcs_url.scheme_of("x://[")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("git://h/r", "git+git://h/r"),
        ("GIT://h/r", "git+GIT://h/r"),
        ("svn:x", "svn+svn:x"),
        ("git+git://h", "git+git://h"),
    ],
)
def test_a_bare_scheme_gets_its_prefix(target: str, url: str) -> None:
    assert vcs_url.prefixed(target) == url


@pytest.mark.parametrize(
    ("stub", "url"),
    [
        ("git+git@host:org/r.git@v1#egg=x", "git+ssh://git@host/org/r.git@v1#egg=x"),
        ("git+host:/srv/r.git#egg=x", "git+ssh://host/srv/r.git#egg=x"),
        ("git+git@[::1]:r#egg=x", "git+ssh://git@[::1]/r#egg=x"),
        ("git+/srv/r.git#egg=x", "git+file:///srv/r.git#egg=x"),
    ],
)
def test_a_short_form_has_a_long_one(stub: str, url: str) -> None:
    assert vcs_url.is_stub(stub)
    assert vcs_url.unstubbed(stub) == url


@pytest.mark.parametrize("url", ["git+ssh://h/r", "git+ext::sh", "git+../r", "git+h/r", "GIT+git@h:r", "git+/file:/r"])
def test_other_forms_are_not_short_ones(url: str) -> None:
    assert not vcs_url.is_stub(url)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git+https://u:p@h/r@v1#egg=a", "git+https://h/r@v1#egg=b&x=y"),
        ("git+https://h/r?a=1&b=2", "git+https://h/r?b=2&a=1"),
        ("file:///r", "file://localhost/r"),
        ("git+https://h/r#subdirectory=a&subdirectory=b", "git+https://h/r#subdirectory=a"),
    ],
)
def test_equivalent_urls_are_the_same_to_pip(one: str, other: str) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git+https://h/r@v1", "git+https://h/r@v2"),
        ("git+https://h/r", "git+https://h/r.git"),
        ("git+https://h/r", "git+https://h:443/r"),
        ("git+https://h/r", "git+ssh://h/r"),
        ("git+https://h/r?a=1&a=2", "git+https://h/r?a=2&a=1"),
        ("git+https://h/r#subdirectory=a", "git+https://h/r"),
        ("https://h/r.zip#sha256=a", "https://h/r.zip#sha256=b"),
    ],
)
def test_other_urls_are_not(one: str, other: str) -> None:
    assert identity(one) != identity(other)


def test_names_are_searched_in_the_whole_url() -> None:
    assert vcs_url.egg_of("git+https://h/r?x&egg=a#b") == "a#b"
    assert vcs_url.subdirectory_of("git+https://h/r#subdirectory=py#egg=x") == "py#egg=x"
    assert vcs_url.egg_of("git+https://h/r#Egg=x") is None
