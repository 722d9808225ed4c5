"""A service over a store of its own, asked without a network."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.provenance.resolution.manifests import FINGERPRINT, ONE, WATERMARK, manifest, soft_binding, store

from assay.provenance.store import ManifestStore
from assay.web.limits import digest
from assay.web.resolution import create_app
from assay.web.service import Settings

TOKEN = "t" * 43
INGREDIENT = "urn:c2pa:90000000-0000-4000-8000-000000000000"
WHOLE = store(
    manifest(INGREDIENT), manifest(ONE, soft_binding(WATERMARK, b"12345678"), soft_binding(FINGERPRINT, b"p" * 1031))
)
"""What the service keeps: one manifest store, with an ingredient's manifest in it."""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ManifestStore]:
    with ManifestStore.open(tmp_path / "store", create=True) as made:
        made.put(WHOLE)
        yield made


def over(app: Any) -> httpx.ASGITransport:
    """A transport that ends in an application instead of a network."""
    return httpx.ASGITransport(app)


def asked(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask an application once."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=over(app), base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


@pytest.fixture
def ask(kept: ManifestStore) -> Callable[..., httpx.Response]:
    """Ask a service that takes writes with TOKEN. ``app`` are options of create_app, ``settings`` of Settings."""

    made: dict[Settings, Any] = {}

    def once(
        method: str, path: str, *, app: dict[str, Any] | None = None, settings: dict[str, Any] | None = None,
        token: str | None = None, **options: Any,
    ) -> httpx.Response:  # fmt: skip
        chosen = Settings(**{"token": digest(TOKEN), "watermarks": (WATERMARK,), "fingerprints": (FINGERPRINT,),
                             **(settings or {})})  # fmt: skip
        if token:
            options["headers"] = {**options.get("headers", {}), "Authorization": f"Bearer {token}"}
        if app:
            return asked(create_app(kept, settings=chosen, **app), method, path, **options)
        if chosen not in made:
            made[chosen] = create_app(kept, settings=chosen)
        return asked(made[chosen], method, path, **options)

    return once
