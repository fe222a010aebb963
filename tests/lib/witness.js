/* witness: the application witness.c, built as the README says to build an application. */
'use strict';

const { after } = require('node:test');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, REFERENCE } = require('./server');

/* Build it; return its path, for useServer({ app }). */
function witness() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-witness-'));
  const module = path.join(folder, 'witness.so');
  fs.chmodSync(folder, 0o755); /* the server may run as another user */
  after(() => fs.rmSync(folder, { recursive: true }));
  if (!REFERENCE) {
    execFileSync('cc', ['-shared', '-fPIC', `-I${ROOT}/include`, '-o', module, path.join(ROOT, 'tests/lib/witness.c')]);
  }
  return module;
}

module.exports = { witness };
