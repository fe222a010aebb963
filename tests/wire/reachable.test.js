/* A handshake offers websocket only where one can be opened: pollux-wsd runs, and the web server
 * passes upgrades on to it (PROTOCOL 4.3).  [wsd] reachable = auto probes that. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { test, before, after } = require('node:test');
const { useServer, pollux, KIND } = require('../lib/suite');
const { Account } = require('../lib/account');
const { ROOT } = require('../lib/server');
const { request } = require('../lib/http');
const { handshake, Polling } = require('../lib/polling');
const { Websocket, upgrade } = require('../lib/websocket');
const { until } = require('../lib/wait');

/* `Host: 127.0.0.1`, without a port: then SERVER_PORT is what Apache really listens on */
const offers = async (target, options) => (await handshake(target, options)).transports.includes('websocket');
const offered = (target, options) => until(() => offers(target, options), 'websocket offered');
const notOffered = (target, options) => until(async () => !await offers(target, options), 'websocket not offered');

/* --- the configurations of apache-conf -------------------------------------------------------- */

const auto = useServer({ conf: { wsd: { reachable: 'auto' } } });

pollux('the web server passes upgrades on: websocket is offered, and opens', async () => {
  await offered(auto);
  assert.deepStrictEqual(await (await Websocket.open(auto)).replies('3:::here'), ['3:::here']);
});

pollux('each host name of a site is probed separately', async () => {
  for (const Host of ['one.example', 'two.example', '[::1]']) await offered(auto, { headers: { Host } });
});

pollux('a host name with a port too', async () => {
  await offered(auto, { headers: { Host: `127.0.0.1:${auto.port}` } });
});

pollux('the probe sends an allowed Origin', async () => {
  await offered(auto, { headers: { Host: 'three.example', Origin: 'http://page.example' } });
});

pollux('a client cannot make the server probe a port of its choice', async () => {
  let knocks = 0;
  const door = net.createServer((socket) => { knocks++; socket.destroy(); });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  door.unref();
  const { port } = door.address();
  const forms = [
    { path: '/socket.io/1/', headers: { Host: `127.0.0.1:${port}` } },
    { path: '/socket.io/1/', headers: { Host: `four.example:${port}` } },
    { path: '/socket.io/1/', headers: { Host: `[::1]:${port}` } },
    { path: `http://five.example:${port}/socket.io/1/`, headers: { Host: 'five.example' } }
  ];
  for (const [i, form] of forms.entries()) {
    /* probes are sent one after the other: the one for the form before that for the marker */
    await until(async () => {
      const { status } = await request(auto.port, form);
      assert.ok(status === 200 || (status === 400 && KIND === 'lighttpd'), `status ${status}`);
      return offers(auto, { headers: { Host: `marker${i}.example` } });
    }, 'websocket offered under another name');
  }
  door.close();
  assert.strictEqual(knocks, 0);
});

const never = useServer({ conf: { wsd: { reachable: 'no' } } });

pollux('reachable = no: not through the web server, but at the port of pollux-wsd', async () => {
  assert.strictEqual(await offers(never), false);
  assert.strictEqual(await offers(never, { port: never.wsdPort }), true);
  assert.strictEqual(await offers(never, { port: never.wsdPort, headers: { 'X-Forwarded-For': '192.0.2.1' } }), false);
  assert.deepStrictEqual((await handshake(never)).transports, (await handshake(never, { port: never.wsdPort })).transports
    .filter((name) => !/websocket|flashsocket/.test(name)));
});

/* --- an Apache that does not, one that does, one that does by TLS ----------------------------- */

const RUN_ON = 'apache';
const CONF = path.join(ROOT, 'apache-conf');
const PASS_ON = 'RewriteEngine On\nRewriteCond "%{HTTP:Upgrade}" "=websocket" [NC]\n' +
  'RewriteRule "^socket\\.io(/.*)$" "ws://127.0.0.1:WSD/socket.io$1" [P]\n';
const accounts = [];

function onApache(name, body) {
  test(`wire/reachable: ${name}`, { skip: KIND !== RUN_ON && `run with SERVER=${RUN_ON}` }, body);
}

/* .htaccess hosting, with a pollux-wsd that runs. */
function useAccount({ passOn = false, tls = false } = {}) {
  const site = {};
  before(async () => {
    if (KIND !== RUN_ON) return;
    const account = await Account.open({ proxy: true, tls });
    accounts.push(account);
    account.write('.htaccess', (passOn ? PASS_ON.replace('WSD', account.wsdPort) : '') + fs.readFileSync(path.join(CONF, 'htaccess'), 'utf8'));
    account.settings = `[store]\ndata = ${account.data}\n[app]\nmodule = ${account.www}/echo.so\n[wsd]\nlisten = 127.0.0.1:${account.wsdPort}\n`;
    account.write('pollux.conf', account.settings);
    account.copy('pollux.fcgi', 'pollux.fcgi');
    account.copy('apps/echo.so', 'echo.so');
    account.link('pollux-post.fcgi', 'pollux.fcgi');
    await account.serve();
    Object.setPrototypeOf(site, account);
  });
  return site;
}

after(() => Promise.all(accounts.map((account) => account.close())));

const closed = useAccount();
const open = useAccount({ passOn: true });
const secret = useAccount({ passOn: true, tls: true });

onApache('upgrades come through: websocket is offered as long as pollux-wsd runs', async () => {
  assert.strictEqual(await offers(open), false);
  const daemon = await open.daemon(open.settings);
  await offered(open);
  const websocket = await Websocket.open(open);
  assert.deepStrictEqual(await websocket.replies('3:::here'), ['3:::here']);
  websocket.stop();
  await open.stop(daemon);
  await notOffered(open);
});

onApache('a websocket that comes to pollux.fcgi: without pollux-wsd nothing is said, with it what may be wrong', async () => {
  const said = () => closed.log().match(/websocket is not offered .*/g) || [];
  const headers = { Host: `six.example:${closed.port}` };
  const { sid } = await handshake(closed, { headers });
  const open = async () => assert.strictEqual((await upgrade(closed.port, `/socket.io/1/websocket/${sid}`, { headers })).response.status, 426);
  await open();
  assert.deepStrictEqual(said(), []);
  const daemon = await closed.daemon(closed.settings);
  await until(async () => {
    await open();
    return said().some((line) => /six/.test(line));
  }, 'a word in the log');
  assert.match(said()[0], /^websocket is not offered for 5 minutes to clients of six.example:\d+: .*since the web server passes none on to pollux-wsd, or a proxy /);
  const client = new Polling(closed, sid);
  assert.strictEqual((await client.get()).text, '1::');
  await client.close();
  await closed.stop(daemon);
});

onApache('upgrades do not come through: websocket is not offered, and the log says why', async () => {
  await closed.daemon(closed.settings);
  assert.strictEqual(await offers(closed), false);
  await until(async () => {
    await handshake(closed);
    return /websocket is not offered to clients of 127\.0\.0\.1: .*answers 426; /.test(closed.log());
  }, 'word about it in the log');
  assert.strictEqual(await offers(closed), false);
  assert.strictEqual(await offers(closed, { port: closed.wsdPort }), true);
  const client = await Polling.open(closed);
  assert.deepStrictEqual(await client.replies('3:::by polling'), ['3:::by polling']);
  await client.close();
});

onApache('by TLS', async () => {
  const get = () => new Promise((resolve, reject) => {
    https.get({
      port: secret.port, host: '127.0.0.1', path: '/socket.io/1/', agent: false,
      rejectUnauthorized: false, headers: { Host: 'localhost' }
    }, (response) => {
      let text = '';
      response.on('data', (data) => { text += data; }).on('end', () => resolve(text));
    }).on('error', reject);
  });
  await secret.daemon(secret.settings);
  await until(async () => /websocket/.test(await get()), 'websocket offered by TLS');
});
