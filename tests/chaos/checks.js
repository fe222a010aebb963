/* checks: what must hold, and what did not. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { until } = require('../lib/wait');

const SHOWN = 10; /* violations of one check that are printed */
const KILLED_MS = 200; /* between an entry of the ledger and the kill -9 that undid its turn */
const QUIET_MS = 60000; /* until what a session held is given back: several times close_timeout */
const RSS_MORE = 6 << 20; /* what a heap keeps, in pieces */
const FILES_MORE = 24; /* connections that the web server keeps */
const PROGRAMS = ['pollux.fcgi', 'pollux-wsd'];
const TABLES = ['session', 'subscription', 'data', 'ack', 'end_request', 'hook_event', 'hook_ended', 'hook_deferred', 'hook_dead'];

/* A list of checks, each with its violations. */
class Verdicts {
  constructor() {
    this.checks = new Map();
  }

  check(name) {
    if (!this.checks.has(name)) this.checks.set(name, []);
    return this.checks.get(name);
  }

  violation(name, text) {
    const found = this.check(name);
    found.push(text);
    if (found.length <= SHOWN) console.log(`FAIL ${name}: ${text}`);
  }

  /* `N passed, N failed`: each check is one pass, or a failure for each violation. */
  summary() {
    const all = [...this.checks.values()];
    const failed = all.reduce((sum, found) => sum + found.length, 0);
    for (const [name, found] of this.checks) {
      if (found.length > SHOWN) console.log(`FAIL ${name}: and ${found.length - SHOWN} more`);
    }
    return { passed: all.filter((found) => found.length === 0).length, failed };
  }
}

/* --- the application is told of each session once ---------------------------------------------- */

function byId(entries) {
  const ids = new Map();
  for (const entry of entries) {
    if (!ids.has(entry.id)) ids.set(entry.id, { connected: [], gone: [] });
    ids.get(entry.id)[entry.what].push(entry);
  }
  return ids;
}

/* Entries without those whose turn was undone by a kill -9, and done again by another process. */
function lasting(entries, killed) {
  return entries.filter(({ at, pid }, i) =>
    !(i < entries.length - 1 && killed.has(pid) && Math.abs(killed.get(pid) - at) < KILLED_MS));
}

/* Sessions of the site that are connected and not gone.  `lost(entry)`: its store was made anew. */
function notGone(site, lost) {
  return [...byId(site.ledger.entries())].filter(([, { connected, gone }]) =>
    gone.length === 0 && connected.length > 0 && !lost(connected[0]));
}

async function checkLedger(chaos, site) {
  const lost = (entry) => chaos.storeLost(site, entry.at);
  await until(() => notGone(site, lost).length === 0, '', QUIET_MS).catch(() => {});
  chaos.verdicts.check('disconnect');
  for (const [id, entries] of byId(site.ledger.entries())) {
    const connected = lasting(entries.connected, chaos.killed);
    const gone = lasting(entries.gone, chaos.killed);
    if ([...connected, ...gone].some(lost)) continue;
    if (chaos.mayErr && chaos.mayErr([...connected, ...gone])) continue;
    if (connected.length === 1 && gone.length === 1) continue;
    const session = chaos.byName.get(entries.connected[0]?.name) || { name: id, site, toString: () => id };
    const told = (each) => [each.length, 'times', ...each.map(({ at, node, pid, reason }) =>
      `(${chaos.since(at)}, ${node} ${pid}${reason ? `: ${reason}` : ''})`)].join(' ');
    chaos.violation('disconnect', session, `the application was told ${told(entries.connected)} that ${id} connected, ` +
      `${told(entries.gone)} that it is gone`, (gone[0] || connected[0]).at - chaos.began);
  }
}

/* --- nothing is left -------------------------------------------------------------------------- */

function residentBytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return match ? Number(match[1]) * 1024 : 0;
}

/* Of the biggest process of each program. */
function measure(site, programs = PROGRAMS) {
  const usage = {};
  for (const name of programs) {
    const pids = site.pids(name);
    usage[name] = {
      bytes: Math.max(...pids.map(residentBytes)),
      files: Math.max(...pids.map((pid) => fs.readdirSync(`/proc/${pid}/fd`).length))
    };
  }
  return usage;
}

/* Rows of each table that sessions fill. */
function rows(site, tables) {
  const script = `
import json, sqlite3, sys
db = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True, timeout=10)
print(json.dumps({t: db.execute('SELECT count(*) FROM ' + t).fetchone()[0] for t in sys.argv[2:]}))`;
  return JSON.parse(execFileSync('python3', ['-c', script, site.database, ...tables], { encoding: 'utf8', stdio: 'pipe' }));
}

/* What is more than it was, as [check, text].  A heap does not shrink: its measure is the load before
 * the first fault.  Descriptors are closed: theirs is the idle server. */
function surplus(site, { idle, loaded }, programs = PROGRAMS, tables = TABLES) {
  const now = measure(site, programs);
  const more = [];
  for (const [name, { bytes, files }] of Object.entries(now)) {
    const [heap, open] = [loaded[name].bytes, idle[name].files];
    if (bytes > heap + RSS_MORE) more.push(['memory', `${name}: ${bytes >> 10} kB, at the start ${heap >> 10} kB`]);
    if (files > open + FILES_MORE) more.push(['descriptors', `${name}: ${files}, at the start ${open}`]);
  }
  for (const [table, count] of Object.entries(rows(site, tables))) {
    if (count > 0) more.push(['rows', `${count} in ${table}`]);
  }
  return more;
}

async function checkResources(chaos, site, start) {
  const isDamaged = chaos.events.some((event) => event.site === site && event.lasts);
  const look = () => {
    try {
      return surplus(site, start);
    } catch (error) { /* a process has just ended, or the store is not readable */
      if (isDamaged && /malformed/.test(error.stderr)) return []; /* we are the first to meet it */
      return [['rows', String(error.stderr || error.message).trim().split('\n').pop()]];
    }
  };
  for (const name of ['memory', 'descriptors', 'rows']) chaos.verdicts.check(name);
  await until(() => look().length === 0, '', QUIET_MS).catch(() => {});
  for (const [check, text] of look()) chaos.violation(check, { site }, text);
}

module.exports = { PROGRAMS, TABLES, Verdicts, checkLedger, checkResources, measure, residentBytes, surplus };
