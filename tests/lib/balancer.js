/* balancer: a web server with one of apache-conf/cluster-* in front of several nodes. */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startAs } = require('./account');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { ROOT } = require('./server');
const { within, until } = require('./wait');

const KINDS = {
  haproxy: { conf: 'cluster-haproxy.cfg', command: (file) => ['haproxy', '-db', '-f', file] },
  nginx: { conf: 'cluster-nginx.conf', command: (file) => ['nginx', '-e', 'stderr', '-c', file] },
  apache: { conf: 'cluster-apache.conf', command: (file) => ['apache2', '-D', 'FOREGROUND', '-f', file] },
  lighttpd: { conf: 'cluster-lighttpd.conf', command: (file) => ['lighttpd', '-D', '-f', file] }
};

/* Start `kind` in front of the nodes that listen on `ports`; the fields of the result are those of a
 * target of tests, and stop(). */
async function startBalancer(kind, ports, resource = 'socket.io') {
  const [port] = await freePorts(1);
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'pollux-balancer-'));
  const values = {
    RUN: run, LOG: path.join(run, 'log'), HOST: '127.0.0.1', PORT: port, CONNECTIONS: 2000, FILES: 4096,
    RESOURCE: resource, RESOURCE_RE: resource.replaceAll('.', '\\.')
  };
  ports.forEach((node, i) => Object.assign(values, {
    [`NODE_${i}`]: `127.0.0.1:${node}`, [`NODE_${i}_HOST`]: '127.0.0.1', [`NODE_${i}_PORT`]: node
  }));
  const text = fs.readFileSync(path.join(ROOT, 'apache-conf', KINDS[kind].conf), 'utf8');
  const file = path.join(run, 'conf');
  fs.writeFileSync(file, text.replace(/@([A-Z_0-9]+)@/g, (whole, name) => values[name] ?? whole));
  fs.mkdirSync(path.join(run, 'tmp'));
  fs.writeFileSync(values.LOG, '');
  for (const name of ['', 'tmp', 'log']) fs.chmodSync(path.join(run, name), name === 'log' ? 0o666 : 0o777);
  const child = startAs(values.LOG, ...KINDS[kind].command(file));
  const said = () => fs.readFileSync(values.LOG, 'utf8');
  const stop = async () => {
    child.kill('SIGTERM');
    await within(child.exited, `end of ${kind}`, 15000);
    fs.rmSync(run, { recursive: true });
  };
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${kind} ended: ${said()}`);
    const answer = await request(port, { path: `/${resource}/` }).catch(() => null);
    return answer && answer.status === 200;
  }, `answer of ${kind}`);
  return { kind, port, url: `http://127.0.0.1:${port}/`, said, stop };
}

module.exports = { startBalancer, KINDS: Object.keys(KINDS) };
