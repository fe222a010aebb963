/* window: a real Socket.IO client of one version in a browser window, held to one transport.
 *
 * `io.transports` itself is replaced before connect(): the option of that name is merged element by
 * element into the default list.  A test still asks the server (whoami) which transport it sees. */
'use strict';

const http = require('node:http');
const path = require('node:path');
const { once } = require('node:events');
const { openWindow } = require('./browser');
const { within } = require('./wait');

const BROWSER_MS = 25000; /* Chromium shares the machine with the server and other tests */
const FOLDERS = new Map([['0.9.17', 'socket.io-client'], ['0.8.7', 'socket.io-client-0.8'], ['0.7.11', 'socket.io-client-0.7']]);

function clientFile(version, name = 'socket.io.js') {
  return path.join(path.dirname(require.resolve(`${FOLDERS.get(version)}/package.json`)), 'dist', name);
}

/* --- in the page ----------------------------------------------------------------------------- */

/* What `htmlfile` needs of Internet Explorer: a document outside of the page. */
function shimHtmlfile() {
  window.ActiveXObject = function (name) {
    if (name !== 'htmlfile') throw new Error(`no ${name}`);
    const frame = document.createElement('iframe');
    frame.style.display = 'none';
    document.body.appendChild(frame);
    frame.contentDocument.parentWindow = frame.contentWindow;
    return frame.contentDocument;
  };
  window.CollectGarbage = () => {};
}

/* `happened` collects [event, ...arguments] of all events that tests look at, per namespace. 
 * Waiting for one removes it; what came before it stays. */
function installTestbed() {
  const spaces = new Map();
  const NAMES = ['connect', 'disconnect', 'error', 'connect_failed', 'message', 'echo', 'broadcast', 'answered', 'all'];

  const watch = (name, socket) => {
    const space = { socket, happened: [], waiting: [] };
    spaces.set(name, space);
    for (const event of NAMES) {
      socket.on(event, (...args) => {
        const plain = JSON.parse(JSON.stringify([event, ...args], (key, value) => (typeof value === 'function' ? null : value)));
        const index = space.waiting.findIndex((each) => each.event === event);
        if (index >= 0) space.waiting.splice(index, 1)[0].resolve(plain.slice(1));
        else space.happened.push(plain);
      });
    }
    socket.on('question', (text, answer) => answer(text, { because: '\u2028"' }));
  };

  window.testbed = {
    connect(url, transport, options) {
      spaces.clear();
      window.io.transports = [transport];
      const socket = window.io.connect(url, { 'force new connection': true, reconnect: false, ...options });
      watch('', socket);
    },
    join: (name) => watch(name, spaces.get('').socket.socket.of(name)),
    next: (name, event) => new Promise((resolve) => {
      const space = spaces.get(name);
      const index = space.happened.findIndex(([each]) => each === event);
      if (index >= 0) resolve(space.happened.splice(index, 1)[0].slice(1));
      else space.waiting.push({ event, resolve });
    }),
    happened: (name) => spaces.get(name).happened.map(([event]) => event),
    nextOnes: (name, event, count) => Promise.all(Array.from({ length: count }, () => window.testbed.next(name, event))),
    emit: (name, event, ...lists) => { for (const args of lists) spaces.get(name).socket.emit(event, ...args); },
    ask: (name, event, args) => new Promise((resolve) => {
      spaces.get(name).socket.emit(event, ...args, (...answer) => resolve(answer));
    }),
    send: (name, text) => new Promise((resolve) => { spaces.get(name).socket.send(text, () => resolve()); }),
    json: (name, value) => { spaces.get(name).socket.json.send(value); },
    disconnect: () => { spaces.get('').socket.disconnect(); }
  };
}

/* --- in the test ----------------------------------------------------------------------------- */

/* A window with a client in its page.  Its methods are those of the testbed there; the first
 * argument of most is the namespace, '' for the root. */
class ClientWindow {
  /* `prepare` makes the page at `pageUrl` look like the browser that the client expects. */
  static async open(browser, version, pageUrl, prepare = (page) => page.evaluate(shimHtmlfile)) {
    const page = await openWindow(browser);
    page.setDefaultTimeout(BROWSER_MS);
    await page.goto(pageUrl);
    await prepare(page);
    await page.addScriptTag({ path: clientFile(version) });
    await page.evaluate(installTestbed);
    const window = new ClientWindow();
    window.page = page;
    return window;
  }

  call(method, ...args) {
    const said = this.page.evaluate(([name, list]) => window.testbed[name](...list), [method, args]);
    said.catch(() => {}); /* it may fail after the deadline below, unobserved */
    return within(said, `${method}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`, BROWSER_MS).catch((error) => {
      throw new Error(`${error.message}; complaints: ${this.page.complaints.join(', ') || 'none'}`);
    });
  }

  /* A new connection, which the other methods use from now on. */
  async connect(url, transport, options = {}) {
    await this.call('connect', url, transport, options);
    await this.next('', 'connect');
  }

  async join(name) {
    await this.call('join', name);
    await this.next(name, 'connect');
  }

  /* The arguments of the next event of this name. */
  next(name, event) {
    return this.call('next', name, event);
  }

  nextOnes(name, event, count) {
    return this.call('nextOnes', name, event, count);
  }

  /* Names of the events that were not waited for. */
  happened(name) {
    return this.call('happened', name);
  }

  emit(name, event, ...args) {
    return this.call('emit', name, event, args);
  }

  /* Emit the event with each of these lists of arguments, without a pause. */
  emitAll(name, event, lists) {
    return this.call('emit', name, event, ...lists);
  }

  /* emit() with a callback; return its arguments. */
  ask(name, event, ...args) {
    return this.call('ask', name, event, args);
  }

  /* send() with a callback; wait until the server has it. */
  send(name, text) {
    return this.call('send', name, text);
  }

  json(name, value) {
    return this.call('json', name, value);
  }

  disconnect() {
    return this.call('disconnect');
  }

  close() {
    return this.page.context().close();
  }
}

/* It has a script because clients insert theirs before the first one. */
const PAGE = '<!doctype html><title>page</title><body><script></script>';
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.swf': 'application/x-shockwave-flash' };

/* A server for an empty page, as another origin, and for the contents that `read(name)` returns, if
 * any. */
async function startPages(read = () => null) {
  const server = http.createServer((request, response) => {
    const name = request.url.slice(1);
    const content = name ? read(name) : PAGE;
    response.writeHead(content === null ? 404 : 200, {
      'Content-Type': TYPES[path.extname(name)] || 'text/html; charset=utf-8', 'Access-Control-Allow-Origin': '*'
    });
    response.end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    url: `http://127.0.0.1:${server.address().port}/`,
    stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); })
  };
}

module.exports = { ClientWindow, startPages, clientFile, BROWSER_MS };
