/* pollux doctor: each way in which a host keeps clients from being served has its sentence, and a
 * healthy host has none. */
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { useServer, pollux, KIND, NODES } = require('../lib/suite');
const { Account, B } = require('../lib/account');
const { Daemon, makeFolder, killAll, buildProgram } = require('../lib/daemon');
const { Doctor, examine, assertFinding, stub } = require('../lib/doctor');
const { request, closeAll } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { Polling } = require('../lib/polling');
const { recipe } = require('../lib/recipe');
const { within, until, deferred } = require('../lib/wait');

const server = useServer();
const folder = makeFolder();
const RUN_ON = 'apache';
const QUICK = ['--wait', '1', '--polls', '2'];
const opened = [];

after(async () => {
  closeAll();
  killAll();
  await Promise.all(opened.map((each) => each.close()));
  fs.rmSync(folder, { recursive: true });
});

/* These start their own servers, or none: once is enough, whatever SERVER is. */
function once(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  const { users } = options;
  pollux(name, {
    skip: (KIND !== RUN_ON || NODES > 0) && `run with SERVER=${RUN_ON}` ||
      (users && process.getuid() !== 0 && 'needs root, to make users')
  }, body);
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

/* --- an account with .htaccess ----------------------------------------------------------------- */

const OPTIONS = 'Options +ExecCGI -MultiViews\n';
/* As a person writes it who has read no manual: nothing protects the program, or the configuration. */
const RULES = `
<Files "pollux*.fcgi">
	SetHandler fcgid-script
</Files>
RewriteEngine On
RewriteCond "%{REQUEST_METHOD}" "=GET"
RewriteCond "%{QUERY_STRING}" "!disconnect"
RewriteRule "^socket\\.io/1/+(xhr-polling|jsonp-polling|htmlfile)/." "pollux.fcgi" [L]
RewriteRule "^socket\\.io(/|$)" "pollux-post.fcgi" [L]
`;
const HIDDEN = 'RewriteRule "^pollux\\.conf$" "-" [F]\n';
const WORDPRESS = `
# BEGIN WordPress
RewriteEngine On
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule . /index.php [L]
# END WordPress
`;

/* An account with Pollux in it; what differs from a good one is in `options`. */
async function account({ htaccess = OPTIONS + RULES, conf = '', post = 'link', ...options } = {}) {
  const site = await Account.open(options);
  opened.push(site);
  site.write('.htaccess', htaccess);
  site.write('index.html', 'a page\n');
  site.write('pollux.conf', `[store]\ndata = ${site.data}\n${conf}`);
  site.copy('pollux.fcgi', 'pollux.fcgi');
  if (post === 'link') fs.linkSync(path.join(site.www, 'pollux.fcgi'), path.join(site.www, 'pollux-post.fcgi'));
  if (post === 'symlink') site.link('pollux-post.fcgi', 'pollux.fcgi');
  await site.serve();
  site.url = `http://127.0.0.1:${site.port}/`;
  site.conf = path.join(site.www, 'pollux.conf');
  return site;
}

once('without mod_fcgid the program itself is sent', async () => {
  const { url } = await account({ without: ['fcgid'] });
  const said = await examine(url, QUICK);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /sends the program pollux\.fcgi as a file/, /mod_fcgid is not loaded/);
});

once('ExecCGI is off: 403', async () => {
  const said = await examine((await account({ htaccess: RULES })).url, QUICK);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /answers 403/, /Options \+ExecCGI/);
});

once('AllowOverride None: the rules are not read, and everybody reads the configuration', async () => {
  const said = await examine((await account({ override: 'None' })).url, QUICK);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /answers 404, .*the rules in \.htaccess are not read/, /AllowOverride None/);
  assertFinding(said, 'exposed', 'bad', /Everybody can read \/pollux\.conf/, /\.htpollux\.conf/);
});

once('Options is not allowed: the whole site answers 500', async () => {
  const said = await examine((await account({ override: 'FileInfo' })).url, QUICK);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /The whole site answers 500/, /AllowOverride FileInfo Options=ExecCGI/);
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

once('a symbolic link under suEXEC: seen from outside, and by name from inside', { users: true }, async () => {
  const site = await account({ suexec: true, post: 'symlink' });
  const said = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /pollux\.fcgi runs, but the handshake, which is for pollux-post\.fcgi, answers 500/, /ln -f pollux\.fcgi pollux-post\.fcgi/);
  assert.ok(said.findings.some(({ id, verdict, sentence }) => id === 'program' && verdict === 'bad' &&
    /pollux-post\.fcgi is a symbolic link, which suEXEC refuses/.test(sentence)), said.all);
});

once('suEXEC, and all is well: whose the processes are', { users: true }, async () => {
  const site = await account({ suexec: true, htaccess: OPTIONS + RULES + HIDDEN });
  const said = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(said.status, 0, said.all);
  assertFinding(said, 'suexec', 'good', new RegExp(`runs as ${site.user.name}, whose the folder is`));
  assertFinding(said, 'folder', 'note', new RegExp(`belongs to ${site.user.name} \\(755\\)`), /chmod o=/);
});

once('without suEXEC: a data folder that programs cannot write', { users: true }, async () => {
  const site = await account({ suexec: false, htaccess: OPTIONS + RULES + HIDDEN });
  fs.chmodSync(site.data, 0o755);
  const said = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /answers 500: the web server cannot start the program, or the program ends at once|Pollux cannot start: .*data/);
  assertFinding(said, 'folder', 'bad', /belongs to \S+ \(755\), and the web server runs as \S+: without suEXEC/, /chmod 1777/);
  /* what it says to do helps */
  fs.rmSync(site.data, { recursive: true });
  fs.mkdirSync(site.data);
  fs.chmodSync(site.data, 0o1777);
  site.write('pollux.conf', `[store]\ndata = ${site.data}/data\n`);
  const again = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(again.status, 0, again.all);
  assertFinding(again, 'suexec', 'good', new RegExp(`runs as ${site.server.name}; .* no suEXEC`));
});

once('WordPress comes first', { users: true }, async () => {
  const site = await account({ suexec: true, php: true, htaccess: OPTIONS + WORDPRESS + RULES });
  site.write('index.php', '<?php http_response_code(404); ?><link href="/wp-content/themes/x.css">Page not found');
  const missing = await examine(site.url, QUICK);
  assertFinding(missing, 'serve', 'bad', /WordPress answers the handshake, with 404/, /before the line\n# BEGIN WordPress/);
  site.write('index.php', '<?php header("X-Redirect-By: WordPress"); header("Location: /socket-io/", true, 301);');
  const moved = await examine(site.url, QUICK);
  assert.strictEqual(moved.status, 69);
  assertFinding(moved, 'serve', 'bad', /redirected \(301\) to .*\/socket-io\//, /before the line\n# BEGIN WordPress/);
});

once('mod_fcgid collects what a stream sends, and refuses large bodies', async () => {
  const site = await account({ conf: '[fcgi]\nstreaming = yes\n' });
  const said = await examine(site.url, QUICK);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'stream', 'bad', /collects the pieces of a stream/, /streaming = no/);
  assertFinding(said, 'body', 'note', /^A POST of 128 kB was taken; a larger one was refused by the web server/, /body_bytes = 128k/);
  assert.match(said.configuration, /\[limits\]\nbody_bytes = 128k\n/);
  assert.match(said.configuration, /\[fcgi\]\nstreaming = no\n/);
});

once('the processes of an account are few: how many polls it can hold', { users: true }, async () => {
  const site = await account({ suexec: true, limits: { FcgidMaxProcesses: 6 } });
  const said = await examine(site.url, ['--wait', '1', '--polls', '12']);
  assertFinding(said, 'polls', 'note', /^With [45] polls held, one more visitor was not served/, /max_held_polls = 3/);
  assert.match(said.configuration, /\[fcgi\]\nmax_held_polls = 3\n/);
});

once('websockets are offered, and the web server does not pass them on', async () => {
  const site = await account({ conf: '[wsd]\nreachable = yes\n' });
  await site.daemon(`[store]\ndata = ${site.data}\n[wsd]\nlisten = 127.0.0.1:${site.wsdPort}\n`);
  const said = await examine(site.url, [...QUICK, '--wsd', String(site.wsdPort)]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'websocket', 'bad', /does not pass websockets on \(\d+\), but Pollux offers them/, /reachable = no[^]*RewriteRule .*127\.0\.0\.1:\d+\/socket\.io/);
  assertFinding(said, 'direct', 'good', /pollux-wsd serves websockets at port/);
  assert.match(said.configuration, /\[wsd\]\nreachable = no\n/);
});

/* --- in front of a daemon ---------------------------------------------------------------------- */

const PROXY = (site) => `RewriteEngine On
RewriteRule "^socket\\.io(/[\\w./+-]*)?$" "http://127.0.0.1:${site.wsdPort}/socket.io$1" [P]
`;

async function proxied({ wsd = '', ...options }) {
  const site = await Account.open({ proxy: true, ...options });
  opened.push(site);
  site.write('.htaccess', PROXY(site));
  await site.serve();
  site.wsdConf = path.join(site.folder, 'wsd.conf');
  await site.daemon(`[store]\ndata = ${site.data}\n[wsd]\nlisten = 127.0.0.1:${site.wsdPort}\n${wsd}`);
  site.url = `http${options.tls ? 's' : ''}://localhost:${site.port}/`;
  return site;
}

once('the web server cuts polls after two seconds', async () => {
  const { url, wsdPort } = await proxied({ conf: 'ProxyTimeout 2' });
  const said = await examine(url, ['--wait', '30', '--polls', '2', '--wsd', String(wsdPort)]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'hold', 'bad', /^A poll was cut after \d\.\d s by the web server: 50\d/, /ProxyTimeout[^]*polling_duration = 1/);
  assert.match(said.configuration, /\[protocol\]\npolling_duration = 1\n/);
});

once('a certificate that browsers refuse, and one that they accept', async () => {
  const site = await proxied({ tls: true });
  const said = await examine(site.url, [...QUICK, '--wsd', String(site.wsdPort), '-c', site.wsdConf]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'tls', 'bad', /Browsers refuse the certificate.*self.signed/, /Let's Encrypt/);
  assertFinding(said, 'talk', 'good', /came back by the open poll/);
  assertFinding(said, 'forwarded', 'note', /does not know that the site speaks TLS/, /X-Forwarded-Proto/);
  const env = { SSL_CERT_FILE: path.join(site.folder, 'apache/cert.pem.crt') };
  assertFinding(await examine(site.url, QUICK, env), 'tls', 'note', /valid for 1 more days only/);
  assertFinding(await examine(`https://127.0.0.1:${site.port}/`, QUICK, env), 'tls', 'bad', /IP address mismatch/i, /names 127\.0\.0\.1/);
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


/* --- docs/hosting.md --------------------------------------------------------------------------- */

/* Run commands of the document as a person does who has the command `pollux`. */
function shell(commands) {
  const child = spawn('sh', ['-c', commands], { env: { ...process.env, POLLUX_CONF: '', PATH: `${B}:${process.env.PATH}` } });
  const ended = deferred();
  let text = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding('utf8').on('data', (data) => { text += data; });
  child.on('close', (status) => ended.resolve({ status, text }));
  return within(ended.promise, `end of ${commands}`, 120000);
}

once('docs/hosting.md: one question, and then the doctor', { users: true }, async () => {
  const site = await account({ suexec: true, htaccess: OPTIONS + RULES + HIDDEN, conf: '[protocol]\npolling_duration = 4\n' });
  const where = { 'http://www.example.com/': site.url };
  assert.match((await shell(recipe('which-host', where))).text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n[\w-]{20}:60:60:xhr-polling,jsonp-polling$/);
  const [outside, inside] = await Promise.all([
    shell(recipe('doctor', where)),
    shell(recipe('doctor-inside', { ...where, '/home/me/public_html/.htpollux.conf': site.conf }))
  ]);
  for (const { status, text } of [outside, inside]) {
    assert.strictEqual(status, 0, text);
    assert.match(text, /\ngood +hold +A poll was held for ([4-9]|1\d)\.\d s, until Pollux ended it\.\n[^]*\nClients will be served\.\n/);
  }
  assert.match(inside.text, /\ngood +suexec +pollux\.fcgi runs as pollux-test-/);
});
