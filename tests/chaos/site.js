/* site: one server under chaos, with its application, and what that was told of sessions.
 *
 * Two kinds: `module` has the application app.c, `hook` the same as a web hook in this process. */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Hook, SECRET } = require('../lib/hook');
const server = require('../lib/server');

const STORE_BYTES = 24 << 20; /* of the tmpfs on which the store lies */
const HOOK_TIMEOUT_S = 3; /* this process is the hook, and may be late itself */

/* Brief, so that what a fault leaves behind is gone within seconds. */
const CONF = {
  protocol: {
    transports: 'websocket,flashsocket,htmlfile,xhr-multipart,xhr-polling,jsonp-polling',
    polling_duration: 4, heartbeat_interval: 5, heartbeat_timeout: 15, close_timeout: 15, handshake_timeout: 15
  }
};

/* --- what the application is told ------------------------------------------------------------- */

/* Of app.c: its file. */
class ModuleLedger {
  constructor(folder) {
    this.file = path.join(folder, 'ledger');
    fs.writeFileSync(this.file, '');
    fs.chmodSync(this.file, 0o666); /* the server runs as another user */
  }

  /* {at, pid, node, what, id, name, reason} of every line. */
  entries() {
    return fs.readFileSync(this.file, 'utf8').split('\n').filter(Boolean).map((line) => {
      const [at, pid, node, what, id, name, ...reason] = line.split(' ');
      return { at: Number(at), pid: Number(pid), node, what, id, name, reason: reason.join(' ') };
    });
  }
}

/* Of the hook: an event may come twice, and is known by its id. */
class HookLedger {
  constructor() {
    this.seen = new Map();
  }

  add(event) {
    const what = { connect: 'connected', disconnect: 'gone' }[event.type];
    if (!what || this.seen.has(event.id)) return;
    this.seen.set(event.id, { at: Number(process.hrtime.bigint() / 1000000n), pid: 0, what, id: event.session, name: event.data.name, reason: event.reason || '' });
  }

  entries() {
    return [...this.seen.values()];
  }
}

/* What app.c does, for one event: the same each time that it comes. */
function actionsOf(event) {
  if (event.type !== 'event' || event.name !== 'tick') return undefined;
  const [number] = event.args;
  const { name, room } = event.data;
  return {
    actions: [
      { do: 'emit', name: 'tock', args: [number] },
      { do: 'emit', to: { room, except: [event.session] }, name: 'heard', args: [name, number] }
    ]
  };
}

/* `complain(text)` is told of events that are not as the documents say. */
async function startHook(ledger, complain) {
  const hook = new Hook();
  hook.poison = null; /* a fault may set it: the answer to everything */
  hook.authorize = async ({ handshake }) => {
    if (hook.poison) return hook.poison();
    const { name = '', room = '' } = handshake.query;
    return { accept: true, data: { name, room }, actions: [{ do: 'join', room }] };
  };
  hook.on = actionsOf;
  hook.answer = (request) => {
    if (hook.poison) return hook.poison();
    /* what authorize gave comes with each event, also with the last */
    const bare = request.events.find((event) => !event.data);
    if (bare) complain(`an event without the data of its session: ${JSON.stringify(bare)}, request ` +
      `${JSON.stringify(request.headers)}`);
    if (bare) return { results: [] };
    for (const event of request.events) ledger.add(event);
    const answer = hook.resultsOf(request);
    hook.requests.length = hook.events.length = 0; /* not kept: a run is long */
    return answer;
  };
  await hook.listen();
  return hook;
}

/* --- the server ------------------------------------------------------------------------------- */

function build(folder, name) {
  const object = path.join(folder, `${name}.so`);
  execFileSync('cc', ['-shared', '-fPIC', '-D_GNU_SOURCE', `-I${server.ROOT}/include`, '-o', object, path.join(__dirname, `${name}.c`)]);
  return object;
}

/* For clock.c: seconds from now. */
function writeClock(file, seconds) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  /* in place: the programs have mapped it */
  fs.writeFileSync(file, bytes, { flag: fs.existsSync(file) ? 'r+' : 'w' });
}

class Site {
  static async start(kind, seconds, complain) {
    const site = new Site();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-chaos-'));
    fs.chmodSync(folder, 0o755);
    Object.assign(site, { kind, folder, data: path.join(folder, 'data'), clock: path.join(folder, 'clock'), small: false });
    fs.mkdirSync(site.data);
    if (process.getuid() === 0) {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${STORE_BYTES},mode=755`, 'pollux-chaos', site.data]);
      site.small = true;
    }
    process.once('exit', () => site.clean()); /* also after Ctrl-C */
    await site.launch(seconds, complain);
    return site;
  }

  async launch(seconds, complain) {
    const conf = { ...CONF, protocol: { ...CONF.protocol, htmlfile_duration: seconds + 300 } };
    const env = {};
    let app;
    if (this.kind === 'hook') {
      this.ledger = new HookLedger();
      this.hook = await startHook(this.ledger, (text) => complain(this, text));
      conf.app = { module: '' };
      /* event_attempts: an event that is put aside would be a gap */
      conf.hook = {
        url: this.hook.url, secret: SECRET, authorize: 'true', timeout: HOOK_TIMEOUT_S, authorize_timeout: HOOK_TIMEOUT_S,
        event_attempts: 1000
      };
    } else {
      this.ledger = new ModuleLedger(this.folder);
      env.CHAOS_LEDGER = this.ledger.file;
      app = build(this.folder, 'app');
    }
    this.setClock(0);
    env.CHAOS_CLOCK = this.clock;
    env.LD_PRELOAD = build(this.folder, 'clock');
    this.server = await server.start({ kind: process.env.SERVER || 'nginx', app, conf, env, data: this.data });
  }

  /* Flash goes to pollux-wsd itself. */
  portOf(transport) {
    return transport === 'flashsocket' ? this.server.wsdPort : this.server.port;
  }

  /* Programs of this site by name, and the web server's workers. */
  pids(name) {
    if (name !== 'web') return server.programs(name, this);
    return server.processes(this.server.launcherPid).map(({ pid }) => pid)
      .filter((pid) => /^nginx: worker/.test(server.commandLine(pid)));
  }

  /* The clock of its programs, not that of the machine: seconds from now. */
  setClock(seconds) {
    writeClock(this.clock, seconds);
  }

  get database() {
    return path.join(this.data, 'pollux.db');
  }

  log() {
    return fs.readFileSync(path.join(this.data, 'pollux.log'), 'utf8');
  }

  /* Stop it; return what it left behind. */
  async stop() {
    try {
      return (await this.server.stop()).left;
    } finally {
      if (this.hook) await this.hook.end();
      this.clean();
    }
  }

  clean() {
    if (this.small) execFileSync('umount', ['-l', this.data]);
    this.small = false;
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { CONF, HOOK_TIMEOUT_S, ModuleLedger, Site, build, writeClock };
