/* The packages are built as docs/hosting.md says, and a Debian for them is there: what needs the network. */
'use strict';

const { test, before } = require('node:test');
const assert = require('node:assert');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { recipe } = require('../lib/recipe');
const { ROOT } = require('../lib/server');

const ROOTS = path.join(ROOT, 'build/roots');
const DEB = path.join(ROOT, 'build/deb');
const SCRIPT = path.join(__dirname, 'roots');
const PACKAGES = ['libpollux-dev', 'pollux', 'pollux-fcgi', 'pollux-linkd', 'pollux-policyd', 'pollux-wsd'];
let roots;

/* What the command prints; an error, with that, if it fails. */
function said(command, ...args) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: ROOT, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args[0]}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`));
      else resolve(stdout);
    });
  });
}

function packages() {
  return fs.readdirSync(DEB).filter((name) => name.endsWith('.deb')).sort();
}

before(() => {
  roots = said(SCRIPT, ROOTS); /* while the packages are built */
  roots.catch(() => {});
});

test('packages: make deb builds all of them, without network', async () => {
  await said('unshare', '--net', 'bash', '-ec', recipe('deb-build'));
  assert.deepStrictEqual(packages().map((name) => name.split('_')[0]).sort(), PACKAGES);
  const [, version] = fs.readFileSync(path.join(ROOT, 'Makefile'), 'utf8').match(/^VERSION *= *(.*)$/m);
  for (const name of packages()) assert.strictEqual(name.split('_')[1], version);
});

test('packages: lintian finds nothing', async () => {
  const changes = fs.readdirSync(DEB).find((name) => name.endsWith('.changes'));
  const found = await said('lintian', '--allow-root', '--fail-on', 'none', path.join(DEB, changes));
  assert.strictEqual(found, '');
});

test('packages: a fresh Debian has what they need', async () => {
  await roots;
  await said(SCRIPT, ROOTS, 'download', ...packages().map((name) => path.join(DEB, name)));
});
