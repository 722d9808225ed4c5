// @ts-check
/**
 * Trust policies (C2SP tlog-policy): which logs are known, and which witnesses must have cosigned a checkpoint.
 *
 * @import {Checkpoint, Note, VerifierKey} from './notes.js'
 * @typedef {{name: string, key: VerifierKey, time: bigint}} Witnessed
 */
import { COSIGNATURE, ED25519, MLDSA44, RegisterError, decimal, equal, malformed, parseCheckpoint, parseKey, signedBy, utf8 } from './notes.js';

const MAX_POLICY = 1048576, MAX_LINES = 256;
const FORBIDDEN = /[\x00-\x08\x0b-\x1f\x7f]/;

/** @param {string} name */
const shown = (name) => `'${name.slice(0, 80)}'`;

/** When a key signed a note: undefined where the browser cannot tell. @param {VerifierKey} key @param {Note} note */
async function told(key, note) {
  try {
    return await signedBy(key, note);
  } catch (error) {
    if (!(error instanceof RegisterError) || error.reason !== 'unsupported') throw error;
    return undefined;
  }
}

/** A policy, read. */
export class Policy {
  constructor() {
    /** @type {VerifierKey[]} */ this.logs = [];
    /** @type {Map<string, VerifierKey>} */ this.witnesses = new Map();
    /** @type {Map<string, {threshold: number, members: string[]}>} */ this.groups = new Map();
    /** @type {string | null} */ this.quorum = null;
  }

  /** Throws `malformed` with the number of the line, `too_large`, `unsupported`, `key`. @param {string} text */
  static async parse(text) {
    if (utf8(text).length > MAX_POLICY) throw new RegisterError(`The policy has more than ${MAX_POLICY} bytes.`, 'too_large');
    const policy = new Policy();
    const state = { ended: false, count: 0, taken: new Set() };
    let number = 0;
    for (const line of text.split('\n')) {
      number += 1;
      try {
        await policy.#line(line, state);
      } catch (error) {
        if (!(error instanceof RegisterError)) throw error;
        throw new RegisterError(`Line ${number} of the policy: ${error.message}`, error.reason);
      }
    }
    if (!state.ended) throw malformed("The policy has no quorum line; write 'quorum none' to ask for no witness.");
    return policy;
  }

  /** @param {string} line @param {{ended: boolean, count: number, taken: Set<string>}} state */
  async #line(line, state) {
    if (FORBIDDEN.test(line)) throw malformed('It holds a control character.');
    const [word, ...rest] = line.split(/[ \t]+/).filter(Boolean);
    if (word === undefined || word.startsWith('#')) return;
    state.count += 1;
    if (state.count > MAX_LINES)
      throw new RegisterError(`A policy defines at most ${MAX_LINES} logs, witnesses and groups.`, 'too_large');
    const { length } = rest;
    if (word === 'log' && (length === 1 || length === 2)) this.#log(await parseKey(rest[0]));
    else if (word === 'witness' && (length === 2 || length === 3)) this.#witness(rest[0], await parseKey(rest[1]));
    else if (word === 'group' && length > 2) this.#group(rest[0], rest[1], rest.slice(2), state.taken);
    else if (word === 'quorum' && length === 1) {
      if (state.ended) throw malformed('It is the second quorum line.');
      state.ended = true;
      if (rest[0] === 'none') return;
      this.#known(rest[0]);
      this.quorum = rest[0];
    } else throw malformed(`${shown(word)} begins no line that a policy can have, or has too few or too many parts.`);
  }

  /** @param {VerifierKey} key */
  #log(key) {
    if (key.kind !== ED25519 && key.kind !== MLDSA44)
      throw malformed('The key of a log cannot be of the type of a witness.');
    if (this.logs.some((log) => equal(log.public, key.public))) throw malformed('Two logs have the same public key.');
    this.logs.push(key);
  }

  /** @param {string} name @param {VerifierKey} key */
  #witness(name, key) {
    this.#new(name);
    if (key.kind !== COSIGNATURE && key.kind !== MLDSA44)
      throw malformed('The key of a witness must be one for cosignatures.');
    if ([...this.witnesses.values()].some((witness) => equal(witness.public, key.public)))
      throw malformed('Two witnesses have the same public key.');
    this.witnesses.set(name, key);
  }

  /** @param {string} name @param {string} threshold @param {string[]} members @param {Set<string>} taken */
  #group(name, threshold, members, taken) {
    this.#new(name);
    for (const member of members) {
      this.#known(member);
      if (taken.has(member)) throw malformed(`${shown(member)} is a member twice.`);
      taken.add(member);
    }
    const count = threshold === 'all' ? members.length : threshold === 'any' ? 1 : Number(decimal(threshold, 'The threshold'));
    if (count < 1 || count > members.length)
      throw malformed(`A group of ${members.length} cannot have the threshold ${count}.`);
    this.groups.set(name, { threshold: count, members });
  }

  /** @param {string} name */
  #new(name) {
    if (name === 'none' || this.witnesses.has(name) || this.groups.has(name))
      throw malformed(`The name ${shown(name)} is taken.`);
  }

  /** @param {string} name */
  #known(name) {
    if (!this.witnesses.has(name) && !this.groups.has(name)) throw malformed(`No line above defines ${shown(name)}.`);
  }

  /**
   * The witnesses that count, where a log of the policy signed and a quorum cosigned. Throws `key`, `signature`,
   * `quorum`. A log or witness whose kind of signature the browser cannot check does not count, and
   * a witness is named.
   * @param {Note} note @returns {Promise<Witnessed[]>}
   */
  async check(note) {
    const { origin, extensions } = parseCheckpoint(note.text);
    let signers = 0, untold = 0;
    for (const log of this.logs.filter((key) => key.name === origin)) {
      const signed = await told(log, note);
      if (signed === undefined) untold += 1;
      // An ML-DSA-44 signature leaves extension lines out: they would be anybody's.
      else if (signed !== null && (log.kind === ED25519 || !extensions.length)) signers += 1;
    }
    if (!signers && untold) throw new RegisterError('This browser cannot check ML-DSA-44.', 'unsupported');
    if (!signers) throw new RegisterError(`No log that the policy names has signed this, as ${shown(origin)}.`, 'key');
    /** @type {Witnessed[]} */ const found = [];
    /** @type {string[]} */ const unchecked = [];
    for (const [name, key] of this.witnesses) {
      const time = await told(key, note);
      if (time === undefined) unchecked.push(name);
      else if (time !== null) found.push({ name, key, time });
    }
    this.#need(new Set(found.map((witness) => witness.name)), unchecked);
    return found;
  }

  /** @param {Set<string>} there @param {string[]} unchecked */
  #need(there, unchecked) {
    if (this.quorum === null) return;
    for (const [name, { threshold, members }] of this.groups)
      if (members.filter((member) => there.has(member)).length >= threshold) there.add(name);
    if (there.has(this.quorum)) return;
    const but = unchecked.length ? ` This browser cannot check the ML-DSA-44 signatures of ${unchecked.map(shown).join(', ')}.` : '';
    throw new RegisterError(`Too few witnesses have cosigned: ${this.#lack(this.quorum, there)}.${but}`, 'quorum');
  }

  /** @param {string} name @param {Set<string>} there */
  #lack(name, there) {
    const group = this.groups.get(name);
    if (!group) return `${shown(name)} is missing`;
    const missing = group.members.filter((member) => !there.has(member));
    const have = group.members.length - missing.length;
    return `${shown(name)} asks for ${group.threshold} and has ${have}; missing are ${missing.map(shown).join(', ')}`;
  }
}
