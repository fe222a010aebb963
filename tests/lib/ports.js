/* ports: free TCP ports for servers under test.
 *
 * They are below the kernel's ephemeral range, so that no outgoing connection takes one between our
 * check and the server's bind.  A process keeps what it has found for itself until it ends, since some
 * servers bind their ports only after others have started.  TEST_PORTS=from-to narrows the range. */
'use strict';

const net = require('node:net');

const [FROM, TO] = (process.env.TEST_PORTS || '20000-29999').split('-').map(Number);
const STRIDE = 19; /* distance between the first ports of two processes started in succession */
let next = process.pid * STRIDE;

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/* Claim the port among the processes that use this module: the name of a socket, which the kernel
 * forgets when we end. */
function claim(port) {
  return new Promise((resolve) => {
    const server = net.createServer().unref();
    server.once('error', () => resolve(false));
    server.listen(`\0pollux-test-port-${port}`, () => resolve(true));
  });
}

/* Return `count` different free ports. */
async function freePorts(count) {
  const found = new Set();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new Error(`no ${count} free ports in ${FROM}-${TO}`);
    const port = FROM + next++ % (TO - FROM + 1);
    if (await claim(port) && await isFree(port)) found.add(port);
  }
  return [...found];
}

module.exports = { freePorts };
