"""Private keys made for the tests, of every kind that a program writes."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from functools import cache

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

_PLAIN = NoEncryption()
_LOCKED = BestAvailableEncryption(b"passphrase")


@cache
def private_keys() -> dict[str, bytes]:
    """Kind, as vendorws names it, to the text of a key file."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    ed_key = ed25519.Ed25519PrivateKey.generate()
    traditional = PrivateFormat.TraditionalOpenSSL
    return {
        "OpenSSH private key": ed_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, _PLAIN),
        "RSA private key": rsa_key.private_bytes(Encoding.PEM, traditional, _PLAIN),
        "EC private key": ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, traditional, _PLAIN),
        "DSA private key": dsa.generate_private_key(1024).private_bytes(Encoding.PEM, traditional, _PLAIN),
        "private key": ed_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _PLAIN),
        "encrypted private key": rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _LOCKED),
        "PGP private key": armoured("PGP PRIVATE KEY BLOCK", headers="Version: GnuPG v2\n\n", checksum="=aB3+\n"),
        "SSH2 encrypted private key": armoured(
            "SSH2 ENCRYPTED PRIVATE KEY", dashes="---- ", headers='Comment: "dsa-key of dev"\n'
        ),
        "PuTTY private key": putty(),
    }


def ssh_key() -> bytes:
    """An OpenSSH private key, unencrypted."""
    return private_keys()["OpenSSH private key"]


def locked_rsa_key() -> bytes:
    """An RSA key in the old encrypted form, with its two headers."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, _LOCKED)


def public_keys() -> dict[str, bytes]:
    """Public keys in the forms that look most like private ones."""
    key = rsa.generate_private_key(65537, 2048).public_key()
    return {
        "id_rsa.pub": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "key.pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "key.rsa.pem": key.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "key.asc": armoured("PGP PUBLIC KEY BLOCK"),
    }


def armoured(label: str, *, dashes: str = "-----", headers: str = "", checksum: str = "") -> bytes:
    """A block of some hundred bytes that no chance decides."""
    noise = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(20))
    body = "\n".join(textwrap.wrap(base64.b64encode(noise).decode(), 64))
    end = dashes[::-1]
    return f"{dashes}BEGIN {label}{end}\n{headers}{body}\n{checksum}{dashes}END {label}{end}\n".encode()


def putty() -> bytes:
    """A key file as PuTTYgen writes it."""
    line = base64.b64encode(hashlib.sha256(b"putty").digest() + b"0123").decode()
    return (
        "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: dev@acme\r\nPublic-Lines: 2\r\n"
        "AAAAC3NzaC1lZDI1NTE5AAAAIJ8Jxk1Z2p0mCzKk5wSmvB4m0cXn4XG2YV5JgQ9b\r\nP3Qx\r\n"
        f"Private-Lines: 1\r\n{line}\r\nPrivate-MAC: {hashlib.sha256(b'mac').hexdigest()}\r\n"
    ).encode()
