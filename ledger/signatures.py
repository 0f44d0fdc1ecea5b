"""Ed25519 keys and the signatures of heads.

Keys are PEM files as OpenSSL writes and reads them (PKCS 8, SubjectPublicKeyInfo); in a head
a public key is its 32 bytes in hex.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from etsledger.ledger.errors import KeyRefused
from etsledger.ledger.heads import Head, Signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_key(path: Path) -> str:
    """Writes a private key (mode 0600) and ``PATH.pub``; gives the public key in hex.

    Never replaces a file. Raises KeyRefused.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    beside = public_file(path)
    for one in (path, beside):
        if os.path.lexists(one):
            raise KeyRefused(f"{one} is there already; a key is never written over")
    for one, body, mode in ((path, private, 0o600), (beside, public, 0o644)):
        try:
            descriptor = os.open(one, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
        except OSError as error:
            raise KeyRefused(f"the key cannot be written to {one}: {error.strerror}") from error
    return _hex(key)


def public_file(path: Path) -> Path:
    """Where ``new_key`` puts the public key."""
    return path.with_name(path.name + ".pub")


def read_public_key(text: bytes) -> str:
    """The public key of a PEM file in hex. Raises KeyRefused."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in text:
        raise KeyRefused("this is a private key: keep it to yourself, and give its .pub file")
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused("this is no Ed25519 public key in PEM, as `head --new-key` writes it")
    return key.public_bytes_raw().hex()


def check_private_key(text: bytes) -> None:
    """Raises KeyRefused for a text that is no private key to sign with."""
    _private(text)


def sign(head: Head, key: bytes, *, store_id: str, signed_at: str) -> Head:
    """The head, signed with the private key of a PEM file. Raises KeyRefused."""
    private = _private(key)
    unsigned = head._replace(signed=Signed(_hex(private), "", signed_at, store_id))
    signature = private.sign(unsigned.message()).hex()
    return head._replace(signed=Signed(_hex(private), signature, signed_at, store_id))


def doubt(head: Head, public_key: str | None = None) -> str | None:
    """What is wrong with a head's signature, or None.

    With a ``public_key`` (hex) the head must be signed, and by that key. Without one a
    signature must still be that of the key that the head names.
    """
    signed = head.signed
    if signed is None:
        return None if public_key is None else "the head is not signed, and a public key was given"
    if public_key is not None and public_key != signed.public_key:
        return f"the head is signed by the key {signed.public_key}, not by {public_key}"
    if not _is_signature(head, signed):
        return "the signature is not that of this head: one of the two was changed"
    return None


def _is_signature(head: Head, signed: Signed) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.public_key))
        key.verify(bytes.fromhex(signed.signature), head.message())
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(text: bytes) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise KeyRefused("the private key is locked by a passphrase; give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused("this is no Ed25519 private key in PEM, as `head --new-key` writes it")
    return key


def _hex(key: "Ed25519PrivateKey") -> str:
    return key.public_key().public_bytes_raw().hex()
