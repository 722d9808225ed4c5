"""Keys that never leave a token or a hardware security module (PKCS #11), named by a URI of RFC 7512."""

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives import hashes

from assay.errors import ProvenanceError
from assay.provenance.keys import DIGESTS, Sign

_SECRET = {"pin-value", "pin-source"}


@dataclass(frozen=True)
class Place:
    """Where a key is: the token's label or serial number, the key's label or id. At least one of each pair."""

    token: str | None = None
    serial: str | None = None
    object: str | None = None
    id: bytes | None = None

    @property
    def words(self) -> str:
        """The key, for a person."""
        return f'"{self.object}"' if self.object else f"with the id {(self.id or b'').hex()}"


def place(uri: str) -> Place:
    """Read a ``pkcs11:`` URI. Raises ProvenanceError (``key``); never repeats the URI, which may hold a PIN."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    attributes: dict[str, str] = {}
    for part in filter(None, [*path.split(";"), *query.split("&")]):
        name, _, value = part.partition("=")
        attributes[name] = value
    if scheme != "pkcs11":
        raise ProvenanceError(
            "The key on the token must be named by a URI as in pkcs11:token=LABEL;object=LABEL.", "key"
        )
    if _SECRET & set(attributes):
        raise ProvenanceError(
            "A PIN does not belong into a file or a URI: take pin-value or pin-source out and give the PIN through "
            "ASSAY_PIN or when asked.", "passphrase",
        )  # fmt: skip
    read = {name: unquote(attributes[name]) for name in ("token", "serial", "object") if attributes.get(name)}
    identifier = unquote_to_bytes(attributes["id"]) if attributes.get("id") else None
    found = Place(token=read.get("token"), serial=read.get("serial"), object=read.get("object"), id=identifier)
    if not (found.token or found.serial) or not (found.object or found.id):
        raise ProvenanceError(
            "The URI must name the token and the key on it, as in pkcs11:token=LABEL;object=LABEL.", "key"
        )
    return found


def signing_on(where: Place, module: Path, algorithm: str, pin: bytes | None) -> Sign:
    """Open a session and return what signs with the key. For one process: open it anew in a worker.

    Raises ProvenanceError: ``missing`` (python-pkcs11, the module, the token or the key), ``passphrase``, ``key``.
    """
    pkcs11 = _library()
    if not module.is_file():
        raise ProvenanceError(f"There is no PKCS #11 module {module}: name the .so of the token's maker.", "missing")
    key = _key(pkcs11, where, module, pin)
    lock = threading.Lock()
    digest = DIGESTS.get(algorithm)
    mechanism = pkcs11.Mechanism

    def sign(data: bytes) -> bytes:
        with lock:
            if algorithm == "ps256":
                parameters = (mechanism.SHA256, pkcs11.MGF.SHA256, 32)
                return bytes(key.sign(data, mechanism=mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=parameters))
            if algorithm == "ed25519":
                return bytes(key.sign(data, mechanism=mechanism.EDDSA))
            hasher = hashes.Hash(digest or hashes.SHA256())
            hasher.update(data)
            return bytes(key.sign(hasher.finalize(), mechanism=mechanism.ECDSA))

    return sign


def _library() -> Any:
    try:
        import pkcs11  # noqa: PLC0415 (an optional extra)
    except ImportError:
        raise ProvenanceError("A key on a token needs python-pkcs11: pip install assay[pkcs11]", "missing") from None
    return pkcs11


def _key(pkcs11: Any, where: Place, module: Path, pin: bytes | None) -> Any:
    errors = pkcs11.exceptions
    named = f'"{where.token or where.serial}"'
    try:
        library = pkcs11.lib(str(module))
        with contextlib.suppress(errors.PKCS11Error):  # a token that came after the module was loaded
            library.reinitialize()
        by = {"token_label": where.token} if where.token else {"token_serial": (where.serial or "").encode()}
        token = library.get_token(**by)
        if not pin and token.flags & pkcs11.TokenFlag.LOGIN_REQUIRED:
            raise ProvenanceError(f"The token {named} wants a PIN: set ASSAY_PIN, or type it when asked.", "passphrase")
        session = token.open(user_pin=pin.decode() if pin else None)
        wanted = {"label": where.object} if where.object else {}
        return session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=where.id, **wanted)
    except errors.NoSuchToken:
        raise ProvenanceError(f"There is no token {named} in the module {module}.", "missing") from None
    except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange, UnicodeDecodeError):
        raise ProvenanceError(f"The token {named} does not take this PIN.", "passphrase") from None
    except errors.PinLocked:
        raise ProvenanceError(f"The token {named} is locked after too many wrong PINs.", "passphrase") from None
    except errors.NoSuchKey:
        raise ProvenanceError(f"There is no private key {where.words} on the token {named}.", "missing") from None
    except (errors.MultipleObjectsReturned, errors.MultipleTokensReturned):
        raise ProvenanceError(
            f"There is more than one such key or token as {named}: name it by serial and id.", "key"
        ) from None
    except (errors.PKCS11Error, OSError) as error:
        raise ProvenanceError(f"The token {named} cannot be used ({type(error).__name__}).", "key") from None


__all__ = ["Place", "place", "signing_on"]
