/* What chat.test.js says of the chat in Chromium, of the one that is a web hook in PHP. */
'use strict';

process.env.CHAT = 'php';
require('./chat.test.js');
