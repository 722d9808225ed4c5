"""A client of any Soft Binding Resolution service. What a service answers is a stranger's: bounded and checked."""

import asyncio
import base64
import ipaddress
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from assay.errors import MediaError, ProvenanceError
from assay.provenance.model import SoftBinding
from assay.provenance.resolution.records import (
    Algorithms,
    BindingQuery,
    Created,
    Found,
    QueryResult,
)
from assay.provenance.softbindings import ID, MAX_BYTES, contents
from assay.provenance.store import MAX_MATCHES, Match

MAX_JSON = 1024**2
"""Bytes of an answer in JSON."""
MAX_HOPS = 3
"""Redirections within the same service that are followed."""
LONG = 1024
"""A binding's value of more bytes than this goes in a body, not in the address."""

T = TypeVar("T")


class ResolutionClient:
    """Asks the service whose API begins at ``url``, such as ``https://example.org/v1``.

    ``timeout`` is for one whole answer, in seconds. ``transport`` stands in for the network in tests. Plain HTTP is
    only for this machine, or where ``insecure`` says so. ``token`` is the secret that lets write, for those services
    that want one; it is sent with nothing but writes. Every method raises ProvenanceError with the reason
    ``authority`` where the service cannot be reached, refuses, or answers nonsense.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        insecure: bool = False,
        token: str | None = None,
    ) -> None:
        self._url = _checked(url, insecure)
        self._timeout = timeout
        self._transport = transport
        self._token = token
        self.host = self._url.host

    def by_binding(self, algorithm: str, value: bytes, limit: int = 10) -> list[Match]:
        """The manifests that a soft binding leads to, in the order of the service."""
        text = base64.b64encode(value).decode()
        params: dict[str, Any] = {"maxResults": limit}
        if len(value) > LONG:
            body = msgspec.json.encode(BindingQuery(alg=algorithm, value=text))
            options = {"params": params, "content": body, "sends": "application/json"}
            answer = self._json("POST", "/matches/byBinding", QueryResult, **options)
        else:
            params |= {"alg": algorithm, "value": text}
            answer = self._json("GET", "/matches/byBinding", QueryResult, params=params)
        return self._matches(answer, algorithm, limit)

    def by_content(self, data: bytes, limit: int = 10, *, mime: str = "image/jpeg", algorithm: str = "") -> list[Match]:
        """The manifests that a file leads to. This sends the whole file to the service."""
        params: dict[str, Any] = {"maxResults": limit, **({"alg": algorithm} if algorithm else {})}
        answer = self._json("POST", "/matches/byContent", QueryResult, params=params, content=data, sends=mime)
        return self._matches(answer, algorithm, limit)

    def get(self, manifest_id: str) -> bytes | None:
        """The manifest store kept under an id, or None where the service has none. It does hold that manifest; whether
        it is genuine is for verification to say.
        """
        if not ID.fullmatch(manifest_id):
            return None
        path = f"/manifests/{_quoted(manifest_id)}"
        status, body = self._ask("GET", path, limit=MAX_BYTES, kind="application/c2pa", missing=True)
        if status == 404:
            return None
        try:
            found = contents(body)
        except MediaError as error:
            raise self._nonsense(f"the manifest it sent is none ({error})") from None
        if manifest_id not in found.labels:
            raise self._nonsense("it sent another manifest than the one asked for")
        return body

    def put(self, manifest: bytes, bindings: Sequence[SoftBinding] = (), *, token: str | None = None) -> str:
        """Have a manifest store kept, found by what its active manifest declares and by ``bindings``; returns its id.

        ``token`` is the secret to write with, instead of the client's own. Raises MediaError where the bytes are no
        manifest store.
        """
        expected = contents(manifest).manifest_id
        token = token or self._token
        answer = self._json("POST", "/manifests", Created, content=manifest, sends="application/c2pa", token=token)
        if answer.manifestId != expected:
            raise self._nonsense("it keeps the manifest under an id that is not its own")
        for binding in bindings:
            body = msgspec.json.encode(
                {"alg": binding.algorithm, "bindingValue": binding.value, "manifestId": answer.manifestId}
            )
            self._ask("POST", "/bindings", content=body, sends="application/json", token=token)
        return answer.manifestId

    def algorithms(self) -> Algorithms:
        """The soft binding algorithms that the service answers for."""
        return self._json("GET", "/services/supportedAlgorithms", Algorithms)

    def _matches(self, answer: QueryResult, algorithm: str, limit: int) -> list[Match]:
        if len(answer.matches) > MAX_MATCHES:
            raise self._nonsense(f"it sent more than {MAX_MATCHES:,} matches")
        return [self._match(found, algorithm) for found in answer.matches[:limit]]

    def _match(self, found: Found, algorithm: str) -> Match:
        endpoint = found.endpoint or None
        if endpoint:
            try:
                endpoint = str(_checked(endpoint, insecure=False))
            except ProvenanceError:
                raise self._nonsense("it sent a match with an endpoint that is no https address") from None
        score = found.similarityScore
        return Match(found.manifestId, algorithm, score if isinstance(score, int) else None, endpoint)

    def _json(self, method: str, path: str, answer: type[T], **options: Any) -> T:
        _, body = self._ask(method, path, kind="application/json", **options)
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.DecodeError, RecursionError):
            raise self._nonsense("its answer is not what the API says it should be") from None

    def _ask(self, method: str, path: str, **options: Any) -> tuple[int, bytes]:
        try:
            return asyncio.run(self._within(method, path, **options))
        except TimeoutError:
            raise ProvenanceError(
                f"The service at {self.host} did not answer within {self._timeout:g} s.", "authority"
            ) from None
        except httpx.HTTPError as error:
            says = str(error) or type(error).__name__
            raise ProvenanceError(f"The service at {self.host} cannot be asked: {says}.", "authority") from None

    async def _within(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        content: bytes | None = None,
        sends: str | None = None,
        kind: str | None = None,
        token: str | None = None,
        limit: int = MAX_JSON,
        missing: bool = False,
    ) -> tuple[int, bytes]:
        """Status and body of one answer. The time runs over all of it: a service that drips a byte at a time runs out
        of it all the same.
        """
        # Packed answers could swell beyond any bound while they are unpacked.
        headers = {"Accept": kind or "application/json", "Accept-Encoding": "identity"}
        if sends:
            headers["Content-Type"] = sends
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with (
            asyncio.timeout(self._timeout),
            httpx.AsyncClient(transport=self._transport, timeout=self._timeout) as client,
        ):
            url = self._url.copy_with(raw_path=(self._url.path.rstrip("/") + path).encode())
            request = client.build_request(method, url, params=params, content=content, headers=headers)
            for _ in range(MAX_HOPS + 1):
                response = await client.send(request, stream=True)
                try:
                    if response.has_redirect_location and method == "GET":
                        request = self._next(response, headers)
                        continue
                    body = await self._read(response, limit)
                    return self._judged(response, body, kind, missing=missing)
                finally:
                    await response.aclose()
        raise self._nonsense("it sends from one address to the next without end")

    def _next(self, response: httpx.Response, headers: dict[str, str]) -> httpx.Request:
        target = response.url.join(response.headers["location"])
        if (target.scheme, target.host, target.port) != (self._url.scheme, self._url.host, self._url.port):
            raise self._nonsense("it sends on to another host, which is not followed")
        return httpx.Request("GET", target, headers=headers)

    async def _read(self, response: httpx.Response, limit: int) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self._nonsense("it packs its answers though asked not to")
        read = bytearray()
        async for chunk in response.aiter_bytes():
            read += chunk
            if len(read) > limit:
                raise self._nonsense(f"its answer has more than {limit // 1024:,} KB")
        return bytes(read)

    def _judged(self, response: httpx.Response, body: bytes, kind: str | None, *, missing: bool) -> tuple[int, bytes]:
        status = response.status_code
        if status == 404 and missing:
            return status, b""
        if not 200 <= status < 300:
            raise ProvenanceError(f"The service at {self.host} refuses ({status}{_detail(body)}).", "authority")
        got = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind and got != kind:
            raise self._nonsense(f"its answer is not {kind}")
        return status, body

    def _nonsense(self, says: str) -> ProvenanceError:
        return ProvenanceError(f"The service at {self.host} cannot be relied on: {says}.", "authority")


def _detail(body: bytes) -> str:
    """What a service says of its refusal, where it says so as RFC 9457 wants; made safe to show, and short."""
    try:
        says = msgspec.json.decode(body, type=dict[str, Any]).get("detail")
    except (msgspec.DecodeError, RecursionError):
        return ""
    text = "".join(c for c in says if c.isprintable())[:200].strip().rstrip(".") if isinstance(says, str) else ""
    return f": {text}" if text else ""


def _quoted(manifest_id: str) -> str:
    return "".join(c if c.isalnum() or c in ":._-~" else f"%{ord(c):02X}" for c in manifest_id)


def _checked(url: str, insecure: bool) -> httpx.URL:
    """The address of a service. Raises ProvenanceError ``authority`` where it is none that may be asked."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ProvenanceError("The address of the service is no URL.", "authority") from None
    if parsed.scheme not in ("https", "http") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise ProvenanceError(
            "The address of the service must look like https://example.org/v1, without a name, password or query.",
            "authority",
        )
    if parsed.scheme == "http" and not insecure and not _loopback(parsed.host):
        raise ProvenanceError(
            f"The service at {parsed.host} would be asked in the open, over http; use its https address.", "authority"
        )
    return parsed


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ["ResolutionClient"]
