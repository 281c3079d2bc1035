"""What the value of an `-e` asks for, and what to write instead. The corpus of tests/data has pip's own verdicts."""

from __future__ import annotations

import pytest

from vendorws.requirement_files.editables import Wrong, clone_url, read_editable, read_legacy, rewritten

SSH = "git+ssh://git@host/r.git@v1"


@pytest.mark.parametrize(
    ("target", "kind", "name", "extras", "marker"),
    [
        (f"{SSH}#egg=My_x", "git", "My_x", (), None),
        (f"{SSH}#egg=x[b,a]", "git", "x", ("a", "b"), None),
        (f"{SSH}#egg=x[a]==1 ; os_name == 'nt'", "git", "x", ("a",), 'os_name == "nt"'),
        (f"{SSH}#egg=x==2010h ; os_name == 'nt'", "git", "x", (), 'os_name == "nt"'),
        (f"x[b,a] @ {SSH} ; os_name == 'nt'", "git", "x", ("a", "b"), 'os_name == "nt"'),
        (f"x@{SSH}", "git", "x", (), None),
        ("git+git@host:org/r.git#egg=x", "git", "x", (), None),
        ("hg+https://h/r#egg=x", "hg", "x", (), None),
        ("x @ svn+ssh://h/r", "svn", "x", (), None),
        (".", "local", None, (), None),
        ("./lib[a]", "local", None, (), None),
        ("lib", "local", None, (), None),
        ("file:///srv/lib#egg=x", "local", "x", (), None),
        ("file:///srv/lib#egg=x[a]", "local", "x", (), None),
        ("x @ file:///srv/lib", "local", "x", (), None),
        ("file:///srv/lib#egg=x[]", "local", None, (), None),
        (f"x\t[a]\t@\t{SSH}\t;\tos_name\t==\t'nt'", "git", "x", ("a",), 'os_name == "nt"'),
        (f"\t{SSH}#egg=x", "git", "x", (), None),
        ("x @ git+ssh://git@host/a\xa0b\u3000c", "git", "x", (), None),
    ],
)
def test_both_forms_are_read(target: str, kind: str, name: str, extras: tuple[str, ...], marker: str | None) -> None:
    asked = read_editable(target)
    assert (asked.kind, asked.name, asked.extras) == (kind, name, extras)
    assert (str(asked.marker) if asked.marker else None) == marker


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        (f"{SSH}", "pip cannot tell the package's name from this line: #egg= is missing.", f"{SSH}#egg=name"),
        (f"{SSH}#subdirectory=py", "#egg= is missing", f"{SSH}#egg=name&subdirectory=py"),
        (f"{SSH}#x", "#egg= is missing", f"Write -e {SSH}#egg=x"),
        (f"{SSH}#egg=", "#egg= is missing", "#egg=name"),
        ("git+ssh://h/a b@", "#egg= is missing", "and no blank before it: -e git+ssh://h/a%20b#egg=name"),
        (f"{SSH}@egg=x", "@egg= is not #egg=", f"Write -e {SSH}#egg=x"),
        (f"{SSH}#egg=../../x", "egg=../../x is no package name.", "#egg=name"),
        (f"{SSH}#egg=.", "egg=. is no package name.", "#egg=name"),
        ("git@host:org/r.git#egg=x", "short form of an ssh URL", "Write -e git+ssh://git@host/org/r.git#egg=x"),
        (
            "git@host:/srv/r.git",
            "short form of an ssh URL",
            "and no blank before it: -e git+ssh://git@host/srv/r.git#egg=name",
        ),
        ("https://h/r.git#egg=x", "https:// is no repository to pip", "Write -e git+https://h/r.git#egg=x"),
        ("git+ext::sh#egg=x", "git+ext is no transport that git may run", "git+ssh://"),
        ("git+../r#egg=x", "git would take this for a path on the disk.", "git+file:///absolute/path"),
        ("git+git@host/r#egg=x", "git would take this for a path", "Write -e git+ssh://git@host/r#egg=x"),
        ("GIT+git@host:r#egg=x", "is no transport that git may run", "git+ssh://"),
        ("ftp://h/r#egg=x", "neither a path nor a URL", "git+ssh://"),
        ("", "neither a path nor a URL", "git+ssh://"),
        ("./lib#egg=x", "A path takes no #egg=.", "Remove it"),
        (f"x @ {SSH}; os_name", "pip cannot read this line.", "Write -e 'name[extra] @ URL ; marker'"),
        (
            f"x @ {SSH}; os_name == 'nt'",
            "pip cannot read this line.",
            f"Put a blank before the semicolon: -e \"x @ {SSH} ; os_name == 'nt'\"",
        ),
        ("git+ssh://[::1/r#egg=x", "This is no URL: Invalid IPv6 URL.", "git+ssh://"),
        ("a\tb", "There is a control character in this line.", "Remove it."),
        (f"x @ git+ssh://git@host/r#egg=x==1 ; {'(' * 5000}", "pip cannot read this line.", ""),
        ("x @ git+git@host:org/r", "No pip takes both in one line", "Write -e git+ssh://git@host/org/r#egg=x"),
        ("x @ ./lib", "neither a path nor a URL", ""),
        ("x @ https://h/r", "https:// is no repository to pip", "Write -e git+https://h/r#egg=x"),
        (
            "x @ https://h/r ; os_name == 'nt'",
            "https:// is no repository to pip",
            "Write -e 'x @ git+https://h/r ; os_name == \"nt\"' for pip 25.3 and later; earlier ones",
        ),
    ],
)
def test_what_no_pip_takes_is_wrong(target: str, message: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_editable(target)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_two_things_that_no_pip_takes_together_are_wrong() -> None:
    with pytest.raises(Wrong, match="No pip takes both in one line: an @ behind egg=, and a URL without ssh://"):
        read_editable("git+git@host:org/r#egg=x@v1")


def test_a_url_that_git_must_not_be_given_is_wrong() -> None:
    with pytest.raises(Wrong, match="begins with a dash"):
        clone_url(read_editable("git+ssh://git@host/r@-x#egg=x"))


def test_the_newest_pip_that_takes_a_line_says_whether_its_revision_is_decoded() -> None:
    assert clone_url(read_editable("git+ssh://git@host/r@a%2Fb#egg=x"))[1] == "a/b"
    assert clone_url(read_editable("git+ssh://git@host/r@a%2Fb#egg=x[a]"))[1] == "a%2Fb"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (f"x @ {SSH}", f"Write -e {SSH}#egg=x"),
        (f"x[a,b] @ {SSH}#subdirectory=py", f"Write -e {SSH}#egg=x&subdirectory=py and, on a line of its own, x[a,b]"),
        (f"{SSH}#subdirectory=py&egg=x==1", f"Write -e {SSH}#egg=x&subdirectory=py"),
        ("git+git@host:org/r.git@v1#egg=x", "Write -e git+ssh://git@host/org/r.git@v1#egg=x"),
        (f"x @ {SSH[:-2]}a%2Fb", f"Write -e {SSH[:-2]}a/b#egg=x"),
        (f"x @ {SSH[:-2]}a%23b", f"Write -e {SSH[:-2]}a%23b#egg=x"),
        (f"{SSH}#egg=x_", f"Write -e {SSH}#egg=x"),
        (
            f"{SSH}#egg=x&subdirectory=a b",
            "Take the blank out of the subdirectory: no spelling of it does for all pips.",
        ),
        ("file:///srv/lib#egg=x=1", "Write -e file:///srv/lib"),
        ("git+ssh://git@host/a b#egg=x", "Write -e git+ssh://git@host/a%20b#egg=x"),
        ("git+ssh://git@host/a'b c#egg=x", "Write -e 'git+ssh://git@host/a'\"'\"'b%20c#egg=x'"),
        (
            f"{SSH}#egg=x[a]&subdirectory=py",
            f"Write -e {SSH}#egg=x&subdirectory=py and, on a line of its own, x[a]",
        ),
        (
            f"{SSH}#egg=x[a] ; os_name == 'nt'",
            f"Write -e 'x[a] @ {SSH} ; os_name == \"nt\"' for pip 25.3 and later; earlier ones take no marker here.",
        ),
        (
            f"{SSH}#subdirectory=py&egg=x ; os_name == 'nt'",
            f"Write -e 'x @ {SSH}#subdirectory=py ; os_name == \"nt\"' for pip 25.3 and later; "
            "earlier ones take no marker here.",
        ),
        (
            f"x @ {SSH} ; os_name == 'nt'",
            "Earlier ones take no marker on an editable line: leave it out for them.",
        ),
    ],
)
def test_the_line_for_all_pips_is_said(target: str, sentence: str) -> None:
    assert rewritten(read_editable(target)) == sentence


@pytest.mark.parametrize("text", ["x==2010h", "x[a] >= 1.0-foo/bar , < 2", "x (==2010h)", " x==a ; os_name == 'nt'"])
def test_versions_of_former_times_are_read(text: str) -> None:
    named = read_legacy(text)
    assert named is not None
    assert named.name == "x"


@pytest.mark.parametrize("text", ["x", "x=1", "../x==1", "x==1 y", "x==1 ; nonsense", f"x=={' ' * 100_000}y z"])
def test_nonsense_is_no_version_of_former_times(text: str) -> None:
    assert read_legacy(text) is None
