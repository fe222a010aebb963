/* pollux doctor: each way in which a host keeps clients from being served has its sentence, and a
 * healthy host has none. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux, KIND, NODES } = require('../lib/suite');
const { B } = require('../lib/account');
const { Daemon, makeFolder, killAll, buildProgram } = require('../lib/daemon');
const { Doctor, examine, assertFinding, stub, QUICK } = require('../lib/doctor');
const { request, closeAll } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { Polling } = require('../lib/polling');
const { until } = require('../lib/wait');

const server = useServer();
const folder = makeFolder();
const RUN_ON = 'apache';

after(() => {
  closeAll();
  killAll();
  fs.rmSync(folder, { recursive: true });
});

/* These start their own servers, or none: once is enough, whatever SERVER is. */
function once(name, body) {
  pollux(name, { skip: (KIND !== RUN_ON || NODES > 0) && `run with SERVER=${RUN_ON}` }, body);
}

/* --- a healthy server ------------------------------------------------------------------------- */

pollux('a healthy server is good, from outside and from inside, and asks for little', async () => {
  const said = await examine(`http://127.0.0.1:${server.port}/`,
    [...QUICK, '--wsd', String(server.wsdPort), '--origin', 'http://www.example.com', '-d', server.data]);
  assert.strictEqual(said.status, 0, said.all);
  assertFinding(said, 'serve', 'good', /^Pollux answers the handshake, and offers .*xhr-polling/);
  for (const id of ['talk', 'clock', 'exposed', 'origins', 'stream', 'websocket', 'direct', 'polls', 'hold', 'disk', 'processes', 'forwarded']) {
    assert.strictEqual(said.of(id).verdict, 'good', said.all);
  }
  assertFinding(said, 'processes', 'good', /run, all of version \d/);
  const list = new Doctor(`http://127.0.0.1:${server.port}/`, [...QUICK, '--polls', '0']);
  assert.strictEqual(await list.status(), 0, list.stdout);
  assert.match(list.stdout, /this takes about 6 s, and never more than \d+ s\. {2}It makes up to \d+ sessions\nand ends them/);
  assert.match(list.stdout, /\nClients will be served\.\n\d things could not be tested; each line says why\.\n$/);
});

/* pollux-wsd alone, which serves everything.  `[store] data` is a folder of its own. */
async function alone(name, conf = '', binary = 'pollux-wsd') {
  const [port] = await freePorts(1);
  const file = path.join(folder, `${name}.conf`);
  const data = path.join(folder, name);
  fs.writeFileSync(file, `[store]\ndata = ${data}\n[wsd]\nlisten = 127.0.0.1:${port}\n${conf}`);
  const daemon = new Daemon(binary, ['-c', file]);
  await until(() => request(port, { path: '/' }).catch(() => null), `answer of pollux-wsd: ${daemon.stderr}`);
  return { url: `http://127.0.0.1:${port}/`, port, file, data, daemon };
}

async function sessionsOf(data) {
  const list = new Daemon('pollux', ['sessions', '--json', '-d', data]);
  assert.strictEqual(await list.end(), 0);
  return JSON.parse(list.stdout);
}

once('a poll is held to its end, and visitors see nothing of it', async () => {
  const { url, port, daemon } = await alone('held', '[app]\nmodule = ' + path.join(B, 'apps/echo.so') + '\n[protocol]\npolling_duration = 3\n');
  const visitor = await Polling.open({ port });
  const [said] = await Promise.all([examine(url, ['--wait', '30', '--polls', '8']), visitor.replies('3:::meanwhile')]);
  assertFinding(said, 'hold', 'good', /^A poll was held for [3-9]\.\d s, until Pollux ended it/);
  assertFinding(said, 'polls', 'good', /^8 polls were held at once/);
  assert.deepStrictEqual(await visitor.replies('3:::afterwards'), ['3:::afterwards']);
  await visitor.close();
  assert.strictEqual(await daemon.stop(), 0);
});

once('when it has ended, also by a signal, its sessions have', async () => {
  const { url, data, daemon } = await alone('interrupted');
  const doctor = new Doctor(url, ['--wait', '60', '--polls', '4']);
  await until(() => /\ngood +polls +4 polls were held/.test(doctor.stdout), 'it waits for the end of the long poll');
  assert.ok((await sessionsOf(data)).length > 0);
  doctor.child.kill('SIGINT');
  assert.strictEqual(await doctor.status(), 75);
  assert.match(doctor.stdout, /\nInterrupted: what is missing was not tested\.\n/);
  assert.deepStrictEqual(await sessionsOf(data), []);
  assert.strictEqual((await examine(url, QUICK)).status, 0);
  assert.deepStrictEqual(await sessionsOf(data), []);
  assert.strictEqual(await daemon.stop(), 0);
});

once('the program says itself why it cannot start', async () => {
  const said = await examineStub((rq, response) => response.writeHead(503)
    .end('Pollux cannot start: store /home/me/data: Permission denied\nIt tries again.\n'));
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /^The handshake answers 503: Pollux cannot start: store \/home\/me\/data: Permission denied$/);
});

once('nothing was uploaded: 404', async () => {
  const said = await examineStub((rq, response) => response.writeHead(404).end('Not Found'));
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /answers 404: nobody has told the web server where \/socket\.io leads/, /Is \.htaccess in the folder/);
});

once('plain HTTP at a port for TLS, and TLS at a port for plain HTTP', async () => {
  const { port, close } = await stub((rq, response) => response.end('a page'));
  const said = await examine(`https://127.0.0.1:${port}/`, QUICK);
  close();
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'address', 'bad', /no TLS is spoken there/, /port for https/);
});

once('pages of other origins', async () => {
  const { url, file, daemon } = await alone('origins', '[protocol]\norigins = 127.0.0.1:* good.example:80\n');
  const said = await examine(url,
    [...QUICK, '-c', file, '--origin', 'http://good.example', '--origin', 'http://bad.example:8080']);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'talk', 'good', /came back/);
  const origins = said.findings.filter(({ id }) => id === 'origins');
  assert.deepStrictEqual(origins.map(({ verdict }) => verdict), ['good', 'bad']);
  assert.match(origins[1].change, /Add bad\.example:8080 to \[protocol\] origins/);
  assert.match(said.configuration, /\[protocol\]\norigins = 127\.0\.0\.1:\*,good\.example:80 bad\.example:8080\n/);
  assert.strictEqual(await daemon.stop(), 0);
});

once('it is full, and told the next visitor so', async () => {
  const { url, file, daemon } = await alone('full', '[limits]\nsessions = 8\n');
  const said = await examine(url, ['--wait', '1', '--polls', '16', '-c', file]);
  assertFinding(said, 'polls', 'good', /^\d polls were held at once; then Pollux told the next visitor to come back/);
  assert.strictEqual(await daemon.stop(), 0);
});

/* --- what cannot be had here: stubs ------------------------------------------------------------ */

async function examineStub(answer, args = [], host = '127.0.0.1') {
  const { port, close } = await stub(answer, host);
  try {
    return await examine(`http://${host.includes(':') ? `[${host}]` : host}:${port}/`, [...QUICK, ...args]);
  } finally {
    close();
  }
}

once('another Socket.IO answers', async () => {
  const said = await examineStub((rq, response) => {
    const mine = /[?&]EIO=/.test(rq.url);
    response.writeHead(mine ? 200 : 400, { 'Content-Type': 'application/json' });
    response.end(mine ? '0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000}'
      : '{"code":0,"message":"Transport unknown"}');
  });
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /Another Socket\.IO server, of version 1\.0 or later/, /resource/);
  assert.match(said.configuration, /\[protocol\]\nresource = pollux\n/);
});

once('a server of the era that is not Pollux answers', async () => {
  const said = await examineStub((rq, response) => {
    if (rq.url === '/socket.io/1/') response.end('4d4f185e96a7b3214d4f:60:60:xhr-polling');
    else if (rq.url.includes('/xhr-polling/4d4f')) response.end(rq.method === 'GET' ? '1::' : '1');
    else response.end('Welcome to socket.io.');
  });
  assertFinding(said, 'serve', 'note', /A Socket\.IO 0\.9 server, but not Pollux/);
  assertFinding(said, 'talk', 'bad', /A message was not answered: 50 polls in a row brought something else/);
});

once('the site has moved', async () => {
  const said = await examineStub((rq, response) => {
    response.writeHead(301, { Location: `https://www.example.com${rq.url}` });
    response.end();
  });
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /redirected \(301\) to https:\/\/www\.example\.com\/socket\.io\/1\//, /given that URL[^]*RewriteRule "\^socket\.io/);
});

once('something else answers, whatever is asked, and its control characters reach no terminal', async () => {
  const said = await examineStub((rq, response) => {
    response.writeHead(200, { 'Content-Type': 'text/\xe9html' });
    response.end('<h1>It works!</h1>');
  });
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /not Pollux: 200, text\/\?html, 18 bytes/);
});

once('an answer that never ends is not read to its end, nor are headers', async () => {
  const endless = await examineStub((rq, response) => {
    const more = () => { while (response.write('x'.repeat(16384))); };
    response.on('drain', more);
    more();
  });
  assertFinding(endless, 'serve', 'bad', /not Pollux: 200, , 65536 bytes/);
  const headers = await examineStub((rq) => {
    rq.socket.write('HTTP/1.1 200 OK\r\n');
    const more = () => { while (rq.socket.write('X-More: yes\r\n'.repeat(1000))); };
    rq.socket.on('drain', more);
    more();
  });
  assertFinding(headers, 'serve', 'bad', /The handshake failed: the answer is not HTTP/);
});

once('a password is asked for, a program hangs up, a clock is wrong', async () => {
  const password = await examineStub((rq, response) => {
    response.writeHead(401, { Date: 'Fri, 01 Jan 2010 00:00:00 GMT' });
    response.end();
  });
  assert.strictEqual(password.status, 69);
  assertFinding(password, 'serve', 'unknown', /asks for a password/);
  assertFinding(password, 'clock', 'note', /The server's clock is \d+ s behind this one/, /NTP/);
  const cut = await examineStub((rq) => rq.socket.destroy());
  assertFinding(cut, 'serve', 'bad', /The handshake failed: the connection was closed without an answer/);
  const without = await examineStub((rq, response) => response.writeHead(501).end());
  assertFinding(without, 'serve', 'bad', /answers 501: the web server has not loaded mod_fcgid/, /pollux-wsd/);
  const down = await examineStub((rq, response) => response.writeHead(502).end());
  assertFinding(down, 'serve', 'bad', /answers 502: the web server gets no answer of the program/, /pollux-wsd/);
});

once('by IPv6', async () => {
  const said = await examineStub((rq, response) => response.writeHead(404).end(), [], '::1');
  assertFinding(said, 'serve', 'bad', /answers 404/);
});

once('nobody is there, or there is no such name, or it is no URL', async () => {
  const [port] = await freePorts(1);
  assertFinding(await examine(`http://127.0.0.1:${port}/`), 'address', 'bad', /no connection: Connection refused/, /web server running/);
  assertFinding(await examine('http://no-such-host.invalid/'), 'address', 'bad', /The name no-such-host\.invalid has no address/);
  for (const [words, why] of [
    [['localhost'], /URL/], [['ftp://localhost/'], /http:\/\//], [[], /Usage/], [['http://x/', '--wait', '0'], /--wait/],
    [['http://x/', 'http://y/'], /unexpected/], [['http://x/', '--polls', '65'], /--polls/], [['http://me:secret@x/'], /password/]
  ]) {
    const doctor = new Daemon('pollux', ['doctor', ...words]);
    assert.strictEqual(await doctor.end(), 64, words.join(' '));
    assert.match(doctor.stderr, why);
  }
});

/* --- inside ------------------------------------------------------------------------------------ */

once('programs of another version, or another configuration', async () => {
  const { url, file, data, daemon } = await alone('versions');
  const slots = path.join(data, 'slots');
  const at = fs.readFileSync(slots).indexOf(Buffer.from('0.1\0'));
  assert.ok(at > 0);
  const fd = fs.openSync(slots, 'r+');
  fs.writeSync(fd, '0.0', at);
  fs.closeSync(fd);
  assertFinding(await examine(url, [...QUICK, '-c', file]), 'processes', 'note', /of different versions run: 0\.0, and this command is 0\.1/, /Restart/);
  const other = await alone('other');
  const said = await examine(url, [...QUICK, '-c', other.file]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'forwarded', 'bad', /not in the data folder/, /another configuration/);
  const elsewhere = path.join(folder, 'elsewhere.conf');
  fs.writeFileSync(elsewhere, fs.readFileSync(file, 'utf8') + '[protocol]\nresource = app/socket.io\n');
  assertFinding(await examine(url, [...QUICK, '-c', elsewhere]), 'resource', 'bad', /URL leads to \/socket\.io, and \[protocol\] resource is app\/socket\.io/);
  for (const each of [daemon, other.daemon]) assert.strictEqual(await each.stop(), 0);
});

once('programs with another schema', async () => {
  const { url, file, daemon } = await alone('newer', '', buildProgram('newer/pollux-wsd'));
  const said = await examine(url, [...QUICK, '-c', file]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'processes', 'bad', /another version of Pollux uses it/, /of one version/);
  assert.strictEqual(await daemon.stop(), 0);
});
