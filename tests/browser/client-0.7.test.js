/* The client 0.7.11: raw text in forms, and a JSONP handshake from another origin. */
'use strict';

require('./clients').testClient('0.7.11');
