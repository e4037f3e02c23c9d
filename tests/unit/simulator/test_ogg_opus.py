from importlib import resources

from hunfly_box.simulator import ogg_opus


def number(kind: int, width: int, payload: bytes) -> bytes:
    return kind.to_bytes(width, "big") + bytes([0x80 | len(payload)] if len(payload) < 127 else []) + payload


def browser_recording(packets: list[bytes]) -> bytes:
    """A WebM as a browser streams it: containers of unknown size, one block a packet."""
    head = b"OpusHead" + bytes(11)
    track = number(0xAE, 1, number(0x63A2, 2, head))
    tracks = number(0x1654AE6B, 4, track)
    blocks = b"".join(number(0xA3, 1, b"\x81\x00\x00\x80" + packet) for packet in packets)
    cluster = b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + blocks
    return b"\x1aE\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + tracks + cluster


def test_a_browsers_recording_keeps_its_packets_and_its_length() -> None:
    packets = [bytes([0x78, n % 251]) * 20 for n in range(100)]  # 20 ms each: CELT, configuration 15
    ogg = ogg_opus.from_webm(browser_recording(packets))
    assert ogg.startswith(b"OggS")
    assert b"OpusHead" in ogg
    assert all(packet in ogg for packet in packets)
    assert ogg_opus.seconds(ogg) == 2.0


def test_our_checksum_is_the_one_of_a_file_made_by_others() -> None:
    ogg = resources.files("hunfly_box.simulator").joinpath("page", "samples", "voice.ogg").read_bytes()
    page = ogg[: ogg.index(b"OggS", 4)]
    blank = page[:22] + bytes(4) + page[26:]
    assert ogg_opus._checksum(blank) == int.from_bytes(page[22:26], "little")  # noqa: SLF001
    assert round(ogg_opus.seconds(ogg)) == 3


def test_silence_has_no_length() -> None:
    assert ogg_opus.seconds(b"not ogg") == 0.0
