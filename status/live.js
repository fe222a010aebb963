/* live: the figures as they come, by a Socket.IO session of the namespace that only this page may
 * use.  While there is none, they are asked for. */
import * as api from './api.js';

const ASK_MS = 5000;
const CONNECT_MS = 10000;
const RETRY_MAX_MS = 30000;

export class Live {
  /* `on`: figures(object), log(object), state(text, isLive), ended(error). */
  constructor(me, on) {
    this.me = me;
    this.on = on;
    this.retryMs = 1000;
    this.stopped = false;
    this.connected = false;
    this.heardAt = 0; /* of performance.now(): when the session was last heard */
    this.asking = setInterval(() => this.watch(), ASK_MS);
    this.ask();
    this.open();
  }

  stop() {
    this.stopped = true;
    clearInterval(this.asking);
    clearTimeout(this.retrying);
    this.socket?.disconnect();
    this.socket = null;
  }

  /* Ask for the figures if no session brings them: it may live while whoever sends them does not. */
  watch() {
    if (this.connected && performance.now() - this.heardAt < ASK_MS) return;
    if (this.connected) this.on.state(`silent, asking every ${ASK_MS / 1000} s`, false);
    this.ask();
  }

  hear(socket) {
    this.heardAt = performance.now();
    this.on.state(`live by ${socket.socket.transport.name}`, true);
  }

  async ask() {
    try {
      const [figures, log] = [await api.get('figures'), await api.get('log')];
      if (this.stopped) return;
      this.on.figures(figures);
      this.on.log(log);
    } catch (error) {
      this.fail(error);
    }
  }

  /* Without a session nothing is lost but time. */
  fail(error) {
    if (this.stopped) return;
    if (error instanceof api.NoLogin) this.on.ended(error);
    else this.on.state(`asking every ${ASK_MS / 1000} s (${error.message})`, false);
  }

  async open() {
    if (!window.io) {
      this.on.state(`asking every ${ASK_MS / 1000} s (socket.io.js is not served)`, false);
      return;
    }
    try {
      const { ticket } = await api.post('ticket');
      if (!this.stopped) this.connect(ticket);
    } catch (error) {
      this.fail(error);
      this.retry();
    }
  }

  connect(ticket) {
    const url = `${location.origin}${this.me.namespace}?pollux_status=${ticket}`;
    const socket = window.io.connect(url, {
      resource: this.me.resource,
      transports: ['websocket', 'xhr-polling'],
      'force new connection': true,
      'connect timeout': CONNECT_MS,
      reconnect: false
    });
    const over = () => this.lost(socket);
    this.socket = socket;
    socket.on('connect', () => {
      this.connected = true;
      this.retryMs = 1000;
      this.hear(socket);
    });
    socket.on('figures', (figures) => {
      if (this.socket !== socket) return;
      this.hear(socket);
      this.on.figures(figures);
    });
    socket.on('log', (log) => this.socket === socket && this.on.log(log));
    for (const event of ['disconnect', 'connect_failed', 'error']) socket.on(event, over);
  }

  /* It has ended, or could not begin: get another one, with another ticket. */
  lost(socket) {
    if (this.socket !== socket || this.stopped) return;
    this.socket = null;
    this.connected = false;
    socket.socket.disconnect();
    this.on.state(`asking every ${ASK_MS / 1000} s`, false);
    this.ask();
    this.retry();
  }

  retry() {
    if (this.stopped) return;
    this.retrying = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS);
  }
}
