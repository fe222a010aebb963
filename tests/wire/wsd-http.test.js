/* The port of pollux-wsd and malformed HTTP: always a response or a close, never a crash, and the
 * next client is served. */
'use strict';

const assert = require('node:assert');
const { useServer, pollux } = require('../lib/suite');
const { Connection, parseResponse, request } = require('../lib/http');
const { handshake } = require('../lib/polling');

const server = useServer();
const CHUNKED = 'POST /socket.io/1/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
const LONG = 'x'.repeat(20000);

/* bytes, and the statuses that may answer them; NONE: a close without a response is fine too */
const NONE = 0;
const ROWS = [
  ['nothing but line ends', '\r\n\r\n\r\n\r\n', [NONE, 400], { finish: true }],
  ['no HTTP at all', 'hello world\r\n\r\n', [NONE, 400]],
  ['a TLS hello', Buffer.from('16030100c8010000c40303', 'hex'), [NONE, 400], { finish: true }],
  ['a NUL in the request line', 'GET /socket.io/1/\0 HTTP/1.1\r\nHost: x\r\n\r\n', [NONE, 400]],
  ['HTTP/9.9', 'GET /socket.io/1/ HTTP/9.9\r\nHost: x\r\n\r\n', [NONE, 400, 505]],
  ['no version', 'GET /socket.io/1/\r\n\r\n', [NONE, 200, 400, 505], { finish: true }],
  ['an unknown method', 'BREW /socket.io/1/ HTTP/1.1\r\nHost: x\r\n\r\n', [NONE, 400, 405, 501]],
  ['a header without colon', 'GET /socket.io/1/ HTTP/1.1\r\nnonsense\r\n\r\n', [NONE, 400]],
  ['a space before the colon', 'GET /socket.io/1/ HTTP/1.1\r\nHost : x\r\n\r\n', [NONE, 200, 400]],
  ['a control character in a header', 'GET /socket.io/1/ HTTP/1.1\r\nHost: \x01\r\n\r\n', [400]],
  ['a NUL at the front of a header', 'GET /socket.io/1/ HTTP/1.1\r\nOrigin:\0x\r\n\r\n', [400]],
  ['a form feed in the target', 'GET /socket.io/1/?\f HTTP/1.1\r\nHost: x\r\n\r\n', [400]],
  ['a request line of 20,000 bytes', `GET /socket.io/1/?${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`, [414, 431, 400]],
  ['a header of 20,000 bytes', `GET /socket.io/1/ HTTP/1.1\r\nX: ${LONG}\r\n\r\n`, [431, 400]],
  ['five thousand headers', `GET /socket.io/1/ HTTP/1.1\r\n${'a: b\r\n'.repeat(5000)}\r\n`, [431, 400]],
  ['a negative Content-Length', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n', [NONE, 400]],
  ['a Content-Length that is no number', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: abc\r\n\r\n', [NONE, 400]],
  ['a Content-Length of 2^64', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n', [NONE, 400, 413]],
  ['a Content-Length of a gigabyte', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n', [413]],
  ['two Content-Lengths', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', [NONE, 400]],
  ['Content-Length and chunks', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', [NONE, 200, 400]],
  ['a chunk size that is no number', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', [NONE, 400]],
  ['a chunk size of 2^64', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n', [NONE, 400, 413]],
  ['a chunk of a gigabyte', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n', [413]],
  ['a chunk of a gigabyte after one of three bytes', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n40000000\r\n', [413]],
  ['a chunk size that ends with a bare CR', `${CHUNKED}3\rXabc\r\n0\r\n\r\n`, [400]],
  ['a chunk size with two CRs', `${CHUNKED}0\r\r\n\r\n`, [400]],
  ['a chunk that does not end', `${CHUNKED}3\r\nabcXX0\r\n\r\n`, [400]],
  ['a chunk that ends with a bare CR', `${CHUNKED}3\r\nabc\rX0\r\n\r\n`, [400]],
  ['an extension of a chunk that ends with a bare LF', `${CHUNKED}3;a\n\r\nabc\r\n0\r\n\r\n`, [400]],
  ['a bare CR at the end of a body in chunks', `${CHUNKED}0\r\n\rX`, [400]],
  ['a bare CR behind a body in chunks', `${CHUNKED}0\r\nA: b\rHost: y\r\n\r\n`, [400]],
  ['a folded header behind a body in chunks', `${CHUNKED}0\r\nA: b\r\n c\r\n\r\n`, [400]],
  ['two Host headers', 'GET /socket.io/1/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', [400]],
  ['two equal Host headers', 'GET /socket.io/1/ HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n', [400]],
  ['a coding that is gzip', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n', [501]],
  ['a coding of chunks and gzip', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', [501]],
  ['a coding with a parameter', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n', [501]],
  ['two codings', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n', [501]],
  ['an empty coding', 'POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n', [501]],
  ['a folded header', 'GET /socket.io/1/ HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n', [400]],
  ['a header folded by a tab', 'GET /socket.io/1/ HTTP/1.1\r\nX: a\r\n\tHost: y\r\n\r\n', [400]],
  ['a blank before the first header', 'GET /socket.io/1/ HTTP/1.1\r\n Host: x\r\n\r\n', [400]],
  ['a blank line that is not empty', 'GET /socket.io/1/ HTTP/1.1\r\nHost: x\r\n \r\n\r\n', [400]],
  ['a bare CR in a header', 'GET /socket.io/1/ HTTP/1.1\r\nX: a\rHost: y\r\n\r\n', [400]],
  ['a bare CR between headers', 'GET /socket.io/1/ HTTP/1.1\r\nX: a\r\rY: b\r\n\r\n', [400]],
  ['a bare CR in the request line', 'GET /socket.io/1/\r HTTP/1.1\r\n\r\n', [400]],
  ['a bare CR at the end of the head', 'GET /socket.io/1/ HTTP/1.1\r\nX: a\r\n\rGET / HTTP/1.1\r\n\r\n', [400]],
  ['a request that stops in its head', 'GET /socket.io/1/ HTTP/1.1\r\nHos', [NONE, 400], { finish: true }],
  ['a request that stops in its body', 'POST /socket.io/1/ HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc', [NONE, 400], { finish: true }],
  ['an upgrade to something else', 'GET /socket.io/1/websocket/x HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n', [NONE, 400, 426]],
  ['half an upgrade', 'GET /socket.io/1/websocket/x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', [NONE, 400, 426]],
  ['a path elsewhere', 'GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', [404]],
  ['a path with dots', 'GET /socket.io/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', [400, 404, 500]],
  ['CONNECT', 'CONNECT example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n', [NONE, 400, 404, 405]],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', [200, 400, 404, 405]]
];

for (const [what, bytes, statuses, { finish = false } = {}] of ROWS) {
  pollux(`${what} does no harm`, async () => {
    const connection = new Connection(server.wsdPort);
    connection.send(bytes);
    if (finish) connection.finish();
    const status = await connection.watch(() => {
      const response = parseResponse(connection.bytes, { ended: connection.ended });
      return response ? response.status : connection.ended ? NONE : null;
    }, 'answer or close');
    connection.destroy();
    assert.ok(statuses.includes(status), `status ${status}, expected one of ${statuses}`);
    await handshake(server, { port: server.wsdPort });
  });
}

pollux('a request without a Host is served', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/1/ HTTP/1.1\r\nX: y\r\n\r\n');
  assert.strictEqual((await connection.response()).status, 200);
  connection.destroy();
});

pollux('a head that comes byte by byte is judged as one that comes at once', async () => {
  for (const [bytes, status] of [
    ['GET /socket.io/ HTTP/1.1\r\nHost: x\r\nY: z\r\n\r\n', 200],
    ['GET /socket.io/ HTTP/1.1\r\nX: a\r\n b\r\n\r\n', 400],
    ['GET /socket.io/ HTTP/1.1\r\nX: a\rHost: y\r\n\r\n', 400]
  ]) {
    const connection = new Connection(server.wsdPort);
    for (const byte of bytes) connection.send(byte);
    assert.strictEqual((await connection.response()).status, status, JSON.stringify(bytes));
    connection.destroy();
  }
});

pollux('a body in chunks may come byte by byte, with extensions and a trailer', async () => {
  for (const [tail, status] of [
    ['3\r\nabc\r\n00B;x="y"\r\n1234567890\r\r\n0\r\nA: b\r\nB: c\r\n\r\n', 200],
    ['3\r\nabc\r\n00A\r\n1234567890\rX0\r\n\r\n', 400]
  ]) {
    const connection = new Connection(server.wsdPort);
    for (const byte of CHUNKED + tail) connection.send(byte);
    assert.strictEqual((await connection.response()).status, status, tail);
    /* and what follows it is the next request */
    if (status === 200) {
      connection.send(`${CHUNKED}${tail}GET /socket.io/ HTTP/1.1\r\n\r\n`);
      assert.strictEqual((await connection.response()).status, 200);
      assert.strictEqual((await connection.response()).text, 'Welcome to socket.io.');
    }
    connection.destroy();
  }
});

pollux('a coding may be written in any case', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('POST /socket.io/1/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n');
  assert.strictEqual((await connection.response()).status, 200);
  connection.destroy();
});

pollux('what follows a body in chunks does not become a header', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('POST /socket.io/1/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n' +
    'Origin: http://trailer.example\r\n\r\n');
  const response = await connection.response();
  assert.strictEqual(response.status, 200);
  assert.doesNotMatch(response.header('access-control-allow-origin') || '', /trailer/);
  connection.destroy();
});

pollux('a request with bare line feeds is accepted', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/1/ HTTP/1.1\nHost: x\n\n');
  assert.strictEqual((await connection.response()).status, 200);
  connection.destroy();
});

pollux('of an absolute request target the path counts', async () => {
  const response = await request(server.wsdPort, { path: 'http://elsewhere.example/socket.io/1/' });
  assert.strictEqual(response.status, 200);
});

pollux('requests sent in one go are answered in order', async () => {
  const connection = new Connection(server.wsdPort);
  connection.send('GET /socket.io/ HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3) + 'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n');
  for (let i = 0; i < 3; i++) assert.strictEqual((await connection.response()).text, 'Welcome to socket.io.');
  assert.strictEqual((await connection.response()).status, 404);
  connection.destroy();
});

pollux('a hundred silent connections do not keep others out', async () => {
  const silent = Array.from({ length: 100 }, () => new Connection(server.wsdPort));
  await Promise.all(silent.map((connection) => connection.opened));
  await handshake(server, { port: server.wsdPort });
  silent.forEach((connection) => connection.destroy());
});
