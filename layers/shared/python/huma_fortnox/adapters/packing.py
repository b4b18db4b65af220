"""JSON in few bytes: what a run keeps in the state table is paid for by the kilobyte.

Many people together are packed with LZMA, one alone with DEFLATE and a dictionary of what most of them have in common.
The first byte tells which, so that either can be replaced by something better while older runs are still kept.
"""

from __future__ import annotations

import json
import lzma
import zlib
from typing import Any

_TOGETHER, _ALONE = b"\x01", b"\x02"

_FILTERS = [
    {"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 20, "lc": 4, "lp": 0, "pb": 0, "nice_len": 273},
]

_DICTIONARY = (
    b'"duplicate-in-huma""would-duplicate-in-fortnox""employee-gone""user-gone""email-missing""people":"count":"'
    b'"not-visible-in-huma""not-visible-in-fortnox""user-deactivated""employee-inactive""identity-number-differs"'
    b'"clearing-needs-a-decision""cannot-be-cleared""unreadable-in-huma""unreadable-in-fortnox""needs-a-look"'
    b'"changed-on-both""changed-in-fortnox""changed-in-huma""removed-in-huma""numbered-by-fortnox""on_both"'
    b'"pairings":[["]],"creates":"fortnox""creates":"huma","situation":"only_in_fortnox""situation":"only_in_huma"'
    b'"situation":"ambiguous""situation":"blocked","reasons":[{"code":"","params":{"field":"employment_id"}}],"notes":'
    b'"identity_number":"19","inactive":true,"requested_email":"","locked":["first_day","last_day"],"linked":true,'
    b'"suggested":"leave","why":{"code":"empty-in-huma"}},{"field":"email","huma":"bank_account""family_name"'
    b'"suggested":"use_fortnox","why":{"code":"empty-in-fortnox"}},{"field":"given_name","huma":"employment_id"'
    b'{"key":"u:","situation":"differs","user":{"id":"-4","values":{"email":"@example.com","employment_id":"1",'
    b'"given_name":"Anna","family_name":"sson","phone":"+46 70","address":{"line1":"gatan 1","line2":null,"line3":null,'
    b'"postalCode":"","city":"Stockholm","country":"SE"},"bank_account":{"number":"","country":"SE","iban":null,'
    b'"bic":null},"first_day":"2020-01-01","last_day":null}},"employee":{"id":"1","values":{"email":"@example.com",'
    b'"employment_id":"","given_name":"","family_name":"","phone":"070-","address":{"Address1":null,"Address2":"",'
    b'"PostCode":"","City":"","Country":"Sverige"},"bank_account":{"ClearingNo":"","BankAccountNo":""},"first_day":"20",'
    b'"last_day":null}},"linked":true,"changes":[{"field":"phone","huma":"","fortnox":"","huma_key":"+467",'
    b'"fortnox_key":"+467","changed":"never_compared","suggested":"use_huma","why":{"code":"hr-is-master"}}]}'
)
"""What is likely in one planned person. It belongs to the format: a better one needs a first byte of its own."""


def pack_together(data: Any) -> bytes:
    """Return JSON about many people in few bytes."""
    return _TOGETHER + lzma.compress(_text(data), format=lzma.FORMAT_ALONE, filters=_FILTERS)


def pack_alone(data: Any) -> bytes:
    """Return JSON about one person in few bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=_DICTIONARY)
    return _ALONE + packer.compress(_text(data)) + packer.flush()


def unpack(packed: bytes) -> Any:
    """Return what either of them packed."""
    kind, rest = packed[:1], packed[1:]
    if kind == _TOGETHER:
        return json.loads(lzma.decompress(rest, format=lzma.FORMAT_ALONE))
    if kind == _ALONE:
        return json.loads(zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY).decompress(rest))
    raise ValueError("packed by something newer")


def _text(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
