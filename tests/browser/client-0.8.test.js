/* The client 0.8.7: JSON in its forms and a handshake by CORS, as in 0.9, around the core of 0.7. */
'use strict';

require('./clients').testClient('0.8.7');
