/* An account on a shared host: what tests/lib/account.js starts, with suEXEC and without. */
'use strict';

const assert = require('node:assert');
const { test, after } = require('node:test');
const { KIND } = require('../lib/suite');
const { Account } = require('../lib/account');
const { request, closeAll } = require('../lib/http');
const { whyNoUsers } = require('../lib/testuser');

const RUN_ON = 'apache';
const skip = (KIND !== RUN_ON && `run with SERVER=${RUN_ON}`) || whyNoUsers();
const opened = [];

/* Once is enough, whatever SERVER is: these tests start their own Apache. */
function account(name, body) {
  test(`wire/account: ${name}`, { skip }, body);
}

after(async () => {
  closeAll();
  await Promise.all(opened.map((each) => each.close()));
});

for (const mpm of ['event', 'prefork']) {
  account(`suEXEC starts programs as the owner of the account (${mpm}), and without it they run as the server`, async () => {
    for (const suexec of [true, false]) {
      const site = await Account.open({ suexec, mpm, php: true });
      opened.push(site);
      site.write('who.php', '<?php echo posix_geteuid();');
      await site.serve();
      const { text } = await request(site.port, { path: '/who.php' });
      assert.strictEqual(Number(text), (suexec ? site.user : site.server).uid);
    }
  });
}
