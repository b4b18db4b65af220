"""Huma's signed tokens: genuine, for us, in time; keys are fetched when needed and not without end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from huma_fortnox.adapters.launch import LEEWAY_SECONDS, HumaTokens
from huma_fortnox.domain.errors import NotSignedIn, TransientError

from tests.unit.adapters.server import Reply, Server

ISSUER = "https://auth.example.com"
JWKS = "https://auth.example.com/.well-known/jwks.json"
ROUTE = "GET /.well-known/jwks.json"


@cache
def key(kid: str) -> Any:
    """Return a private key; the name says of which kind."""
    if kid.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP384R1() if kid.startswith("p384") else ec.SECP256R1())


def algorithm_of(kid: str) -> Any:
    kind = jwt.algorithms.RSAAlgorithm if kid.startswith("rsa") else jwt.algorithms.ECAlgorithm
    return kind


def jwk(kid: str, **changes: Any) -> dict[str, Any]:
    return {**json.loads(algorithm_of(kid).to_jwk(key(kid).public_key())), "kid": kid, "use": "sig", **changes}


def jwks(*kids: str) -> Reply:
    return 200, {"keys": [jwk(kid) for kid in kids]}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "aud": "fortnox-integration",
        "iat": now,
        "exp": now + 300,
        "jti": "launch-1",
        "org": "6f1c2a0e-0000-4000-8000-000000000001",
        "sub": "user-1",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def signed(kid: str = "ec-1", *, algorithm: str = "", header: dict[str, Any] | None = None, **changes: Any) -> str:
    algorithm = algorithm or ("RS256" if kid.startswith("rsa") else "ES256")
    return jwt.encode(claims(**changes), key(kid), algorithm, headers={"kid": kid, **(header or {})})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    def __init__(self, *replies: Reply) -> None:
        self.clock = Clock()
        self.server = Server({ROUTE: list(replies or (jwks("ec-1", "rsa-1"),))})
        self.tokens = HumaTokens(JWKS, ISSUER, self.server.policy(), clock=self.clock)

    @property
    def fetched(self) -> int:
        return len(self.server.asked)

    def refuses(self, token: str, code: str) -> None:
        with pytest.raises(NotSignedIn) as caught:
            self.tokens.claims(token)
        assert caught.value.reason.code == code
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("kid", ["ec-1", "rsa-1"])
def test_a_genuine_token_is_read(kid: str) -> None:
    assert Scene().tokens.claims(signed(kid, name="Åsa"))["name"] == "Åsa"


@pytest.mark.parametrize("aud", [["other", "fortnox-integration"], "fortnox-integration"])
def test_a_token_may_be_for_others_too(aud: Any) -> None:
    assert Scene().tokens.claims(signed(aud=aud))


@pytest.mark.parametrize("name", ["iss", "aud", "iat", "exp", "jti", "org", "sub"])
def test_every_claim_that_is_needed_is_demanded(name: str) -> None:
    changes: dict[str, Any] = {name: ...}
    with pytest.raises(NotSignedIn):
        Scene().tokens.claims(signed(**changes))


def test_an_expired_token_is_told_apart_and_a_clock_may_be_a_little_off() -> None:
    scene, now = Scene(), int(time.time())
    scene.refuses(signed(iat=now - 400, exp=now - LEEWAY_SECONDS - 5), "launch-expired")
    assert scene.tokens.claims(signed(iat=now - 300, exp=now - LEEWAY_SECONDS + 5))
    assert scene.tokens.claims(signed(iat=now + LEEWAY_SECONDS - 5, exp=now + 300))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example.com"}, "launch-not-for-us"),
        ({"iss": ISSUER + "/"}, "launch-not-for-us"),
        ({"aud": "somebody-else"}, "launch-not-for-us"),
        ({"aud": []}, "launch-invalid"),
        ({"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3900}, "launch-invalid"),
        ({"nbf": int(time.time()) + 3600}, "launch-invalid"),
        ({"exp": "tomorrow"}, "launch-invalid"),
    ],
)
def test_a_token_for_others_or_of_another_time_is_refused(changes: dict[str, Any], code: str) -> None:
    Scene().refuses(signed(**changes), code)


def encoded(part: dict[str, Any] | bytes) -> bytes:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def handmade(header: dict[str, Any], mac: Callable[[bytes], bytes]) -> str:
    """Return a token that no library would make."""
    content = encoded({"typ": "JWT", **header}) + b"." + encoded(claims())
    return (content + b"." + encoded(mac(content))).decode()


def unsigned() -> str:
    return handmade({"alg": "none", "kid": "ec-1"}, lambda _content: b"")


def signed_with_the_public_key() -> str:
    """Return a token whose HMAC uses the published key as its secret."""
    public = key("rsa-1").public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": "rsa-1"}
    return handmade(header, lambda content: hmac.new(pem, content, hashlib.sha256).digest())


def with_the_kid(kid: Any) -> str:
    sign = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign
    return handmade({"alg": "ES256", "kid": kid}, lambda content: sign(content, key("ec-1")))


def tampered() -> str:
    head, _, signature = signed().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(sub="somebody-else")).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "å.ö.ä",
        "." * 10_000,
        unsigned(),
        signed_with_the_public_key(),
        tampered(),
        signed() + "x",
        signed("ec-2", header={"kid": "ec-1"}),
        signed("ec-1", header={"kid": "rsa-1"}),
        signed("rsa-1", algorithm="RS512"),
        signed("rsa-1", algorithm="PS256"),
        with_the_kid(None),
        with_the_kid(""),
        with_the_kid(["ec-1"]),
        with_the_kid({}),
    ],
    ids=range(17),
)
def test_whatever_huma_did_not_sign_is_refused(token: str) -> None:
    Scene().refuses(token, "launch-invalid")


def test_the_address_in_a_tokens_header_is_never_followed() -> None:
    scene = Scene()
    evil = {"kid": "ec-2", "jku": "https://evil.example.com/jwks.json", "jwk": jwk("ec-2")}
    scene.refuses(signed("ec-2", header=evil), "launch-invalid")
    assert {request.url for request in scene.server.asked} == {JWKS}


# -- fetching


def test_keys_are_fetched_once_an_hour() -> None:
    scene = Scene()
    for _ in range(3):
        scene.tokens.claims(signed("ec-1"))
        scene.tokens.claims(signed("rsa-1"))
    assert scene.fetched == 1
    scene.clock.now += 3600
    scene.tokens.claims(signed())
    assert scene.fetched == 1
    scene.clock.now += 1
    scene.tokens.claims(signed())
    assert scene.fetched == 2


def test_a_new_key_is_fetched_when_it_is_first_used_and_nobody_makes_us_fetch_without_end() -> None:
    scene = Scene(jwks("ec-1"), jwks("ec-1", "ec-2"))
    scene.tokens.claims(signed("ec-1"))
    for _ in range(5):
        scene.refuses(signed("ec-2"), "launch-invalid")
    assert scene.fetched == 1
    scene.clock.now += 61
    assert scene.tokens.claims(signed("ec-2"))
    for _ in range(5):
        scene.refuses(signed("rsa-1"), "launch-invalid")
    assert scene.fetched == 2


def test_a_key_that_huma_no_longer_publishes_is_no_longer_believed() -> None:
    scene = Scene(jwks("ec-1"), jwks("ec-2"))
    token = signed("ec-1")
    assert scene.tokens.claims(token)
    scene.clock.now += 3601
    scene.refuses(token, "launch-invalid")


@pytest.mark.parametrize(
    "reply", [(500, "down"), (404, {}), (200, "<html>"), (200, []), (200, {}), (200, {"keys": []}), (200, {"keys": 7})]
)
def test_without_keys_nobody_is_judged(reply: Reply) -> None:
    with pytest.raises(TransientError):
        Scene(reply).tokens.claims(signed())


def test_keys_of_unknown_kinds_and_without_a_name_do_no_harm() -> None:
    odd = {"kty": "OKP", "crv": "Unknown", "kid": "odd", "x": "AA"}
    nameless = {name: value for name, value in jwk("ec-2").items() if name != "kid"}
    scene = Scene((200, {"keys": [odd, nameless, jwk("ec-1")]}))
    assert scene.tokens.claims(signed("ec-1"))
    scene.refuses(signed("ec-2", header={"kid": ""}), "launch-invalid")


def test_a_key_of_another_curve_than_the_algorithms_is_refused() -> None:
    scene = Scene(jwks("p384-1"))
    scene.refuses(signed("p384-1", algorithm="ES384"), "launch-invalid")
    scene.refuses(signed("ec-1", header={"kid": "p384-1"}), "launch-invalid")
