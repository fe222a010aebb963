/* The clients 0.9.17, 0.8.7 and 0.7.11 in Chromium, on every transport they have there, from a page
 * of the server itself and from one of another origin.  PROTOCOL 15 names their faults; where one
 * shows here, it is asserted, so that nobody takes it for ours. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { launch } = require('../lib/browser');
const { ClientWindow, startPages } = require('../lib/window');

const VERSIONS = ['0.9.17', '0.8.7', '0.7.11'];
const TRANSPORTS = ['websocket', 'xhr-polling', 'jsonp-polling', 'htmlfile'];
const CASES = VERSIONS.flatMap((version) => TRANSPORTS.flatMap((transport) => [
  { version, transport, origin: 'same' },
  /* htmlfile reaches into the page: no client offers it across origins */
  ...(transport === 'htmlfile' ? [] : [{ version, transport, origin: 'another' }])
]));

const HURTS = 'it\'s "quoted" \\ / \\\\ %25 +&=<b> </script><!-- \t \u00e9 \u2603 \u{1f600} \u{10ffff} :::+';
const BREAKS = ['one\ntwo', 'one\u2028two\u2029three'];

let browser, pages;
before(async () => { [browser, pages] = await Promise.all([launch(), startPages()]); });
after(() => Promise.all([browser && browser.close(), pages && pages.stop()]));
const server = useServer({});

for (const { version, transport, origin } of CASES) {
  const title = `${version} by ${transport} from ${origin} origin`;
  const name = (what) => `${title}: ${what}`;
  const crossDomain = origin === 'another';
  let one, two; /* from the first test of the case to the last */

  const open = async () => {
    const window = await ClientWindow.open(browser, version, crossDomain ? pages.url : server.url);
    await window.connect(`${server.url}?from=${origin}`, transport);
    return window;
  };

  pollux(name('connects, and the server sees that transport'), async () => {
    [one, two] = [await open(), await open()];
    for (const window of [one, two]) {
      const [who] = await window.ask('', 'whoami');
      assert.strictEqual(who.transport, transport);
      assert.strictEqual(who.endpoint, '');
      assert.strictEqual(who.query.from, origin);
    }
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
    await Promise.all(numbers.map((i) => one.emit('', 'echo', i, '\u{1f600}\ufffd')));
    const heard = await Promise.all(numbers.map(() => one.next('', 'echo')));
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
      await window.close();
    }
  });
}
