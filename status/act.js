/* act: what somebody with a key of scope publish may do, and finding sessions. */
import * as api from './api.js';
import { byId, make, setText, fillTable, count, time } from './dom.js';

const LIMIT = 100;

let may = { publish: false };
let onEnded = () => {};

/* Run what a button asks for; say beside it what became of it. */
async function run(result, work) {
  try {
    setText(result, await work());
    result.classList.remove('error');
  } catch (error) {
    if (error instanceof api.NoLogin) return onEnded(error);
    setText(result, error.message);
    result.classList.add('error');
  }
}

/* Ask before something that cannot be undone. */
function ask(text, yes) {
  const dialog = byId('ask');
  setText(byId('ask-text'), text);
  setText(byId('ask-yes'), yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

/* --- sessions ----------------------------------------------------------------------------- */

async function findSessions() {
  const by = byId('find-by').value;
  const name = byId('find-name').value;
  if (by === 'id') return [await api.get(`v1/sessions/${encodeURIComponent(name)}`)];
  const query = new URLSearchParams({ limit: LIMIT });
  if (by === 'ns' || name !== '') query.set(by || 'room', name);
  if (by === '') query.delete('room');
  return (await api.get(`v1/sessions?${query}`)).sessions;
}

async function kick(id) {
  if (!await ask(`End the session ${id}? Its client is told not to come back.`, 'Kick')) return;
  await run(byId('find-result'), async () => {
    await api.post('v1/actions', JSON.stringify({ do: 'disconnect', session: id, reason: 'kicked', strict: true }));
    await showSessions();
    return `${id} has ended.`;
  });
}

function kickButton(id) {
  const button = make('button', { type: 'button', class: 'quiet', 'aria-label': `Kick ${id}` }, 'Kick');
  button.addEventListener('click', () => kick(id));
  return button;
}

async function showSessions() {
  const sessions = await findSessions();
  byId('sessions').hidden = false;
  fillTable(byId('sessions'), [
    { title: 'Public id' }, { title: 'Transport' }, { title: 'User' }, { title: 'Address' },
    { title: 'Age', number: true }, { title: 'Namespaces' }, ...(may.publish ? [{ title: '' }] : [])
  ], sessions.map(({ id, transport, user, address, age, namespaces }) => [
    make('code', {}, id), transport || '–', user ?? '–', address || '–', time(age),
    (namespaces || []).map((ns) => ns || '(default)').join(', '),
    ...(may.publish ? [kickButton(id)] : [])
  ]), { empty: 'no session' });
  return sessions.length === LIMIT ? `The first ${LIMIT}.` : `${count(sessions.length)} found.`;
}

/* --- events ------------------------------------------------------------------------------- */

function target() {
  const to = byId('send-to').value;
  const ns = byId('send-ns').value;
  if (to === 'ns') return { ns };
  return { [to]: byId('send-target').value, ...(ns !== '' && { ns }) };
}

/* The arguments are put in as they were typed: parsed, 1.10 would become 1.1. */
async function sendEvent() {
  const args = byId('send-args').value.trim() || '[]';
  let parsed;
  try {
    parsed = JSON.parse(args);
  } catch {
    parsed = null;
  }
  if (!Array.isArray(parsed)) throw new Error('The arguments are not a JSON array, such as ["hello", 1].');
  const head = JSON.stringify({ do: 'emit', to: target(), name: byId('send-name').value, strict: true });
  const { queued } = await api.post('v1/actions', `${head.slice(0, -1)},"args":${args}}`);
  return queued === 1 ? 'Sent to 1 session.' : `Sent to ${count(queued)} sessions.`;
}

/* --- drain -------------------------------------------------------------------------------- */

async function drain() {
  const rate = Number(byId('drain-rate').value);
  const event = byId('drain-event').value;
  if (!await ask(`End all sessions of this machine, ${rate} a second?`, 'Drain')) return '';
  await api.post('v1/drain', JSON.stringify({ rate, ...(event !== '' && { event }) }));
  return 'This machine is being drained.';
}

async function cancelDrain() {
  await api.remove('v1/drain');
  return 'It is in service again.';
}

/* --- forms -------------------------------------------------------------------------------- */

function onSubmit(form, result, work) {
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    run(byId(result), work);
  });
}

export function beginActions(ended) {
  onEnded = ended;
  onSubmit('find-form', 'find-result', showSessions);
  onSubmit('send-form', 'send-result', sendEvent);
  onSubmit('drain-form', 'drain-result', drain);
  byId('drain-cancel').addEventListener('click', () => run(byId('drain-result'), cancelDrain));
  byId('send-to').addEventListener('change', () => {
    const everybody = byId('send-to').value === 'ns';
    byId('send-target').disabled = everybody;
    byId('send-target').required = !everybody;
  });
}

/* What the key may do; the server checks each request, whatever is shown. */
export function allowActions(me) {
  may = me;
  byId('actions').hidden = !me.publish;
  byId('sessions').hidden = true;
  byId('sessions').replaceChildren();
  for (const id of ['find-result', 'send-result', 'drain-result']) setText(byId(id), '');
}

/* During a drain only the end of it makes sense. */
export function showDrain({ draining }) {
  byId('drain-cancel').hidden = draining === 0;
  setText(byId('drain-start'), draining === 0 ? 'Drain' : 'Change the rate');
}
