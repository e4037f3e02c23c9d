"""Nothing secret is kept, however it is written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.evolution.redaction import SECRET_KEYS, redact
from tests.unit.providers import recorded

CANARY = "c4n4ry-k3y-m4t3r14l"
# As the world writes them.
SPELLINGS = [
    "apikey", "api_key", "apiKey", "APIKEY", "Api-Key", "x-api-key", "mediaKey", "media_key", "messageSecret", "token",
    "hash", "keyData", "appStateSyncKeyShare", "jwt_key", "authorization", "Authorization", "base64", "password",
    "accessTokenWaBusiness", "jpegThumbnail", "fileEncSha256", "senderKeyDistributionMessage", "secret", "pairingCode",
]  # fmt: skip
INDEX_OBJECT = {str(i): byte for i, byte in enumerate(CANARY.encode())}


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def is_clean(kept: bytes) -> bool:
    as_numbers = compact(INDEX_OBJECT)[1:40]
    return CANARY.encode() not in kept and as_numbers not in kept


@pytest.mark.parametrize("key", SPELLINGS)
@pytest.mark.parametrize(
    "secret",
    [CANARY, [CANARY], {"deep": [{"deeper": CANARY}]}, INDEX_OBJECT, list(CANARY.encode()), f'"}} {CANARY}', f"\\{CANARY}"],
)  # fmt: skip
def test_a_secret_is_cut_out_whatever_its_shape_and_place(key: str, secret: Any) -> None:
    for body in (
        {key: secret},
        {"a": [{"b": {"c": 1, key: secret, "d": 2}}]},
        {"event": "call", "data": {key: secret}},
    ):
        for raw in (compact(body), json.dumps(body, indent=1).encode()):
            kept = redact(raw)
            assert is_clean(kept)
            json.loads(kept)


@pytest.mark.parametrize("key", sorted(SECRET_KEYS))
def test_every_key_of_the_list_is_cut_out(key: str) -> None:
    assert is_clean(redact(compact({"x": 1, key: CANARY})))


def test_a_key_hidden_by_escapes_is_found() -> None:
    assert is_clean(redact(b'{"\\u0061pikey":"%s"}' % CANARY.encode()))
    assert is_clean(redact(b'{"data":{"m\\u0065dia\\u004bey":{"x":"%s"}}}' % CANARY.encode()))


@pytest.mark.parametrize(
    "raw",
    [
        '{"apikey":"CANARY',
        '{"apikey":"CANARY"',
        '{"apikey":"a\\" CANARY',
        '{"apikey":"a, CANARY\\',
        '{"apikey": "CANARY"}}',
        "{'apikey': 'CANARY'}",
        "apikey=CANARY&x=1",
        "apikey: CANARY",
        '{"data":{"keyData":{"a":[{"b":"CANARY"}]}',
        '{"data":{"mediaKey":["CANARY"',
        '\\u0061pikey="CANARY"',
        '{"x":"{\\"apikey\\":\\"CANARY\\"}"',
        '\ufeff{"apikey":"CANARY"}',
        '{"apikey":"CANARY"} trailing',
        '{"a":NaN,"api_key":"CANARY"}',
    ],
)
def test_what_is_no_json_is_cleaned_by_pattern(raw: str) -> None:
    assert is_clean(redact(raw.replace("CANARY", CANARY).encode()))


def test_bodies_too_deep_to_read_are_cleaned_too() -> None:
    for depth in (70, 5_000):
        raw = b'{"a":' * depth + b'{"apikey":"%s"}' % CANARY.encode() + b"}" * depth
        assert is_clean(redact(raw))


def test_the_words_of_a_customer_stay_even_where_they_look_like_a_key() -> None:
    body = recorded.body("baileys-sim/in-text.1.messages.upsert.json")
    said = 'my "apikey":"abc", token: 1, {"mediaKey": [2]} and \\u0061pikey'
    body["data"]["message"]["conversation"] = said
    kept = redact(compact(body))
    assert parsing.read(kept).events[0].text == said  # type: ignore[union-attr]


def test_ids_that_only_resemble_keys_stay() -> None:
    body = {"keyId": "3EB0", "keyIds": [1], "stanzaId": "X", "tokens": 3}
    assert json.loads(redact(compact(body))) == body


def with_canaries(value: Any) -> Any:
    """The recorded body with every secret in it replaced by one we would know again, in the same shape."""
    if isinstance(value, list):
        return [with_canaries(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: canary_like(item) if key.lower().replace("_", "") in SECRET_KEYS else with_canaries(item)
        for key, item in value.items()
    }


def canary_like(value: Any) -> Any:
    if isinstance(value, dict):
        is_bytes = all(key.isdigit() for key in value)
        return INDEX_OBJECT if is_bytes else {key: canary_like(item) for key, item in value.items()}
    return [canary_like(item) for item in value] if isinstance(value, list) else CANARY


@pytest.mark.parametrize("name", recorded.names())
def test_no_secret_of_a_recorded_webhook_is_kept(name: str) -> None:
    body = with_canaries(recorded.body(name))
    raw = compact({**body, "apikey": CANARY, "api_key": CANARY})
    assert not is_clean(raw)
    for kept in (redact(raw), parsing.read_and_redact(raw)[1]):
        assert is_clean(kept)


def test_the_leaks_of_the_engine_are_stopped() -> None:
    share = redact(recorded.raw("global-and-errors/messages.edited-leaks-app-state-key-share.json"))
    assert b"c2VjcmV0LWtleS1tYXRlcmlhbC0wMTIzNDU2Nzg5MDE" not in share
    error = redact(recorded.raw("global-and-errors/errors-webhook-leaks-global-api-key.json"))
    assert b"test-global-key" not in error


@pytest.mark.parametrize("closing", ["]", "}", '"]', "'}", "\\"])
def test_a_bracket_in_a_string_ends_no_secret_of_a_body_that_was_cut(closing: str) -> None:
    for secret in ([closing, CANARY], {"k": closing, "x": CANARY}, {closing: CANARY}, [closing, {"x": CANARY}]):
        raw = compact({"in": None, "apikey": secret, "after": None})
        assert is_clean(redact(raw[:-1]))


KEYS = st.sampled_from(SPELLINGS)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(key=KEYS, around=PLAIN, inside=PLAIN, ascii_only=st.booleans(), cut=st.integers(0, 40))
def test_no_neighbourhood_hides_a_secret(key: str, around: Any, inside: Any, ascii_only: bool, cut: int) -> None:
    for secret in (CANARY, {"k": [inside, CANARY]}, [inside, {"x": CANARY}]):
        body = {"before": around, "data": [{"in": around, key: secret, "after": around}]}
        raw = json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert is_clean(redact(raw))
        assert is_clean(redact(raw[: len(raw) - cut]))
