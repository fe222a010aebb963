/* pollux doctor at a shared host: each way in which an account is set up wrongly has its sentence. */
'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after } = require('node:test');
const { pollux, KIND, NODES } = require('../lib/suite');
const { Account, B } = require('../lib/account');
const { examine, assertFinding, QUICK } = require('../lib/doctor');
const { closeAll } = require('../lib/http');
const { freePorts } = require('../lib/ports');
const { recipe } = require('../lib/recipe');
const { within, until, deferred } = require('../lib/wait');

const RUN_ON = 'apache';
const opened = [];

after(async () => {
  closeAll();
  await Promise.all(opened.map((each) => each.close()));
});

/* These start their own Apache: once is enough, whatever SERVER is. */
function once(name, options, body) {
  if (body === undefined) [options, body] = [{}, options];
  const { users } = options;
  pollux(name, {
    skip: (KIND !== RUN_ON || NODES > 0) && `run with SERVER=${RUN_ON}` ||
      (users && process.getuid() !== 0 && 'needs root, to make users')
  }, body);
}

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
async function account({ htaccess = OPTIONS + RULES, conf = '', post = 'link', mode = 0o755, ...options } = {}) {
  const site = await Account.open(options);
  opened.push(site);
  site.write('.htaccess', htaccess);
  site.write('index.html', 'a page\n');
  site.write('pollux.conf', `[store]\ndata = ${site.data}\n${conf}`);
  site.copy('pollux.fcgi', 'pollux.fcgi');
  fs.chmodSync(path.join(site.www, 'pollux.fcgi'), mode);
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

once('a symbolic link under suEXEC: seen from outside, and by name from inside', { users: true }, async () => {
  const site = await account({ suexec: true, post: 'symlink' });
  const said = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'serve', 'bad', /pollux\.fcgi runs, but the handshake, which is for pollux-post\.fcgi, answers 500/, /ln -f pollux\.fcgi pollux-post\.fcgi/);
  assert.ok(said.findings.some(({ id, verdict, sentence }) => id === 'program' && verdict === 'bad' &&
    /pollux-post\.fcgi is a symbolic link, which suEXEC refuses/.test(sentence)), said.all);
  const open = await account({ suexec: true, mode: 0o775 });
  const writable = await examine(open.url, [...QUICK, '-c', open.conf]);
  assertFinding(writable, 'serve', 'bad', /answers 500: the web server cannot start the program/, /suEXEC/);
  assertFinding(writable, 'program', 'bad', /may be written by others, which suEXEC refuses/, /chmod go-w/);
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
  /* a long path is in the snippet as it is */
  const long = path.join(site.data, 'd'.repeat(120));
  fs.mkdirSync(long);
  fs.chownSync(long, site.user.uid, site.user.gid);
  site.write('pollux.conf', `[store]\ndata = ${long}\n`);
  assert.ok((await examine(site.url, [...QUICK, '-c', site.conf])).configuration.includes(`data = ${long}/data\n`));
  /* what it says to do helps */
  fs.rmSync(site.data, { recursive: true });
  fs.mkdirSync(site.data);
  fs.chmodSync(site.data, 0o1777);
  site.write('pollux.conf', `[store]\ndata = ${site.data}/data\n`);
  let again; /* for a while it may go on to say why it could not start */
  await until(async () => {
    again = await examine(site.url, [...QUICK, '-c', site.conf]);
    return again.status === 0;
  }, 'it starts');
  assertFinding(again, 'suexec', 'good', new RegExp(`runs as ${site.server.name}; .* no suEXEC`));
});

once('without suEXEC: a data folder that is open to everybody stays so', { users: true }, async () => {
  const site = await account({ suexec: false, htaccess: OPTIONS + RULES + HIDDEN });
  fs.chmodSync(site.data, 0o1777);
  const said = await examine(site.url, [...QUICK, '-c', site.conf]);
  assert.strictEqual(said.status, 0, said.all);
  assertFinding(said, 'folder', 'note', new RegExp(`belongs to ${site.user.name}, the programs run as ${site.server.name}, without suEXEC`), /^Leave it so: .* ask the host for suEXEC if that matters\.$/);
  fs.chmodSync(site.data, 0o777);
  assertFinding(await examine(site.url, [...QUICK, '-c', site.conf]), 'folder', 'note', /open to everybody \(777\)/, /\n {4}chmod \+t \S+data$/);
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
  assertFinding(said, 'body', 'note', /^A POST of 128 kB was taken; a larger one was refused by the web server/, /Only the host can raise it .*it may be set already.*\n {4}\[limits\] body_bytes = 128k/);
  assert.match(said.configuration, /\[limits\]\nbody_bytes = 128k\n/);
  assert.match(said.configuration, /\[fcgi\]\nstreaming = no\n/);
});

once('the processes of an account are few: how many polls it can hold', { users: true }, async () => {
  const site = await account({ suexec: true, limits: { FcgidMaxProcesses: 8 } });
  const said = await examine(site.url, ['--wait', '1', '--polls', '12']);
  assertFinding(said, 'polls', 'note', /^With [4-7] polls held, one more visitor was not served/, /max_held_polls = [345]\n[^]*It may be more: what others use at the time is taken off/);
  assert.match(said.configuration, /\[fcgi\]\nmax_held_polls = [345]\n/);
});

once('a web server that has its own mind about origins', async () => {
  const site = await account({ with: ['headers'] });
  for (const [line, sentence] of [
    ['Header set Access-Control-Allow-Origin "*"', /two headers Access-Control-Allow-Origin/],
    ['Header always set Access-Control-Allow-Origin "*"', /cannot read the answers: Access-Control-Allow-Origin is \*/],
    ['Header always unset Access-Control-Allow-Origin', /cannot read the answers: Access-Control-Allow-Origin is missing/]
  ]) {
    site.write('.htaccess', `${OPTIONS}${RULES}${line}\n`);
    const said = await examine(site.url, ['--wait', '1', '--polls', '0', '--origin', 'http://www.example.com']);
    assert.strictEqual(said.status, 69);
    assertFinding(said, 'origins', 'bad', sentence, /web server/);
  }
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

async function proxied({ wsd = () => '', ...options }) {
  const site = await Account.open({ proxy: true, ...options });
  opened.push(site);
  site.write('.htaccess', PROXY(site));
  await site.serve();
  site.wsdConf = path.join(site.folder, 'wsd.conf');
  await site.daemon(`[store]\ndata = ${site.data}\n[wsd]\nlisten = 127.0.0.1:${site.wsdPort}\n${wsd(site)}`);
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
  const [port] = await freePorts(1);
  const site = await proxied({
    tls: true, wsd: ({ folder }) => `tls_listen = 127.0.0.1:${port}\ncertificate = ${folder}/apache/cert.pem\n`
  });
  const said = await examine(site.url, [...QUICK, '-c', site.wsdConf]);
  assert.strictEqual(said.status, 69);
  assertFinding(said, 'tls', 'bad', /Browsers refuse the certificate.*self.signed/, /Let's Encrypt/);
  assertFinding(said, 'talk', 'good', /came back by the open poll/);
  assertFinding(said, 'direct', 'good', new RegExp(`at port ${port} itself`));
  assertFinding(said, 'forwarded', 'note', /does not know that the site speaks TLS/, /X-Forwarded-Proto/);
  const env = { SSL_CERT_FILE: path.join(site.folder, 'apache/cert.pem.crt') };
  assertFinding(await examine(site.url, QUICK, env), 'tls', 'note', /valid for 1 more days only/);
  assertFinding(await examine(`https://127.0.0.1:${site.port}/`, QUICK, env), 'tls', 'bad', /IP address mismatch/i, /names 127\.0\.0\.1/);
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
  const site = await account({
    suexec: true, htaccess: OPTIONS + RULES + HIDDEN, conf: '[protocol]\npolling_duration = 4\n', limits: { FcgidMaxProcesses: 28 }
  });
  const where = { 'http://www.example.com/': site.url };
  assert.match((await shell(recipe('which-host', where))).text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n[\w-]{20}:60:60:xhr-polling,jsonp-polling$/);
  const outside = await shell(recipe('doctor', where));
  const inside = await shell(recipe('doctor-inside', { ...where, '/home/me/public_html/.htpollux.conf': site.conf }));
  for (const { status, text } of [outside, inside]) {
    assert.strictEqual(status, 0, text);
    assert.match(text, /\ngood +hold +A poll was held for ([4-9]|1\d)\.\d s, until Pollux ended it\.\n[^]*\nClients will be served\.\n/);
  }
  assert.match(inside.text, /\ngood +suexec +pollux\.fcgi runs as pollux-test-/);
});
