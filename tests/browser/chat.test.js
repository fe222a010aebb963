/* The chat in Chromium: what its users see of each other, on websocket and on xhr-polling.  The
 * tests know the page only by what a user sees, so any server with this page and these events will
 * do. */
'use strict';

const assert = require('node:assert');
const { before, after } = require('node:test');
const { useServer, pollux } = require('../lib/suite');
const { programs } = require('../lib/server');
const { launch } = require('../lib/browser');
const { peopleOf } = require('../lib/person');
const { usePhpChat } = require('../lib/phphook');
const { until } = require('../lib/wait');

let browser;
let ada, bob; /* in all tests: Ada on websocket, Bob on xhr-polling */

before(async () => { browser = await launch(); });
after(() => browser && browser.close());
const server = process.env.CHAT === 'php' ? usePhpChat() : useServer({ app: 'chat' });
const Person = peopleOf(() => browser, server);

/* --- the tests ------------------------------------------------------------------------------- */

pollux('websocket and xhr-polling talk to each other', async () => {
  ada = await Person.join('Ada', 'websocket');
  bob = await Person.join('Bob', 'xhr-polling');
  await ada.sees('Bob joined via xhr-polling');
  await ada.seesHere('Ada websocket', 'Bob xhr-polling');
  await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  await ada.says('hello, poller');
  await bob.sees('hello, poller');
  await bob.says('hello, socket \u2603 \u{1f600}');
  await ada.sees('hello, socket \u2603 \u{1f600}');
  for (const person of [ada, bob]) {
    assert.deepStrictEqual(await person.heard(9), ['hello, poller', 'hello, socket \u2603 \u{1f600}']);
  }
});

pollux('what people type stays text', async () => {
  const markup = '<img src=x onerror="document.title=1"><b>&amp;';
  const eve = await Person.join('<b>Eve</b>', 'websocket');
  await eve.says(markup);
  await ada.sees(markup);
  await ada.sees('<b>Eve</b> joined');
  for (const person of [ada, bob, eve]) {
    assert.strictEqual(await person.page.locator('main :is(img, #people b, #talk b)').count(), 0);
    assert.strictEqual(await person.page.title(), 'Pollux chat');
  }
  await eve.leaves();
});

pollux('a name that is taken is refused with a reason, another one is not', async () => {
  const eve = await Person.arrive('xhr-polling');
  await eve.asks('ada');
  await eve.sees('Somebody here has this name already.');
  await eve.asks('x'.repeat(21));
  await eve.sees('A name has 1 to 20 characters.');
  await eve.asks('Carol');
  await eve.sees('You joined via xhr-polling');
  await eve.leaves();
});

pollux('a user who closes the window is gone, and the name is free', async () => {
  for (const transport of ['websocket', 'xhr-polling']) {
    const eve = await Person.join('Eve', transport);
    await ada.seesHere('Ada websocket', 'Bob xhr-polling', `Eve ${transport}`);
    await eve.leaves();
    await ada.seesHere('Ada websocket', 'Bob xhr-polling');
    await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  }
  await ada.sees('Eve left');
});

pollux('typing is shown, and ends with the message or after a pause', async () => {
  const typing = async (person, other) => {
    const notice = other.page.getByText(`${person.name} is typing`);
    /* volatile: it may be lost between two polls, and is repeated while they type */
    await until(async () => {
      await person.field.press('x');
      return notice.isVisible();
    }, `notice that ${person.name} is typing`);
    return notice;
  };
  const byPolling = await typing(ada, bob);
  await ada.field.press('Enter');
  await byPolling.waitFor({ state: 'hidden' });
  const bySocket = await typing(bob, ada);
  await bySocket.waitFor({ state: 'hidden' });
  await bob.field.fill('');
});

pollux('another transport keeps the name and the conversation, and others see the move', async () => {
  await ada.says('one');
  await ada.choose('xhr-polling');
  await ada.sees('You moved to xhr-polling');
  await bob.sees('Ada moved to xhr-polling');
  await bob.seesHere('Bob xhr-polling', 'Ada xhr-polling');
  await ada.says('two');
  await bob.says('three');
  await ada.sees('three');
  await ada.choose('websocket');
  await ada.sees('connected via websocket');
  await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  await bob.says('four');
  await ada.sees('four');
  for (const person of [ada, bob]) {
    assert.deepStrictEqual(await person.heard(4), ['one', 'two', 'three', 'four']);
  }
  assert.strictEqual(await bob.page.getByText('Ada left').count(), 0);
});

pollux('every transport that the page offers works, one after the other', async () => {
  const offered = await bob.page.getByLabel('Transport').getByRole('option').allTextContents();
  const last = offered.splice(offered.indexOf('xhr-polling'), 1);
  assert.ok(offered.includes('websocket'), offered.join(', '));
  for (const transport of [...offered, ...last]) {
    await bob.choose(transport);
    await ada.seesHere('Ada websocket', `Bob ${transport}`);
    await bob.says(`by ${transport}`);
    await ada.sees(`by ${transport}`);
    await ada.says(`to ${transport}`);
    await bob.sees(`to ${transport}`);
  }
});

pollux('the panel shows the packets on the wire, both ways', async () => {
  await ada.says('on the wire');
  await bob.says('here too');
  await ada.sees('here too');
  for (const [person, said, heard] of [[ada, 'on the wire', 'Bob","here too'], [bob, 'here too', 'Ada","on the wire']]) {
    const lines = await person.wire();
    assert.match(lines, /^received handshake {2}.{4}\u2026:\d+:\d+:.*websocket.*xhr-polling/m);
    assert.match(lines, /^received connect {2}1::$/m);
    assert.match(lines, /^sent event login 5:1\+::\{"name":"login","args":\["(Ada|Bob)",".+"\]\}$/m);
    assert.match(lines, /^received ack of 1 6:::1\+\[null,\{"name":"(Ada|Bob)"/m);
    assert.match(lines, new RegExp(`^sent event say 5:\\d+\\+::\\{"name":"say","args":\\["${said}"\\]\\}$`, 'm'));
    assert.match(lines, /^received ack of (\d+) 6:::\1\+\[null\]$/m);
    assert.match(lines, new RegExp(`^received event said 5:::\\{"name":"said","args":\\["${heard}"\\]\\}$`, 'm'));
    assert.ok(lines.split('\n').length <= 200);
  }
});

pollux('on a phone nothing is wider than the screen, and the panel is one touch away', async () => {
  const fits = () => bob.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  const size = bob.page.viewportSize();
  await bob.page.setViewportSize({ width: 360, height: 740 });
  await bob.says('w'.repeat(200));
  assert.ok(await fits());
  await bob.page.getByRole('button', { name: 'On the wire' }).click();
  await bob.page.getByRole('list', { name: 'Packets' }).waitFor();
  assert.ok(await bob.field.isHidden());
  assert.ok(await fits());
  await bob.page.setViewportSize(size);
});

pollux('the console has no errors', () => {
  assert.deepStrictEqual([...ada.page.complaints, ...bob.page.complaints], []);
});

pollux('a transport that does not work is given up, and nothing is lost', async () => {
  await bob.page.evaluate(() => {
    const { WebSocket } = window;
    window.WebSocket = function () { return new WebSocket(`ws://${location.host}/nothing/here`); };
  });
  await bob.choose('websocket');
  await bob.sees('websocket does not work here');
  await bob.sees('connected via xhr-polling');
  await bob.says('still here');
  await ada.sees('still here');
});

pollux('after pollux-wsd was killed all users come back under the same name', async () => {
  await ada.says('before');
  for (const pid of programs('pollux-wsd', server)) process.kill(pid, 'SIGKILL');
  await ada.sees('You came back via websocket');
  await ada.says('after');
  await bob.sees('after');
  await bob.seesHere('Bob xhr-polling', 'Ada websocket');
  assert.deepStrictEqual(await ada.heard(2), ['before', 'after']);
});
