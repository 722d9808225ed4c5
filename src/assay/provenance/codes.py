"""What the status codes mean, in plain words.

C2PA Content Credentials 2.2, section 15 (validation), the codes of c2pa-rs 0.91, the CAWG identity assertion 1.1 and
1.2, and Assay's own, which begin with ``assay.``. A code that is not here gets a neutral sentence with the code in it.
"""

from assay.provenance.model import Kind

SUCCESS = {
    "claimSignature.validated": "The signature over the credentials is right.",
    "claimSignature.insideValidity": "The signature was made while the certificate was valid.",
    "signingCredential.trusted": "The signer's certificate leads to a trust list in use.",
    "signingCredential.ocsp.notRevoked": "The authority says that the certificate was not revoked.",
    "timeStamp.validated": "The timestamp belongs to this signature and is well formed.",
    "timeStamp.trusted": "The timestamp comes from an authority on a trust list in use.",
    "assertion.hashedURI.match": "A statement in the credentials is as it was when they were signed.",
    "assertion.dataHash.match": "The file's content is as it was when it was signed.",
    "assertion.bmffHash.match": "The file's content is as it was when it was signed.",
    "assertion.boxesHash.match": "The file's content is as it was when it was signed.",
    "assertion.collectionHash.match": "The files of the collection are as they were when they were signed.",
    "assertion.multiAssetHash.match": "The parts of the file are as they were when they were signed.",
    "assertion.accessible": "A statement kept elsewhere could be fetched.",
    "ingredient.manifest.validated": "The credentials of a file that went into this one are as they were signed.",
    "ingredient.claimSignature.validated": "The signature of a file that went into this one is as it was.",
    "cawg.identity.trusted": "The identity that the signer names leads to a trust list in use.",
    "cawg.identity.well-formed": "The identity that the signer names is well formed; whether it is so was not checked.",
    "cawg.ica.credential_valid": "A service's statement of who the author is has a right signature.",
    "cawg.ica.time_stamp.validated": "The timestamp of the identity is well formed.",
}

INFORMATION = {
    "signingCredential.ocsp.skipped": "Whether the certificate was revoked was not asked, as that needs the network.",
    "signingCredential.ocsp.inaccessible": "Whether the certificate was revoked was asked, and nobody answered.",
    "timeStamp.mismatch": "The timestamp does not belong to this signature; it counts for nothing.",
    "timeStamp.malformed": "The timestamp is damaged; it counts for nothing.",
    "timeStamp.outsideValidity": "The timestamp was made when a certificate was not valid; it counts for nothing.",
    "timeStamp.untrusted": "The timestamp comes from an authority on no trust list in use; it counts for nothing.",
    "timeStamp.credentialInvalid": "The certificate of the timestamp is unsuitable; it counts for nothing.",
    "timeOfSigning.insideValidity": "The time that the signer claims lies within the validity of the certificate.",
    "timeOfSigning.outsideValidity": "The time that the signer claims lies outside the validity of the certificate.",
    "manifest.unknownProvenance": "Where these credentials come from is not known.",
    "manifest.unreferenced": "The file holds credentials that nothing refers to.",
    "ingredient.unknownProvenance": "A file that went into this one had no credentials of its own.",
    "algorithm.deprecated": "An algorithm is in use that is no longer recommended.",
    "assertion.dataHash.additionalExclusionsPresent": "The signature covers less of the file than it could.",
    "assertion.bmffHash.additionalExclusionsPresent": "The signature covers less of the file than it could.",
    "assertion.boxesHash.additionalExclusionsPresent": "The signature covers less of the file than it could.",
    "cawg.ica.untrusted_issuer": "A service that is on no list in use says who the author is.",
    "assay.at": "Certificates without a trusted timestamp were judged as of the time asked for, not as of now.",
    "assay.no_timestamp": "There is no trusted timestamp: when it was signed is the signer's word.",
    "assay.legacy_timestamp": "The timestamp is of the older form, which is taken from any authority: its time is no "
    "better than the signer's word.",
    "assay.expired_since": "The certificate has expired, and only a timestamp that any authority may have made says "
    "that it was valid when the file was signed: no list vouches for it now.",
    "assay.ocsp.ignored": "An answer on revocation came with the signature and counts for nothing: it is out of date, "
    "about another certificate, or by nobody who may give it.",
    "assay.trust.timestamp_list": "The certificate is known only to a list of time-stamping authorities, which vouches "
    "for times and for no signer.",
    "assay.trust.path": "A list knows an authority above the signer, but a certificate on the way is not fit for it, "
    "or the signer's is for another purpose than signing.",
    "assay.ingredient.redacted": "What the credentials said of a file that went in was removed: nothing tells any more "
    "whether that file was sound.",
    "assay.manifest.unreferenced": "The file holds credentials that belong to no file that went into it.",
    "assay.reasons.more": "There are more remarks of this kind than are shown.",
}

FAILURE = {
    "claim.missing": "The credentials lack their main part, the claim.",
    "claim.multiple": "The credentials hold more than one claim, which is not allowed.",
    "claim.malformed": "The claim of the credentials is damaged.",
    "claim.cbor.invalid": "The claim of the credentials is damaged.",
    "claim.required.missing": "The claim lacks something that it must have.",
    "claim.hardBindings.missing": "Nothing ties the credentials to this file's content.",
    "claimSignature.missing": "The credentials have no signature.",
    "claimSignature.mismatch": "The signature is wrong: the credentials were changed after signing, or signed with "
    "another key.",
    "claimSignature.outsideValidity": "The signature was made when the certificate was not valid.",
    "signingCredential.untrusted": "The signer's certificate leads to no trust list in use.",
    "signingCredential.invalid": "The signer's certificate is not fit for signing credentials.",
    "signingCredential.expired": "The certificate is not valid at the time that counts, and no trusted timestamp shows "
    "that it was when the file was signed.",
    "signingCredential.revoked": "The authority revoked the signer's certificate.",
    "signingCredential.ocsp.revoked": "The authority revoked the signer's certificate.",
    "signingCredential.ocsp.unknown": "The authority does not know the signer's certificate.",
    "assertion.hashedURI.mismatch": "A statement in the credentials was changed after signing.",
    "assertion.missing": "A statement that was signed is missing from the credentials.",
    "assertion.undeclared": "The credentials hold a statement that was not signed.",
    "assertion.inaccessible": "A statement kept elsewhere could not be fetched.",
    "assertion.notRedacted": "A statement was declared as removed but is still there.",
    "assertion.selfRedacted": "The credentials declare their own statement as removed, which is not allowed.",
    "assertion.required.missing": "A statement lacks something that it must have.",
    "assertion.json.invalid": "A statement in the credentials is damaged.",
    "assertion.cbor.invalid": "A statement in the credentials is damaged.",
    "assertion.outsideManifest": "The credentials sign a statement that lies elsewhere, which is not allowed.",
    "assertion.multipleHardBindings": "More than one statement ties the credentials to the content: not allowed.",
    "assertion.hardBinding.redacted": "What ties the credentials to the content was removed, which is not allowed.",
    "assertion.action.malformed": "The list of what was done is damaged.",
    "assertion.action.ingredientMismatch": "The list of what was done refers to a file that is not there.",
    "assertion.action.redactionMismatch": "The list of what was done does not fit what was removed.",
    "assertion.action.redacted": "The list of what was done was removed, which is not allowed.",
    "assertion.action.softBindingMissing": "A watermark is declared, and its description is missing.",
    "assertion.dataHash.mismatch": "The file's content was changed after it was signed.",
    "assertion.dataHash.malformed": "What ties the credentials to the content is damaged.",
    "assertion.dataHash.redacted": "What ties the credentials to the content was removed, which is not allowed.",
    "assertion.bmffHash.mismatch": "The file's content was changed after it was signed.",
    "assertion.bmffHash.malformed": "What ties the credentials to the content is damaged.",
    "assertion.boxesHash.mismatch": "The file's content was changed after it was signed.",
    "assertion.boxesHash.malformed": "What ties the credentials to the content is damaged.",
    "assertion.boxesHash.unknownBox": "The file has a part that was not there when it was signed.",
    "assertion.collectionHash.mismatch": "A file of the collection was changed after it was signed.",
    "assertion.collectionHash.incorrectFileCount": "A file of the collection is missing, or there is one too many.",
    "assertion.collectionHash.invalidURI": "The collection names a file in a way that is not allowed.",
    "assertion.collectionHash.malformed": "What ties the credentials to the collection is damaged.",
    "assertion.multiAssetHash.mismatch": "A part of the file was changed after it was signed.",
    "assertion.multiAssetHash.malformed": "What ties the credentials to the parts of the file is damaged.",
    "assertion.multiAssetHash.missingPart": "A part of the file is missing.",
    "assertion.cloud-data.hardBinding": "What ties the credentials to the content lies elsewhere; that is not allowed.",
    "assertion.cloud-data.actions": "The list of what was done lies elsewhere, which is not allowed here.",
    "assertion.cloud-data.malformed": "The reference to a statement kept elsewhere is damaged.",
    "assertion.external-reference.malformed": "The reference to something kept elsewhere is damaged.",
    "assertion.ingredient.malformed": "What the credentials say of a file that went into this one is damaged.",
    "assertion.metadata.disallowed": "The credentials hold metadata of a kind that is not allowed.",
    "assertion.timestamp.malformed": "A timestamp kept as a statement is damaged.",
    "ingredient.hashedURI.mismatch": "The credentials of a file that went into this one were exchanged.",
    "ingredient.manifest.missing": "The credentials of a file that went into this one are missing or were changed.",
    "ingredient.manifest.mismatch": "The credentials of a file that went into this one were changed.",
    "ingredient.claimSignature.missing": "The signature of a file that went into this one is missing.",
    "ingredient.claimSignature.mismatch": "The signature of a file that went into this one was changed.",
    "hashedURI.missing": "Something that was signed cannot be found.",
    "hashedURI.mismatch": "Something that was signed was changed afterwards.",
    "manifest.inaccessible": "The file says that its credentials are kept elsewhere; they were not fetched.",
    "manifest.multipleParents": "The credentials name more than one file as the one that this was made from.",
    "manifest.update.invalid": "An update of the credentials holds what an update must not hold.",
    "manifest.update.wrongParents": "An update of the credentials does not name exactly one file that it updates.",
    "manifest.timestamp.invalid": "A timestamp of the credentials holds what it must not hold.",
    "manifest.timestamp.wrongParents": "A timestamp of the credentials does not name exactly one file.",
    "manifest.compressed.invalid": "The compressed credentials are damaged.",
    "algorithm.unsupported": "An algorithm is in use that is unknown or no longer allowed.",
    "general.error": "The credentials could not be checked in full.",
    "cawg.identity.cbor.invalid": "The identity that the signer names is damaged.",
    "cawg.identity.assertion.mismatch": "The identity vouches for a statement that is not the one here.",
    "cawg.identity.assertion.duplicate": "The identity vouches for the same statement twice, which is not allowed.",
    "cawg.identity.credential_revoked": "The identity's certificate was revoked.",
    "cawg.identity.hard_binding_missing": "The identity does not vouch for this file's content.",
    "cawg.identity.sig_type.unknown": "The identity is of a kind that is not known.",
    "cawg.identity.pad.invalid": "The identity holds bytes where there must be none.",
    "cawg.identity.expected_partial_claim.mismatch": "The identity was made for another claim.",
    "cawg.identity.expected_claim_generator.mismatch": "The identity was made for another program.",
    "cawg.identity.expected_countersigner.mismatch": "The identity was made beside another one than the one here.",
    "cawg.identity.expected_countersigner.missing": "An identity that should be there is missing.",
    "cawg.identity.unexpected_countersigner": "There is an identity that should not be there.",
    "cawg.ica.invalid_cose_sign1": "A service's statement of who the author is, is damaged.",
    "cawg.ica.invalid_alg": "A service's statement of who the author is uses an algorithm that is not known.",
    "cawg.ica.invalid_content_type": "A service's statement of who the author is, is not of the right kind.",
    "cawg.ica.invalid_verifiable_credential": "A service's statement of who the author is, is damaged.",
    "cawg.ica.invalid_issuer": "A service's statement of who the author is does not name the service.",
    "cawg.ica.did_unsupported_method": "The service that says who the author is cannot be looked up.",
    "cawg.ica.did_unavailable": "The service that says who the author is was not looked up.",
    "cawg.ica.invalid_did_document": "What the service says of itself is damaged.",
    "cawg.ica.signature_mismatch": "A service's statement of who the author is has a wrong signature.",
    "cawg.ica.signer_payload.mismatch": "A service's statement of who the author is belongs to another file.",
    "cawg.ica.time_stamp.invalid": "The timestamp of the identity is wrong.",
    "cawg.ica.valid_from.missing": "A service's statement of who the author is does not say from when it holds.",
    "cawg.ica.valid_from.invalid": "A service's statement of who the author is did not hold yet.",
    "cawg.ica.valid_until.invalid": "A service's statement of who the author is held no longer.",
    "cawg.ica.verifiable_credential.revoked": "The service took back its statement of who the author is.",
    "assay.unreadable": "There are credentials in the file, but they are too damaged to be read.",
    "assay.sidecar.unreadable": "The sidecar holds no credentials that can be read.",
    "assay.exclusion.covers_header": "What was signed leaves out the beginning of the file, with its camera data, and "
    "not only the credentials; newer rules forbid that. All the rest is as it was when it was signed.",
    "assay.at.not_yet_valid": "The certificate was not yet valid at the time asked for.",
    "assay.at.expired": "The certificate was no longer valid at the time asked for.",
}

NAMES = {
    "c2pa.created": "created", "c2pa.opened": "opened", "c2pa.placed": "another file placed in it",
    "c2pa.cropped": "cropped", "c2pa.resized": "resized", "c2pa.rotated": "rotated", "c2pa.orientation": "turned",
    "c2pa.color_adjustments": "colours adjusted", "c2pa.drawing": "drawn on", "c2pa.edited": "edited",
    "c2pa.edited.metadata": "metadata edited", "c2pa.filtered": "filtered", "c2pa.converted": "converted",
    "c2pa.transcoded": "encoded anew", "c2pa.repackaged": "repackaged", "c2pa.published": "published",
    "c2pa.produced": "produced", "c2pa.removed": "a part removed", "c2pa.deleted": "a part deleted",
    "c2pa.redacted": "credentials redacted", "c2pa.translated": "translated", "c2pa.dubbed": "dubbed",
    "c2pa.enhanced": "enhanced", "c2pa.trimmed": "trimmed", "c2pa.managed": "managed", "c2pa.saved": "saved",
    "c2pa.printed": "printed", "c2pa.watermarked": "watermarked", "c2pa.watermarked.bound": "watermarked",
    "c2pa.watermarked.unbound": "watermarked", "c2pa.addedText": "text added", "c2pa.adjustedColor": "colours adjusted",
    "c2pa.changedSpeed": "speed changed", "c2pa.createdVariation": "a variation made", "c2pa.mastered": "mastered",
    "c2pa.mixed": "mixed", "c2pa.remixed": "remixed", "c2pa.resized.proportional": "resized", "c2pa.unknown": "unknown",
    "c2pa.copied": "copied", "c2pa.formatted": "formatted", "c2pa.version_updated": "version updated",
}  # fmt: skip
"""What C2PA's actions are, in a few words."""

SOURCES = {
    "digitalCapture": "captured by a camera",
    "computationalCapture": "captured by a camera that merges exposures",
    "negativeFilm": "scanned from a negative", "positiveFilm": "scanned from a slide", "print": "scanned from a print",
    "minorHumanEdits": "a photograph with small edits", "humanEdits": "a photograph edited by a person",
    "compositeCapture": "put together from photographs", "composite": "put together from several sources",
    "algorithmicallyEnhanced": "enhanced by an algorithm", "dataDrivenMedia": "made from data",
    "digitalArt": "drawn on a computer", "digitalCreation": "made on a computer by a person",
    "virtualRecording": "a recording of a virtual scene", "screenCapture": "a picture of a screen",
    "compositeSynthetic": "put together with synthetic parts",
    "trainedAlgorithmicMedia": "generated by a model (AI)",
    "trainedAlgorithmicData": "data generated by a model (AI)",
    "compositeWithTrainedAlgorithmicMedia": "put together with parts generated by a model (AI)",
    "algorithmicMedia": "made by an algorithm", "softwareImage": "made by software", "empty": "an empty canvas",
}  # fmt: skip
"""IPTC's and C2PA's digital source types, by the last part of their URL, in a few words."""

GENERATED = frozenset({"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicData"})
"""Source types that say a generative model made the file or a part of it."""

CONTENT = frozenset({
    "assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch",
    "assertion.boxesHash.unknownBox", "assertion.collectionHash.mismatch", "assertion.multiAssetHash.mismatch",
})  # fmt: skip
"""Failures that say the content is not what was signed."""

_ALL = {Kind.SUCCESS: SUCCESS, Kind.INFORMATION: INFORMATION, Kind.FAILURE: FAILURE}
_SAYS = {**SUCCESS, **INFORMATION, **FAILURE}


def says(code: str) -> str:
    """What a code means, in a sentence."""
    return _SAYS.get(code) or f"A check answered “{code[:100]}”, which this version does not know."


def kind(code: str) -> Kind:
    """How a code counts where nobody said: an unknown one counts as a failure, as C2PA asks."""
    return next((k for k, table in _ALL.items() if code in table), Kind.FAILURE)


def action(name: str) -> str:
    """What an action is, in a few words."""
    return NAMES.get(name, name.removeprefix("c2pa.").replace("_", " ").replace(".", " ") or "something was done")


def source(url: str) -> str:
    """What a digital source type is, in a few words."""
    return SOURCES.get(last(url), last(url))


def last(url: str) -> str:
    """The last part of a URL."""
    return url.rstrip("/").rsplit("/", 1)[-1]


__all__ = ["CONTENT", "FAILURE", "GENERATED", "INFORMATION", "NAMES", "SOURCES", "SUCCESS", "action", "kind", "last",
           "says", "source"]  # fmt: skip
