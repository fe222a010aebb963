/* budget: a site on a shared host whose visitors are more than it can hold polls for.  `BENCH_ONLY=budget
 * make bench`; root, and Apache with mod_fcgid, suEXEC and php-cgi.
 *
 * Each host allows an account 20 processes, and Apache serves 30 requests at once.  In turn:
 *
 *	nobody        how fast a static page and a PHP page are
 *	12 visitors   how fast their POSTs are answered
 *	70 visitors   16 of them are admitted: the same of these, the pages again, and what is lost
 *	the 16 leave  how long it takes until 16 others are inside
 *
 * Visitors are real clients (tests/lib/visitors.js) that send a numbered message every second. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Account } = require('../lib/account');
const realclient = require('../lib/realclient');
const { ROOT } = require('../lib/server');
const { Visitors } = require('../lib/visitors');

const CONF = path.join(ROOT, 'apache-conf');
const CLIENTS = 12;
const CROWD = 70;
const PLACES = 16;
const MEASURE_MS = 20000;
const NOKEEPALIVE = 'SetEnvIf Request_URI "/(socket\\.io/|pollux(-post)?\\.fcgi$)" nokeepalive\n';

const HOSTS = [
  { name: 'prefork, suEXEC', mpm: 'prefork', suexec: true },
  { name: 'event, suEXEC', mpm: 'event', suexec: true },
  { name: 'prefork, no suEXEC', mpm: 'prefork', suexec: false },
  { name: 'event, no suEXEC', mpm: 'event', suexec: false },
  { name: 'prefork, `[P]` to pollux-wsd', mpm: 'prefork', suexec: true, proxy: true },
  { name: 'event, `[P]` to pollux-wsd', mpm: 'event', suexec: true, proxy: true },
  { name: 'prefork, suEXEC, `max_held_polls = none`', mpm: 'prefork', suexec: true, limit: 'none' }
];

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/* --- pages: asked for by a thread of its own, which is not held up by the visitors ----------------- */

const ASK = `
const http = require('node:http');
const { parentPort, workerData: { port, path, ms } } = require('node:worker_threads');
const times = [];
const end = Date.now() + ms;
function ask() {
  const began = process.hrtime.bigint();
  const done = (good) => {
    times.push(good ? Number(process.hrtime.bigint() - began) / 1e6 : Infinity);
    if (Date.now() < end) setTimeout(ask, 200);
    else parentPort.postMessage(times);
  };
  http.get({ port, path, host: '127.0.0.1', agent: false }, (response) => {
    response.resume().on('end', () => done(response.statusCode === 200));
  }).on('error', () => done(false));
}
ask();
`;

function askFor(account, page, ms) {
  return new Promise((resolve, reject) => {
    new Worker(ASK, { eval: true, workerData: { port: account.port, path: page, ms } })
      .on('message', resolve).on('error', reject);
  });
}

async function measurePages(account, ms) {
  const [html, php] = await Promise.all([askFor(account, '/page.html', ms), askFor(account, '/page.php', ms)]);
  return { html: percentile(html, 0.5), php: percentile(php, 0.5), htmlMost: Math.max(...html), phpMost: Math.max(...php) };
}

/* --- the site ----------------------------------------------------------------------------------- */

function settings(account, { limit, proxy }) {
  return `${fs.readFileSync(path.join(CONF, 'htaccess-pollux.conf'), 'utf8')
    .replace('/home/me/pollux-data', account.data).replace('chat.so', 'echo.so').replace(/^folder = client$/m, '')
    .replace('[protocol]', '[protocol]\ntransports = xhr-polling')}
[log]
file = ${account.data}/pollux.log
${proxy ? `[wsd]\nlisten = 127.0.0.1:${account.wsdPort}\nmax_held_requests = ${PLACES}\n` : ''}
${limit ? `[fcgi]\nmax_held_polls = ${limit}\n` : ''}`;
}

async function openSite(host) {
  const account = await Account.open({ ...host, php: true });
  if (!host.suexec) fs.chmodSync(account.data, 0o777); /* the programs run as the web server's user */
  const rules = fs.readFileSync(path.join(CONF, host.proxy ? 'htaccess-proxy' : 'htaccess'), 'utf8');
  account.write('.htaccess', NOKEEPALIVE + rules.replaceAll(':8081', `:${account.wsdPort}`));
  account.write('page.html', 'a page');
  account.write('page.php', '<?php echo "a page"; ?>');
  account.copy('apps/echo.so', 'echo.so');
  if (host.proxy) {
    fs.copyFileSync(path.join(account.www, 'echo.so'), path.join(account.folder, 'echo.so'));
    await account.serve();
    await account.daemon(settings(account, host));
    return account;
  }
  account.write('pollux.conf', settings(account, host));
  account.copy('pollux.fcgi', 'pollux.fcgi');
  fs.chmodSync(path.join(account.www, 'pollux.fcgi'), 0o755);
  fs.linkSync(path.join(account.www, 'pollux.fcgi'), path.join(account.www, 'pollux-post.fcgi'));
  await account.serve();
  return account;
}

/* Processes and threads of everything that belongs to the account, but for Apache; and how many of each
 * program. */
function countTasks(account) {
  const programs = {};
  let processes = 0, tasks = 0;
  for (const pid of account.processes()) {
    try {
      const name = path.basename(fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0]);
      if (!/pollux|php/.test(name)) continue;
      tasks += fs.readdirSync(`/proc/${pid}/task`).length;
      processes++;
      programs[name] = (programs[name] || 0) + 1;
    } catch {
      /* it has just ended */
    }
  }
  return { processes, tasks, programs };
}

/* --- the phases --------------------------------------------------------------------------------- */

function postsOf(visitors) {
  return percentile(visitors.times.POST.filter(([status]) => status === 200).map(([, ms]) => ms), 0.5);
}

async function come(visitors, n) {
  for (let i = 0; i < n; i++) {
    visitors.come();
    await pause(100);
  }
}

async function measureClients(account) {
  const visitors = new Visitors(account);
  await come(visitors, CLIENTS);
  await visitors.admitted(CLIENTS, 120000);
  visitors.forgetTimes();
  await pause(MEASURE_MS / 2);
  const post = postsOf(visitors);
  visitors.leave(visitors.all);
  await pause(5000); /* for their polls to end */
  return post;
}

/* Why sessions have ended so far. */
function reasonsOf(account) {
  const reasons = {};
  for (const [, reason] of fs.readFileSync(path.join(account.data, 'pollux.log'), 'utf8').matchAll(/disconnected: (.*)/g)) {
    reasons[reason] = (reasons[reason] || 0) + 1;
  }
  return reasons;
}

async function lostOf(visitors) {
  for (const visitor of visitors) visitor.hush();
  for (let i = 0; i < 100 && visitors.some(({ sent, got }) => sent !== got); i++) await pause(100);
  return visitors.reduce((sum, { sent, got, lost }) => sum + sent - got + lost, 0);
}

async function measureCrowd(account, host) {
  const visitors = new Visitors(account);
  await come(visitors, CROWD);
  if (host.limit) await pause(10000);
  else await visitors.admitted(PLACES, 120000);
  const admitted = visitors.inside();
  await pause(2000); /* mod_fcgid starts a process a second */
  visitors.forgetTimes();
  const pages = await measurePages(account, MEASURE_MS);
  const result = { ...pages, admitted: admitted.length, post: postsOf(visitors), ...countTasks(account) };
  result.handshakes = visitors.times.handshake.length / (MEASURE_MS / 1000);
  result.lost = await lostOf(admitted);
  result.ended = admitted.reduce((sum, { ends }) => sum + ends, 0);
  result.reasons = reasonsOf(account);
  result.statuses = Object.fromEntries(Object.entries(visitors.times).map(([kind, all]) => [kind,
    [...new Set(all.map(([status]) => status))].map((status) => `${status}: ${all.filter((each) => each[0] === status).length}`)]));
  if (!host.limit) {
    const began = Date.now();
    visitors.leave(admitted);
    await visitors.admitted(PLACES, 60000).catch(() => { result.refill = Infinity; });
    result.inside = visitors.inside().length;
    result.refill = result.refill || (Date.now() - began) / 1000;
  }
  visitors.leave(visitors.all.filter((visitor) => !visitor.hasLeft));
  await pause(1000);
  return result;
}

async function measureHost(host, say) {
  const account = await openSite(host);
  try {
    await measurePages(account, 2000); /* the first PHP process starts */
    const idle = await measurePages(account, MEASURE_MS / 2);
    const post = await measureClients(account);
    const crowd = await measureCrowd(account, host);
    say(`${host.name}: nobody: page ${idle.html.toFixed(1)} ms, PHP ${idle.php.toFixed(1)} ms; ${CLIENTS} clients: POST ${post.toFixed(1)} ms; ` +
      `${CROWD} clients: ${JSON.stringify(crowd, (key, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value))}`);
    return { host, idle, post, crowd };
  } finally {
    realclient.closeAll();
    await account.close();
  }
}

/* --- the table ---------------------------------------------------------------------------------- */

const short = (value) => (Number.isFinite(value) ? (value >= 10 ? value.toFixed(0) : value.toFixed(1)) : '∞');

function row({ host, idle, post, crowd }) {
  return `| ${[host.name, crowd.admitted, `${crowd.lost}, ${crowd.ended}`, short(crowd.post / post),
    short(crowd.html / idle.html), short(crowd.php / idle.php),
    crowd.refill === undefined ? '' : `${short(crowd.refill)} s`, `${crowd.processes}, ${crowd.tasks}`].join(' | ')} |`;
}

const HEAD = `| Apache | admitted of ${CROWD} | undelivered, ended | POST p50 ÷ that of ${CLIENTS} clients | a static page ÷ of an idle server | a PHP page, the same | others are in after | processes, threads |
|---|---|---|---|---|---|---|---|`;

/* Print the table.  Return how many hosts could not be measured. */
async function run({ say, only, interrupted }) {
  let failures = 0;
  const rows = [];
  for (const host of HOSTS) {
    if (only && !host.name.includes(only)) continue;
    if (interrupted()) break;
    try {
      rows.push(row(await measureHost(host, say)));
    } catch (error) {
      failures++;
      rows.push(`| ${host.name} | could not run | | | | | | |`);
      say(`FAIL ${host.name}: ${error.stack}`);
    }
  }
  console.log(`${HEAD}\n${rows.join('\n')}`);
  return failures;
}

module.exports = { run };
