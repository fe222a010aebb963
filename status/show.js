/* show: figures as tiles, tables and sentences. */
import { byId, make, setText, visible, fillTable, fillFacts, count, bytes, time } from './dom.js';

const PROGRAMS = { fcgi: 'pollux.fcgi', wsd: 'pollux-wsd', linkd: 'pollux-linkd', tool: 'pollux' };

const number = (title) => ({ title, number: true });
const nameOf = (ns) => ns || '(default)';
const rate = (n) => (n === undefined ? '' : n < 10 ? n.toFixed(1) : count(n));

function showWarnings(warnings) {
  const list = byId('warning-list');
  const key = JSON.stringify(warnings);
  byId('warnings').hidden = warnings.length === 0;
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(...warnings.map(({ grave, text, remedy }) =>
    make('li', { class: grave ? 'grave' : 'note' }, make('strong', {}, text), ' ', remedy)));
}

function showTiles(f, rates, sessions) {
  const budgets = f.places.filter(({ limit }) => limit > 0);
  fillFacts(byId('tiles'), [
    ['Sessions', count(sessions)],
    ['Users', count(f.users)],
    ['Rooms', count(f.rooms)],
    ['New/s', rates ? rate(rates.handshakes) : '–'],
    ['Messages in/s', rates ? rate(rates.in) : '–'],
    ['Messages out/s', rates ? rate(rates.out) : '–'],
    ...budgets.map(({ taken, limit }) => ['Budget of held requests', `${count(taken)} of ${count(limit)}`]),
    ['Memory', bytes(f.processes.reduce((sum, { memory }) => sum + Math.max(0, memory), 0))],
    ...(f.hook ? [['Hook queue', count(f.hook.events)]] : [])
  ]);
}

function showTransports(f) {
  const rows = Object.entries(f.sessions).filter(([, n]) => n > 0).map(([name, n]) => [name, count(n)]);
  if (f.new > 0) rows.push(['none yet', count(f.new)]);
  if (f.counters.refused > 0) rows.push(['refused, in all', count(f.counters.refused)]);
  if (f.viewers > 0) rows.push(['of these, status pages', count(f.viewers)]);
  fillTable(byId('transports'), [{ title: 'Transport' }, number('Sessions')], rows);
}

/* Without a budget nobody counts places; of pollux.fcgi all that it holds are such requests. */
function held(f, { kind, taken, limit }) {
  if (limit > 0) return count(taken);
  if (kind !== 'fcgi') return '–';
  return count(f.processes.filter((p) => p.kind === kind).reduce((sum, p) => sum + p.held, 0));
}

function showPlaces(f) {
  fillTable(byId('polls'), [{ title: 'Where' }, number('Held'), number('Budget'), number('Refused')],
    f.places.map((place) => [
      PROGRAMS[place.kind], held(f, place), place.limit ? count(place.limit) : 'no limit', count(place.refused)
    ]).concat(f.waiting ? [['clients that wait', count(f.waiting), '', '']] : []));
}

function showHook({ hook, counters }, rates) {
  for (const id of ['hook-section', 'plot-queue-figure', 'plot-hook-figure']) byId(id).hidden = !hook;
  if (!hook) return;
  fillFacts(byId('hook'), [
    ['Events that wait', `${count(hook.events)} of ${count(hook.most)}`],
    ['Their size', `${bytes(hook.bytes)} of ${bytes(hook.most_bytes)}`],
    ['A request takes', rates && rates.hookMs !== null ? `${rates.hookMs.toFixed(1)} ms` : '–'],
    ['Requests that failed', count(counters.hook_failed)],
    ['Clients slowed for it', count(hook.slowed)],
    ['Events given up', count(hook.dead)]
  ]);
}

function showStore({ store, awaited, memberships, counters }, rates) {
  fillFacts(byId('store'), [
    ['Database', bytes(store.bytes)],
    ['Its write-ahead log', bytes(store.wal)],
    ['Log of messages', `${bytes(store.log_bytes)} of ${bytes(store.log_most)}`],
    ['Messages in it', count(store.log)],
    ['Messages ever', count(store.appended)],
    ['Not read by all processes', count(store.unread)],
    ['Commits/s', rates ? rate(rates.commits) : '–'],
    ['Waits for the lock', `${count(counters.lock_waits)}, ${(counters.lock_us / 1e6).toFixed(1)} s in all`],
    ...(store.mail > 0 ? [['Kept for users who are away', `${count(store.mail)}, ${bytes(store.mail_bytes)}`]] : []),
    ['Memberships of rooms', count(memberships)],
    ['Answers awaited', count(awaited)]
  ]);
}

function showProcesses(f, rates) {
  fillTable(byId('processes'), [
    { title: 'Program' }, number('Pid'), { title: 'Version' }, number('Sessions held'),
    number('In/s'), number('Out/s'), number('Memory')
  ], f.processes.map(({ pid, kind, version, held, memory }) => {
    const of = (rates && rates.of[pid]) || {};
    return [PROGRAMS[kind] || kind, pid, version, count(held), rate(of.in), rate(of.out), bytes(memory)];
  }));
}

function showNodes(f) {
  byId('nodes-section').hidden = !f.nodes;
  if (!f.nodes) return;
  fillTable(byId('nodes'), [
    { title: 'Node' }, { title: 'State' }, { title: 'Version' }, number('Sessions'), number('In/s'),
    number('Out/s'), number('Queued'), number('Behind')
  ], f.nodes.map((n) => [
    n.here ? `${n.name} (this one)` : n.name,
    n.here ? `link ${f.link}` : n.lives ? `for ${time(n.since)}` : `lost ${time(n.since)} ago`,
    n.version, count(n.sessions), count(n.received), count(n.sent), count(n.queued), `${count(n.behind)} ms`
  ]));
}

export function showFigures(f, rates) {
  const sessions = Object.values(f.sessions).reduce((a, b) => a + b, 0) - f.viewers;
  setText(byId('node'), f.node);
  document.title = `${count(sessions)} sessions – Pollux ${f.node}`;
  showWarnings(f.warnings);
  showTiles(f, rates, sessions);
  showTransports(f);
  fillTable(byId('namespaces'), [{ title: 'Namespace' }, number('Sessions')],
    f.namespaces.map(({ ns, sessions: n }) => [nameOf(ns), count(n)]));
  fillTable(byId('rooms'), [{ title: 'Room' }, { title: 'Namespace' }, number('Sessions')],
    f.largest.map(({ ns, room, sessions: n }) => [room, nameOf(ns), count(n)]));
  showPlaces(f);
  showHook(f, rates);
  showStore(f, rates);
  showProcesses(f, rates);
  showNodes(f);
}

export function showLog({ lines, reason }) {
  const log = byId('log');
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  byId('log-reason').hidden = !reason;
  setText(byId('log-reason'), reason || '');
  log.hidden = !lines;
  setText(log, (lines || []).map(visible).join('\n'));
  if (atEnd) log.scrollTop = log.scrollHeight;
}
