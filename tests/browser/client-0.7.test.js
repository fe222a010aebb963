/* The client 0.7.11: raw text in its forms, and from another origin a handshake by JSONP. */
'use strict';

require('./clients').testClient('0.7.11');
