/* outage: a way to the server that can be cut: a TCP proxy on a port of its own.  `asked` collects
 * all that came from clients; `change`, if set, may change what goes to them, by a read; new
 * connections go to the port `to`. */
'use strict';

const net = require('node:net');
const { once } = require('node:events');
const { freePorts } = require('./ports');

class Outage {
  static async open(port) {
    const way = new Outage();
    way.sockets = new Set();
    way.asked = '';
    way.to = port;
    way.listener = net.createServer((client) => way.join(client));
    [way.port] = await freePorts(1);
    way.listener.listen(way.port, '127.0.0.1');
    await once(way.listener, 'listening');
    return way;
  }

  join(client) {
    if (this.cut) {
      client.destroy();
      return;
    }
    const server = net.connect(this.to, '127.0.0.1');
    client.on('data', (bytes) => { this.asked += bytes.toString('latin1'); });
    server.on('data', (bytes) => {
      client.write(this.change ? Buffer.from(this.change(bytes.toString('latin1')), 'latin1') : bytes);
    });
    client.pipe(server);
    for (const [from, to] of [[client, server], [server, client]]) {
      this.sockets.add(from);
      from.on('error', () => {}).on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
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
