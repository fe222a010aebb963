/* The real client, socket.io-client 0.9.17, in a page, on each transport that a page can use.
 * htmlfile was made for Internet Explorer: here a hidden frame replaces its ActiveX object. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { request } = require('../lib/http');
const { launch, openWindow } = require('../lib/browser');

let browser;

before(async () => { browser = await launch(); });
after(() => browser && browser.close());
const server = useServer({});
const brief = useServer({ conf: { protocol: { htmlfile_duration: 2 } } });

/* In the page: the parts of `new ActiveXObject('htmlfile')` that the client uses. */
function addActiveX() {
  window.ActiveXObject = function ActiveXObject() {
    const frame = document.createElement('iframe');
    document.documentElement.appendChild(frame);
    const page = frame.contentDocument;
    Object.defineProperty(page, 'parentWindow', { value: frame.contentWindow });
    return page;
  };
  window.CollectGarbage = () => {};
}

/* In the page: connect by this transport only, and record events in `window.seen`. */
function connectClient({ transport, query }) {
  const { io } = window;
  io.transports.splice(0, io.transports.length, transport);
  const socket = io.connect(`${location.origin}/?${query}`, { 'force new connection': true, 'reconnection delay': 50, transports: [transport] });
  window.socket = socket;
  window.seen = [];
  for (const name of ['connect', 'disconnect', 'reconnect', 'error', 'connect_failed', 'message', 'echo', 'room']) {
    socket.on(name, (...args) => window.seen.push([name, ...args.filter((arg) => typeof arg !== 'function')]));
  }
  return new Promise((resolve) => socket.once('connect', resolve));
}

/* A window with a connected client. */
async function connected(transport, target = server) {
  const page = await openWindow(browser);
  if (transport === 'htmlfile') await page.addInitScript(addActiveX);
  await page.goto(target.url);
  await page.addScriptTag({ url: '/socket.io/socket.io.js' });
  await page.evaluate(connectClient, { transport, query: 'user=me' });
  return page;
}

/* emit() with a callback; return its arguments. */
function ask(page, ...args) {
  return page.evaluate((given) => new Promise((resolve) => window.socket.emit(...given, (...answer) => resolve(answer))), args);
}

function sees(page, name) {
  return page.waitForFunction((wanted) => window.seen.some(([what]) => what === wanted), name);
}

function seen(page, name) {
  return page.evaluate((wanted) => window.seen.filter(([what]) => what === wanted), name);
}

const TEXTS = ['plain', 'a/b </script> "q" \\ \' \n\t\u0000', '<!-- <script>', '\u2028\u2029', '\u2603\u{1f600}', '\ufffd', '%41+&d=x', '\r\n', ''];

for (const transport of ['websocket', 'xhr-polling', 'jsonp-polling', 'htmlfile']) {
  pollux(`${transport}: texts and values arrive as they were sent; who is kicked stays away`, async () => {
    const page = await connected(transport);
    const [who] = await ask(page, 'whoami');
    assert.strictEqual(who.transport, transport);
    assert.strictEqual(who.query.user, 'me');
    for (const text of TEXTS) {
      assert.deepStrictEqual(await ask(page, 'echo', text, { text: [text] }), [text, { text: [text] }]);
    }
    /* a client on htmlfile turns every backslash-slash into a slash; JSON must survive that */
    assert.deepStrictEqual(await ask(page, 'echo', 'x\\/y', '\\\\/'), ['x\\/y', '\\\\/']);
    await page.evaluate((texts) => texts.forEach((text) => window.socket.send(text)), TEXTS);
    await page.waitForFunction((n) => window.seen.filter(([what]) => what === 'message').length === n, TEXTS.length);
    assert.deepStrictEqual((await seen(page, 'message')).map(([, text]) => text), TEXTS);
    await page.evaluate(() => window.socket.emit('kick'));
    await sees(page, 'disconnect');
    assert.deepStrictEqual([await seen(page, 'disconnect'), await seen(page, 'connect'), await seen(page, 'error')],
      [[['disconnect', 'booted']], [['connect']], []]);
    assert.deepStrictEqual(page.complaints.filter((complaint) => complaint.startsWith('script')), []);
    await page.context().close();
  });

  pollux(`${transport}: a burst arrives in order, each once; who says goodbye has gone`, async () => {
    const page = await connected(transport);
    const other = await connected('websocket');
    const room = `burst ${transport}`;
    await ask(page, 'join', room);
    await ask(other, 'join', room);
    for (const [from, to] of [[page, other], [other, page]]) {
      await from.evaluate((name) => { for (let i = 0; i < 200; i++) window.socket.emit('room', name, i); }, room);
      await to.waitForFunction(() => window.seen.filter(([what]) => what === 'room').length >= 200);
      assert.deepStrictEqual((await seen(to, 'room')).map(([, , i]) => i), Array.from({ length: 200 }, (_, i) => i));
    }
    const [{ id }] = await ask(page, 'whoami');
    /* while a POST is unanswered the client would queue its disconnect, and never send it */
    await page.waitForFunction(() => !window.socket.socket.doBuffer);
    await page.evaluate(() => {
      window.line = window.socket.socket.transport.websocket;
      window.socket.disconnect();
    });
    await sees(page, 'disconnect');
    /* until the server has read the goodbye: a poll before it would take the session over */
    await page.waitForFunction(() => !window.line || window.line.readyState === window.line.CLOSED);
    let text;
    do ({ text } = await request(server.port, { path: `/socket.io/1/xhr-polling/${id}` })); while (text === '8::');
    assert.match(text, /^(0::|7:::1\+0)$/);
    await Promise.all([page, other].map((each) => each.context().close()));
  });
}

pollux('htmlfile: the client reconnects by itself before the web server would end the page', async () => {
  const page = await connected('htmlfile', brief);
  const [{ id }] = await ask(page, 'whoami');
  await sees(page, 'reconnect');
  const [again] = await ask(page, 'whoami');
  assert.notStrictEqual(again.id, id);
  assert.strictEqual(again.transport, 'htmlfile');
  assert.deepStrictEqual(await ask(page, 'echo', 'still here'), ['still here']);
  await page.context().close();
});
