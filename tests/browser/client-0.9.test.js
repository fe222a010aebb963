/* The client 0.9.17: the last of the protocol, and the one that Pollux serves. */
'use strict';

require('./clients').testClient('0.9.17');
