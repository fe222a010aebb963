/* As many polls as the host can bear: [fcgi] max_held_polls with mod_fcgid, whose processes hold one
 * each, and [wsd] max_held_requests behind an Apache that passes requests on.  How fast the rest of
 * the site then is: tests/bench, BENCH_ONLY=budget. */
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { Account, B } = require('../lib/account');
const { Connection, closeAll, request, requestBytes } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { handshake } = require('../lib/poster');
const realclient = require('../lib/realclient');
const { ROOT } = require('../lib/server');
const { KIND } = require('../lib/suite');
const { Visitors } = require('../lib/visitors');
const { until } = require('../lib/wait');

const CONF = path.join(ROOT, 'apache-conf');
const RUN_ON = 'apache';
const SECRET = 'who may read the metrics';
const NO_PLACE = /^no-place[\w-]{12}$/;
const opened = [];

/* Once is enough, whatever SERVER is: these tests start their own Apache. */
function budget(name, body) {
  test(`wire/budget: ${name}`, { skip: KIND !== RUN_ON && `run with SERVER=${RUN_ON}` }, body);
}

after(async () => {
  realclient.closeAll();
  closeAll();
  await Promise.all(opened.map((account) => account.close()));
});

/* An account that has nothing but .htaccess; `settings` are more lines of pollux.conf. */
async function openAccount(settings) {
  const account = await Account.open();
  opened.push(account);
  account.write('pollux.conf', `${fs.readFileSync(path.join(CONF, 'htaccess-pollux.conf'), 'utf8')
    .replace('/home/me/pollux-data', account.data).replace('chat.so', 'echo.so')
    .replace(/^folder = client$/m, '')}\n[log]\nfile = ${account.data}/pollux.log\n${settings}`);
  account.write('.htaccess', fs.readFileSync(path.join(CONF, 'htaccess'), 'utf8'));
  account.copy('pollux.fcgi', 'pollux.fcgi');
  fs.linkSync(path.join(account.www, 'pollux.fcgi'), path.join(account.www, 'pollux-post.fcgi'));
  account.copy('apps/echo.so', 'echo.so');
  account.write('page.html', 'a page');
  await account.serve();
  return account;
}

function stats(account) {
  const conf = path.join(account.www, 'pollux.conf');
  return JSON.parse(execFileSync(path.join(B, 'pollux'), ['stats', '--json', '-c', conf], { stdio: ['ignore', 'pipe', 'ignore'] }));
}

/* The first poll of a session that has no place.  Return the text and whether the connection ended. */
async function refusedPoll(account, sid, transport, options) {
  const connection = new Connection(account.port);
  connection.send(requestBytes({ path: `/socket.io/1/${transport}/${sid}?i=3`, ...options }));
  const response = await connection.response();
  assert.strictEqual(response.status, 200);
  await connection.closed();
  return response.text;
}

let site;

budget('visitors beyond max_held_polls wait, and come in when others leave', async () => {
  site = await openAccount('[fcgi]\nmax_held_polls = 3\n');
  const visitors = new Visitors(site, { interval: 300 });
  for (let i = 0; i < 7; i++) visitors.come();
  const began = Date.now();
  const first = await visitors.admitted(3);
  /* until all the others were told, and some were told again */
  await until(() => stats(site).places.fcgi.refused > 4, 'refusals', 60000);
  assert.deepStrictEqual(visitors.inside().map(({ number }) => number), first.map(({ number }) => number));
  assert.strictEqual((await request(site.port, { path: '/page.html' })).text, 'a page');
  await visitors.settled(first);
  /* one that waits asks seldom: told 7:::1+0 each time it would ask 25 times in 5 seconds, then more */
  const asked = visitors.times.handshake.length;
  assert.ok(asked <= 7 * (2 + 2 * (Date.now() - began) / 1000), `${asked} handshakes`);
  visitors.leave(first);
  const second = await visitors.admitted(3);
  assert.strictEqual(second.filter((visitor) => first.includes(visitor)).length, 0);
  await visitors.settled(second);
  assert.deepStrictEqual(visitors.all.map(({ ends }) => ends), visitors.all.map(() => 0), 'sessions were ended');
  /* and the last ones */
  visitors.leave(second);
  await visitors.admitted(1);
  visitors.close();
});

budget('a client without a place: its handshake is 200, its first poll 7:::1+0 and the end of the connection', async () => {
  const clients = await Promise.all([1, 2, 3].map(() => until(async () => {
    const { sid } = await handshake(site);
    return !NO_PLACE.test(sid) && sid;
  }, 'a place').then(async (sid) => {
    const client = new Polling(site, sid);
    assert.strictEqual((await client.get()).text, '1::');
    client.start();
    return client;
  })));
  const headers = (name) => ({ headers: { 'User-Agent': name } });
  const { sid, transports } = await handshake(site, headers('one'));
  assert.match(sid, NO_PLACE);
  assert.deepStrictEqual(transports, ['xhr-polling', 'jsonp-polling']);
  assert.strictEqual(await refusedPoll(site, sid, 'xhr-polling', headers('one')), '7:::1+0');
  assert.strictEqual(await refusedPoll(site, (await handshake(site, headers('two'))).sid, 'jsonp-polling', headers('two')), 'io.j[3]("7:::1+0");');
  for (const [i, client] of clients.entries()) assert.deepStrictEqual(await client.replies(`3:::${i}`), [`3:::${i}`]);
  await Promise.all(clients.map((client) => client.close()));
});

budget('pollux stats and the log tell of it, the log once a minute', async () => {
  const { fcgi, wsd } = stats(site).places;
  assert.strictEqual(fcgi.limit, 3);
  assert.ok(fcgi.taken <= 3 && fcgi.refused > 4, JSON.stringify(fcgi));
  assert.deepStrictEqual(wsd, { taken: 0, limit: 0, refused: 0 });
  const text = execFileSync(path.join(B, 'pollux'), ['stats', '-c', path.join(site.www, 'pollux.conf')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  assert.match(text, /^places +\d of 3 taken at fcgi, \d+ refused; \d+ wait$/m);
  const lines = fs.readFileSync(path.join(site.data, 'pollux.log'), 'utf8').match(/warn: all 3 places .*max_held_polls.*/g);
  assert.ok(lines.length >= 1 && lines.length < 4, `${lines.length} lines`);
});

budget('with mod_fcgid the limit is 16 unless it is set, and a process has one thread', async () => {
  const account = await openAccount('');
  const client = await Polling.open(account);
  assert.deepStrictEqual(await client.replies('3:::x'), ['3:::x']);
  assert.strictEqual(stats(account).places.fcgi.limit, 16);
  const pids = account.processes().filter((pid) => /pollux(-post)?\.fcgi/.test(fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')));
  assert.ok(pids.length >= 2);
  for (const pid of pids) assert.strictEqual(fs.readdirSync(`/proc/${pid}/task`).length, 1);
  await client.close();
});

budget('an Apache that passes requests on: [wsd] max_held_requests', async () => {
  const account = await Account.open({ proxy: true, override: 'FileInfo' });
  opened.push(account);
  account.write('.htaccess', fs.readFileSync(path.join(CONF, 'htaccess-proxy'), 'utf8').replaceAll(':8081', `:${account.wsdPort}`));
  account.copy('apps/echo.so', '../echo.so');
  await account.serve();
  await account.daemon(`
[protocol]
transports = htmlfile, xhr-polling
[store]
data = data
[app]
module = echo.so
[publish]
enabled = true
keys = watch:read:${createHash('sha256').update(SECRET).digest('hex')}
[wsd]
listen = 127.0.0.1:${account.wsdPort}
max_held_requests = 2
`);
  const clients = [await Polling.open(account), await Polling.open(account)];
  const { sid } = await handshake(account);
  assert.match(sid, NO_PLACE);
  assert.strictEqual((await request(account.port, { path: `/socket.io/1/xhr-polling/${sid}` })).text, '7:::1+0');
  const metrics = await request(account.wsdPort, { path: '/pollux/v1/metrics', headers: { Authorization: `Bearer ${SECRET}` } });
  assert.match(metrics.text, /^pollux_places_taken\{kind="wsd"\} 2$/m);
  assert.match(metrics.text, /^pollux_places_limit\{kind="wsd"\} 2$/m);
  assert.match(metrics.text, /^pollux_places_refused_total\{kind="wsd"\} 1$/m);
  for (const client of clients) assert.deepStrictEqual(await client.replies('3:::x'), ['3:::x']);
  await clients[0].close();
  const next = await until(async () => {
    const answer = await request(account.port, { path: '/socket.io/1/', headers: { 'User-Agent': 'another' } });
    const [given] = answer.text.split(':');
    return !NO_PLACE.test(given) && given;
  }, 'a place');
  assert.strictEqual((await request(account.port, { path: `/socket.io/1/xhr-polling/${next}` })).text, '1::');
  await clients[1].close();
});
