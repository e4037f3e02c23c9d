import json

import jwt
from hypothesis import given
from hypothesis import strategies as st

from hunfly_box.simulator.shapes import Long, iso, packed, protobuf_json, stored, unpacked, wire
from hunfly_box.simulator.webhooks import mint_token, subscription

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.builds(Long, st.integers(0, 2**63 - 1)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
)


@given(st.integers(-(2**63), 2**63 - 1))
def test_the_two_halves_make_the_number_again(value: int) -> None:
    halves = Long(value).halves()
    assert halves["high"] * 2**32 + (halves["low"] & 0xFFFFFFFF) == value
    assert all(-(2**31) <= halves[name] < 2**31 for name in ("low", "high"))


def test_the_recorded_number_has_the_recorded_halves() -> None:
    assert Long(1759999996 * 1000).halves()["high"] == 409


def test_each_road_out_has_its_own_encoding() -> None:
    value = {"key": b"\x01\xff", "at": Long(5, unsigned=True)}
    assert wire(value) == {"key": {"0": 1, "1": 255}, "at": {"low": 5, "high": 0, "unsigned": True}}
    assert stored(value) == {"key": "Af8=", "at": {"low": 5, "high": 0, "unsigned": True}}
    assert protobuf_json(value) == {"key": "Af8=", "at": "5"}


@given(VALUES)
def test_what_is_packed_for_the_state_file_comes_back(value: object) -> None:
    assert unpacked(json.loads(json.dumps(packed(value)))) == value


def test_the_token_is_a_common_jwt_with_the_engines_claims() -> None:
    secret = "jwt-secret-0123456789-0123456789"
    claims = jwt.decode(mint_token(secret, 1_795_377_976), secret, ["HS256"], options={"verify_exp": False})
    assert claims == {"iat": 1_795_377_976, "exp": 1_795_378_576, "app": "evolution", "action": "webhook"}


def test_subscriptions_are_named_after_the_wire() -> None:
    assert subscription("group-participants.update") == "GROUP_PARTICIPANTS_UPDATE"
    assert subscription("groups.update") == "GROUPS_UPDATE"


def test_times_have_milliseconds() -> None:
    assert iso(1_795_377_976.7024) == "2026-11-22T20:06:16.702Z"
