/* The launcher of `make run`: its messages, and that it leaves nothing but DATA. */
'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after } = require('node:test');
const { pollux, KIND } = require('../lib/suite');
const { ROOT, POLLUX, prepare, launch, start, processes, leftovers, commandLine } = require('../lib/server');
const { request } = require('../lib/http');
const { Polling } = require('../lib/polling');
const { Websocket } = require('../lib/websocket');
const { freePorts } = require('../lib/ports');
const { refused, assertOneSentence } = require('../lib/refused');
const { until } = require('../lib/wait');

const folders = [];
after(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

async function plan(options) {
  const made = await prepare(options);
  folders.push(made.folder);
  return made;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  pollux(`${signal} ends all of it, also with polls held and websockets open`, async () => {
    const server = await start({});
    folders.push(server.folder);
    assert.match(server.url, new RegExp(`^http://127\\.0\\.0\\.1:${server.port}/$`));
    const poller = await Polling.open(server);
    const websocket = await Websocket.open(server);
    await poller.replies();
    const alive = processes(server.launcherPid);
    assert.ok(alive.length >= 3, 'launcher, web server, pollux-wsd');
    const begin = Date.now();
    const { code } = await server.launcher.stop(signal);
    assert.ok(Date.now() - begin < 8000, `took ${Date.now() - begin} ms`);
    assert.ok(code === 0 || code === (signal === 'SIGINT' ? 130 : 143), `exit status ${code}`);
    poller.stop();
    websocket.stop();
    assert.deepStrictEqual(await leftovers(server, alive), []);
    process.removeAllListeners('exit');
  });
}

/* Watches over programs, which all are this test, without a pause. */
const WATCHER = `. tools/run-lib
pause() { :; }
stop() { :; }
LOG=/dev/null
begin
for slashes in / // /// ////; do name_of[$PPID$slashes]=test; done
watch`;

pollux('no SIGINT is forgotten, whenever it comes', async () => {
  const made = await plan({ command: 'env', args: ['--default-signal=INT', 'bash', '-c', WATCHER] });
  for (let i = 0; i < 300; i++) {
    const watcher = launch(made);
    try {
      await watcher.ready();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4)); /* any moment */
      assert.deepStrictEqual(await watcher.stop('SIGINT'), { code: 0, signal: null }, `number ${i}`);
    } finally {
      watcher.child.kill('SIGKILL');
    }
  }
});

pollux('another resource works, or is refused at once', async () => {
  const server = await start({ conf: { protocol: { resource: '/~me/a_b-1.2/io/' } } });
  folders.push(server.folder);
  const ask = (path) => request(server.port, { path }).then(({ status }) => status);
  assert.strictEqual(await ask('/~me/a_b-1.2/io/1/'), 200);
  assert.strictEqual(await ask('/~me/a_b-1.2/io/socket.io.js'), 200);
  assert.strictEqual(await ask('/~me/a_b-1x2/io/1/'), 404);
  await server.stop();
  for (const resource of ['a+b', 'a$b', "it's", 'a(b)', 'a=b;c']) {
    assertOneSentence(await refused(await plan({ conf: { protocol: { resource } } })), resource.split(';')[0], 'letters, digits');
  }
  for (const resource of ['a"b', 'a b', 'a%20b', 'caf\u00e9']) {
    assertOneSentence(await refused(await plan({ conf: { protocol: { resource } } })), 'extra.conf:', 'is not a URL path');
  }
});

pollux('a second start on the same DATA works', async () => {
  const made = await plan({});
  for (let i = 0; i < 2; i++) {
    const launcher = launch(made);
    await launcher.ready();
    assert.strictEqual((await request(made.port, { path: '/socket.io/1/' })).status, 200);
    await launcher.stop();
    assert.deepStrictEqual(await leftovers(made, []), []);
  }
});

pollux('the log is not for everybody', async () => {
  const made = await plan({});
  const launcher = launch(made);
  await launcher.ready();
  assert.strictEqual(fs.statSync(path.join(made.data, 'pollux.log')).mode & 0o007, 0);
  await launcher.stop();
});

pollux('its own question whether all is well leaves no session behind', async () => {
  const made = await plan({});
  const launcher = launch(made);
  await launcher.ready();
  const { stdout, stderr } = spawnSync(POLLUX, ['sessions', '-j', '-d', made.data], { encoding: 'utf8' });
  assert.deepStrictEqual(JSON.parse(stdout), [], stderr);
  await launcher.stop();
});

pollux('a web hook that is down is named, and may be started later', async () => {
  const [port] = await freePorts(1);
  const made = await plan({ conf: { hook: {
    url: `http://127.0.0.1:${port}/hook`, secret: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz', authorize: 'true'
  } }, app: path.join(ROOT, 'docs') });
  const launcher = launch(made);
  await launcher.ready();
  await until(() => launcher.stderr !== '', 'a word about it');
  assertOneSentence(launcher.stderr.trim(), `run: the hook http://127.0.0.1:${port}/hook: authorize: `, 'clients are refused');
  assert.strictEqual((await request(made.port, { path: '/socket.io/1/' })).status, 500);
  await launcher.stop();
});

pollux('kill -9 of the launcher, then a new start on the same ports and DATA', async () => {
  const made = await plan({});
  const first = launch(made);
  await first.ready();
  const alive = processes(first.pid);
  await first.stop('SIGKILL');
  /* end the survivors as an operator would, before the next launcher */
  for (const { pid } of alive) {
    try { process.kill(pid, 'SIGTERM'); } catch { /* gone with the launcher */ }
  }
  assert.deepStrictEqual((await leftovers(made, alive)).filter((what) => what.startsWith('process')), []);
  const second = launch(made);
  await second.ready();
  assert.strictEqual((await request(made.port, { path: '/socket.io/1/' })).status, 200);
  await second.stop();
});

for (const [which, name] of [['port', 'PORT'], ['wsdPort', 'WSD_PORT'], ['policyPort', 'POLICY_PORT']]) {
  pollux(`a taken ${name} gives one clear sentence`, async () => {
    const made = await plan({});
    const holder = net.createServer();
    await new Promise((resolve) => holder.listen(made[which], '127.0.0.1', resolve));
    try {
      assertOneSentence(await refused(made, [made[which]]), String(made[which]));
    } finally {
      holder.close();
    }
  });
}

for (const [what, text, line] of [
  ['an unknown key', '[protocol]\npolling_duration = 5\nno_such_key = 1\n', 3],
  ['an unknown section', '[protocol]\n\n[nonsense]\na = 1\n', 4],
  ['a value that is no number', '[protocol]\nclose_timeout = soon\n', 2],
  ['a line that is no INI', '[protocol]\npolling_duration = 5\nwhat is this\n', 3]
]) {
  pollux(`a CONF with ${what} gives one sentence with file and line`, async () => {
    const made = await plan({});
    made.confFile = path.join(made.folder, 'extra.conf');
    fs.writeFileSync(made.confFile, text);
    assertOneSentence(await refused(made), made.confFile, String(line));
  });
}

pollux('settings that contradict each other give one sentence', async () => {
  const made = await plan({ conf: { protocol: { polling_duration: 50, close_timeout: 10 } } });
  assertOneSentence(await refused(made), 'polling_duration');
});

pollux('a missing CONF gives one sentence', async () => {
  const made = await plan({});
  made.confFile = path.join(made.folder, 'missing.conf');
  assertOneSentence(await refused(made), made.confFile);
});

pollux('an application that is missing, or not an application, gives one sentence', async () => {
  for (const app of ['/nonexistent/app.so', path.join(ROOT, 'README.md'), 'nosuchapp']) {
    assertOneSentence(await refused(await plan({ app })), app);
  }
});

/* --- a /dev/null that cannot be written to: a folder in its place refuses root too ---------- */

pollux('a /dev/null that cannot be written to gives one sentence', async () => {
  const made = await plan({});
  made.env = { RUN_NULL: made.tmp };
  assertOneSentence(await refused(made), 'cannot write to', made.tmp);
});

pollux('/dev/null becomes unwritable: children that live are not restarted, and all end', async () => {
  const made = await plan({});
  const nothing = path.join(made.tmp, 'null');
  fs.writeFileSync(nothing, '');
  fs.chmodSync(nothing, 0o666);
  made.env = { RUN_NULL: nothing };
  const launcher = launch(made);
  await launcher.ready();
  fs.rmSync(nothing);
  fs.mkdirSync(nothing);
  const alive = processes(launcher.pid);
  const victim = alive.find(({ pid }) => /pollux-policyd/.test(commandLine(pid)));
  process.kill(victim.pid, 'SIGKILL');
  await until(() => /pollux-policyd ended/.test(launcher.stderr), 'the launcher sees the end of a child');
  assert.doesNotMatch(launcher.stderr, /pollux-wsd ended|pollux\.fcgi.* ended/);
  const { code } = await launcher.stop('SIGTERM');
  assert.ok(code !== null);
  fs.rmdirSync(nothing);
  assert.deepStrictEqual(await leftovers(made, alive), []);
});

/* --- web servers ---------------------------------------------------------------------------- */

pollux('a web server that does not start: its worst line is shown, not its last', async () => {
  const kinds = { apache: 'apache2', 'apache-proxy': 'apache2', nginx: 'nginx' };
  for (const [kind, program] of Object.entries(kinds)) {
    const made = await plan({ kind });
    const bin = path.join(made.folder, 'data'); /* leftovers() expects it */
    fs.mkdirSync(bin);
    fs.chmodSync(bin, 0o755);
    fs.writeFileSync(path.join(bin, program), `#!/bin/sh
echo "${program}: [warn] this is not it"
echo "[today] [core:emerg] [pid 1] this is why"
echo "[today] [core:crit] [pid 1] so it ends"
echo "[today] [core:notice] [pid 1] bye"
exit 1
`, { mode: 0o755 });
    made.data = path.join(bin, 'of-the-run');
    made.env = { PATH: `${bin}:${process.env.PATH}` };
    fs.mkdirSync(made.data, { mode: 0o777 });
    fs.chmodSync(made.data, 0o777);
    assertOneSentence(await refused(made), program, 'this is why');
  }
});

/* Words before the launcher: it finds Apache with suEXEC, which is a program of root's with the
 * right to change its user.  Only the launcher and its children see it: --remove-destination, since it may
 * be a link to the program that is installed. */
function withSuexec(made) {
  const copy = path.join(made.folder, 'suexec');
  const prepareMount = `
    mkdir "$0" && cp -a /usr/lib/apache2/. "$0" && cp --remove-destination /bin/true "$0/suexec" &&
    chmod 4755 "$0/suexec" && mount --bind "$0" /usr/lib/apache2 && exec "$@"`;
  return ['unshare', '-m', 'sh', '-c', prepareMount, copy];
}

const canMount = KIND === 'apache' && process.getuid() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

pollux('Apache with suEXEC, started by root, serves', { skip: !canMount && 'needs Apache and root' }, async () => {
  const made = await plan({});
  made.prefix = withSuexec(made);
  const launcher = launch(made);
  await launcher.ready();
  assert.strictEqual((await request(made.port, { path: '/socket.io/1/' })).status, 200);
  const alive = processes(launcher.pid);
  await launcher.stop();
  fs.rmSync(path.join(made.folder, 'suexec'), { recursive: true });
  assert.deepStrictEqual(await leftovers(made, alive), []);
});
