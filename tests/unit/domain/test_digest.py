"""Keyed digests."""

import pytest
from huma_fortnox.domain.digest import keyed_digest
from hypothesis import given
from hypothesis import strategies as st


def test_a_digest_is_sixteen_bytes_in_hexadecimal() -> None:
    assert keyed_digest(b"key")("phone", "+46701740605") == "7eaa78a0be4f62ab47380ebce7915da1"
    assert len(bytes.fromhex(keyed_digest(b"key")("phone", ""))) == 16


def test_another_key_or_field_gives_another_digest() -> None:
    digests = {
        keyed_digest(b"one")("phone", "1"),
        keyed_digest(b"two")("phone", "1"),
        keyed_digest(b"one")("email", "1"),
        keyed_digest(b"one")("phone", ""),
    }
    assert len(digests) == 4


def test_there_is_no_digest_without_a_key() -> None:
    with pytest.raises(ValueError, match="without a key"):
        keyed_digest(b"")


@given(st.text(st.characters(), max_size=20))
def test_every_text_that_json_can_hold_has_a_digest(text: str) -> None:
    assert keyed_digest(b"key")("phone", text + "\ud800")
