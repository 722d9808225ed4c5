// @ts-check
/**
 * Assay's register, in a browser: reads a receipt, checks it step by step, and asks a policy whether to accept it. The
 * same steps, words and verdicts as Python's `assay.register.verify`, but that anchors are not checked. Only WebCrypto is
 * used, and nothing is sent anywhere.
 *
 * @import {Bytes, Cbor, Checkpoint, Note, VerifierKey} from './notes.js'
 * @import {Witnessed} from './policy.js'
 * @typedef {{kind: number, commitment: Bytes, keyHash: Bytes, signature: Bytes, head: Bytes, hash: Bytes}} Leaf
 * @typedef {{digest: string, size: bigint, mediaType: string, fingerprints: [string, string][]}} Claimed
 * @typedef {{key: Bytes, count: bigint, position: bigint, path: Bytes[]}} Batch
 * @typedef {{index: bigint, proof: Bytes[], note: Note, checkpoint: Checkpoint, leaf: Leaf, log: VerifierKey,
 *   batch: Batch, opening: {record: Bytes, salt: Bytes} | null, anchors: string[]}} Receipt
 * @typedef {{name: string, ok: boolean | null, says: string, reason: string | null}} Step
 * @typedef {{steps: Step[], sound: boolean, kind: 'claim' | 'tombstone', index: bigint, submitter: string,
 *   claimed: Claimed | null, forgets: string | null, checkpoint: Checkpoint, log: VerifierKey, note: Note}} Verification
 * @typedef {{state: 'trusted' | 'refused' | 'unvouched' | 'unsound', says: string, reason: string | null,
 *   witnesses: Witnessed[]}} Verdict
 */
import {
  COSIGNATURE, RegisterError, concat, decimal, decodeCbor, equal, fromBase64, fromUtf8, hex, hmac, isOf, keyOf, malformed,
  parseCheckpoint, parseNote, sha256, signedBy, u64, utf8, verifyEd25519,
} from './notes.js';
import { Policy } from './policy.js';

export const MAX_RECEIPT = 262144;
const MAX_RECORD = 4096, MAX_ENTRIES = 1024n, MAX_PROOF = 63, MAX_ANCHORS = 16;
const HEADER = 'c2sp.org/tlog-proof@v1';
const TOMBSTONE = 2;
const CAUTION = 'A claim is no proof that what the file shows is true, nor that whoever holds the key made it.';
/** The last POSIX second that can be written as a date, rounded up to the minute. */
export const LAST_TIME = 253402300739n;
const NOT_TAKEN = 'Nothing here says when the picture was taken.';

/** @param {string} name @param {boolean | null} ok @param {string} says @param {string | null} [reason] @returns {Step} */
const step = (name, ok, says, reason = null) => ({ name, ok, says, reason });

/** @param {Cbor} value @returns {value is Bytes} */
const isBytes = (value) => value instanceof Uint8Array;

/** @param {Cbor} value @param {string} what @param {bigint} version */
function checkVersion(value, what, version) {
  if (Array.isArray(value) && typeof value[0] === 'bigint' && value[0] !== version)
    throw new RegisterError(`The ${what} has version ${value[0]}; this page knows version ${version}.`, 'unsupported');
}

/**
 * Read a receipt; nothing is verified. Throws RegisterError: `malformed`, `too_large`, `unsupported`, `key`.
 * @param {Bytes} data @returns {Promise<Receipt>}
 */
export async function parseReceipt(data) {
  if (data.length > MAX_RECEIPT)
    throw new RegisterError(`A receipt has at most ${MAX_RECEIPT} bytes; this has ${data.length}.`, 'too_large');
  const at = data.findIndex((byte, i) => byte === 10 && data[i + 1] === 10);
  const head = at < 0 ? data : data.slice(0, at);
  if (head.some((byte) => byte > 127)) throw malformed('This is not a tlog-proof.');
  const [header, ...lines] = fromUtf8(head, 'The proof').split('\n');
  if (header !== HEADER && header.startsWith('c2sp.org/tlog-proof@'))
    throw new RegisterError(`This page knows ${HEADER}, not another version.`, 'unsupported');
  if (header !== HEADER) throw malformed(`This is not a receipt: its first line is not ${HEADER}.`);
  if (at < 0) throw malformed('The receipt is cut off: it has no checkpoint after a blank line.');
  const extra = lines[0]?.startsWith('extra ') ? fromBase64(/** @type {string} */ (lines.shift()).slice(6), 'The extra data') : null;
  const index = lines.shift();
  if (!index?.startsWith('index ')) throw malformed('The proof has no index line.');
  if (lines.length > MAX_PROOF) throw malformed(`The proof has more than ${MAX_PROOF} hashes.`);
  const proof = lines.map((line) => fromBase64(line, 'A hash of the proof', 32));
  const note = parseNote(data.slice(at + 2));
  const checkpoint = parseCheckpoint(note.text);
  if (extra === null) throw malformed('This is a tlog-proof, but not a receipt of Assay: it has no extra data.');
  const value = decodeCbor(extra, 'The extra data of the receipt');
  checkVersion(value, 'receipt', 1n);
  if (!Array.isArray(value) || value.length !== 6 || typeof value[0] !== 'bigint')
    throw malformed('The extra data of the receipt are not the list that they should be.');
  const [, leaf, log, batch, opening, anchors] = value;
  if (!isBytes(leaf) || !isBytes(log) || !Array.isArray(batch) || !Array.isArray(anchors))
    throw malformed('The extra data of the receipt are not the list that they should be.');
  return {
    index: decimal(index.slice(6), 'The index'), proof, note, checkpoint, leaf: await parseLeaf(leaf),
    batch: parseBatch(batch), log: await parseLogKey(checkpoint.origin, log), opening: parseOpening(opening),
    anchors: parseAnchors(anchors),
  };
}

/** @param {Bytes} data @returns {Promise<Leaf>} */
async function parseLeaf(data) {
  if (data.length !== 162) throw malformed(`A leaf has 162 bytes; this has ${data.length}.`);
  if (data[0] !== 1) throw new RegisterError(`The leaf has version ${data[0]}; this page knows version 1.`, 'unsupported');
  if (data[1] !== 1 && data[1] !== TOMBSTONE)
    throw new RegisterError(`The leaf is of kind ${data[1]}, which this page does not know.`, 'unsupported');
  return {
    kind: data[1], commitment: data.slice(2, 34), keyHash: data.slice(66, 98), signature: data.slice(98),
    head: data.slice(0, 98), hash: await leafHash(data),
  };
}

/** @param {string} origin @param {Bytes} data */
async function parseLogKey(origin, data) {
  if (data[0] === COSIGNATURE || ![1, 6].includes(data[0]))
    throw new RegisterError('The log key in the receipt is of a type that no log has.', 'unsupported');
  return keyOf(origin, data[0], data.slice(1));
}

/** @param {Cbor[]} value @returns {Batch} */
function parseBatch(value) {
  const [key, count, position, path] = value;
  if (
    value.length !== 4 || !isBytes(key) || key.length !== 32 || typeof count !== 'bigint' || typeof position !== 'bigint' ||
    position >= count || count > MAX_ENTRIES || !Array.isArray(path) || !path.every((hash) => isBytes(hash) && hash.length === 32)
  )
    throw malformed('The batch in the receipt is not a key, a number of entries, a place among them and hashes.');
  return { key, count, position, path: /** @type {Bytes[]} */ (path) };
}

/** @param {Cbor} value */
function parseOpening(value) {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== 2 || !isBytes(value[0]) || !isBytes(value[1]))
    throw malformed('The opening in the receipt is not a record and a salt.');
  return { record: value[0], salt: value[1] };
}

/** @param {Cbor[]} values */
function parseAnchors(values) {
  const kinds = values.map((value) => {
    if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string' || !/^[a-z0-9]{1,32}$/.test(value[0]) || !isBytes(value[1]))
      throw malformed('An anchor in the receipt is not a kind and a proof.');
    return value[0];
  });
  if (kinds.length > MAX_ANCHORS)
    throw new RegisterError(`A receipt has at most ${MAX_ANCHORS} anchors; this has ${kinds.length}.`, 'too_large');
  return kinds;
}

/** @param {Bytes} data @returns {Claimed} */
export function parseRecord(data) {
  if (data.length > MAX_RECORD) throw new RegisterError(`A record has at most ${MAX_RECORD} bytes.`, 'too_large');
  const value = decodeCbor(data, 'The record');
  checkVersion(value, 'record', 1n);
  const wrong = malformed('A record is a list of version, digest, size, media type and fingerprints.');
  if (!Array.isArray(value) || value.length !== 5) throw wrong;
  const [version, digest, size, mediaType, pairs] = value;
  if (typeof version !== 'bigint' || !isBytes(digest) || digest.length !== 32 || typeof size !== 'bigint' || size >= 2n ** 63n) throw wrong;
  const media = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/;
  if (typeof mediaType !== 'string' || !media.test(mediaType) || !Array.isArray(pairs) || pairs.length > 16) throw wrong;
  const fingerprints = pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong;
    const [algorithm, bits] = pair;
    if (typeof algorithm !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,62}$/.test(algorithm)) throw wrong;
    if (!isBytes(bits) || !bits.length || bits.length > 2048) throw wrong;
    return /** @type {[string, string]} */ ([algorithm, hex(bits)]);
  });
  /** @param {[string, string]} a @param {[string, string]} b */
  const below = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
  if (fingerprints.some((pair, i) => i > 0 && !below(fingerprints[i - 1], pair)))
    throw malformed('The fingerprints of the record are not in order.');
  return { digest: hex(digest), size, mediaType, fingerprints };
}

/** @param {Bytes} data */
const leafHash = (data) => sha256(concat(Uint8Array.of(0), data));

/** The root that an inclusion proof leads to, or null where it has not the right length (RFC 9162, 2.1.3.2).
 * @param {bigint} index @param {bigint} size @param {Bytes} leaf @param {Bytes[]} proof */
async function rootOf(index, size, leaf, proof) {
  if (index >= size) return null;
  let node = index, last = size - 1n, found = leaf;
  for (const sibling of proof) {
    if (last === 0n) return null;
    const left = (node & 1n) === 1n || node === last;
    found = await sha256(left ? concat(Uint8Array.of(1), sibling, found) : concat(Uint8Array.of(1), found, sibling));
    if (left) while ((node & 1n) === 0n && node) [node, last] = [node >> 1n, last >> 1n];
    [node, last] = [node >> 1n, last >> 1n];
  }
  return last === 0n ? found : null;
}

/**
 * Look at everything in a receipt. `digest` is the SHA-256 of the file at hand, null where there is none.
 * @param {Receipt} receipt @param {Bytes | null} digest @returns {Promise<Verification>}
 */
export async function verify(receipt, digest) {
  /** @type {Claimed | null} */ let claimed = null;
  /** @type {string | null} */ let unread = null;
  try {
    if (receipt.opening) claimed = parseRecord(receipt.opening.record);
  } catch (error) {
    if (!(error instanceof RegisterError)) throw error;
    unread = error.reason;
  }
  const { leaf, checkpoint, log, note } = receipt;
  const steps = [
    fileStep(receipt, claimed, digest && hex(digest)), await openingStep(receipt, unread), await submitterStep(receipt),
    await inclusionStep(receipt), await logStep(receipt), cosignaturesStep(receipt), anchorsStep(receipt),
  ];
  const tombstone = leaf.kind === TOMBSTONE;
  return {
    steps, sound: steps.every((one) => one.ok !== false), kind: tombstone ? 'tombstone' : 'claim', index: receipt.index,
    submitter: hex(leaf.keyHash), claimed, forgets: tombstone ? hex(leaf.commitment) : null, checkpoint, log, note,
  };
}

/** @param {Receipt} receipt @param {Claimed | null} claimed @param {string | null} digest */
function fileStep(receipt, claimed, digest) {
  /** @param {string} says */
  const nothing = (says) => digest === null ? step('file', null, says) : step('file', false, says, 'mismatch');
  if (receipt.leaf.kind === TOMBSTONE) return nothing('This is the receipt of a tombstone: it says that a claim is forgotten.');
  if (receipt.opening === null) return nothing('The receipt holds no opening, so it cannot be tied to a file.');
  if (claimed === null) return step('file', false, 'The record in the receipt cannot be read.', 'malformed');
  const of = claimed.digest;
  if (digest === null) return step('file', null, `No file was given. The receipt is about the one with SHA-256 ${of}.`);
  if (digest === of) return step('file', true, `The file is the one of the record: its SHA-256 is ${of}.`);
  return step('file', false, `This is another file: its SHA-256 is ${digest}, and the receipt is about ${of}.`, 'mismatch');
}

/** @param {Receipt} receipt @param {string | null} unread */
async function openingStep({ leaf, opening }, unread) {
  const tombstone = leaf.kind === TOMBSTONE;
  if (opening === null) return step('opening', null, tombstone ? 'There is nothing to open.' : 'What was claimed stays hidden.');
  let reason = tombstone || opening.salt.length !== 32 ? 'malformed' : unread;
  if (!reason && !equal(await hmac(opening.salt, opening.record), leaf.commitment)) reason = 'mismatch';
  if (reason) return step('opening', false, 'Record and salt do not open the commitment in the leaf: this is not what was claimed.', reason);
  return step('opening', true, 'Record and salt open the commitment in the leaf: this is what was claimed.');
}

/** @param {Receipt} receipt */
async function submitterStep({ leaf, batch }) {
  /** @param {string} reason @param {string} says */
  const bad = (reason, says) => step('submitter', false, says, reason);
  const notThisKey = bad('key', "The submitter's key in the receipt is not the one that the leaf names, or none that a signer can have.");
  if (!equal(await sha256(batch.key), leaf.keyHash)) return notThisKey;
  const root = await rootOf(batch.position, batch.count, await leafHash(leaf.head), batch.path);
  if (root === null) return bad('proof', 'The leaf is not part of the batch that its submitter signed.');
  const message = concat(utf8('assay-register/batch/v1\n'), u64(batch.count), root);
  try {
    if (!(await verifyEd25519(batch.key, leaf.signature, message))) return bad('signature', "The submitter's signature does not verify.");
  } catch (error) {
    if (!(error instanceof RegisterError)) throw error;
    return error.reason === 'key' ? notThisKey : bad(error.reason, error.message);
  }
  const together = batch.count === 1n ? 'alone' : `in a batch of ${batch.count}`;
  return step('submitter', true, `The holder of key ${hex(leaf.keyHash).slice(0, 16)}… signed the leaf, ${together}.`);
}

/** @param {Receipt} receipt */
async function inclusionStep({ index, proof, leaf, checkpoint }) {
  const root = await rootOf(index, checkpoint.size, leaf.hash, proof);
  if (root === null || !equal(root, checkpoint.root))
    return step('inclusion', false, 'The proof does not lead from the leaf to the root of the checkpoint.', 'proof');
  return step('inclusion', true, `The leaf is entry ${index}, counted from 0, of a log of ${checkpoint.size}.`);
}

/** @param {Receipt} receipt */
async function logStep({ log, note }) {
  const key = `${log.name} with key ${log.keyId}`;
  try {
    if ((await signedBy(log, note)) !== null)
      return step('log', true, `The checkpoint is signed by the log ${key}, as the receipt names it.`);
  } catch (error) {
    if (!(error instanceof RegisterError)) throw error;
    if (error.reason === 'unsupported') return step('log', false, error.message, error.reason);
  }
  return step('log', false, `The checkpoint has no signature that holds of the log ${key}.`, 'signature');
}

/** @param {Receipt} receipt */
function cosignaturesStep({ log, note }) {
  const names = new Set(note.signatures.filter((signature) => !isOf(log)(signature)).map((signature) => signature.name));
  if (!names.size) return step('cosignatures', null, 'The checkpoint bears no other signature.');
  const says = `The checkpoint also bears signatures in the names of ${[...names].join(', ')}: a policy says which of them count.`;
  return step('cosignatures', null, says);
}

/** @param {Receipt} receipt */
function anchorsStep({ anchors }) {
  if (!anchors.length) return step('anchors', null, 'The checkpoint has no anchor in this receipt.');
  return step('anchors', null, `The checkpoint has anchors (${anchors.join(', ')}), which a browser does not check: assay register verify does.`);
}

/**
 * Whether a policy accepts what was verified.
 * @param {Verification} verification @param {Policy | null} policy @returns {Promise<Verdict>}
 */
export async function judge(verification, policy) {
  const { steps, checkpoint, note } = verification;
  const bad = steps.find((one) => one.ok === false);
  if (bad) return { state: 'unsound', says: `This receipt proves nothing here. ${bad.says}`, reason: bad.reason, witnesses: [] };
  if (policy === null) {
    const says = `The receipt is sound in itself, but nobody vouches for the log ${checkpoint.origin}: whoever runs it may ` +
      'show others another history. Give a policy that names the log and its witnesses.';
    return { state: 'unvouched', says, reason: null, witnesses: [] };
  }
  try {
    const witnesses = await policy.check(note);
    const times = witnesses.map((witness) => witness.time).filter((time) => time);
    return { state: 'trusted', says: `${said(verification)} ${when(times)} ${CAUTION}`, reason: null, witnesses };
  } catch (error) {
    if (!(error instanceof RegisterError)) throw error;
    return { state: 'refused', says: `The policy does not accept this receipt. ${error.message}`, reason: error.reason, witnesses: [] };
  }
}

/** Who said what. @param {Verification} verification */
function said({ steps, submitter, claimed, forgets }) {
  const who = `The holder of key ${submitter.slice(0, 16)}…`;
  if (forgets !== null) return `${who} declared the claim with leaf hash ${forgets} forgotten.`;
  if (claimed === null) return `${who} made a claim whose opening is not in the receipt: of which file is not told.`;
  return `${who} claimed ${steps[0].ok ? 'this file' : `the file with SHA-256 ${claimed.digest}`}.`;
}

/** What the witnesses' clocks say. @param {bigint[]} times */
function when(times) {
  const why = 'no anchor is proven';
  const latest = times.reduce((a, b) => (a > b ? a : b), 0n);
  if (!times.length || latest > LAST_TIME)
    return `Nothing proves when this was recorded: ${why}, and no witness that counts gives a time. ${NOT_TAKEN}`;
  const words = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten', 'Eleven', 'Twelve'];
  const count = words[times.length] ?? String(times.length);
  const [saw, honest] = times.length === 1
    ? [`witness saw it by ${written(latest)}, by its own clock`, 'that witness is honest']
    : [`witnesses saw it by ${written(latest)}, by their own clocks`, 'one of those witnesses is honest'];
  return `${count} ${saw}, and ${why}: recorded not later than that if ${honest} and its clock is right. ${NOT_TAKEN}`;
}

/** A time that is an upper bound, in UTC, rounded up to the minute. @param {bigint} seconds */
export function written(seconds) {
  const at = new Date(Math.ceil(Number(seconds) / 60) * 60000);
  const month = at.toLocaleString('en-GB', { month: 'long', timeZone: 'UTC' });
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  return `${at.getUTCDate()} ${month} ${at.getUTCFullYear()}, ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;
}
