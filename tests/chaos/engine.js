/* engine: a run of the chaos, of whatever is under it: clients talk, one fault follows another, and
 * what that may cost is told from what it may not.
 *
 *   site     what clients talk to; an event (a fault that happened) is one of a site
 *   place    what a fault befalls: a site, or a part of one, which has it as `site` */
'use strict';

const { TRANSPORTS, sleep } = require('./clients');
const { Verdicts } = require('./checks');
const { Random } = require('./random');
const { until } = require('../lib/wait');

/* A connection breaks at once; a session that nobody holds ends after close_timeout. */
const GRACE_MS = { breaks: 5000, ends: 20000 };
const TICK_MS = 600; /* on average, from one tick of a client to its next */
const PAUSE_MS = [300, 2500]; /* between two faults */
const LAG_MS = 2000; /* when this process was late by more, nobody else can be blamed */
const RECOVERY_MS = 30000; /* from the end of the last fault until each client has a session */
const LAST_MS = 30000; /* until the last messages have arrived */

const clock = () => Number(process.hrtime.bigint() / 1000000n);

/* What the environment asks for, of these faults. */
function settings(faults, { seconds, clients }) {
  const { CHAOS_SECONDS, CHAOS_SEED, CHAOS_CLIENTS, CHAOS_FAULTS } = process.env;
  const names = CHAOS_FAULTS ? CHAOS_FAULTS.split(',') : Object.keys(faults);
  for (const name of names) {
    if (!faults[name]) throw new Error(`CHAOS_FAULTS: no fault ${name}; there are ${Object.keys(faults).join(', ')}`);
  }
  return {
    faults, names, seconds: Number(CHAOS_SECONDS || seconds), clients: Number(CHAOS_CLIENTS || clients),
    seed: Number(CHAOS_SEED || Math.floor(Math.random() * 2 ** 31))
  };
}

class Chaos {
  constructor(asked) {
    Object.assign(this, { sites: [], clients: [], sessions: [], byName: new Map(), events: [], killed: new Map() });
    Object.assign(this, { faults: asked.faults, seconds: asked.seconds, seed: asked.seed, tickMs: TICK_MS, quiet: false });
    this.verdicts = new Verdicts();
    this.schedule = new Random(this.seed); /* of the faults alone, so that the seed repeats them */
    this.random = new Random(this.seed + 1);
    this.began = clock();
    this.clock = clock;
    this.watchOurselves();
  }

  /* A process that is stopped, or gets no processor, cannot tell who was late. */
  watchOurselves() {
    let last = clock();
    setInterval(() => {
      const now = clock();
      if (now - last > LAG_MS) this.events.push({ name: 'this process was late', site: null, from: last, to: now, breaks: true, ends: true, what: `${now - last} ms` });
      last = now;
    }, 100).unref();
  }

  /* A time of this clock, as we print it. */
  since(at) {
    return `${((at - this.began) / 1000).toFixed(1)} s`;
  }

  /* A session begins, under a name that no other has. */
  add(session) {
    session.name = `s${this.byName.size + 1}`;
    this.byName.set(session.name, session);
  }

  /* Faults of the site that may have this cost, between two times. */
  excuses(site, cost, from, to) {
    return this.events.filter((event) => event[cost] && (!event.site || event.site === site) &&
      event.from <= to && (event.to ?? Infinity) + GRACE_MS[cost] >= from);
  }

  /* Whether it may cost this session its transport (`breaks`) or its life (`ends`) now. */
  isExcused(session, cost) {
    return this.excuses(session.site, cost, clock(), clock()).length > 0;
  }

  /* Whether the store may have been made anew since. */
  storeLost(site, since) {
    return this.excuses(site, 'ends', since, clock()).length > 0;
  }

  /* What was said to a session at these times has not come, as what followed it shows. */
  skipped(session, times, what) {
    this.violation('messages', session, `${what}, said at ${times.map((at) => this.since(at)).join(', ')}`);
  }

  /* Somebody who has just spoken is not there. */
  notFound() {}

  violation(check, session, what, at = clock() - this.began) {
    const { name, site } = session;
    const before = this.events.filter((event) => !event.site || event.site === site).slice(-3)
      .map((event) => `${event.name}${event.place?.site ? ` of ${event.place.kind}` : ''} at ${this.since(event.from)}`);
    this.verdicts.violation(check, `seed ${this.seed}, ${(at / 1000).toFixed(1)} s, ${site.kind}` +
      `${name ? `, session ${session}` : ''}: ${what}; last faults: ${before.join(', ') || 'none'}`);
  }

  /* A session of a client is over: was there a reason? */
  ended(session) {
    const { how, why } = session.over;
    const cost = { told: 'ends', broken: 'breaks' }[how];
    if (!cost || !session.connected || session.paused) return;
    if (this.isExcused(session, cost)) return;
    this.violation('ends', session, `${how}: ${why}`);
  }

  /* What this fault may befall. */
  places() {
    return this.sites;
  }
}

/* --- the parts of a run ------------------------------------------------------------------------ */

/* One fault after the other until the time is over. */
async function befall(chaos, names) {
  const end = clock() + chaos.seconds * 1000;
  while (clock() < end) {
    await sleep(chaos.schedule.between(...PAUSE_MS));
    const name = chaos.schedule.pick(names);
    const fault = chaos.faults[name];
    const place = chaos.schedule.pick(chaos.places(fault));
    if (fault.needs && fault.needs(chaos, place)) continue;
    const event = { name, fault, place, site: place.site || place, from: clock(), to: null, breaks: fault.breaks, ends: fault.ends };
    if (event.site.before) event.before = await event.site.before();
    chaos.events.push(event);
    try {
      event.what = await fault.run(chaos, place, event);
    } catch (error) {
      chaos.violation('recovery', { site: event.site }, `${name} of ${place.kind}: ${error.message}`);
    }
    event.to = event.lasts ? Infinity : clock();
    if (process.env.TEST_VERBOSE) {
      console.log(`${((event.from - chaos.began) / 1000).toFixed(1).padStart(7)} s  ${place.kind.padEnd(7)} ${name}: ${event.what}`);
    }
  }
}

/* Each client has a session, at the start and again when the faults are over. */
async function checkRecovery(chaos) {
  chaos.verdicts.check('recovery');
  const without = () => chaos.clients.filter((client) => !client.alive);
  await until(() => without().length === 0, '', RECOVERY_MS).catch(() => {});
  for (const client of without()) {
    chaos.violation('recovery', { site: client.site }, `no session by ${client.transport} within ${RECOVERY_MS} ms: ${client.why()}`);
  }
  return without().length === 0;
}

/* Everybody says one thing more, and hears all. */
async function checkLastWords(chaos) {
  chaos.quiet = true;
  await sleep(100);
  const asked = chaos.clients.filter((client) => client.alive).map((client) => client.session);
  await Promise.all(asked.map((session) => session.tick()));
  const living = () => asked.filter((session) => session.alive);
  const missing = () => living().flatMap((session) => session.missing(living()).map((lack) => ({ session, ...lack })));
  await until(() => missing().length === 0, '', LAST_MS).catch(() => {});
  for (const { session, times, what } of missing()) {
    if (times) chaos.skipped(session, times, what);
    else chaos.violation('messages', session, what);
  }
}

async function leave(chaos) {
  for (const client of chaos.clients) client.running = false;
  await Promise.all(chaos.clients.map((client, i) => (i % 2 || !client.alive ? client.vanish() : client.session.leave())));
}

/* A test of nothing passes easily: each transport must have talked, and lived through a fault. */
function checkStrength(chaos) {
  chaos.verdicts.check('strength');
  for (const transport of Object.keys(TRANSPORTS)) {
    const sessions = chaos.sessions.filter((session) => session.transport === transport);
    if (!sessions.some((session) => session.tock > 3)) chaos.verdicts.violation('strength', `seed ${chaos.seed}: nothing was said by ${transport}`);
    const through = (session) => chaos.events.some((event) => event.site === session.site && livedThrough(session, event));
    if (chaos.seconds >= 60 && !sessions.some(through)) chaos.verdicts.violation('strength', `seed ${chaos.seed}: no session by ${transport} lived through a fault`);
  }
}

function livedThrough(session, { from, to }) {
  return to && session.connected && from > session.connected && (!session.over || to < session.over.at);
}

function report(chaos) {
  const count = (how) => chaos.sessions.filter((session) => session.over && session.over.how === how).length;
  const heard = chaos.sessions.reduce((sum, session) => sum + session.tock + session.heardCount, 0);
  const faults = new Map();
  for (const { name } of chaos.events) faults.set(name, (faults.get(name) || 0) + 1);
  console.log(`${chaos.sessions.length} sessions: ${count('told')} were told that they are over, ${count('broken')} broke; ` +
    `${heard} messages; ${[...faults].map(([name, n]) => `${n} ${name}`).join(', ')}`);
}

/* The last line, and the exit status. */
function summary(chaos) {
  const { passed, failed } = chaos.verdicts.summary();
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/* Run main(), whatever becomes of it. */
function runMain(main) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  main().then((status) => process.exit(status), (error) => {
    console.log(`FAIL ${error.stack}`);
    console.log('0 passed, 1 failed');
    process.exit(1);
  });
}

module.exports = {
  Chaos, GRACE_MS, befall, checkLastWords, checkRecovery, checkStrength, clock, leave, livedThrough, report, runMain,
  settings, summary
};
