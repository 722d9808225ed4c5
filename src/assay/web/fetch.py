"""Fetch what a stranger's address names, without becoming his hand in this network (server-side request forgery)."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import httpx

from assay.web.problems import Refusal

MAX_HOPS = 3
Resolver = Callable[[str], Awaitable[list[str]]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def resolve(host: str) -> list[str]:
    """The addresses of a host, as the system finds them. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def fetch(
    url: str,
    *,
    limit: int,
    seconds: float,
    resolver: Resolver = resolve,
    transport: httpx.AsyncBaseTransport | None = None,
) -> bytes:
    """The bytes at an https address: ``limit`` of them at most, within ``seconds``.

    Only port 443 of public addresses is asked. The host is looked up once a hop, all its addresses are checked, and
    the connection goes to the address that was checked, so that no second look-up can lead elsewhere; redirections are
    checked in the same way. Raises Refusal.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(transport=transport, timeout=seconds, trust_env=False) as client,
        ):
            target = _checked(url)
            for _ in range(MAX_HOPS + 1):
                address = await _public(target.host, resolver)
                request = client.build_request(
                    "GET",
                    target.copy_with(host=address),
                    headers={"Host": target.netloc.decode(), "Accept": "*/*", "Accept-Encoding": "identity"},
                    extensions={"sni_hostname": target.host},
                )
                response = await client.send(request, stream=True)
                try:
                    if response.has_redirect_location:
                        target = _checked(str(target.join(response.headers["location"])))
                        continue
                    return await _read(response, limit)
                finally:
                    await response.aclose()
    except TimeoutError:
        raise _refused(f"It did not come within {seconds:g} s.") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise _refused("It cannot be fetched.") from None
    raise _refused("It leads from one address to the next without end.")


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise _refused("It is no URL.") from None
    if parsed.scheme != "https" or not parsed.host or parsed.userinfo or parsed.port not in (None, 443):
        raise _refused("It must begin with https://, without a name, password or port.")
    return parsed


async def _public(host: str, resolver: Resolver) -> str:
    """An address of ``host``, where all of them are public."""
    try:
        found = [host] if _is_address(host) else await resolver(host)
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    except (OSError, UnicodeError, ValueError):
        raise _refused("Its host is not known.") from None
    if not addresses or not all(_is_public(address) for address in addresses):
        # One answer for both: who asks is not to learn what names this network knows.
        raise _refused("Its host is not known.")
    return str(addresses[0])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(v4 is not None and not _is_public(v4) for v4 in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
        if address.is_site_local:  # fec0::/10, given up, and routed within some networks to this day
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _read(response: httpx.Response, limit: int) -> bytes:
    if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
        raise _refused("Its host does not give it.")
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > limit:
            raise _refused(f"It has more than {limit:,} bytes.")
    return bytes(read)


def _refused(says: str) -> Refusal:
    return Refusal(400, "reference", f"The reference is refused. {says}")


__all__ = ["fetch", "resolve"]
