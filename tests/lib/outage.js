/* outage: a way to the server that can be cut: a TCP proxy on a port of its own. */
'use strict';

const net = require('node:net');
const { once } = require('node:events');
const { freePorts } = require('./ports');

class Outage {
  static async open(port) {
    const way = new Outage();
    way.sockets = new Set();
    way.listener = net.createServer((client) => way.join(client, port));
    [way.port] = await freePorts(1);
    way.listener.listen(way.port, '127.0.0.1');
    await once(way.listener, 'listening');
    return way;
  }

  join(client, port) {
    if (this.cut) {
      client.destroy();
      return;
    }
    const server = net.connect(port, '127.0.0.1');
    for (const [from, to] of [[client, server], [server, client]]) {
      this.sockets.add(from);
      from.on('error', () => {}).on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  begin() {
    this.cut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  end() {
    this.cut = false;
  }

  close() {
    this.begin();
    this.listener.close();
  }
}

module.exports = { Outage };
