/* locker: another program that holds a lock of the store for as long as a test wants. */
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const { within } = require('./wait');

/* What Pollux itself takes for a transaction (shared/store/lock.h), and what sqlite3(1) would. */
const SCRIPTS = {
  'the lock of a writer': `
import fcntl, struct, sys
file = open(sys.argv[1] + '/lock', 'r+b')
fcntl.fcntl(file, 38, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 1, 1, 0)) # F_OFD_SETLKW
print('locked', flush=True)
sys.stdin.read()`,
  'BEGIN IMMEDIATE': `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + '/pollux.db', timeout=10, isolation_level=None)
db.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
db.execute('ROLLBACK')`
};

/* Hold it now; the function returned lets it go. */
async function hold(data, kind) {
  const child = spawn('python3', ['-c', SCRIPTS[kind], path.resolve(data)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await within(new Promise((resolve) => child.stdout.once('data', resolve)), kind);
  return () => {
    child.stdin.end();
    return ended;
  };
}

module.exports = { hold, KINDS: Object.keys(SCRIPTS) };
