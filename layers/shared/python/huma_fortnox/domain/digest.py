"""Keyed digests: how the integration remembers a value without keeping it.

A base holds digests, so the tables can tell *that* a phone number changed and never *what* it was. The key is an
organization's own secret; without it a digest cannot be tried against a list of numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

Digest = Callable[[str, str], str]
"""(field key, what the value compares as) → hexadecimal digest of 16 bytes."""


def keyed_digest(key: bytes) -> Digest:
    """Return the digest function of one secret key (1 to 64 bytes, BLAKE2b).

    The field's key is part of what is digested, so equal texts in two fields do not look alike. An empty value has
    a digest of its own: "agreed to be empty" is not "never compared", which is ``None``.

    >>> digest = keyed_digest(b"an example key")
    >>> digest("phone", "+46701740605") == digest("phone", "+46701740605")
    True
    >>> len({digest("phone", ""), digest("city", ""), digest("phone", "0")})
    3
    """
    if not key:
        raise ValueError("a digest without a key could be reversed by trying values")

    started: dict[str, blake2b] = {}

    def digest(field_key: str, text: str) -> str:
        # the key and the field's key are digested once, and not again for every value
        start = started.get(field_key)
        if start is None:
            start = started[field_key] = blake2b(f"{field_key}\0".encode(), key=key, digest_size=16)
        state = start.copy()
        # "surrogatepass": JSON may carry half a character, which UTF-8 alone refuses
        state.update(text.encode("utf-8", "surrogatepass"))
        return state.hexdigest()

    return digest
