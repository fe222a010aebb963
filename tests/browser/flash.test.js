/* flashsocket: the client 0.9.17 and its WebSocketMain.swf, which speaks hixie-76, in Chromium. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch } = require('../lib/browser');
const { isGarbled, startFlash } = require('../lib/ruffle');
const { ClientWindow } = require('../lib/window');
const { until } = require('../lib/wait');

const HURTS = 'it\'s "quoted" \\ / %25 +&=<b> </script> \t\n\u2028 \u00e9 \u2603 \u{1f600} \ufffd \u{10ffff} :::+';

let browser, flash;
before(async () => { [browser, flash] = await Promise.all([launch(), startFlash()]); });
after(() => Promise.all([browser && browser.close(), flash && flash.stop()]));
const server = useServer({});

/* A page of the server loads its WebSocketMain.swf and connects through the web server; one of
 * another origin has its own WebSocketMainInsecure.swf and connects to pollux-wsd. */
for (const [where, port, origin] of [['the web server', 'port', 'same'], ['pollux-wsd', 'wsdPort', 'another']]) {
  let window;

  async function connect() {
    window = await ClientWindow.open(browser, '0.9.17', origin === 'same' ? server.url : flash.url,
      (page) => flash.install(page, [server[port]]));
    if (origin === 'another') {
      await window.page.evaluate((url) => { window.WEB_SOCKET_SWF_LOCATION = url; }, `${flash.url}WebSocketMainInsecure.swf`);
    }
    await window.connect(`http://127.0.0.1:${server[port]}`, 'flashsocket', { 'flash policy port': server.policyPort });
  }

  pollux(`from ${origin} origin by ${where}: connects by hixie-76, and the server sees flashsocket`, async () => {
    await connect().catch(async (error) => {
      if (!flash.connections.some(isGarbled)) throw error;
      await window.close();
      flash.connections.length = 0;
      await connect();
    });
    const [who] = await window.ask('', 'whoami');
    assert.strictEqual(who.transport, 'flashsocket');
    const { sent } = flash.connections.find((connection) => connection.port === server[port]);
    assert.match(sent, new RegExp(`^GET /socket.io/1/flashsocket/${who.id} HTTP/1.1\r\n`));
    assert.match(sent, /\r\nSec-WebSocket-Key2: .+\r\n\r\n/);
    assert.ok(!sent.includes('Sec-WebSocket-Version'));
  });

  pollux(`from ${origin} origin by ${where}: message, json and event come back as they were`, async () => {
    await window.send('', HURTS);
    assert.deepStrictEqual(await window.next('', 'message'), [HURTS]);
    const value = { text: [HURTS, ''], number: 1.5, nothing: null };
    await window.json('', value);
    assert.deepStrictEqual(await window.next('', 'message'), [value]);
    assert.deepStrictEqual(await window.ask('', 'echo', HURTS, value), [HURTS, value]);
    assert.deepStrictEqual(await window.next('', 'echo'), [HURTS, value]);
    await window.emit('', 'ask');
    assert.deepStrictEqual(await window.next('', 'answered'), ['6*7', { because: '\u2028"' }]);
  });

  pollux(`from ${origin} origin by ${where}: many at once, and one of 60,000 characters, keep their order`, async () => {
    const texts = Array.from({ length: 30 }, (_, i) => `${i} \u{1f600}`);
    texts[10] = '\u2603'.repeat(60000);
    await window.emitAll('', 'echo', texts.map((text) => [text]));
    assert.deepStrictEqual((await window.nextOnes('', 'echo', texts.length)).flat(), texts);
  });

  pollux(`from ${origin} origin by ${where}: a namespace, a kick, and the connection has ended`, async () => {
    await window.join('/chat');
    assert.strictEqual((await window.ask('/chat', 'whoami'))[0].endpoint, '/chat');
    await window.emit('', 'kick');
    await window.next('', 'disconnect');
    const connection = flash.connections.find((each) => each.port === server[port]);
    await until(() => connection.closed, 'end of the connection');
    assert.deepStrictEqual(window.page.complaints, []);
    await window.close();
  });
}
