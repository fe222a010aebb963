/* tls: certificates for tests, and clients of TLS.
 *
 * A tunnel is a plain port on this side of a TLS port: every client of tests/lib speaks TLS through
 * one, and knows nothing of it. */
'use strict';

const { execFileSync } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { freePorts } = require('./ports');
const { within } = require('./wait');

const ALERT = 21; /* RFC 8446 5.1 */
const APPLICATION_DATA = 23;

/* Make NAME.crt and NAME.key in `folder`: {certificate, key}.  `args`: more for openssl req. */
function makeCertificate(folder, name = 'site', args = ['-days', '90']) {
  const [certificate, key] = ['crt', 'key'].map((ending) => path.join(folder, `${name}.${ending}`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate,
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', ...args], { stdio: 'ignore' });
  return { certificate, key };
}

/* Only this version of TLS.  OpenSSL 3 speaks the old ones at security level 0. */
function only(version) {
  return { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' };
}

/* A TLS connection whose handshake is done.  Like every test of a client it does not look at who
 * has signed the certificate. */
function connectTls(port, options = {}) {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  return within(new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed during the handshake')));
  }), 'TLS handshake');
}

/* Listen on a port, and join what connects there with what `connectFar()` gives: {port, close()}. */
async function forward(connectFar) {
  const [port] = await freePorts(1);
  const sockets = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = connectFar();
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => { sockets.delete(socket); other.destroySoon(); });
      socket.pipe(other);
    }
  });
  server.listen(port, '127.0.0.1');
  await within(new Promise((resolve) => { server.once('listening', resolve); }), 'tunnel');
  return {
    port, wsdPort: port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  };
}

/* A plain port that passes on to the TLS port `to`. */
function tunnel(to, options = {}) {
  return forward(() => tls.connect({ port: to, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true, ...options }));
}

/* A port that passes TLS on as it is to the port `to`, and looks at the records that come back:
 * `lengths` are those of application data, and `alerts` counts alerts, of all connections; those of
 * TLS 1.3 look like data.  inject() sends bytes behind those of
 * the last client. */
async function recorder(to) {
  const made = { lengths: [], alerts: 0, inject: (bytes) => socket.write(bytes) };
  let socket;
  const far = () => {
    socket = net.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
    let left = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      left = Buffer.concat([left, bytes]);
      while (left.length >= 5 && left.length >= 5 + left.readUInt16BE(3)) {
        const length = left.readUInt16BE(3);
        if (left[0] === APPLICATION_DATA) made.lengths.push(length);
        if (left[0] === ALERT) made.alerts++;
        left = left.subarray(5 + length);
      }
    });
    return socket;
  };
  return Object.assign(made, await forward(far));
}

module.exports = { makeCertificate, connectTls, tunnel, recorder, only };
