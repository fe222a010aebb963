/* What apps.test.js says of the chat, of the one that is a web hook in PHP. */
'use strict';

process.env.CHAT = 'php';
require('./apps.test.js');
