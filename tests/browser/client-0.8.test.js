/* The client 0.8.7: JSON in forms and a CORS handshake, as in 0.9, on the core of 0.7. */
'use strict';

require('./clients').testClient('0.8.7');
