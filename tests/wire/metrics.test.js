/* GET metrics (docs/metrics.md): what happens is counted, each series is documented, and the
 * dashboard shows only series that there are. */
'use strict';

const assert = require('node:assert');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { useHook } = require('../lib/hooked');
const { request } = require('../lib/http');
const { add, parse, valueOf, documented } = require('../lib/metrics');
const { Polling, handshake } = require('../lib/polling');
const { ROOT } = require('../lib/server');
const { pollux, NODES } = require('../lib/suite');
const { until } = require('../lib/wait');
const { Websocket } = require('../lib/websocket');

const KEY = 'who may read';
const HASH = createHash('sha256').update(KEY).digest('hex');
const LINK = /^pollux_link_/;
/* Set by Prometheus itself. */
const ITS_LABELS = ['instance', 'job', 'le'];

const main = useHook({ event_attempts: 1, authorize: 'true' }, {},
  { publish: { enabled: 'true', rate: 1000, keys: `reader:read:${HASH}` } });

async function metrics() {
  const nodes = main.server.nodes.length > 0 ? main.server.nodes : [main.server];
  const headers = { Authorization: `Bearer ${KEY}` };
  const all = await Promise.all(nodes.map(({ wsdPort: port }) => request(port, { path: '/pollux/v1/metrics', headers })));
  return all.map(({ text }) => parse(text)).reduce(add);
}

/* Wait until a series is larger than in `before`, by `n` at least. */
function grown(before, name, labels, n = 1) {
  return until(async () => valueOf(await metrics(), name, labels) >= valueOf(before, name, labels) + n,
    `${name} ${JSON.stringify(labels)} has grown by ${n}`);
}

pollux('packets, bytes, connects and disconnects are counted by transport and reason', async () => {
  for (const [transport, Transport] of [['websocket', Websocket], ['xhr-polling', Polling]]) {
    const before = await metrics();
    const client = await Transport.open(main.server);
    await client.send('3:::twelve bytes');
    await grown(before, 'pollux_traffic_bytes_total', { transport, direction: 'in' }, 16);
    await client.close();
    await grown(before, 'pollux_disconnects_total', { reason: transport === 'websocket' ? 'socket end' : 'booted' });
    await grown(before, 'pollux_handshakes_total', {});
    await grown(before, 'pollux_connects_total', { transport });
    await grown(before, 'pollux_traffic_packets_total', { transport, direction: 'in' });
    await grown(before, 'pollux_traffic_packets_total', { transport, direction: 'out' });
    await grown(before, 'pollux_traffic_bytes_total', { transport, direction: 'out' }, 3);
  }
});

pollux('sessions are counted in their namespaces', async () => {
  const client = await Websocket.open(main.server);
  await client.send('1::/chat');
  assert.strictEqual(await client.take(), '1::/chat');
  const now = await metrics();
  for (const ns of ['default', '/chat']) {
    assert.ok(valueOf(now, 'pollux_namespace_sessions', { ns, transport: 'websocket' }) >= 1, ns);
  }
  await client.close();
});

pollux('what is refused is counted by its reason', async () => {
  const before = await metrics();
  main.hook.authorize = () => ({ accept: false });
  await assert.rejects(handshake(main.server), /handshake unauthorized/);
  main.hook.authorize = () => ({ accept: true });
  assert.strictEqual((await request(main.server.wsdPort, {
    path: '/pollux/v1/metrics', headers: { Authorization: 'Bearer guessed' }
  })).status, 401);
  await grown(before, 'pollux_refusals_total', { reason: 'unauthorized' });
  await grown(before, 'pollux_refusals_total', { reason: 'key' });
});

pollux('requests to the hook are counted with their time, their failures, and the fate of events', async () => {
  const before = await metrics();
  const { hook } = main;
  const client = await Websocket.open(main.server);
  await client.send('3:::one');
  await grown(before, 'pollux_hook_events_total', { fate: 'handled' }, 2);
  hook.answer = ({ events }) => (events.some(({ text }) => text === 'bad') ? 500 : hook.resultsOf({ events }));
  await client.send('3:::bad');
  await grown(before, 'pollux_hook_failures_total', { kind: '5xx' });
  await grown(before, 'pollux_hook_events_total', { fate: 'dead' });
  await until(async () => valueOf(await metrics(), 'pollux_hook_dead_events') >= 1, 'the dead event is there');
  const took = (all, kind) => all.get('pollux_hook_request_seconds').samples
    .find(({ suffix, labels }) => suffix === '_count' && labels.kind === kind).value;
  const now = await metrics();
  for (const kind of ['events', 'authorize']) assert.ok(took(now, kind) > took(before, kind), kind);
  await client.close();
});

pollux('docs/metrics.md has every series that is printed, with its labels, and no other', async () => {
  const client = await Websocket.open(main.server);
  const printed = await metrics();
  const rows = documented();
  const expected = [...rows].filter(([name]) => NODES > 0 || !LINK.test(name)).map(([name]) => name);
  assert.deepStrictEqual([...printed.keys()].sort(), expected.sort());
  for (const { name, type, samples } of printed.values()) {
    assert.strictEqual(rows.get(name).type, type, name);
    for (const { labels } of samples) {
      assert.deepStrictEqual(Object.keys(labels).filter((label) => label !== 'le'), rows.get(name).labels, name);
    }
  }
  await client.close();
});

pollux('docs/metrics.md has the reasons, kinds and fates that are printed, and no others', async () => {
  const printed = await metrics();
  const text = fs.readFileSync(path.join(ROOT, 'docs/metrics.md'), 'utf8');
  const words = (part) => [...part.matchAll(/`([a-z0-9 ]+)`/g)].map(([, word]) => word);
  const values = (name, label) => printed.get(name).samples.map(({ labels }) => labels[label]);
  const row = (name) => text.split('\n').find((line) => line.startsWith(`| \`${name}\``)).split('|')[4];
  const refusals = text.split('| reason | who is refused |')[1].split('\n\n')[0].split('\n').flatMap((line) => words(line.split('|')[1] || ''));
  assert.deepStrictEqual(refusals.sort(), values('pollux_refusals_total', 'reason').sort());
  assert.deepStrictEqual(words(row('pollux_hook_events_total')).sort(), values('pollux_hook_events_total', 'fate').sort());
  assert.deepStrictEqual(words(row('pollux_hook_failures_total')).filter((word) => word !== 'authorize').sort(),
    values('pollux_hook_failures_total', 'kind').sort());
  /* pollux-app(3) has those of disconnects */
  const manual = fs.readFileSync(path.join(ROOT, 'docs/pollux-app.3'), 'utf8');
  const listed = manual.split('The reason of a disconnect, which')[1].split('.El')[0];
  assert.deepStrictEqual([...listed.matchAll(/^\.It (.*)$/gm)].map(([, reason]) => reason).concat('other').sort(),
    values('pollux_disconnects_total', 'reason').sort());
});

/* --- the dashboard -------------------------------------------------------------------------- */

const dashboard = () => JSON.parse(fs.readFileSync(path.join(ROOT, 'docs/grafana/pollux.json'), 'utf8'));
const panels = () => dashboard().panels.filter(({ type }) => type !== 'row');

/* The series in an expression: {name, labels}; and the labels by which it is grouped. */
function seriesOf(expr) {
  const series = [...expr.matchAll(/\b(pollux_\w+)(?:\{([^}]*)\})?/g)].map(([, name, labels = '']) => ({
    name: name.replace(/_(bucket|sum|count)$/, ''), labels: [...labels.matchAll(/(\w+) ?[=!]~?/g)].map(([, label]) => label)
  }));
  const groups = [...expr.matchAll(/\b(?:by|on|group_left) ?\(([^)]*)\)/g)]
    .flatMap(([, list]) => list.split(',').map((label) => label.trim()).filter(Boolean));
  return { series, groups };
}

pollux('each panel of the dashboard shows series, and labels, that there are, and each series is shown', () => {
  const rows = documented();
  const shown = new Set();
  for (const { title, targets } of panels()) {
    assert.ok(targets.length > 0, title);
    for (const { expr, legendFormat = '' } of targets) {
      const { series, groups } = seriesOf(expr);
      assert.ok(series.length > 0, `${title}: ${expr}`);
      const known = new Set(ITS_LABELS);
      for (const { name, labels } of series) {
        assert.ok(rows.has(name), `${title}: ${name}`);
        for (const label of rows.get(name).labels) known.add(label);
        for (const label of labels) assert.ok(known.has(label), `${title}: ${expr}`);
        if (rows.get(name).type === 'counter') assert.match(expr, new RegExp(`(rate|increase)\\(${name}`), title);
        shown.add(name);
      }
      for (const label of groups) assert.ok(known.has(label), `${title}: ${expr}`);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(known.has(label), `${title}: ${legendFormat}`);
    }
  }
  assert.deepStrictEqual([...rows.keys()].filter((name) => !shown.has(name)), []);
});

pollux('the dashboard is one that Grafana imports: panels in a grid, and the data source is chosen', () => {
  const { schemaVersion, title, uid, panels: all, templating, time } = dashboard();
  assert.ok(schemaVersion >= 39 && title === 'Pollux' && uid === 'pollux' && time.from);
  assert.deepStrictEqual(templating.list.map(({ name, type }) => [name, type]),
    [['datasource', 'datasource'], ['instance', 'query']]);
  assert.strictEqual(new Set(all.map(({ id }) => id)).size, all.length);
  const taken = new Set();
  for (const { title: name, gridPos: { x, y, w, h } } of all) {
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, name);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert.ok(!taken.has(`${column} ${line}`), `${name} lies on another panel`);
        taken.add(`${column} ${line}`);
      }
    }
  }
  for (const { title: name, datasource, targets, type } of panels()) {
    assert.ok(['timeseries', 'stat', 'table'].includes(type), name);
    assert.deepStrictEqual(datasource, { type: 'prometheus', uid: '${datasource}' }, name);
    const ids = targets.map(({ refId }) => refId);
    assert.ok(new Set(ids).size === ids.length && ids.every(Boolean), name);
  }
});
