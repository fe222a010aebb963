/* publish: node publish.js OPTIONS CALL: publish as the tests say, and print what came of it. */
'use strict';

const { Pollux, PolluxError } = require('../../clients/pollux.js');

const all = async (items) => {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
};

const calls = {
  emit: async (p) => { await p.room('lobby').emit('news', Pollux.raw('1.10'), '\u00e9'); return null; },
  batch: (p) => p.batch((io) => {
    io.room('a').emit('x');
    io.session('P.x').join('a');
  }, 'order-17'),
  publish: (p) => p.publish([{ do: 'send', to: 'all', text: 'x' }]),
  key: (p) => p.publish([{ do: 'send' }], 'a\r\nb: c'),
  clients: (p, limit = Infinity) => all(p.clients('a b', ['nick', 'x/y'], '/chat', Number(limit))),
  everyone: (p) => all(p.clients()),
  rooms: async (p) => [await p.rooms(), await p.rooms('P.x', '/chat')],
  users: (p) => all(p.users()),
  one: async (p) => [await p.user('4 2', ['a', 'b']), await p.client('P.x', ['a'])]
};

async function main() {
  const [, , options, call, ...more] = process.argv;
  const { retry_for: retryFor, ...rest } = JSON.parse(options);
  try {
    return await calls[call](new Pollux({ ...rest, ...(retryFor !== undefined && { retryFor }) }), ...more);
  } catch (error) {
    if (!(error instanceof PolluxError)) throw error;
    return { error: error.message, status: error.status };
  }
}

main().then((answer) => process.stdout.write(JSON.stringify(answer)));
