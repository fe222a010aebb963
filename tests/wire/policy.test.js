/* The Flash policy on the port of pollux-wsd, and from pollux-policyd on a port of its own
 * (PROTOCOL 13). */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, readUpTo } = require('../lib/http');
const { handshake } = require('../lib/polling');

const server = useServer();
const listed = useServer({
  conf: { protocol: { origins: 'a.example:80, *:8080, https://c.example' }, limits: { request_timeout: 1 } }
});

const HEAD = '<?xml version="1.0"?><!DOCTYPE cross-domain-policy SYSTEM ' +
  '"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd"><cross-domain-policy>';
const allow = (host) => `<allow-access-from domain="${host}" to-ports="*"/>`;
const POLICY = `${HEAD}${allow('*')}</cross-domain-policy>`;
const REQUEST = '<policy-file-request/>\0';

/* All that comes until the server ends the connection. */
async function everything(connection, ms) {
  const bytes = await connection.closed(ms);
  connection.destroy();
  return bytes.toString('latin1');
}

function ask(port, bytes) {
  const connection = new Connection(port);
  connection.send(bytes);
  return everything(connection);
}

/* --- on the port of pollux-wsd ---------------------------------------------------------------- */

for (const request of [REQUEST, '<policy-file-request/>', '<policy-file-request />', '<policy-file-request />\0',
  `${REQUEST}GET /socket.io/ HTTP/1.1\r\n\r\n`]) {
  pollux(`inline: ${JSON.stringify(request)} gets the policy, to the byte, and the end`, async () => {
    assert.strictEqual(POLICY.length, 206);
    assert.strictEqual(await ask(server.wsdPort, request), POLICY);
  });
}

pollux('inline: a request may be cut after any byte', async () => {
  for (let cut = 1; cut < REQUEST.length; cut++) {
    const connection = new Connection(server.wsdPort);
    connection.send(REQUEST.slice(0, cut));
    await connection.opened;
    await readUpTo(server.wsdPort);
    connection.send(REQUEST.slice(cut));
    assert.strictEqual(await everything(connection), POLICY, `cut at ${cut}`);
  }
});

pollux('inline: a byte at a time', async () => {
  const connection = new Connection(server.wsdPort);
  for (const byte of REQUEST) connection.send(byte);
  assert.strictEqual(await everything(connection), POLICY);
});

pollux('inline: the origins are named', async () => {
  assert.strictEqual(await ask(listed.wsdPort, REQUEST),
    `${HEAD}${allow('a.example')}${allow('*')}${allow('c.example')}</cross-domain-policy>`);
});

for (const garbage of ['<', '<policy', '<policy-file-request', '<policy-file-request/']) {
  pollux(`inline: ${JSON.stringify(garbage)} and no more is ended in time`, async () => {
    const connection = new Connection(listed.wsdPort);
    connection.send(garbage);
    assert.strictEqual(await everything(connection, 8000), '');
  });
}

for (const garbage of ['<html>', '<<<<<<<<', '<policy-file-request>', '<policy-file-requests/>', `<${'x'.repeat(100000)}`, '<\0\0\0']) {
  pollux(`inline: ${JSON.stringify(garbage.slice(0, 30))} is a bad request`, async () => {
    assert.match(await ask(server.wsdPort, garbage), /^(HTTP\/1\.1 400 [^]*)?$/);
    await handshake(server, { port: server.wsdPort });
  });
}

pollux('inline: a hundred at once', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(server.wsdPort, REQUEST)));
  assert.ok(answers.every((answer) => answer === POLICY));
});
