/* ruffle: Flash for a browser without it.
 *
 * Ruffle runs the client's WebSocketMain.swf in the page.  A page cannot open TCP connections, so
 * Ruffle passes the bytes of a Flash socket to a websocket, and here every such websocket becomes the
 * TCP connection that Flash wanted:
 *
 *	client ── WebSocketMain.swf ── Ruffle ──websocket──> this proxy ──TCP──> the server
 *
 * It does not request a policy file: its Security.loadPolicyFile() does nothing. */
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { WebSocketServer } = require('ws');
const { startPages, clientFile } = require('./window');

const END = Buffer.from([0xff, 0x00]);
const FOLDER = path.dirname(require.resolve('@ruffle-rs/ruffle/package.json'));

/* Ruffle's files, and the client's Flash files for pages of another origin. */
function read(name) {
  if (/^WebSocketMain\w*\.swf$/.test(name)) return fs.readFileSync(clientFile('0.9.17', name));
  const file = path.join(FOLDER, path.basename(name));
  if (!fs.existsSync(file)) return null;
  /* under its own name it would get the WebSocket that the client replaced */
  return name.startsWith('core') ? fs.readFileSync(file, 'utf8').replaceAll('new WebSocket(', 'new NativeWebSocket(')
    : fs.readFileSync(file);
}

/* Has Ruffle garbled its request of hixie-76?  It does so with one of a thousand: it begins it twice,
 * or the digits of a key are not a multiple of its blanks. */
function isGarbled({ sent }) {
  const keys = [...sent.matchAll(/^Sec-WebSocket-Key\d: (.*)\r$/gm)].map(([, key]) => key);
  return sent.lastIndexOf('GET ') > 0 ||
    keys.some((key) => Number(key.replace(/\D/g, '')) % (key.split(' ').length - 1) !== 0);
}

/* Relay between the websocket and the port in its path; `connection.sent` is what Flash sent.
 *
 * A websocket cannot be closed in one direction: after the server's FF 00, Flash still answers,
 * then closes by itself.  Any other end of the TCP connection is passed on. */
function forward(websocket, request, connections) {
  const port = Number(request.url.slice(1));
  const connection = { port, sent: '', closed: false };
  connections.push(connection);
  const tcp = net.connect(port, '127.0.0.1');
  let tail = Buffer.alloc(0);
  websocket.on('message', (bytes) => {
    connection.sent += bytes.toString('latin1');
    tcp.write(bytes);
  });
  websocket.on('close', () => tcp.end());
  tcp.on('data', (bytes) => {
    tail = Buffer.concat([tail, bytes]).subarray(-2);
    websocket.send(bytes);
  });
  tcp.on('error', () => {}); /* 'close' follows */
  tcp.on('close', () => {
    connection.closed = true;
    if (!tail.equals(END)) websocket.close();
  });
}

/* Look like a browser of 2011 to the client: Flash, but no WebSocket. */
async function installFlash(page, { url, ports }) {
  await page.evaluate(([publicPath, proxies]) => {
    window.RufflePlayer = {
      config: { publicPath, socketProxy: proxies, preferredRenderer: 'canvas', allowScriptAccess: true, autoplay: 'on', logLevel: 'error' }
    };
  }, [url, ports.map((port) => ({ host: '127.0.0.1', port, proxyUrl: `${url.replace('http', 'ws')}${port}` }))]);
  await page.addScriptTag({ url: `${url}ruffle.js` });
  await page.waitForFunction(() => navigator.plugins['Shockwave Flash']);
  await page.evaluate(() => {
    window.NativeWebSocket = window.WebSocket;
    window.WebSocket = undefined;
    /* the client passes null for texts and ports, which today's browsers refuse as a port */
    const { initMessageEvent } = MessageEvent.prototype;
    MessageEvent.prototype.initMessageEvent = function (...args) {
      return initMessageEvent.apply(this, args.map((arg, i) => (i === 7 && arg === null ? [] : arg)));
    };
  });
}

/* A server for pages with Flash.  `connections` are those that Flash opened; `install(page, ports)`
 * gives a page a Flash that can reach these ports. */
async function startFlash() {
  const pages = await startPages(read);
  const connections = [];
  const websockets = new WebSocketServer({ server: pages.server });
  websockets.on('connection', (websocket, request) => forward(websocket, request, connections));
  return {
    url: pages.url,
    connections,
    install: (page, ports) => installFlash(page, { url: pages.url, ports }),
    stop: async () => {
      for (const websocket of websockets.clients) websocket.terminate();
      await pages.stop();
    }
  };
}

module.exports = { isGarbled, startFlash };
