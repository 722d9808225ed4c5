// @ts-check
/**
 * Forms and keys: base64, decimals, CBOR, checkpoints, signed notes and verifier keys, each in its one canonical form.
 * After C2SP signed-note, tlog-checkpoint and tlog-cosignature; RFC 8949, section 4.2.1, for CBOR.
 *
 * @typedef {{name: string, keyId: string, blob: Uint8Array<ArrayBuffer>}} Signature
 * @typedef {{text: string, signatures: Signature[]}} Note
 * @typedef {{origin: string, size: bigint, root: Uint8Array<ArrayBuffer>, extensions: string[]}} Checkpoint
 * @typedef {{name: string, kind: number, public: Uint8Array<ArrayBuffer>, keyId: string}} VerifierKey
 * @typedef {bigint | string | Uint8Array<ArrayBuffer> | null | CborList} Cbor
 * @typedef {Cbor[]} CborList
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

export const ED25519 = 1, COSIGNATURE = 4, MLDSA44 = 6;
const MAX_SIZE = 2n ** 63n - 1n, MAX_NOTE = 262144, MAX_SIGNATURES = 64, MAX_TEXT = 16384, MAX_DEPTH = 8;
/** @type {Record<number, number>} */
const PUBLIC = { [ED25519]: 32, [COSIGNATURE]: 32, [MLDSA44]: 1312 };
/** @type {Record<number, number>} */
const BLOB = { [ED25519]: 64, [COSIGNATURE]: 72, [MLDSA44]: 2428 };
const CONTROL = /[\x00-\x09\x0b-\x1f]/;
const SPACE = /[\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const EMPTY_ROOT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const P = 2n ** 255n - 19n;
const LOW_ORDER_Y = new Set([
  0n, 1n, P - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** What is wrong, in one sentence, and one word for programs: the same as Python's. */
export class RegisterError extends Error {
  /** @param {string} message @param {string} reason */
  constructor(message, reason) {
    super(message);
    this.reason = reason;
  }
}

/** @param {string} message */
export const malformed = (message) => new RegisterError(message, 'malformed');

/** @param {string} text @returns {Bytes} */
export const utf8 = (text) => new TextEncoder().encode(text);

/** @param {Bytes} data @param {string} what */
export function fromUtf8(data, what) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw malformed(`${what} is not UTF-8.`);
  }
}

/** @param {Bytes} data */
export const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @param {...Bytes} parts */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Bytes} a @param {Bytes} b */
export const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** @param {Bytes} data @returns {Promise<Bytes>} */
export const sha256 = async (data) => new Uint8Array(await crypto.subtle.digest('SHA-256', data));

/** @param {Bytes} key @param {Bytes} data @returns {Promise<Bytes>} */
export async function hmac(key, data) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data));
}

/** @param {bigint} value 8 bytes, big-endian. */
export function u64(value) {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, value);
  return data;
}

/** @param {string} text @param {string} what */
export function decimal(text, what) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || text.endsWith('\n') || BigInt(text) > MAX_SIZE)
    throw malformed(`${what} is not a canonical decimal number.`);
  return BigInt(text);
}

/** @param {string} text @param {string} what @param {number} [length] @returns {Bytes} */
export function fromBase64(text, what, length) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw malformed(`${what} is not base64.`);
  }
  if (btoa(binary) !== text) throw malformed(`${what} is not canonical base64.`);
  if (length !== undefined && binary.length !== length)
    throw malformed(`${what} has ${binary.length} bytes; it must have ${length}.`);
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** All of the data, as one value: whole numbers, bytes, texts, lists and null. @param {Bytes} data @param {string} what */
export function decodeCbor(data, what) {
  let at = 0;
  /** @param {number} count */
  const take = (count) => {
    if (at + count > data.length) throw malformed(`${what} is cut off at byte ${data.length}.`);
    return data.slice(at, (at += count));
  };
  /** @param {number} info @returns {bigint} */
  const number = (info) => {
    if (info < 24) return BigInt(info);
    if (info > 27) throw malformed(`${what} is not canonical CBOR.`);
    const width = 1 << (info - 24);
    const value = BigInt(`0x${hex(take(width))}`);
    if (value < (width === 1 ? 24n : 1n << BigInt(4 * width))) throw malformed(`${what} is not canonical CBOR.`);
    return value;
  };
  /** @param {number} depth @returns {Cbor} */
  const value = (depth) => {
    const first = take(1)[0];
    if (first === 0xf6) return null;
    const major = first >> 5;
    if (![0, 2, 3, 4].includes(major))
      throw new RegisterError(`${what} has a CBOR value of a kind that is not used.`, 'unsupported');
    const count = number(first & 0x1f);
    if (major === 0) return count;
    if (major === 4) {
      if (depth === 0 || count > BigInt(data.length - at)) throw malformed(`${what} has a list that cannot be.`);
      return Array.from({ length: Number(count) }, () => value(depth - 1));
    }
    if (count > BigInt(data.length - at)) throw malformed(`${what} is cut off at byte ${data.length}.`);
    const bytes = take(Number(count));
    return major === 2 ? bytes : fromUtf8(bytes, `A text in ${what}`);
  };
  const found = value(MAX_DEPTH);
  if (at !== data.length) throw malformed(`${what} has ${data.length - at} bytes after its end.`);
  return found;
}

/** @param {string} name */
function checkName(name) {
  if (!name || name.includes('+') || SPACE.test(name)) throw malformed('A key name is empty, or has a space or a plus in it.');
  return name;
}

/** @param {string} text @returns {Checkpoint} */
export function parseCheckpoint(text) {
  const lines = text.split('\n');
  if ([...text].length > MAX_TEXT) throw malformed('The checkpoint is too long.');
  if (lines.pop() !== '' || lines.length < 3 || lines.includes(''))
    throw malformed('A checkpoint has at least three lines, none empty, each ended by a newline.');
  const [origin, size, root, ...extensions] = lines;
  const found = { origin, size: decimal(size, 'The tree size'), root: fromBase64(root, 'The root hash', 32), extensions };
  if (found.size === 0n && hex(found.root) !== EMPTY_ROOT)
    throw malformed('The checkpoint states another root for an empty tree than such a tree has.');
  return found;
}

/** @param {Bytes} data @returns {Note} */
export function parseNote(data) {
  if (data.length > MAX_NOTE) throw malformed(`A note of ${data.length} bytes is too long.`);
  const whole = fromUtf8(data, 'The note');
  if (CONTROL.test(whole)) throw malformed('The note holds control characters.');
  const blank = whole.lastIndexOf('\n\n');
  const lines = whole.slice(blank + 2).split('\n');
  if (blank < 0 || lines.pop() !== '' || !lines.length) throw malformed('The note has no signatures after a blank line.');
  if (lines.length > MAX_SIGNATURES) throw malformed(`More than ${MAX_SIGNATURES} signatures.`);
  return { text: whole.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

/** @param {string} line @returns {Signature} */
function parseSignature(line) {
  const space = line.indexOf(' ', 2);
  if (!line.startsWith('\u2014 ') || space < 0) throw malformed("A signature line is not of the form '\u2014 name base64'.");
  const data = fromBase64(line.slice(space + 1), 'A signature');
  if (data.length < 5) throw malformed('A signature is too short to hold a key ID.');
  return { name: checkName(line.slice(2, space)), keyId: hex(data.slice(0, 4)), blob: data.slice(4) };
}

/** The y coordinate of a point of Curve25519. @param {Bytes} point */
const yOf = (point) => BigInt(`0x${hex(point.slice().reverse())}`) & ((1n << 255n) - 1n);

/** Refuse a key that is not canonical, or whose point has a small order. @param {Bytes} key */
export function checkEd25519(key) {
  const y = yOf(key);
  if (key.length !== 32 || y >= P || LOW_ORDER_Y.has(y))
    throw new RegisterError('The Ed25519 public key is not one that a signer can have: use another key.', 'key');
}

/** @param {string} name @param {number} kind @param {Bytes} key @returns {Promise<VerifierKey>} */
export async function keyOf(name, kind, key) {
  checkName(name);
  if (key.length !== PUBLIC[kind]) throw malformed('The verifier key has the wrong length.');
  if (kind !== MLDSA44) checkEd25519(key);
  const id = (await sha256(concat(utf8(`${name}\n`), Uint8Array.of(kind), key))).slice(0, 4);
  return { name, kind, public: key, keyId: hex(id) };
}

/** A verifier key, `name+hash+key`. @param {string} text */
export async function parseKey(text) {
  const [name, id, ...rest] = text.split('+');
  if (!rest.length) throw malformed('A verifier key has the form name+hash+key.');
  const data = fromBase64(rest.join('+'), 'The verifier key');
  if (!(data[0] in PUBLIC))
    throw new RegisterError('The verifier key is of a type that Assay does not know.', 'unsupported');
  const key = await keyOf(name, data[0], data.slice(1));
  if (key.keyId !== id) throw malformed('The hash in the verifier key is not that of its name and key.');
  return key;
}

/** @param {VerifierKey} key */
export const isOf = (key) => (/** @type {Signature} */ signature) =>
  signature.name === key.name && signature.keyId === key.keyId;

/** @param {string} algorithm @param {Bytes} key @param {Bytes} signature @param {Bytes} message */
async function holds(algorithm, key, signature, message) {
  // No honest signer makes a signature whose point has a small order, and browsers differ on those.
  if (algorithm === 'Ed25519' && LOW_ORDER_Y.has(yOf(signature.slice(0, 32)))) return false;
  let imported;
  try {
    const format = /** @type {'raw'} */ (algorithm === 'Ed25519' ? 'raw' : 'raw-public');
    imported = await crypto.subtle.importKey(format, key, algorithm, false, ['verify']);
  } catch (error) {
    if (/** @type {Error} */ (error).name === 'DataError') return false;
    throw new RegisterError(`This browser cannot check ${algorithm}.`, 'unsupported');
  }
  return crypto.subtle.verify(algorithm, imported, signature, message);
}

/** @param {Bytes} key @param {Bytes} signature @param {Bytes} message */
export async function verifyEd25519(key, signature, message) {
  checkEd25519(key);
  return holds('Ed25519', key, signature, message);
}

/** The message of a cosignature. @param {VerifierKey} key @param {bigint} time @param {string} text */
function cosigned(key, time, text) {
  if (key.kind === COSIGNATURE) return utf8(`cosignature/v1\ntime ${time}\n${text}`);
  const head = parseCheckpoint(text);
  const signer = utf8(key.name), origin = utf8(head.origin);
  if (signer.length > 255 || origin.length > 255)
    throw malformed('An ML-DSA-44 cosignature takes names of at most 255 bytes.');
  return concat(
    utf8('subtree/v1\n\0'), Uint8Array.of(signer.length), signer, u64(time), Uint8Array.of(origin.length), origin,
    u64(0n), u64(head.size), head.root,
  );
}

/**
 * Whether a key signed a note: the earliest time of its cosignatures, 0 for a signature without a time, null for none.
 * Throws `signature` where any line of this key does not verify, `unsupported` where the browser cannot tell.
 * @param {VerifierKey} key @param {Note} note @returns {Promise<bigint | null>}
 */
export async function signedBy(key, note) {
  let earliest = null;
  for (const { blob } of note.signatures.filter(isOf(key))) {
    const wrong = new RegisterError(`The signature of ${key.name} does not verify.`, 'signature');
    if (blob.length !== BLOB[key.kind]) throw wrong;
    let time = 0n, signature = blob, message = utf8(note.text);
    if (key.kind !== ED25519) {
      time = new DataView(blob.buffer).getBigUint64(0);
      if (time > MAX_SIZE) throw wrong;
      signature = blob.slice(8);
      message = cosigned(key, time, note.text);
    }
    if (!(await holds(key.kind === MLDSA44 ? 'ML-DSA-44' : 'Ed25519', key.public, signature, message))) throw wrong;
    if (earliest === null || time < earliest) earliest = time;
  }
  return earliest;
}
