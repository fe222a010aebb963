/* The client 0.9.17: the last of the protocol, and the one that we serve. */
'use strict';

require('./clients').testClient('0.9.17');
