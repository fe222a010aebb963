/* make on a machine that lacks something: git, the npm registry. */
'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { ROOT, prepare, launch, leftovers, processes } = require('../lib/server');
const { request } = require('../lib/http');

const B = path.resolve(ROOT, process.env.B || 'build');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-make-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/* Once is enough, whatever SERVER is. */
function once(name, body) {
  test(`wire/make: ${name}`, { skip: KIND !== 'lighttpd' && 'run with SERVER=lighttpd' }, body);
}

/* `make check` runs this: its jobserver and its variables are not ours. */
function environment(added) {
  const { MAKEFLAGS, MFLAGS, MAKELEVEL, SERVER, ...rest } = process.env;
  return { ...rest, ...added };
}

/* A folder with links to everything in `from`, except for what is named. */
function linked(to, from, ...without) {
  fs.mkdirSync(to);
  for (const name of fs.readdirSync(from)) {
    if (!without.includes(name)) fs.symlinkSync(path.join(from, name), path.join(to, name));
  }
  return to;
}

once('without git nothing complains, and the files of the suites are found', () => {
  const env = environment({ PATH: linked(path.join(folder, 'bin'), '/usr/bin', 'git') });
  const print = 'listed:; @echo $(SOURCES) $(OUTSIDE) $(CLIENTS) $(MANUALS) $(EXAMPLES) $(CORPORA)';
  const { status, stdout, stderr } = spawnSync('make', ['-s', `--eval=${print}`, 'listed'], { cwd: ROOT, env, encoding: 'utf8' });
  assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: '' });
  const listed = stdout.trim().split(' ');
  for (const name of ['fcgi/main.c', 'include/pollux/pollux.h', 'tests/wire/make.test.js', 'clients/pollux.php', 'cli/pollux.1', 'README.md']) {
    assert.ok(listed.includes(name), name);
  }
  assert.ok(!listed.some((name) => /^(\.\/)?(build|node_modules|\.git)\//.test(name)));
});

/* A clone whose programs are built, and that has not met the registry. */
function clone() {
  const copy = linked(path.join(folder, 'clone'), ROOT, 'build', 'node_modules', '.git');
  linked(path.join(copy, 'build'), B, 'client', 'data', '.setup.lock');
  return copy;
}

once('make run without the npm registry starts, and says once what is missing and where to put it', async () => {
  const copy = clone();
  const plan = await prepare({});
  after(() => fs.rmSync(plan.folder, { recursive: true, force: true }));
  const run = () => launch({
    ...plan, command: 'make', args: ['-C', copy, 'run', 'B=build'],
    env: { npm_config_registry: 'http://127.0.0.1:1/', MAKEFLAGS: '', MAKELEVEL: '' }
  });
  const script = { path: '/socket.io/socket.io.js' };

  const without = run();
  await without.ready();
  const told = without.stderr.split('\n').filter((line) => line.includes('build/client'));
  assert.strictEqual(told.length, 1, without.stderr);
  assert.match(told[0], /socket\.io-client 0\.9\.17/);
  assert.strictEqual((await request(plan.port, { path: '/socket.io/1/' })).status, 200);
  assert.strictEqual((await request(plan.port, script)).status, 404);
  const alive = processes(without.pid);
  await without.stop();
  assert.deepStrictEqual(await leftovers(plan, alive), []);

  fs.writeFileSync(path.join(copy, 'build/client/socket.io.js'), '/* the client */');
  const by_hand = run();
  await by_hand.ready();
  assert.ok(!by_hand.stderr.includes('npm'), by_hand.stderr);
  assert.strictEqual((await request(plan.port, script)).text, '/* the client */');
  await by_hand.stop();
});
