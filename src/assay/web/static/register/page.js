// @ts-check
/** The page: takes files, shows what came of them. Every string of a file is shown as text, never as markup. */
import { MLDSA44, RegisterError, fromUtf8, hex, sha256 } from './notes.js';
import { Policy } from './policy.js';
import { LAST_TIME, MAX_RECEIPT, judge, parseReceipt, verify, written } from './verify.js';

const MAX_POLICY_FILE = 1048576;
/** @type {Record<string, string>} */
const STEPS = {
  file: 'The file', opening: 'What was claimed', submitter: 'The submitter', inclusion: 'Place in the log',
  log: "The log's signature", cosignatures: 'Witnesses', anchors: 'Anchors',
};
/** What stands beside a step that neither holds nor fails. @type {Record<string, string>} */
const OPEN = {
  file: 'not compared', opening: 'hidden', cosignatures: 'for a policy to say', anchors: 'not checked here',
};
const VERDICTS = {
  trusted: ['good', 'Accepted by the policy', 'A claim to this file was recorded'],
  refused: ['bad', 'Refused by the policy', 'The policy does not accept this receipt'],
  unvouched: ['open', 'Sound, but nobody vouches', 'The receipt holds together'],
  unsound: ['bad', 'Does not hold', 'This receipt proves nothing here'],
};
const PROMPTS = /** @type {Record<string, [string, string]>} */ ({});

/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} tag @param {string} text @param {string} [kind] */
function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** Characters that would change how what stands beside them is read are shown by their numbers. @param {string} text */
const plain = (text) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${/** @type {number} */ (c.codePointAt(0)).toString(16)}}`);

/** A sentence, its digests set apart. @param {string} says */
function sentence(says) {
  const made = element('span', '', 'said');
  for (const part of plain(says).split(/([0-9a-f]{64})/)) made.append(/^[0-9a-f]{64}$/.test(part) ? element('code', part) : part);
  return made;
}

/** @param {File} file */
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

/** @param {string} slot @returns {File | undefined} */
const chosen = (slot) => /** @type {HTMLInputElement} */ (at(slot)).files?.[0];

/** @param {string} slot @param {string} hint @param {boolean} wrong */
function mark(slot, hint, wrong) {
  const label = /** @type {HTMLElement} */ (document.querySelector(`[data-slot=${slot}]`));
  const [name, line] = /** @type {HTMLElement[]} */ ([label.querySelector('.name'), label.querySelector('.hint')]);
  PROMPTS[slot] ??= [name.textContent ?? '', line.textContent ?? ''];
  const file = chosen(slot);
  label.classList.toggle('there', !!file);
  label.classList.toggle('wrong', wrong);
  name.textContent = file ? plain(file.name) : PROMPTS[slot][0];
  line.textContent = hint || (file ? size(BigInt(file.size)) : PROMPTS[slot][1]);
}

/** @param {bigint} bytes */
const size = (bytes) => `${bytes.toLocaleString('en-GB')} ${bytes === 1n ? 'byte' : 'bytes'}`;

let turn = 0;

/** What a slot holds: null for nothing, undefined for what cannot be read, which is told beside it.
 * @template T @param {string} slot @param {(file: File) => Promise<T>} read @returns {Promise<T | null | undefined>} */
async function take(slot, read) {
  const mine = turn, file = chosen(slot);
  mark(slot, '', false);
  if (!file) return null;
  try {
    return await read(file);
  } catch (error) {
    const says = error instanceof RegisterError ? plain(error.message) : 'This file cannot be read; it may be too large for a browser.';
    if (mine === turn) mark(slot, says, true);
    return undefined;
  }
}

/** @type {WeakMap<File, Promise<import('./notes.js').Bytes>>} */
const digests = new WeakMap();

/** The SHA-256 of a file, computed once. @param {File} file */
function digestOf(file) {
  const found = digests.get(file) ?? bytesOf(file).then(sha256);
  digests.set(file, found);
  return found;
}

async function run() {
  const mine = ++turn;
  at('result').hidden = true;
  const receipt = await take('receipt', async (file) => {
    if (file.size > MAX_RECEIPT) throw new RegisterError('This is too large to be a receipt.', 'too_large');
    return parseReceipt(await bytesOf(file));
  });
  const policy = await take('policy', async (file) => {
    if (file.size > MAX_POLICY_FILE) throw new RegisterError('This is too large to be a policy.', 'too_large');
    return Policy.parse(fromUtf8(await bytesOf(file), 'The policy'));
  });
  const digest = await take('file', digestOf);
  if (mine !== turn || !receipt || policy === undefined || digest === undefined) return;
  const verification = await verify(receipt, digest);
  const verdict = await judge(verification, policy);
  if (mine === turn) show(verification, verdict);
}

/** @param {import('./verify.js').Verification} verification @param {import('./verify.js').Verdict} verdict */
function titleOf({ steps, kind }, { state }) {
  if (state === 'unsound' && steps[0].reason === 'mismatch') return 'This is not the file of the receipt';
  if (state !== 'trusted' || steps[0].ok) return VERDICTS[state][2];
  return kind === 'claim' ? 'A claim was recorded; no file was compared' : 'A claim was declared forgotten';
}

/** A step as the policy decides it: witnesses are for it to say.
 * @param {import('./verify.js').Step} step @param {import('./verify.js').Verdict} verdict */
function decided(step, { state, says, reason, witnesses }) {
  if (step.name !== 'cosignatures') return step;
  if (state === 'refused' && reason === 'quorum') return { ...step, ok: false, says };
  if (state !== 'trusted' || !witnesses.length) return step;
  return { ...step, ok: true, says: `The policy counts ${witnesses.map((witness) => witness.name).join(', ')}: that is enough for it.` };
}

/** @param {import('./verify.js').Step} step */
function stepLine({ name, ok, says }) {
  const line = element('li', '', ok ? 'ok' : ok === false ? 'no' : 'none');
  line.dataset.step = name;
  const what = element('span', STEPS[name], 'what');
  what.append(element('span', ok ? 'holds' : ok === false ? 'does not hold' : OPEN[name], 'word'));
  const sign = element('span', ok ? '\u2713' : ok === false ? '\u2715' : '\u2013', 'sign');
  sign.setAttribute('aria-hidden', 'true');
  line.append(sign, what, sentence(says));
  return line;
}

/** @param {import('./policy.js').Witnessed} witness */
function witnessLine({ name, key, time }) {
  const line = element('li', '');
  const when = time && time <= LAST_TIME ? `saw it by ${written(time)}, by its own clock` : 'gives no time';
  const strength = key.kind === MLDSA44 ? 'ML-DSA-44' : 'Ed25519';
  line.append(element('b', plain(name)), when, element('span', `${plain(key.name)} · ${strength} · ${key.keyId}`, 'key'));
  return line;
}

/** @param {import('./verify.js').Verification} verification @param {import('./verify.js').Verdict} verdict */
function show(verification, verdict) {
  const [kind, state] = VERDICTS[verdict.state];
  at('verdict').className = `verdict ${kind}`;
  at('verdict').dataset.state = verdict.state;
  at('state').textContent = state;
  at('title').textContent = titleOf(verification, verdict);
  at('says').replaceChildren(sentence(verdict.says.replace(/^(This receipt proves nothing here|The policy does not accept this receipt)\. /, '')));
  at('facts').replaceChildren(...facts(verification));
  at('steps').replaceChildren(...verification.steps.map((step) => stepLine(decided(step, verdict))));
  at('witnesses-part').hidden = !verdict.witnesses.length;
  at('witnesses').replaceChildren(...verdict.witnesses.map(witnessLine));
  at('result').hidden = false;
}

/** @param {import('./verify.js').Verification} verification */
function facts({ kind, index, checkpoint, submitter, claimed, log, forgets }) {
  /** @param {string} name @param {string} value @param {string} [style] */
  const fact = (name, value, style) => {
    const made = element('div', '', style);
    made.append(element('dt', name), element('dd', plain(value)));
    return made;
  };
  return [
    fact('Kind', kind === 'claim' ? 'Claim' : 'Tombstone'), fact('Entry', `${index} of ${checkpoint.size}`),
    ...(claimed ? [fact('Media type', claimed.mediaType), fact('Size', size(claimed.size))] : []),
    fact('Log', checkpoint.origin, 'wide'),
    ...(claimed ? [fact('SHA-256 of the file', claimed.digest, 'wide mono')] : []),
    ...(forgets ? [fact('Leaf hash of the claim that is forgotten', forgets, 'wide mono')] : []),
    fact("SHA-256 of the submitter's key", submitter, 'wide mono'),
    fact('Log key that the receipt names', `${log.keyId} · ${hex(log.public).slice(0, 64)}`, 'wide mono'),
  ];
}

for (const label of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.drop'))) {
  const input = /** @type {HTMLInputElement} */ (label.querySelector('input'));
  input.addEventListener('change', run);
  for (const name of ['dragenter', 'dragover']) label.addEventListener(name, (event) => {
    event.preventDefault();
    label.classList.add('over');
  });
  for (const name of ['dragleave', 'drop']) label.addEventListener(name, () => label.classList.remove('over'));
  label.addEventListener('drop', (event) => {
    event.preventDefault();
    const files = /** @type {DragEvent} */ (event).dataTransfer?.files;
    if (!files?.length) return;
    input.files = files;
    run();
  });
}
for (const name of ['dragover', 'drop']) window.addEventListener(name, (event) => event.preventDefault());
document.documentElement.dataset.ready = 'true';
