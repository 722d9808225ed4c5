"""COSE receipts (RFC 9942; verifiable data structure 1, RFC9162_SHA256): a proof of inclusion for programs that speak
COSE, signed by the log's Ed25519 key.

Such a receipt carries the log's word alone, no witness's: a :mod:`~assay.register.proof` says more. It signs a root and
no tree size. Its protected header has ``iss``, the origin of the log; ``sub``, the leaf hash in hexadecimal; and
``kid``, the key ID that the log's key has in notes.
"""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from assay.errors import RegisterError
from assay.register.keys import KeyType, SignerKey, VerifierKey
from assay.register.merkle import leaf_hash
from assay.register.proof import TlogProof

MAX_RECEIPT = 65_536
"""Bytes of a COSE receipt that are read."""
_ALG, _KID, _CLAIMS, _VDS, _VDP = 1, 4, 15, 395, 396
_ISS, _SUB, _INCLUSION = 1, 2, -1
_RFC9162, _EDDSA = 1, -8


@dataclass(frozen=True)
class CoseInclusion:
    """What a COSE receipt states. The tree size is not signed: it is what the path fits. ``root`` has 32 bytes."""

    index: int
    size: int
    root: bytes


def cose_receipt(entry: bytes, proof: TlogProof, signer: SignerKey) -> bytes:
    """A COSE receipt (tag 18, payload detached) for an entry, made from its proof.

    The log signs only a root that it has signed in a checkpoint before. Raises RegisterError: ``key`` where the signer
    is no Ed25519 key of the log of this checkpoint, ``proof``, ``signature``, ``malformed``.
    """
    import cbor2  # noqa: PLC0415 (heavy, and only here)
    from scitt_cose import sign_sign1  # noqa: PLC0415

    hashed = leaf_hash(entry)
    checkpoint = proof.verify(hashed)
    if signer.kind is not KeyType.ED25519 or signer.name != checkpoint.origin:
        raise RegisterError("Only the Ed25519 key of the log itself makes a COSE receipt.", "key")
    if signer.verifier.signed(proof.note) is None:
        raise RegisterError("The log has not signed this checkpoint, and makes no COSE receipt of it.", "key")
    protected = {
        _VDS: _RFC9162,
        _CLAIMS: {_ISS: checkpoint.origin, _SUB: hashed.hex()},
        _KID: signer.verifier.key_id,
    }
    inclusion = cbor2.dumps([checkpoint.size, proof.index, list(proof.proof)])
    private = Ed25519PrivateKey.from_private_bytes(signer.secret)
    receipt: bytes = sign_sign1(
        checkpoint.root,
        alg="EdDSA",
        private_key_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        protected=protected,
        unprotected={_VDP: {_INCLUSION: [inclusion]}},
        detached=True,
    )
    return receipt


def check_cose_receipt(receipt: bytes, entry: bytes, log: VerifierKey) -> CoseInclusion:
    """Check a COSE receipt of an entry under the key of its log.

    Raises RegisterError: ``malformed``, ``too_large``, ``unsupported`` for another data structure or algorithm, ``key``
    where the key is of another kind or the receipt names another log, ``signature`` where it does not verify for this
    entry.
    """
    from scitt_cose import verify_receipt  # noqa: PLC0415 (heavy, and only here)

    if log.kind is not KeyType.ED25519:
        raise RegisterError("A COSE receipt is checked with the Ed25519 key of a log.", "key")
    if len(receipt) > MAX_RECEIPT:
        raise RegisterError(f"The COSE receipt has more than {MAX_RECEIPT} bytes.", "too_large")
    header = _protected(receipt)
    if header.get(_VDS) != _RFC9162 or header.get(_ALG) != _EDDSA:
        raise RegisterError("The COSE receipt is not of an RFC 9162 tree signed with Ed25519.", "unsupported")
    public = Ed25519PublicKey.from_public_bytes(log.public)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    result = verify_receipt(receipt, leaf_entry_hex=entry.hex(), log_public_key_pem=pem)
    if not result.ok:
        if result.failed_at == "signature":
            raise RegisterError("The COSE receipt does not verify for this entry under the log's key.", "signature")
        raise RegisterError("The COSE receipt is malformed.", "malformed")
    if result.issuer != log.name:
        raise RegisterError(f"The COSE receipt is not one of {log.name}.", "key")
    return CoseInclusion(result.leaf_index, result.tree_size, bytes.fromhex(result.root))


def _protected(receipt: bytes) -> dict[Any, Any]:
    """The protected header of a COSE_Sign1 message."""
    import cbor2  # noqa: PLC0415 (heavy, and only here)
    from scitt_cose.cose_sign1 import CoseError, strict_decode  # noqa: PLC0415

    try:
        match strict_decode(receipt).value:
            case (bytes(encoded), _, _, _):
                header = cbor2.loads(encoded)
                return dict(header.items())
    except (CoseError, cbor2.CBORDecodeError, AttributeError):
        pass
    raise RegisterError("This is no COSE receipt.", "malformed")


__all__ = ["MAX_RECEIPT", "CoseInclusion", "check_cose_receipt", "cose_receipt"]
