/* `make bundle`: folders for an account on somebody's host, uploaded as FTP does it, to Apaches with
 * suEXEC and without; and its programs where nothing of ours is installed. */
'use strict';

const assert = require('node:assert');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { Account, B } = require('../lib/account');
const { ROOT, commandLine } = require('../lib/server');
const { Hook, SECRET } = require('../lib/hook');
const { launch, openWindow } = require('../lib/browser');
const { request, closeAll } = require('../lib/http');
const { whyNoUsers } = require('../lib/testuser');
const { handshake, Polling } = require('../lib/polling');
const { event } = require('../lib/client');
const realclient = require('../lib/realclient');
const { freePorts } = require('../lib/ports');
const { recipe } = require('../lib/recipe');
const { until } = require('../lib/wait');

const RUN_ON = 'apache';
const skip = (KIND !== RUN_ON && `run with SERVER=${RUN_ON}`) || whyNoUsers();
const ECHO = path.join(B, 'apps/echo.so');
const WORDPRESS = `
# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
</IfModule>
# END WordPress
`;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-bundle-'));
const opened = [];

/* Once is enough, whatever SERVER is: these tests start their own Apache. */
function bundle(name, body) {
  test(`wire/bundle: ${name}`, { skip }, body);
}

/* `make check` runs this: its jobserver and its variables are not ours. */
function run(commands, more = {}) {
  const { MAKEFLAGS, MFLAGS, MAKELEVEL, SERVER, ...env } = process.env;
  return spawnSync('bash', ['-ec', commands], { cwd: ROOT, encoding: 'utf8', env: { ...env, B, ...more } });
}

/* Run the commands of docs/hosting.md with more variables on the command line of make, and return the
 * bundle's folder, in place of `out`. */
let made = 0;
function make(commands, more = '') {
  const out = path.join(folder, String(++made));
  const { status, stderr } = run(commands.replace('DIR=out', `DIR=${out} ${more}`));
  assert.strictEqual(status, 0, stderr);
  return out;
}

async function open(options) {
  const account = await Account.open(options);
  opened.push(account);
  return account;
}

/* A command in the folder of the site. */
function asUser(account, ...words) {
  return spawnSync('setpriv', [`--reuid=${account.user.uid}`, `--regid=${account.user.gid}`, '--clear-groups', ...words],
    { encoding: 'utf8', cwd: account.www });
}

/* Run commands of docs/hosting.md as the user of the account, whose home is /home/me there. */
function shell(account, commands) {
  const here = commands.replaceAll('/home/me/public_html', account.www).replaceAll('/home/me', account.folder);
  const { status, stderr } = asUser(account, 'sh', '-ec', here);
  assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: '' });
}

/* Upload a bundle to the site, and do what is to be done there; `below`: a folder of the site. */
function upload(account, bundled, below = '') {
  account.upload(path.join(bundled, 'www'), '');
  fs.mkdirSync(path.join(account.folder, 'pollux-data'));
  account.upload(path.join(bundled, 'pollux-data'), '../pollux-data');
  shell(account, recipe('account-rights', { '/home/me/public_html': path.join(account.www, below) }));
}

function addWordpress(account) {
  fs.appendFileSync(path.join(account.www, '.htaccess'), WORDPRESS);
  account.write('index.php', '<?php echo "WordPress ", $_SERVER["REQUEST_URI"];');
}

async function talkByRealClient(site, transport, options) {
  const socket = await realclient.connected(site, transport, { query: 'user=me', ...options });
  const [who] = await realclient.ask(socket, 'whoami');
  assert.strictEqual(who.transport, transport);
  assert.strictEqual(who.query.user, 'me');
  for (const text of ['h\u00ebllo \u2603', 'again']) {
    const heard = realclient.next(socket, 'message');
    socket.send(text);
    assert.deepStrictEqual((await heard).slice(0, 1), [text]);
  }
  socket.disconnect();
}

after(async () => {
  realclient.closeAll();
  closeAll();
  for (const account of opened) await account.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/* --- what is written ---------------------------------------------------------------------------- */

const out = {}; /* name of a bundle: its folder */
before(() => {
  if (skip) return;
  out.module = make(recipe('bundle'), `APP=${ECHO}`);
  out.whole = make(recipe('bundle-app', { 'my.c': 'apps/echo/echo.c' }));
  out.below = make(recipe('bundle'), 'APP=echo SUBFOLDER=app');
});

bundle('two names of one file, the rest as README.txt lists it', () => {
  const stat = (name) => fs.statSync(path.join(out.module, 'www', name));
  assert.strictEqual(stat('pollux.fcgi').ino, stat('pollux-post.fcgi').ino);
  assert.deepStrictEqual(fs.readdirSync(path.join(out.module, 'www')).sort(),
    ['.htaccess', '.htpollux.conf', 'client', 'echo.so', 'pollux', 'pollux-post.fcgi', 'pollux.fcgi']);
  assert.ok(fs.existsSync(path.join(out.module, 'www/client/socket.io.js')));
  const readme = fs.readFileSync(path.join(out.module, 'README.txt'), 'utf8');
  for (const word of ['755', '700', 'pollux-data', 'glibc 2.', 'libcurl', '/socket.io/1/']) assert.ok(readme.includes(word), word);
  assert.match(fs.readFileSync(path.join(out.whole, 'README.txt'), 'utf8'), /Any Linux for x86-64/);
});

bundle('what it is given wrongly is said in one sentence, and nothing is overwritten', () => {
  const before = fs.readFileSync(path.join(out.module, 'README.txt'), 'utf8');
  for (const [words, sentence] of [
    ['', /^bundle: DIR is missing; make bundle DIR=out writes into the folder out$/],
    [`DIR=${out.module}`, /^bundle: DIR=\S+ is not empty; name a new folder$/],
    [`DIR='${folder}/no/my site'`, /^bundle: DIR=\S+\/my site: only letters, digits and \S.* are possible in the path of the folder$/],
    [`DIR=${folder}/no SUBFOLDER=../up`, /^bundle: SUBFOLDER=..\/up is not the path of a folder below the site's/],
    [`DIR=${folder}/no SUBFOLDER='a b'`, /^bundle: SUBFOLDER=a b is not the path/],
    [`DIR=${folder}/no PROXY=80`, /^bundle: PROXY=80 is not a port from 1024 to 65535$/],
    [`DIR=${folder}/no APP=nothing`, /^bundle: APP=nothing is neither a file that ends in .c or .so, a folder, nor a name in apps\/$/],
    [`DIR=${folder}/no APP=${folder}`, /^bundle: APP=\S+ has no file that ends in .c$/]
  ]) {
    const { status, stderr } = run(`${words} exec tools/bundle`);
    assert.notStrictEqual(status, 0);
    assert.match(stderr.trim(), sentence);
  }
  assert.strictEqual(fs.readFileSync(path.join(out.module, 'README.txt'), 'utf8'), before);
  assert.ok(!fs.existsSync(`${folder}/no`));
});

bundle('an application that is not one is refused, and the same command works when it is right', () => {
  const mine = path.join(folder, 'mine.c'), to = path.join(folder, 'mine');
  const include = '#include <pollux/pollux.h>\n', entry = 'int pollux_app(sio_app *app) { (void)app; return 0; }\n';
  for (const [text, sentence] of [
    [`${include}int pollux_app(sio_app *app) { return mistake; }\n`, /^bundle: the programs could not be built: correct the application in \S+mine\.c$/m],
    [`${include}SIO_APP_ABI\n`, /^bundle: APP=\S+mine\.c has no function pollux_app\(\)$/m],
    [`${include}${entry}`, /^bundle: APP=\S+mine\.c has no line SIO_APP_ABI$/m],
    [`${include}${entry}SIO_APP_ABI\n`, /^$/]
  ]) {
    fs.writeFileSync(mine, text);
    const { stderr } = run(`DIR=${to} APP=${mine} exec tools/bundle`);
    assert.match(stderr.trim(), sentence);
    assert.strictEqual(fs.existsSync(path.join(to, 'www')), stderr === '');
  }
});

/* --- where nothing is installed ----------------------------------------------------------------- */

/* A folder to chroot into, with these files of the machine. */
function root(name, files) {
  const made = path.join(folder, name);
  fs.mkdirSync(path.join(made, 'dev'), { recursive: true });
  for (const file of files) {
    fs.mkdirSync(path.join(made, path.dirname(file)), { recursive: true });
    fs.copyFileSync(file, path.join(made, file));
  }
  return made;
}

/* A file and all libraries that it needs. */
function withLibraries(...files) {
  const all = new Set(files);
  for (const file of files) {
    for (const [, library] of execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)) all.add(library);
  }
  return [...all];
}

/* The bundle's program, serving in a root of its own, behind an Apache that is outside. */
async function serveFrom(where, bundled) {
  fs.cpSync(path.join(bundled, 'www'), path.join(where, 'www'), { recursive: true });
  fs.mkdirSync(path.join(where, 'pollux-data'));
  fs.chmodSync(folder, 0o755);
  const [port] = await freePorts(1);
  const site = await open({
    suexec: false, with: ['proxy', 'proxy_fcgi'], conf: `ProxyPass "/socket.io" "fcgi://127.0.0.1:${port}/"`
  });
  fs.chownSync(path.join(where, 'pollux-data'), ...site.owner());
  site.inRoot = (...command) => spawnSync('chroot', [`--userspec=${site.owner().join(':')}`, where, ...command], { encoding: 'utf8' });
  const program = spawn('chroot', [`--userspec=${site.owner().join(':')}`, where, '/www/pollux.fcgi', '-l', `127.0.0.1:${port}`],
    { stdio: ['ignore', 'ignore', fs.openSync(site.logFile, 'a')] });
  program.exited = new Promise((resolve) => program.on('exit', resolve));
  site.daemons.push(program);
  await site.serve();
  await until(async () => {
    assert.strictEqual(program.exitCode, null, site.log());
    return (await request(site.port, { path: '/socket.io/1/' })).status === 200;
  }, 'the program serves');
  return site;
}

/* Names of users are looked up by a library of the machine, in which a static program would crash. */
function lookUpBadly(where) {
  const library = path.join(where, 'lib/x86_64-linux-gnu/libnss_bad.so.2');
  fs.mkdirSync(path.dirname(library), { recursive: true });
  execFileSync('cc', ['-shared', '-fPIC', '-nostdlib', '-x', 'c', '-', '-o', library],
    { input: 'int _nss_bad_getpwnam_r(void) { __builtin_trap(); }' });
  fs.mkdirSync(path.join(where, 'etc'));
  fs.writeFileSync(path.join(where, 'etc/nsswitch.conf'), 'passwd: bad\n');
  fs.writeFileSync(path.join(where, 'etc/passwd'), 'nobody:x:65534:65534:nobody:/:/bin/false\n');
}

bundle('an application in C: the programs run in an empty root, and have no web hook', async () => {
  const empty = root('empty', []);
  const site = await serveFrom(empty, out.whole);
  await talkByRealClient(site, 'xhr-polling');
  const { status, stdout, stderr } = site.inRoot('/www/pollux', 'stats');
  assert.strictEqual(status, 0, stderr);
  assert.match(stdout, /1 new/);
  lookUpBadly(empty);
  const conf = path.join(empty, 'www/.htpollux.conf');
  const settings = fs.readFileSync(conf, 'utf8');
  const good = spawnSync('chroot', [empty, '/www/pollux', 'config', 'check'], { encoding: 'utf8' });
  assert.strictEqual(good.status, 0, good.stderr);
  for (const [more, sentence] of [
    [`\n[hook]\nurl = http://127.0.0.1:1/\nsecret = ${SECRET}\n`, /\[hook\] url: this program has an application of its own .* and cannot have a web hook/],
    ['\n[app]\nmodule = echo.so\n', /\[app\] module: this program has an application of its own .* remove the line/]
  ]) {
    fs.writeFileSync(conf, settings + more);
    const wrong = site.inRoot('/www/pollux', 'config', 'check');
    assert.notStrictEqual(wrong.status, 0);
    assert.match(wrong.stderr, sentence);
  }
});

const GLIBC = ['/lib64/ld-linux-x86-64.so.2', ...['libc.so.6', 'libm.so.6'].map((name) => `/lib/x86_64-linux-gnu/${name}`)];

bundle('a module: the programs run where there is nothing but glibc, and say what a web hook needs', async () => {
  const glibc = root('glibc', GLIBC);
  const site = await serveFrom(glibc, out.module);
  await talkByRealClient(site, 'xhr-polling');
  const conf = path.join(glibc, 'www/.htpollux.conf');
  const settings = fs.readFileSync(conf, 'utf8').replace(/^module.*/m, '');
  fs.writeFileSync(conf, `${settings}\n[hook]\nurl = http://127.0.0.1:1/\nsecret = ${SECRET}\n`);
  const { status, stderr } = site.inRoot('/www/pollux', 'config', 'check');
  assert.notStrictEqual(status, 0);
  assert.match(stderr, /\[hook\] url: a web hook needs libcurl, which this machine lacks/);
});

bundle('a web hook: the same programs, where there is libcurl', async () => {
  const hook = new Hook();
  await hook.listen();
  after(() => hook.end());
  const hooked = make(recipe('bundle'), `APP=${ECHO}`);
  const conf = path.join(hooked, 'www/.htpollux.conf');
  fs.writeFileSync(conf, `${fs.readFileSync(conf, 'utf8').replace(/^module.*/m, '')}\n[hook]\nurl = ${hook.url}\nsecret = ${SECRET}\n`);
  hook.on = (each) => each.type === 'message' && { ack: undefined };
  const curl = root('curl', withLibraries('/usr/lib/x86_64-linux-gnu/libcurl.so.4', path.join(hooked, 'www/pollux.fcgi'))
    .filter((file) => file.startsWith('/lib') || file.startsWith('/usr/lib')));
  const site = await serveFrom(curl, hooked);
  const client = await Polling.open(site);
  await client.post('3:::to the hook');
  await until(() => hook.events.some((each) => JSON.stringify(each).includes('to the hook')), 'message at the hook');
  await client.close();
});

/* --- on a host with suEXEC ----------------------------------------------------------------------- */

const suexec = {};
before(async () => {
  if (skip) return;
  const site = await open({ suexec: true, mpm: 'prefork', php: true });
  upload(site, out.module);
  addWordpress(site);
  await site.serve();
  Object.setPrototypeOf(suexec, site);
});

/* What suEXEC wrote about programs of this account. */
function suexecLog(account) {
  return fs.readFileSync('/var/log/apache2/suexec.log', 'utf8');
}

/* Processes of this site's program. */
function running(site, name) {
  return site.processes().filter((pid) => commandLine(pid).split(' ')[0].endsWith(name));
}

bundle('suEXEC: the real client talks, beside WordPress', async () => {
  await talkByRealClient(suexec, 'xhr-polling');
  for (const page of ['/', '/2014/05/hello/', '/socket.iofoo']) {
    assert.strictEqual((await request(suexec.port, { path: page })).text, `WordPress ${page}`);
  }
  assert.match((await request(suexec.port, { path: '/socket.io/socket.io.js' })).text, /Socket\.IO/i);
});

bundle('suEXEC: held polls have processes of their own, which belong to the account', async () => {
  const clients = await Promise.all([1, 2, 3].map(() => Polling.open(suexec)));
  for (const client of clients) await client.ask('join', ['three']);
  await clients[0].emit('room', ['three', 'hear']);
  for (const client of clients.slice(1)) await client.expect(event('room', ['three', 'hear']));
  for (const name of ['pollux.fcgi', 'pollux-post.fcgi']) {
    const pids = running(suexec, name);
    assert.ok(pids.length > 0, name);
    for (const pid of pids) assert.strictEqual(fs.statSync(`/proc/${pid}`).uid, suexec.user.uid);
  }
  await Promise.all(clients.map((client) => client.close()));
});

bundle('suEXEC: the connection of a client ends with the answer', async () => {
  const { response } = await handshake(suexec, { headers: { Connection: 'keep-alive' } });
  assert.match(response.header('connection'), /close/);
  const page = await request(suexec.port, { path: '/', headers: { Connection: 'keep-alive' } });
  assert.doesNotMatch(page.header('connection') || '', /close/);
});

bundle('suEXEC: neither the configuration, the application nor the programs are pages', async () => {
  for (const name of ['.htpollux.conf', '.htaccess', 'echo.so', 'pollux']) {
    assert.strictEqual((await request(suexec.port, { path: `/${name}` })).status, 403, name);
  }
  for (const name of ['pollux.fcgi', 'pollux-post.fcgi']) {
    assert.strictEqual((await request(suexec.port, { path: `/${name}` })).status, 404, name);
  }
});

bundle('.htpollux.conf counts before pollux.conf', () => {
  const at = path.join(folder, 'both');
  fs.mkdirSync(at);
  fs.copyFileSync(path.join(out.whole, 'www/pollux'), path.join(at, 'pollux'));
  fs.chmodSync(path.join(at, 'pollux'), 0o755);
  fs.writeFileSync(path.join(at, 'pollux.conf'), '[wrong]\nkey = 1\n');
  const check = () => spawnSync(path.join(at, 'pollux'), ['config', 'check'], { encoding: 'utf8' });
  assert.match(check().stderr, /\/pollux\.conf:2: /);
  fs.writeFileSync(path.join(at, '.htpollux.conf'), '[log]\nlevel = loud\n');
  assert.match(check().stderr, /\/\.htpollux\.conf:2: /);
});

bundle('suEXEC: the command finds the configuration beside itself', async () => {
  const client = await Polling.open(suexec);
  const { status, stdout, stderr } = asUser(suexec, './pollux', 'sessions');
  assert.strictEqual(status, 0, stderr);
  assert.match(stdout, /xhr-polling/);
  await client.close();
});

bundle('suEXEC: a new program by renaming takes over from the next request; writing into the old one fails', async () => {
  const client = await Polling.open(suexec);
  assert.deepStrictEqual(await client.replies('3:::old'), ['3:::old']);
  assert.throws(() => fs.copyFileSync(path.join(out.module, 'www/pollux.fcgi'), path.join(suexec.www, 'pollux.fcgi')), /ETXTBSY/);
  const old = ['pollux.fcgi', 'pollux-post.fcgi'].flatMap((name) => running(suexec, name));
  const uploaded = path.join(suexec.folder, 'out/www');
  fs.mkdirSync(uploaded, { recursive: true });
  suexec.upload(path.join(out.module, 'www'), '../out/www');
  shell(suexec, recipe('account-update'));
  for (let i = 0; i < 5; i++) assert.deepStrictEqual(await client.replies(`3:::${i}`), [`3:::${i}`]);
  for (const name of ['pollux.fcgi', 'pollux-post.fcgi']) {
    assert.ok(running(suexec, name).some((pid) => !old.includes(pid)), name);
  }
  const alive = () => old.filter((pid) => fs.existsSync(`/proc/${pid}`));
  await until(() => alive().length === 0, 'end of the programs of before');
  await client.close();
});

bundle('suEXEC: a setting that was uploaded counts for the next, and no message is lost meanwhile', async () => {
  const client = await Polling.open(suexec);
  const file = path.join(suexec.www, '.htpollux.conf');
  const settings = fs.readFileSync(file, 'utf8');
  for (const seconds of [61, 62, 63]) {
    fs.writeFileSync(file, settings.replace('[protocol]', `[protocol]\nclose_timeout = ${seconds}`));
    for (let i = 0; i < 5; i++) assert.deepStrictEqual(await client.replies(`3:::${seconds} ${i}`), [`3:::${seconds} ${i}`]);
    await until(async () => (await request(suexec.port, { path: '/socket.io/1/' })).text.includes(`:${seconds}:`), 'the setting counts');
  }
  await client.close();
});

bundle('suEXEC: graceful restarts of Apache lose no message', async () => {
  const client = await Polling.open(suexec, { retry: true });
  for (let i = 0; i < 3; i++) {
    const restarted = suexec.graceful();
    for (let k = 0; k < 10; k++) assert.deepStrictEqual(await client.replies(`3:::${i} ${k}`), [`3:::${i} ${k}`]);
    await restarted;
  }
  await client.close();
});

/* --- without suEXEC ------------------------------------------------------------------------------ */

bundle('without suEXEC: the first request says whose the data folder is, then all works', async () => {
  const site = await open({ suexec: false });
  upload(site, out.whole);
  await site.serve();
  const first = await request(site.port, { path: '/socket.io/1/' });
  assert.strictEqual(first.status, 503);
  assert.match(first.text, new RegExp(`^Pollux cannot start: store: .*pollux-data.* belongs to user ${site.user.name}, and we are user ${site.server.name}\n$`));
  /* a poll, which Apache tries with both programs */
  const poll = await request(site.port, { path: '/socket.io/1/xhr-polling/none' });
  assert.match(poll.text, /^Pollux cannot start: /);
  shell(site, recipe('without-suexec'));
  await until(async () => (await request(site.port, { path: '/socket.io/1/' })).status === 200, 'a program that starts');
  await talkByRealClient(site, 'xhr-polling');
  /* the files are the server's: the owner of the folder cannot look into them */
  const { status, stderr } = asUser(site, './pollux', 'stats');
  assert.notStrictEqual(status, 0);
  assert.match(stderr, new RegExp(`belongs to user ${site.server.name}, and we are user ${site.user.name}`));
});

bundle('a mistake in the configuration is told to who asks', async () => {
  const site = await open({ suexec: true });
  upload(site, out.whole);
  fs.appendFileSync(path.join(site.www, '.htpollux.conf'), '\n[server]\nnothing = 1\n');
  await site.serve();
  const { status, text } = await request(site.port, { path: '/socket.io/1/' });
  assert.strictEqual(status, 503);
  assert.match(text, /^Pollux cannot start: \S+\.htpollux\.conf:\d+: unknown key "nothing" in \[server\]/);
});

bundle('a configuration that was forgotten is not found, and the sentence names the folder of a server', async () => {
  const site = await open({ suexec: true });
  upload(site, out.whole);
  fs.rmSync(path.join(site.www, '.htpollux.conf'));
  await site.serve();
  const { status, text } = await request(site.port, { path: '/socket.io/1/' });
  assert.strictEqual(status, 503);
  assert.match(text, /^Pollux cannot start: store: .*\/var\/lib\/pollux/); /* made by whoever installed Pollux on this machine */
});

/* --- other hosts, other places -------------------------------------------------------------------- */

bundle('in a folder of a site that WordPress has', async () => {
  const site = await open({ suexec: true, php: true });
  upload(site, out.below, 'app/');
  addWordpress(site);
  await site.serve();
  await talkByRealClient(site, 'xhr-polling', { options: { resource: 'app/socket.io' } });
  assert.strictEqual((await request(site.port, { path: '/socket.io/1/' })).text, 'WordPress /socket.io/1/');
  assert.strictEqual((await request(site.port, { path: '/app/.htpollux.conf' })).status, 403);
});

bundle('in a folder of the site the pages of the chat and of hello talk', async () => {
  const browser = await launch();
  try {
    for (const [app, pages, sentence] of [['', 'chat', 'connected via xhr-polling'], ['APP=hello', 'hello', 'The server asks: What is your name?']]) {
      const site = await open({ suexec: true });
      upload(site, make(recipe('bundle'), `SUBFOLDER=app ${app}`), 'app/');
      await site.serve();
      const page = await openWindow(browser, `http://127.0.0.1:${site.port}/app/${pages}/`);
      await page.getByText(sentence).waitFor();
      assert.deepStrictEqual(page.complaints, []);
    }
  } finally {
    await browser.close();
  }
});

bundle('publishing comes through, also in a folder of the site', async () => {
  for (const [bundled, below] of [[out.whole, ''], [out.below, 'app/']]) {
    const site = await open({ suexec: true });
    upload(site, bundled, below);
    fs.appendFileSync(path.join(site.www, below, '.htpollux.conf'), '\n[publish]\nenabled = true\n');
    await site.serve();
    const { status, text } = await request(site.port, { path: `/${below}pollux/v1/health` });
    assert.strictEqual(status, 200, text);
    assert.strictEqual((await request(site.port, { path: `/${below}pollux/v1/actions`, method: 'POST', body: '{}' })).status, 401);
    for (const file of ['pollux/status', 'pollux/status/main.js', 'pollux/status/uplot.js', 'pollux/status/socket.io.js', 'pollux/status/me']) {
      assert.strictEqual((await request(site.port, { path: `/${below}${file}` })).status, 200, `${below}${file}`);
    }
  }
});

bundle('a host without mod_fcgid says so, and serves no program', async () => {
  for (const without of [['fcgid'], ['fcgid', 'rewrite']]) {
    const site = await open({ suexec: true, without });
    upload(site, out.module);
    await site.serve();
    for (const name of ['socket.io/1/', 'pollux.fcgi', 'pollux-post.fcgi']) {
      const { status, text } = await request(site.port, { path: `/${name}` });
      assert.strictEqual(status, 501, name);
      assert.strictEqual(text, 'Pollux cannot run here: this web server has not loaded mod_fcgid.');
    }
    for (const name of ['echo.so', 'pollux', '.htpollux.conf']) {
      assert.strictEqual((await request(site.port, { path: `/${name}` })).status, 403, name);
    }
  }
});

bundle('a host that reads no .htaccess does not serve the configuration', async () => {
  const site = await open({ suexec: true, override: 'None' });
  upload(site, out.module);
  await site.serve();
  assert.strictEqual((await request(site.port, { path: '/.htpollux.conf' })).status, 403);
  assert.strictEqual((await request(site.port, { path: '/socket.io/1/' })).status, 404);
});

bundle('suEXEC: what it refuses is 500, and the error log says why', async () => {
  const site = await open({ suexec: true });
  upload(site, out.whole);
  await site.serve();
  const program = path.join(site.www, 'pollux-post.fcgi');
  const status = async () => (await request(site.port, { path: '/socket.io/1/' })).status;
  fs.chmodSync(program, 0o644);
  assert.strictEqual(await status(), 500);
  assert.match(suexecLog(site), /has no execute permission/);
  fs.chmodSync(program, 0o775);
  assert.strictEqual(await status(), 500);
  assert.match(suexecLog(site), /writable by others/);
  fs.rmSync(program);
  fs.symlinkSync('pollux.fcgi', program);
  fs.lchownSync(program, ...site.owner());
  assert.strictEqual(await status(), 500);
  assert.match(suexecLog(site), /cannot stat program/);
  fs.rmSync(program);
  fs.copyFileSync(path.join(site.www, 'pollux.fcgi'), program);
  fs.chmodSync(program, 0o755);
  fs.chownSync(program, ...site.owner());
  await until(async () => await status() === 200, 'the copy serves');
});

bundle('a host that forbids Options: every page is 500, and without that line 403', async () => {
  const site = await open({ suexec: true, override: 'FileInfo' });
  upload(site, out.module);
  site.write('page.html', 'page');
  await site.serve();
  assert.strictEqual((await request(site.port, { path: '/page.html' })).status, 500);
  const file = path.join(site.www, '.htaccess');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^\s*Options.*$/m, ''));
  assert.strictEqual((await request(site.port, { path: '/page.html' })).text, 'page');
  assert.strictEqual((await request(site.port, { path: '/socket.io/1/' })).status, 403);
});

/* --- an account with a daemon ---------------------------------------------------------------------- */

/* An account on a host with these modules, with a bundle for a daemon; start() does as cron. */
async function openProxied(options) {
  const site = await open({ suexec: true, override: 'FileInfo', ...options });
  const bundled = make(recipe('bundle-proxy', { 8081: String(site.wsdPort) }), `APP=${ECHO}`);
  site.upload(path.join(bundled, 'www'), '');
  fs.mkdirSync(path.join(site.folder, 'pollux'));
  site.upload(path.join(bundled, 'pollux'), '../pollux');
  shell(site, recipe('daemon-rights'));
  await site.serve();
  const line = fs.readFileSync(path.join(bundled, 'pollux/crontab'), 'utf8').trim();
  for (const file of [path.join(bundled, 'README.txt'), path.join(ROOT, 'docs/hosting.md')]) {
    assert.ok(fs.readFileSync(file, 'utf8').includes(line), file);
  }
  const command = line.split(' ').slice(5).join(' ');
  site.cron = () => {
    const child = site.run('env', `HOME=${site.folder}`, 'sh', '-c', command);
    site.daemons.push(child);
    return child;
  };
  site.status = async () => (await request(site.port, { path: '/socket.io/1/' })).status;
  site.start = async () => {
    site.cron();
    await until(async () => await site.status() === 200, 'the daemon serves');
  };
  return site;
}

async function endDaemon(site) {
  for (const pid of running(site, 'pollux-wsd')) process.kill(pid, 'SIGTERM');
  await until(() => running(site, 'pollux-wsd').length === 0, 'end of the daemon');
}

bundle('a daemon that cron starts, behind mod_proxy_wstunnel: websocket and polling', async () => {
  const site = await openProxied({ proxy: true });
  assert.strictEqual(await site.status(), 503);
  await site.start();
  /* a minute later it still runs: the second does nothing */
  assert.strictEqual(await site.cron().exited, 1);
  for (const transport of ['websocket', 'xhr-polling']) await talkByRealClient(site, transport);
  assert.strictEqual(fs.readFileSync(path.join(site.folder, 'pollux/cron.log'), 'utf8'), '');
  /* graceful: Apache's processes of before keep the websocket */
  const socket = await realclient.connected(site, 'websocket');
  await realclient.ask(socket, 'whoami');
  await site.graceful();
  assert.strictEqual(await site.status(), 200);
  await realclient.ask(socket, 'whoami');
  /* a new version takes over, and cron's lock stays */
  fs.mkdirSync(path.join(site.folder, 'out/pollux'), { recursive: true });
  fs.copyFileSync(path.join(site.folder, 'pollux/pollux-wsd'), path.join(site.folder, 'out/pollux/pollux-wsd'));
  site.give();
  shell(site, `USER=${site.user.name}\n${recipe('daemon-update')}`);
  await until(() => /all is handed over/.test(fs.readFileSync(path.join(site.folder, 'pollux/wsd.log'), 'utf8')), 'the update');
  await realclient.ask(socket, 'whoami');
  assert.strictEqual(await site.status(), 200);
  assert.strictEqual(await site.cron().exited, 1);
  assert.strictEqual(socket.events.disconnect, 0);
  socket.disconnect();
  await endDaemon(site);
});

bundle('a daemon behind mod_proxy_http alone: websocket too; publishing comes through', async () => {
  const site = await openProxied({ with: ['proxy', 'proxy_http'] });
  fs.appendFileSync(path.join(site.folder, 'pollux/.htpollux.conf'), '\n[publish]\nenabled = true\n');
  await site.start();
  for (const transport of ['websocket', 'xhr-polling']) await talkByRealClient(site, transport);
  for (const path of ['/pollux/v1/health', '/pollux/status', '/pollux/status/main.js']) {
    assert.strictEqual((await request(site.port, { path })).status, 200, path);
  }
  await endDaemon(site);
});

bundle('a daemon on a host without mod_proxy or mod_proxy_http: 403 or 500', async () => {
  for (const [modules, status] of [[[], 403], [['proxy'], 500]]) {
    assert.strictEqual(await (await openProxied({ with: modules })).status(), status);
  }
});
