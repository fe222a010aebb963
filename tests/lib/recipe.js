/* recipe: the commands of docs/hosting.md, for the tests that run them.
 *
 * A block of commands there has a name, which its readers do not see: ```sh NAME.  promises.js wants
 * each name in a test, as recipe('NAME'. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const DOCUMENT = path.join(__dirname, '../../docs/hosting.md');

/* Every block of commands of `text`: [{name, commands}]; name '' if it has none. */
function blocksOf(text) {
  return [...text.matchAll(/^```sh *(\S*)\n([^]*?)^```$/gm)]
    .map(([, name, commands]) => ({ name, commands }));
}

/* The commands of block `name`, with each key of `replace` replaced by its value; every key must be
 * there, so that the document and its test do not part. */
function recipe(name, replace = {}) {
  const block = blocksOf(fs.readFileSync(DOCUMENT, 'utf8')).find((each) => each.name === name);
  if (!block) throw new Error(`docs/hosting.md has no block "sh ${name}"`);
  return Object.entries(replace).reduce((commands, [from, to]) => {
    if (!commands.includes(from)) throw new Error(`docs/hosting.md, sh ${name}: no "${from}"`);
    return commands.replaceAll(from, to);
  }, block.commands);
}

module.exports = { blocksOf, recipe };
