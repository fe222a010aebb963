/* haproxy: HAProxy with apache-conf/haproxy.cfg in front of the programs of a running server. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { startAs } = require('./account');
const { request } = require('./http');
const { freePorts } = require('./ports');
const { ROOT } = require('./server');
const { within, until } = require('./wait');

/* The folder with the sockets of the launcher of `server`. */
function socketsOf(server) {
  const [run] = fs.readdirSync(server.tmp).filter((name) => name.startsWith('pollux.'));
  return path.join(server.tmp, run);
}

/* Start it; the fields of the result are those of a target of tests, and stop(). */
async function startHaproxy(server, resource = 'socket.io') {
  const [port] = await freePorts(1);
  const run = socketsOf(server);
  const values = {
    RUN: run, HOST: '127.0.0.1', PORT: port, WSD: `127.0.0.1:${server.wsdPort}`, CONNECTIONS: 2000,
    RESOURCE_RE: resource.replaceAll('.', '\\.')
  };
  const text = fs.readFileSync(path.join(ROOT, 'apache-conf/haproxy.cfg'), 'utf8');
  const file = path.join(run, 'haproxy.cfg');
  const log = path.join(run, 'haproxy.log');
  fs.writeFileSync(file, text.replace(/@([A-Z_]+)@/g, (whole, name) => values[name] ?? whole));
  const child = startAs(log, 'haproxy', '-db', '-f', file);
  const said = () => fs.readFileSync(log, 'utf8');
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`haproxy ended: ${said()}`);
    return request(port, { path: `/${resource}/` }).catch(() => null);
  }, `answer of haproxy: ${said()}`);
  const stop = async () => {
    child.kill('SIGTERM');
    await within(child.exited, 'end of haproxy');
    fs.rmSync(file);
    fs.rmSync(log);
  };
  return { port, wsdPort: server.wsdPort, data: server.data, url: `http://127.0.0.1:${port}/`, said, stop };
}

module.exports = { startHaproxy };
