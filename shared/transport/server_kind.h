/* server_kind: which program a process is.  Other processes see it: a handshake offers websocket
 * only while a wsd lives. */
#ifndef POLLUX_SERVER_KIND_H
#define POLLUX_SERVER_KIND_H

enum server_kind {
	SERVER_FCGI = 1,
	SERVER_WSD = 2,
	SERVER_TOOL = 3,
	SERVER_LINKD = 4
};

/* "fcgi", "wsd", "tool", "linkd"; "?" for a number that is none of them. */
const char *server_kind_name(int kind);

#endif
