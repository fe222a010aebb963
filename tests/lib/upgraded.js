/* upgraded: what clients of every websocket dialect do with their connection. */
'use strict';

const { Client } = require('./client');

/* `connection` is open; `reading` resolves when it has been read to its end. */
class Upgraded extends Client {
  sendBytes(bytes) {
    this.connection.send(bytes);
  }

  /* Wait until the server has closed the TCP connection. */
  async ended(ms) {
    await this.connection.watch(() => (this.connection.ended ? true : null), 'close of the TCP connection', ms);
    await this.reading;
  }

  stop() {
    if (this.connection) this.connection.destroy();
  }

  async close() {
    this.stop();
  }
}

module.exports = { Upgraded };
