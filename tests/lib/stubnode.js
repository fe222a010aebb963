/* stubnode: a server that stands for a node.  It answers every request with its number and the
 * address that it got, accepts every websocket, and can be killed and come back on its port. */
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const { once } = require('node:events');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

class StubNode {
  constructor(number, port) {
    Object.assign(this, { number, port, requests: 0, ready: true });
  }

  async start() {
    this.sockets = new Set();
    this.server = http.createServer((req, res) => this.answer(req, res));
    this.server.on('upgrade', (req, socket) => this.upgrade(req, socket));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket)).on('error', () => {});
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  answer(req, res) {
    if (req.url === '/pollux/v1/ready') return res.writeHead(this.ready ? 200 : 503).end();
    this.requests++;
    req.resume().on('end', () => res.end(`${this.number} ${req.method} ${req.url}`));
  }

  upgrade(req, socket) {
    this.requests++;
    const accept = crypto.createHash('sha1').update(req.headers['sec-websocket-key'] + GUID).digest('base64');
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n${this.number} ${req.url}`);
  }

  async kill() {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }
}

module.exports = { StubNode };
