"""Private keys in any stream of bytes, and which of them the whole world has already.

A marker alone is no key: every image with ssh in it holds `BEGIN OPENSSH PRIVATE KEY` in a program, and so does many a
page of documentation. What is reported is a marker *followed by a body that could be a key*: pure base64, long enough
for the shortest kind (an Ed25519 key in PKCS#8 is 64 characters), and not one character written over and over.

Recognised are all PEM kinds (`… PRIVATE KEY`, PGP's `… BLOCK`), OpenSSH, SSH2 with its four dashes, and PuTTY's `.ppk`
of versions 2 and 3; also escaped (`\\n` in JSON or source code), with its line ends turned into blanks by a shell, as
UTF-16 (a redirect in PowerShell), and as base64 of the whole PEM text (how CI variables and kubeconfig carry it).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from vendorws.values import dataclass

_UTF16_MARKER = "PRIVATE KEY".encode("utf-16-le")[:-1]
_PUTTY_MARKER = b"PuTTY-User-Key-File-"
# How the base64 of a key file begins: as far as what comes next in the file cannot change it.
_WRAPPED_MARKERS = tuple(
    base64.b64encode(opening)[: len(opening) * 8 // 6] for opening in (b"-----BEGIN ", b"---- BEGIN ", _PUTTY_MARKER)
)
_MARKERS = (b"PRIVATE KEY", _PUTTY_MARKER, _UTF16_MARKER, *_WRAPPED_MARKERS)

_BEFORE = 128
"""Bytes before a marker that may belong to it: `-----BEGIN SSH2 ENCRYPTED `, twice as long in UTF-16."""

_AHEAD = 64 * 1024
"""Bytes after a marker that are read for its body; an RSA key of 16384 bits takes 13 kB, in base64 once more 17 kB."""

_SHORTEST_BODY = 60
_FEWEST_DIFFERENT_CHARACTERS = 16
_SAMPLE = (
    "EXAMPLE"  # what the manuals of cloud vendors write into the keys they print; no chance puts it into a real one
)


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A private key: what kind it is, for people, and the SHA-256 of its base64 body. The key itself is not kept."""

    kind: str
    fingerprint: str


class KeyScanner:
    """Finds the keys in a stream that is fed piece by piece; holds one piece and 64 kB at most.

    A marker is judged once what follows it is there, so a key that lies across two pieces is found like any other.
    """

    __slots__ = ("_judged_to", "_kept")

    def __init__(self) -> None:
        self._kept = b""
        self._judged_to = 0

    def feed(self, piece: bytes) -> Iterator[FoundKey]:
        """The keys that are certain now."""
        yield from self._judge(self._kept + piece, keep=_AHEAD)

    def finish(self) -> Iterator[FoundKey]:
        """The keys that the end of the stream makes certain."""
        yield from self._judge(self._kept, keep=0)

    def _judge(self, window: bytes, keep: int) -> Iterator[FoundKey]:
        judge_to = max(self._judged_to, len(window) - keep)
        for marker in _MARKERS:
            last = judge_to + len(marker) - 1
            position = window.find(marker, self._judged_to, last)
            while position >= 0:
                around = window[max(0, position - _BEFORE) : position + _AHEAD]
                yield from _keys_at(marker, min(position, _BEFORE), around)
                position = window.find(marker, position + len(marker), last)
        start = max(0, judge_to - _BEFORE)
        self._kept, self._judged_to = window[start:], judge_to - start


def publisher(key: FoundKey, path: str) -> str | None:
    """Who published this key for everyone to test with, or None for a key that has to be taken for a secret.

    A published key is known by its fingerprint, wherever it lies. CPython makes new ones every few years, so the files
    that its test suite is known to keep them in count too, at the `path` where an installed Python has them.
    """
    return _published().get(key.fingerprint) or (_CPYTHON if _CPYTHON_FILE.search(path) else None)


_CPYTHON = "CPython's test suite"
_CPYTHON_FILE = re.compile(
    r"/lib/python\d\.\d+/test/(?:certdata/)?(?:keycert[234]?|keycertecc|(?:keycert|ssl_key)\.passwd|ssl_key|pycakey"
    r"|allsans|idnsans|nosan|badcert|badkey|leaf-missing-aki\.keycert)\.pem$"
)


def find_keys(text: str) -> tuple[FoundKey, ...]:
    """The keys in a text that is at hand as a whole."""
    scanner = KeyScanner()
    return (*scanner.feed(text.encode(errors="surrogateescape")), *scanner.finish())


def hide_keys(text: str) -> str:
    """`text` with everything from a key's marker to its end (or the text's) replaced by `****`."""
    return _ANY_BLOCK.sub("****", text)


def _keys_at(marker: bytes, position: int, around: bytes) -> Iterator[FoundKey]:
    if marker in _WRAPPED_MARKERS:
        yield from _wrapped_keys(around[position:])
    elif marker == _PUTTY_MARKER:
        yield from _putty_keys(around[position:].decode("latin-1"))
    elif marker == _UTF16_MARKER:
        before, after = around[:position].replace(b"\0", b""), around[position:].replace(b"\0", b"")
        yield from _pem_keys((before + after).decode("latin-1"), len(before))
    else:
        yield from _pem_keys(around.decode("latin-1"), position)


_BEGIN = re.compile(r"-{4,5} ?BEGIN (?P<label>(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?) ?-{4,5}")
_NEXT_LINE_OF_ITS_KIND = re.compile(r"-{4,5} ?(?P<verb>BEGIN|END) ")
_ANY_BLOCK = re.compile(
    r"-{4,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-{4,5} ?END [A-Z0-9 ]+-{4,5}|\Z)"
    rf"|PuTTY-User-Key-File-.*|(?:{'|'.join(marker.decode() for marker in _WRAPPED_MARKERS)})[\w+/=]*",
    re.DOTALL,
)


def _pem_keys(text: str, marker: int) -> Iterator[FoundKey]:
    """The key whose words PRIVATE KEY are at `marker`, if the line around them opens one and a body follows."""
    begins = _BEGIN.finditer(text, max(0, marker - _BEFORE), marker + _BEFORE)
    begin = next((found for found in begins if found.start() < marker < found.end()), None)
    if begin is None:
        return
    end = _NEXT_LINE_OF_ITS_KIND.search(text, begin.end())
    complete = end is not None and end["verb"] == "END"
    body = _body(text[begin.end() : end.start() if end else None], complete=complete)
    if body is not None:
        yield FoundKey(_kind(begin["label"]), fingerprint(body))


_ESCAPED_BREAK = re.compile(r"\\+[rnt]")
# RFC 1421's headers, also where a shell has made one line of all; then PGP's and SSH2's, which take a line each.
_PEM_HEADERS = re.compile(r"(?:Proc-Type: ?\S+|DEK-Info: ?\S+)")
_ARMOUR_HEADERS = re.compile(r"^\s*[A-Z][A-Za-z-]+: .*$", re.MULTILINE)
# What source code, comments and quoting put around the lines of a key.
_DECORATION = re.compile(r"(?m)^\s*(?:[#*>|]+\s|//+\s)|[\"'`\\,;]|(?<=[\"'\s])\+(?=[\"'\s]|$)|\s")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}(?:=[A-Za-z0-9+/]{4})?")  # the last part is PGP's checksum


def _body(text: str, *, complete: bool) -> str | None:
    """The base64 of a key without its wrapping, or None. Only what is not `complete` may end in something else."""
    text = _PEM_HEADERS.sub("", _ESCAPED_BREAK.sub("\n", text))
    text = _DECORATION.sub("", _ARMOUR_HEADERS.sub("", text))
    match = _BASE64.fullmatch(text) if complete else _BASE64.match(text)
    return match[0] if match and _could_be_a_key(match[0]) else None


def _could_be_a_key(body: str) -> bool:
    return len(body) >= _SHORTEST_BODY and len(set(body)) >= _FEWEST_DIFFERENT_CHARACTERS and _SAMPLE not in body


def fingerprint(body: str) -> str:
    """The SHA-256 (hex) of a key's base64 without any white space: the same however the key is wrapped."""
    return hashlib.sha256(body.encode("latin-1")).hexdigest()


_SPELLINGS = {"OPENSSH": "OpenSSH", "PRIVATE": "private", "KEY": "key", "ENCRYPTED": "encrypted", "BLOCK": ""}


def _kind(label: str) -> str:
    """`OPENSSH PRIVATE KEY` as people say it: OpenSSH private key."""
    return " ".join(filter(None, (_SPELLINGS.get(word, word) for word in label.split())))


_PUTTY = re.compile(
    r"PuTTY-User-Key-File-\d: ?[\w-]+\s.{0,20000}?Private-Lines: ?\d+\s+(?P<body>[A-Za-z0-9+/=\s]{40,})", re.DOTALL
)


def _putty_keys(text: str) -> Iterator[FoundKey]:
    match = _PUTTY.match(_ESCAPED_BREAK.sub("\n", text))
    if match:
        yield FoundKey("PuTTY private key", fingerprint("".join(match["body"].split())))


_WRAPPED = re.compile(rb"[A-Za-z0-9+/\s]+")


def _wrapped_keys(data: bytes) -> Iterator[FoundKey]:
    match = _WRAPPED.match(data)
    encoded = b"".join(match[0].split()) if match else b""
    scanner = KeyScanner()
    yield from scanner.feed(base64.b64decode(encoded + b"A" * (-len(encoded) % 4)))
    yield from scanner.finish()


@cache
def _published() -> Mapping[str, str]:
    """Fingerprint to source, from published_keys.txt, whose head says how a key comes to stand in it."""
    lines = resources.files("vendorws.images").joinpath("published_keys.txt").read_text("utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
