"""The one way out to addresses that others named, such as a customer's picture.

Every address is checked, then connected to. The name is looked up once and the connection goes to an address that was
checked, so an answer that changes between two look-ups gains nothing. Redirects are not followed.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

import urllib3

PORTS = {80, 443, 8443}
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
CHUNK_BYTES = 64 * 1024


class EgressRefused(Exception):
    """The address may not be called from here. Asking again changes nothing."""


class EgressFailed(Exception):
    """It may be called, and did not answer as it should."""


def fetch(url: str, *, max_bytes: int, trusted_origins: Iterable[str] = ()) -> tuple[bytes, str]:
    """Body and content type. `trusted_origins` are the operator's own, such as the engine's, whole and exact."""
    parts = _split(url)
    if origin(url) in {origin(one) for one in trusted_origins}:
        return _get(parts, parts.hostname or "", max_bytes)
    if parts.scheme != "https":
        raise EgressRefused("only https may be fetched")
    if (parts.port or 443) not in PORTS:
        raise EgressRefused("not on that port")
    return _get(parts, _public_address(parts.hostname or "", parts.port or 443), max_bytes)


def origin(url: str) -> tuple[str, str, int]:
    parts = _split(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def is_public(address: str) -> bool:
    """Whether an IP address may be called. Unwraps the forms that carry an IPv4 address inside IPv6."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or _nat64(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in ipaddress.IPv6Network("64:ff9b::/96") else None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise EgressRefused("not a URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise EgressRefused("only plain http and https URLs may be fetched")
    return parts


def _public_address(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EgressFailed(f"no address for {host}") from error
    addresses = [str(entry[4][0]) for entry in found]
    # One private address among several is enough to refuse: the next connection could go there.
    if not addresses or not all(is_public(address.split("%")[0]) for address in addresses):
        raise EgressRefused("leads to an address that is not public")
    return addresses[0]


def _get(parts: SplitResult, address: str, max_bytes: int) -> tuple[bytes, str]:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    host = parts.hostname or ""
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, parts.port or 443, timeout=timeout, server_hostname=host, assert_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "hunfly-box"}
    try:
        answer = pool.request("GET", path, headers=headers, redirect=False, retries=False, preload_content=False)
        try:
            if answer.status != 200:
                raise EgressFailed(f"answered {answer.status}")
            body = bytearray()
            for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > max_bytes:
                    raise EgressFailed(f"is larger than {max_bytes} bytes")
            return bytes(body), answer.headers.get("content-type", "")
        finally:
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise EgressFailed(type(error).__name__) from error
    finally:
        pool.close()
