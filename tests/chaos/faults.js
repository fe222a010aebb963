/* faults: what is done to a site, by name.  A fault is over when run() is; what it may cost:
 *
 *   breaks   transports may break (their clients begin new sessions)
 *   ends     sessions may be told that they are over; the store may be made anew
 *
 * What a fault may cost is no violation from its begin until a grace after its end. */
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { until } = require('../lib/wait');
const { sleep } = require('./clients');
const { HOOK_TIMEOUT_S } = require('./site');

const BACK_MS = 15000;
const NOTICED_MS = 5000;
const PAGE = 4096; /* of the database */

/* Run a Python script: it has SQLite and the locks of files. */
function python(script, ...args) {
  const child = spawn('python3', ['-c', script, ...args.map(String)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(said.trim()))));
  });
}

const FOREIGN_LOCK = `
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
db.execute('BEGIN IMMEDIATE')
time.sleep(float(sys.argv[2]))
db.execute('ROLLBACK')
`;

/* What is in the write-ahead log goes to the database, and the file is cut: the next commit needs
 * room. */
const CHECKPOINT = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
db.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
`;

/* The byte that shared/store/lock.h calls LOCK_WRITER. */
const WRITER_LOCK = `
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(fd, fcntl.LOCK_EX, 1, 1)
time.sleep(float(sys.argv[2]))
`;

/* kill -9 one process of this program, and wait until another is in its place. */
async function kill(chaos, site, name) {
  const pids = site.pids(name);
  if (pids.length === 0) return 'none is there';
  const victim = chaos.schedule.pick(pids);
  chaos.killed.set(victim, chaos.clock());
  process.kill(victim, 'SIGKILL');
  await until(() => {
    const now = site.pids(name);
    return now.length >= pids.length && !now.includes(victim);
  }, `another ${name} in the place of ${victim}`, BACK_MS);
  return `pid ${victim}`;
}

async function freeze(chaos, site, name, ms) {
  const [victim] = chaos.schedule.some(site.pids(name), 1);
  if (!victim) return 'none is there';
  process.kill(victim, 'SIGSTOP');
  await sleep(ms);
  process.kill(victim, 'SIGCONT');
  return `${name} for ${ms} ms`;
}

/* Some clients of the site. */
function someClients(chaos, site, count) {
  return chaos.schedule.some(chaos.clients.filter((client) => client.site === site && client.alive), count);
}

/* Not waited for: other faults go on. */
function pause(clients, ms, slow) {
  for (const client of clients) client.pause(ms, slow).catch(() => {});
}

const FAULTS = {
  'kill-fcgi': { breaks: true, run: (chaos, site) => kill(chaos, site, 'pollux.fcgi') },
  'kill-wsd': { breaks: true, run: (chaos, site) => kill(chaos, site, 'pollux-wsd') },
  'kill-web': { breaks: true, run: (chaos, site) => kill(chaos, site, 'web') },

  freeze: {
    breaks: true,
    run: (chaos, site) => freeze(chaos, site, chaos.schedule.pick(['pollux.fcgi', 'pollux-wsd']), chaos.schedule.whole(300, 3000))
  },

  clock: {
    run: async (chaos, site) => {
      const step = chaos.schedule.pick([-86400, -3600, -5, 5, 3600, 86400, 0]);
      site.setClock(step);
      await sleep(1000);
      return `${step} s`;
    }
  },

  full: {
    breaks: true, ends: true,
    needs: (chaos, site) => (site.small ? null : 'only root can mount a small store'),
    run: async (chaos, site) => {
      const ms = chaos.schedule.pick([200, 2000, 8000]); /* some clients say nothing for the shortest */
      const file = path.join(site.data, 'filler');
      const filler = fs.openSync(file, 'w');
      await python(CHECKPOINT, site.database);
      try {
        for (;;) fs.writeSync(filler, Buffer.alloc(1 << 16));
      } catch { /* full */ }
      await sleep(ms);
      fs.closeSync(filler);
      fs.rmSync(file);
      return `for ${ms} ms`;
    }
  },

  damage: {
    breaks: true, ends: true,
    run: async (chaos, site, event) => {
      await python(CHECKPOINT, site.database);
      const { size, ino } = fs.statSync(site.database);
      const pages = Math.floor(size / PAGE);
      const first = chaos.schedule.whole(1, Math.max(1, pages - 1));
      const file = fs.openSync(site.database, 'r+');
      for (let page = first; page < pages; page++) fs.writeSync(file, Buffer.alloc(PAGE, 0xa5), 0, PAGE, page * PAGE);
      fs.closeSync(file);
      /* it is met when somebody reads such a page, which may be much later */
      const anew = () => fs.statSync(site.database, { throwIfNoEntry: false })?.ino !== ino;
      event.lasts = !await until(anew, '', NOTICED_MS).catch(() => false);
      return `pages ${first + 1} to ${pages}${event.lasts ? ', not met yet' : ''}`;
    }
  },

  'foreign-lock': {
    breaks: true,
    run: async (chaos, site) => {
      const seconds = chaos.schedule.between(0.5, 4);
      await python(FOREIGN_LOCK, site.database, seconds);
      return `for ${seconds.toFixed(1)} s`;
    }
  },

  'writer-lock': {
    breaks: true,
    run: async (chaos, site) => {
      const seconds = chaos.schedule.between(0.5, 4);
      await python(WRITER_LOCK, path.join(site.data, 'lock'), seconds);
      return `for ${seconds.toFixed(1)} s`;
    }
  },

  slow: {
    run: async (chaos, site) => {
      pause(someClients(chaos, site, 5), 5000, true);
      return '5 clients for 5000 ms';
    }
  },

  stall: {
    run: async (chaos, site) => {
      const ms = chaos.schedule.pick([2000, 20000]); /* shorter and longer than heartbeat_timeout */
      pause(someClients(chaos, site, 3), ms, false);
      return `3 clients for ${ms} ms`;
    }
  },

  vanish: {
    run: async (chaos, site) => {
      const clients = someClients(chaos, site, 5);
      for (const client of clients) client.vanish();
      return `${clients.length} clients`;
    }
  },

  hook: {
    needs: (chaos, site) => (site.hook ? null : 'a module'),
    run: async (chaos, site) => {
      const ms = chaos.schedule.whole(1000, 6000);
      const how = chaos.schedule.pick(['500', 'timeout', 'garbage']);
      site.hook.poison = {
        500: () => 500,
        timeout: () => sleep(HOOK_TIMEOUT_S * 1000 + 500).then(() => 500),
        garbage: () => ({ raw: true, status: 200, body: '<html>Fatal error' })
      }[how];
      await sleep(ms);
      site.hook.poison = null;
      return `${how} for ${ms} ms`;
    }
  }
};

module.exports = { FAULTS, freeze, kill };
