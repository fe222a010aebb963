/* The chat tests of apps.test.js, for the chat that is a web hook in PHP. */
'use strict';

process.env.CHAT = 'php';
require('./apps.test.js');
