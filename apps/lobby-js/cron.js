/* cron: `node cron.js [TEXT]`: an announcement to everybody in the lobby, from cron(8) say. */
'use strict';

const { Pollux } = require('../../clients/pollux.js');

async function main([text]) {
  const pollux = new Pollux({ url: process.env.POLLUX_URL, key: process.env.POLLUX_KEY });
  const nicks = [];
  if (text === undefined) for await (const { user } of pollux.clients('lobby')) nicks.push(user);
  nicks.sort();
  const census = nicks.length === 0 ? 'The lobby is empty.' : `In the lobby: ${nicks.join(', ')}.`;
  await pollux.room('lobby').emit('announcement', text ?? census);
}

main(process.argv.slice(2));
