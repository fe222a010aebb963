/* `pollux events`: what waits for the web hook or could not be delivered, seen and moved by hand. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const http = require('node:http');
const { SECRET, signature } = require('../lib/hook');
const { TRANSPORTS, useHook, open } = require('../lib/hooked');
const { POLLUX } = require('../lib/server');
const { pollux } = require('../lib/suite');
const { until, within } = require('../lib/wait');

const main = useHook();
const [[, Websocket], [, Polling]] = TRANSPORTS;

function command(...args) {
  const { status, stdout, stderr } = spawnSync(POLLUX, ['events', ...args, '-d', main.server.data], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const listed = (...args) => JSON.parse(command('list', '--json', ...args).stdout);

pollux('an event that could not be delivered is listed, shown, sent again and dropped', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  const gone = await open(main, Polling);
  let error = 'no <b>such</b> shop\u001b[31m';
  hook.on = (e) => (e.name === 'order' && error ? { error } : {});
  await client.send('5:::{"name":"order","args":[1.10,"x"]}');
  await gone.send('5:::{"name":"order","args":[2]}');
  await until(() => listed('--dead').length === 2, 'both are dead letters');
  const [one] = listed('--dead').filter((event) => event.session === client.id);
  assert.strictEqual(one.error, 'no <b>such</b> shop?[31m');
  const text = command('list').stdout;
  assert.match(text, new RegExp(`${one.id} +\\S+ +${client.id} dead +/ event order: no <b>such</b> shop\\?\\[31m\n`));
  assert.match(command('show', one.id).stdout, /^evt_\S+ dead, .*\nerror: no .*\n\{.*"args":\[1\.10,"x"\].*\}\n$/);
  /* a session that has ended keeps what is known of it */
  hook.on = () => ({});
  await gone.close();
  await hook.event((e) => e.type === 'disconnect' && e.session === gone.id && e.ns === '');
  error = '';
  assert.deepStrictEqual(command('retry', '--all'), { status: 0, stdout: '2 events\n', stderr: '' });
  const again = await hook.event((e) => e.retry_of === one.id, 'the event again');
  assert.deepStrictEqual([again.name, again.args, again.session, again.time], ['order', [1.1, 'x'], client.id, one.time]);
  assert.notStrictEqual(again.id, one.id);
  await hook.event((e) => e.retry_of && e.session === gone.id, 'that of the session that has gone');
  assert.ok(hook.requests.some(({ body }) => body.includes('"args":[1.10,"x"],"retry_of"')), 'byte for byte');
  await until(() => listed().length === 0, 'nothing is left');

  hook.on = (e) => (e.name === 'order' ? { error: 'again' } : {});
  await client.emit('order', [3]);
  await until(() => listed('--dead').length === 1, 'it is a dead letter');
  const [{ id }] = listed('--dead');
  assert.strictEqual(command('drop', id).stdout, '1 event\n');
  assert.deepStrictEqual(listed(), []);
  const missing = command('retry', id);
  assert.strictEqual(missing.status, 67);
  assert.match(missing.stderr, /there is no such event/);
  assert.match(command('drop', 'evt_x_1').stderr, /not the id of an event of this database/);
  assert.strictEqual(command('drop').status, 64);
  await client.close();
});

pollux('an event that waits is sent at once when a person says so', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  hook.answer = () => ({ raw: true, status: 503, headers: { 'Retry-After': '600' } });
  await client.emit('late', [1]);
  await until(() => listed('--queued').some((event) => event.attempts > 0), 'it waits');
  const [waiting] = listed('--queued');
  assert.strictEqual(waiting.event.name, 'late');
  assert.match(command('list', '--queued').stdout, /queued +\/ event late: 1 attempt failed\n/);
  hook.answer = (request) => hook.resultsOf(request);
  assert.strictEqual(command('retry', waiting.id).status, 0);
  const late = await hook.event((e) => e.name === 'late' && e.session === client.id, 'the event at once');
  assert.strictEqual(late.id, waiting.id);

  hook.answer = () => ({ raw: true, status: 503, headers: { 'Retry-After': '600' } });
  await client.emit('never', [1]);
  await until(() => listed('--queued').some((event) => event.attempts > 0), 'it waits');
  assert.strictEqual(command('drop', '--all', '--queued').stdout, '1 event\n');
  assert.deepStrictEqual(listed(), []);
  hook.answer = (request) => hook.resultsOf(request);
  await client.emit('next', [1]);
  await hook.event((e) => e.name === 'next' && e.session === client.id, 'the next event');
  assert.ok(!hook.events.some((e) => e.name === 'never'));
  await client.close();
});

pollux('all events are moved in several transactions, and one that cannot be read is left', async () => {
  const { hook } = main;
  const client = await open(main, Websocket);
  hook.on = (e) => (e.name === 'lost' ? { error: 'no' } : {});
  await client.emit('lost', [0]);
  await until(() => listed('--dead').length === 1, 'it is a dead letter');
  const sql = (text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', `${main.server.data}/pollux.db`, text], { encoding: 'utf8' });
  sql(`UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'hook_event';
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
    INSERT INTO hook_dead(id, key, ns, ack, time, body, error) SELECT id + i, key, ns, NULL, time,
    replace(replace(body, '"lost"', '"many"'), '[0]', '[' || i || ']'), error FROM hook_dead, n`);
  sql("UPDATE hook_dead SET body = 'x' WHERE id = (SELECT max(id) FROM hook_dead)");
  hook.on = () => ({});
  const { status, stdout, stderr } = command('retry', '--all');
  assert.deepStrictEqual([status, stdout], [65, '700 events\n']);
  assert.match(stderr, /^pollux: evt_\S+: its body cannot be read\n$/);
  await until(() => new Set(hook.events.filter((e) => e.name === 'many').map((e) => e.args[0])).size === 699, 'all have come');
  assert.strictEqual(hook.events.filter((e) => e.name === 'lost' && e.retry_of).length, 1);
  assert.strictEqual(command('drop', '--all').stdout, '1 event\n');
  assert.deepStrictEqual(listed(), []);
  await client.close();
});

/* What `pollux hook test` says of a hook that answers so. */
async function hookTest(answer) {
  const seen = [];
  const hook = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signed } = request.headers;
      const genuine = signed === signature(SECRET, id, time, body) && Math.abs(Date.now() / 1000 - time) < 300;
      const json = JSON.parse(body);
      seen.push(json.hook === 'authorize' ? 'authorize' : (json.events[0] || { type: 'none' }).type);
      const { status = 200, text = '' } = answer(json, genuine);
      response.writeHead(status);
      response.end(text);
    });
  });
  await new Promise((resolve) => { hook.listen(0, '127.0.0.1', resolve); });
  const child = spawn(POLLUX, ['hook', 'test', `http://127.0.0.1:${hook.address().port}/`, '--secret', SECRET, '--json', '-c', '/dev/null']);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
  const status = await within(new Promise((resolve) => { child.on('close', resolve); }), 'the end of the test');
  hook.closeAllConnections();
  await new Promise((resolve) => { hook.close(resolve); });
  return { status, seen, ...JSON.parse(out) };
}

pollux('pollux hook test says what a hook does wrong', async () => {
  const good = await hookTest((json, genuine) => (genuine ? { text: json.hook === 'authorize' ? '{"accept":false}' : '{"results":[]}' } : { status: 401 }));
  assert.deepStrictEqual([good.status, good.ok], [0, true], JSON.stringify(good.findings));
  for (const type of ['authorize', 'connect', 'event', 'message', 'json', 'ack', 'timer', 'tick', 'disconnect', 'user_connect', 'user_disconnect']) {
    assert.ok(good.seen.includes(type), type);
  }
  const bad = (found) => found.findings.filter(({ verdict }) => verdict === 'bad').map(({ id, sentence }) => `${id}: ${sentence}`).join('\n');
  const careless = await hookTest(() => ({}));
  assert.strictEqual(careless.status, 65);
  assert.match(bad(careless), /^forged: .* is answered 200\.\nstale: .* is answered 200\.$/);
  const noisy = await hookTest((json, genuine) => (genuine ? { text: 'Warning: x in y.php\n{}' } : { status: 401 }));
  assert.match(bad(noisy), /^authorize: .* not a JSON object: Warning: x in y\.php\n/);
  const wrong = await hookTest((json, genuine) => (!genuine ? { status: 401 } : {
    text: JSON.stringify({ accept: 1, results: [{ id: (json.events || [{}])[0].id, actions: [{ do: 'fly' }] }] })
  }));
  assert.match(bad(wrong), /^authorize: .*"accept"/);
  assert.match(bad(wrong), /\nconnect: .*action 0: .*"fly" is not an action/);
});
