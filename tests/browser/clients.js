/* Each client in Chromium, on every transport that it has there, from a page of the same and of
 * another origin.  PROTOCOL 15 lists the clients' faults; where one shows here it is asserted, so
 * that it is not taken for a fault of the server. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch } = require('../lib/browser');
const { ClientWindow, startPages } = require('../lib/window');

const TRANSPORTS = ['websocket', 'xhr-polling', 'jsonp-polling', 'htmlfile'];
const ORIGINS = ['same', 'another'];

const HURTS = 'it\'s "quoted" \\ / \\\\ %25 +&=<b> </script><!-- \t \u00e9 \u2603 \u{1f600} \u{10ffff} :::+';
const BREAKS = ['one\ntwo', 'one\u2028two\u2029three'];

let browser, pages;
before(async () => { [browser, pages] = await Promise.all([launch(), startPages()]); });
after(() => Promise.all([browser && browser.close(), pages && pages.stop()]));
const server = useServer({}); /* not shared: broadcasts would reach the clients of other files */

/* Two windows of one version and one origin, for each of its transports in turn. */
class Pair {
  async open(version, origin) {
    if (this.one) return;
    const url = origin === 'same' ? server.url : pages.url;
    [this.one, this.two] = await Promise.all([1, 2].map(() => ClientWindow.open(browser, version, url)));
  }

  get both() {
    return [this.one, this.two];
  }
}

function testTransport(pair, version, transport, origin) {
  const name = (what) => `${version} by ${transport} from ${origin} origin: ${what}`;
  let one, two;

  pollux(name('connects, and the server sees that transport'), async () => {
    await pair.open(version, origin);
    [one, two] = pair.both;
    await Promise.all(pair.both.map(async (window) => {
      await window.connect(`${server.url}?from=${origin}`, transport);
      const [who] = await window.ask('', 'whoami');
      assert.deepStrictEqual([who.transport, who.endpoint, who.query.from], [transport, '', origin]);
    }));
  });

  pollux(name('message, json and event come back as they were'), async () => {
    await one.send('', HURTS);
    assert.deepStrictEqual(await one.next('', 'message'), [HURTS]);
    const value = { text: [HURTS, ...BREAKS, '\\/', ''], number: [1.5, -2e-7, 0], nothing: null, '\u2028': { '': true } };
    await one.json('', value);
    assert.deepStrictEqual(await one.next('', 'message'), [value]);
    assert.deepStrictEqual(await one.ask('', 'echo', HURTS, value, BREAKS), [HURTS, value, BREAKS]);
    assert.deepStrictEqual(await one.next('', 'echo'), [HURTS, value, BREAKS]);
  });

  if (version === '0.7.11') {
    pollux(name('a text with a line break never reaches the page: its parser takes no packet of two lines'), async () => {
      for (const text of BREAKS) await one.send('', text);
      assert.deepStrictEqual(await one.ask('', 'echo', 'after'), ['after']);
      await one.next('', 'echo');
      assert.ok(!(await one.happened('')).includes('message'));
    });
  } else {
    pollux(name('a text with line breaks comes back as it was'), async () => {
      for (const text of BREAKS) {
        await one.send('', text);
        assert.deepStrictEqual(await one.next('', 'message'), [text]);
      }
    });
  }

  if (transport === 'htmlfile') {
    const undone = version === '0.9.17';
    pollux(name(`backslash and slash in a text ${undone ? 'arrive as a slash: it undoes an escaping twice' : 'stay'}`), async () => {
      await one.send('', 'a\\/b');
      assert.deepStrictEqual(await one.next('', 'message'), [undone ? 'a/b' : 'a\\/b']);
    });
  }

  pollux(name('the server asks, and the page answers'), async () => {
    await one.emit('', 'ask');
    assert.deepStrictEqual(await one.next('', 'answered'), ['6*7', { because: '\u2028"' }]);
  });

  pollux(name('many at once keep their order, both ways'), async () => {
    const numbers = Array.from({ length: 30 }, (_, i) => i);
    await one.emitAll('', 'echo', numbers.map((i) => [i, '\u{1f600}\ufffd']));
    const heard = await one.nextOnes('', 'echo', numbers.length);
    assert.deepStrictEqual(heard.map(([i]) => i), numbers);
    assert.ok(heard.every(([, text]) => text === '\u{1f600}\ufffd'));
  });

  pollux(name('one window hears what the other says'), async () => {
    await one.emit('', 'broadcast', HURTS);
    assert.deepStrictEqual(await two.next('', 'broadcast'), [HURTS]);
    await two.emit('', 'broadcast', 'back');
    assert.deepStrictEqual(await one.next('', 'broadcast'), ['back']);
    assert.ok(!(await two.happened('')).includes('broadcast'));
  });

  pollux(name('a namespace is a world of its own'), async () => {
    await Promise.all([one.join('/chat'), two.join('/chat')]);
    const [who] = await one.ask('/chat', 'whoami');
    assert.deepStrictEqual([who.endpoint, who.transport], ['/chat', transport]);
    await one.emit('/chat', 'broadcast', HURTS);
    assert.deepStrictEqual(await two.next('/chat', 'broadcast'), [HURTS]);
    await one.send('/chat', HURTS);
    assert.deepStrictEqual(await one.next('/chat', 'message'), [HURTS]);
    await one.emit('/chat', 'kick-ns');
    await one.next('/chat', 'disconnect');
    assert.deepStrictEqual(await one.ask('', 'echo', 'still here'), ['still here']);
    for (const window of [one, two]) assert.ok(!(await window.happened('')).includes('broadcast'));
  });

  pollux(name('who is sent away knows it, who leaves is gone, and nobody complained'), async () => {
    await one.emit('', 'kick');
    await one.next('', 'disconnect');
    await two.disconnect();
    await two.next('', 'disconnect');
    for (const window of [one, two]) {
      assert.ok(!(await window.happened('')).some((event) => ['error', 'connect_failed'].includes(event)));
      assert.deepStrictEqual(window.page.complaints, []);
    }
  });
}

/* The tests of this version, in the file that calls it. */
function testClient(version) {
  for (const origin of ORIGINS) {
    const pair = new Pair();
    for (const transport of TRANSPORTS) {
      /* htmlfile reaches into the page: clients offer it to the same origin only */
      if (transport !== 'htmlfile' || origin === 'same') testTransport(pair, version, transport, origin);
    }
  }
}

module.exports = { testClient };
