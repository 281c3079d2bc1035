"""Private keys in bytes: every kind is found, however it is wrapped; what only looks like one is not."""

from __future__ import annotations

import base64
import json
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.keys import armoured, locked_rsa_key, private_keys, public_keys, putty, ssh_key
from vendorws.images.private_keys import FoundKey, KeyScanner, find_keys, hide_keys, publisher

KINDS = tuple(private_keys())


def scan(*pieces: bytes) -> list[FoundKey]:
    scanner = KeyScanner()
    return [*(key for piece in pieces for key in scanner.feed(piece)), *scanner.finish()]


def kinds(content: bytes) -> list[str]:
    return [key.kind for key in scan(content)]


def pem(body: str, label: str = "RSA PRIVATE KEY") -> bytes:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_is_found_under_its_name(kind: str) -> None:
    assert kinds(private_keys()[kind]) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_found_in_the_middle_of_a_program(kind: str) -> None:
    noise = bytes(range(256)) * 1000
    assert kinds(noise + private_keys()[kind] + noise) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_with_windows_line_ends_has_the_same_fingerprint(kind: str) -> None:
    key = private_keys()[kind].replace(b"\r\n", b"\n")
    assert scan(key.replace(b"\n", b"\r\n")) == scan(key) != []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "PuTTY private key"])  # PuTTY takes ASCII only
def test_a_key_in_utf_16_is_found(kind: str) -> None:
    text = private_keys()[kind].decode()
    assert kinds(text.encode("utf-16")) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_json_is_found(kind: str) -> None:
    assert kinds(json.dumps({"private_key": private_keys()[kind].decode()}).encode()) == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_base64_once_more_is_found(kind: str) -> None:
    wrapped = base64.b64encode(private_keys()[kind])
    assert kinds(b"client-key-data: " + wrapped + b"\nother: x\n") == [kind]
    assert kinds(base64.encodebytes(private_keys()[kind])) == [kind]


def test_the_old_encrypted_form_is_found_with_and_without_its_line_ends() -> None:
    key = locked_rsa_key()
    assert kinds(key) == ["RSA private key"]
    assert kinds(b" ".join(key.split(b"\n"))) == ["RSA private key"]


def test_a_shell_that_loses_the_line_ends_loses_no_key() -> None:
    assert kinds(b"echo " + b" ".join(ssh_key().split(b"\n"))) == ["OpenSSH private key"]


@pytest.mark.parametrize("before", ["# ", "    ", "> ", "// ", "\t"])
def test_a_key_that_is_indented_or_commented_is_found(before: str) -> None:
    assert kinds("".join(before + line for line in ssh_key().decode().splitlines(True)).encode()) == [
        "OpenSSH private key"
    ]


def test_a_key_put_together_in_source_code_is_found() -> None:
    lines = ssh_key().decode().splitlines()
    assert kinds("\n".join(f'    "{line}\\n"' for line in lines).encode()) == ["OpenSSH private key"]
    assert kinds(" +\n".join(f'"{line}\\n"' for line in lines).encode()) == ["OpenSSH private key"]


def test_a_key_without_its_end_is_found() -> None:
    assert kinds(private_keys()["RSA private key"][:900]) == ["RSA private key"]


def test_two_keys_in_one_file_are_two() -> None:
    both = ssh_key() + private_keys()["RSA private key"]
    assert kinds(both) == ["OpenSSH private key", "RSA private key"]
    assert sorted(kinds(both.decode().encode("utf-16"))) == ["OpenSSH private key", "RSA private key"]


@given(st.integers(0, 3000), st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_where_a_stream_is_cut_makes_no_difference(before: int, sizes: list[int]) -> None:
    stream = b"x" * before + ssh_key() + b"y" * 500 + putty()
    pieces = []
    position = 0
    for size in sizes:
        pieces.append(stream[position : position + size])
        position += size
    assert scan(*pieces, stream[position:]) == scan(stream)
    assert len(scan(stream)) == 2


def test_a_key_on_the_border_of_two_megabytes_is_found() -> None:
    key = ssh_key()
    for cut in range(0, len(key), 7):
        first, rest = b"\0" * (1024 * 1024 - cut) + key[:cut], key[cut:] + b"\0" * 200_000
        assert [found.kind for found in scan(first, rest)] == ["OpenSSH private key"]


def test_a_scanner_holds_no_more_than_a_piece_and_what_follows_a_marker() -> None:
    scanner = KeyScanner()
    for _ in range(50):
        assert not list(scanner.feed(b"-" * 1_000_000))
        assert len(scanner._kept) < 66_000


# What looks like a key and is none.


@pytest.mark.parametrize("name", sorted(public_keys()))
def test_a_public_key_is_no_finding(name: str) -> None:
    assert scan(public_keys()[name]) == []


@pytest.mark.parametrize(
    "text",
    [
        "Put the text between -----BEGIN RSA PRIVATE KEY----- and -----END RSA PRIVATE KEY----- into the field.",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n...\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n" + "x" * 64 + "\n" + "x" * 64 + "\n-----END RSA PRIVATE KEY-----",
        "The first line of the file says PuTTY-User-Key-File-2: and then the algorithm, then Private-Lines: 8.",
        '_SK_START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n_SK_END = b"-----END OPENSSH PRIVATE KEY-----"\n'
        '_PEM = re.compile(_SK_START + b"(.*?)" + _SK_END, re.DOTALL)\n' + "def load(data):\n    return data\n" * 20,
        "-----BEGIN OPENSSH PRIVATE KEY-----\n\0-----END OPENSSH PRIVATE KEY-----\n\0could not load %s\0" * 3,
        "-----BEGIN PRIVATE KEY-----",
        "PRIVATE KEY\n" * 100,
    ],
)
def test_words_about_keys_are_no_finding(text: str) -> None:
    assert scan(text.encode()) == []


def test_a_line_and_three_dots_is_no_finding() -> None:
    first_line = private_keys()["RSA private key"].decode().splitlines()[1]
    assert scan(pem(f"{first_line}\n...")) == []
    assert scan(pem(f"{first_line}\n[...]")) == []


def test_a_key_printed_in_a_manual_with_example_in_it_is_no_finding() -> None:
    lines = private_keys()["RSA private key"].decode().splitlines()
    lines[3] = "EXAMPLE" + lines[3][7:]
    assert scan("\n".join(lines).encode()) == []


def test_a_certificate_is_no_finding() -> None:
    assert scan(armoured("CERTIFICATE") + armoured("X509 CRL") + armoured("DH PARAMETERS")) == []


# Keys that everybody has.


def standard_library_keys() -> list[tuple[Path, FoundKey]]:
    tests = Path(sysconfig.get_paths()["stdlib"], "test")
    files = [file for pattern in ("*.pem", "certdata/*.pem") for file in sorted(tests.glob(pattern))]
    return [(file, key) for file in files for key in scan(file.read_bytes())]


def test_the_keys_of_pythons_own_test_suite_are_known_wherever_they_are_copied_to() -> None:
    found = standard_library_keys()
    if not found:
        pytest.skip("this Python was installed without its test suite")
    unknown = {str(file) for file, key in found if publisher(key, "/srv/copy.pem") is None}
    assert unknown == set(), "add them with .ci/published-keys"


def test_keys_that_a_coming_python_makes_for_its_tests_are_known_by_the_files_they_are_in() -> None:
    (key,) = scan(private_keys()["private key"])
    for path in (
        "/usr/lib/python3.16/test/certdata/keycert3.pem",
        "/usr/local/lib/python3.8/test/ssl_key.passwd.pem",
        "/root/.pyenv/versions/3.16.0/lib/python3.16/test/certdata/leaf-missing-aki.keycert.pem",
    ):
        assert publisher(key, path) == "CPython's test suite"


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/python3.12/test/id_rsa",
        "/usr/lib/python3.12/test/server.pem",
        "/site/test/keycert.pem",
        "/usr/lib/python3.12/site-packages/test/keycert.pem",
        "/usr/lib/python3.12/test/certdata/deeper/keycert.pem",
    ],
)
def test_no_other_place_makes_a_key_harmless(path: str) -> None:
    (key,) = scan(ssh_key())
    assert publisher(key, path) is None


# Blanking out.


@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_key_leaves_nothing_of_its_body(kind: str) -> None:
    key = private_keys()[kind].decode()
    hidden = hide_keys(f"echo {key}")
    assert hidden.startswith("echo ****")
    assert not any(len(line) > 20 and line in hidden for line in key.splitlines())
    wrapped = base64.b64encode(key.encode()).decode()
    assert wrapped[30:60] not in hide_keys(f"echo {wrapped} | base64 -d")


def test_a_found_key_does_not_hold_the_key() -> None:
    (key,) = find_keys(ssh_key().decode())
    assert not any(line.decode() in repr(key) for line in ssh_key().splitlines()[1:-1])
