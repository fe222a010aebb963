/* The tests of chat.test.js, for the chat that is a web hook in PHP. */
'use strict';

process.env.CHAT = 'php';
require('./chat.test.js');
