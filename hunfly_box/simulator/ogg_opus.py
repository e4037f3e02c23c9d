"""Opus out of a browser's WebM into the Ogg that WhatsApp's voice notes are: the same packets, another wrapping."""

from __future__ import annotations

import struct
from collections.abc import Iterator

WEBM_MAGIC = b"\x1aE\xdf\xa3"
SEGMENT, CLUSTER, TRACKS, TRACK, BLOCK_GROUP = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xA0
SIMPLE_BLOCK, BLOCK, CODEC_PRIVATE = 0xA3, 0xA1, 0x63A2
CONTAINERS = {SEGMENT, CLUSTER, TRACKS, TRACK, BLOCK_GROUP}
SAMPLES_PER_SECOND = 48000
# The largest packet takes 6 of a page's 255 segments.
PACKETS_PER_PAGE = 40
SERIAL = 0x48554E46

# Frame length in samples at 48 kHz by the configuration number in a packet's first byte (RFC 6716, table 2).
SILK = (480, 960, 1920, 2880)
HYBRID = (480, 960)
CELT = (120, 240, 480, 960)


def seconds(ogg: bytes) -> float:
    """The last page's position says how long it plays."""
    last = ogg.rfind(b"OggS")
    if last < 0 or len(ogg) < last + 14:
        return 0.0
    return float(struct.unpack_from("<q", ogg, last + 6)[0]) / SAMPLES_PER_SECOND


def from_webm(webm: bytes) -> bytes:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, SAMPLES_PER_SECOND, 0, 0)
    packets = []
    for kind, content in _elements(webm, 0, len(webm)):
        if kind == CODEC_PRIVATE:
            head = content
        elif kind in (SIMPLE_BLOCK, BLOCK):
            packets.append(content[_width(content[0]) + 3 :])
    tags = b"OpusTags" + struct.pack("<I", 6) + b"hunfly" + struct.pack("<I", 0)
    pages = [_page([head], 0, 0, first=True), _page([tags], 0, 1)]
    position = 0
    for start in range(0, len(packets), PACKETS_PER_PAGE):
        group = packets[start : start + PACKETS_PER_PAGE]
        position += sum(map(_samples, group))
        pages.append(_page(group, position, len(pages), last=start + PACKETS_PER_PAGE >= len(packets)))
    return b"".join(pages)


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    while start < end:
        width = _width(data[start])
        kind = int.from_bytes(data[start : start + width], "big")
        start += width
        width = _width(data[start])
        size = int.from_bytes(data[start : start + width], "big") & ((1 << 7 * width) - 1)
        # A recording is written as it comes, so its containers may have no known size.
        stop = end if size == (1 << 7 * width) - 1 else min(end, start + width + size)
        start += width
        if kind in CONTAINERS:
            yield from _elements(data, start, stop)
        else:
            yield kind, data[start:stop]
        start = stop


def _width(first: int) -> int:
    return 9 - first.bit_length()


def _samples(packet: bytes) -> int:
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = SILK[config % 4]
    elif config < 16:
        frame = HYBRID[config % 2]
    else:
        frame = CELT[config % 4]
    if code == 3:
        return frame * (packet[1] & 63 if len(packet) > 1 else 0)
    return frame * (1 if code == 0 else 2)


def _page(packets: list[bytes], position: int, n: int, *, first: bool = False, last: bool = False) -> bytes:
    sizes = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    flags = (2 if first else 0) | (4 if last else 0)
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, position, SERIAL, n, 0)
    page = head + bytes([len(sizes)]) + sizes + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


CRC_TABLE = _crc_table()


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ CRC_TABLE[(value >> 24) ^ byte]
    return value
