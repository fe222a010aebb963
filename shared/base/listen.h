/* listen: the listening sockets of a program: those that systemd passes (LISTEN_FDS), else one for
 * each address of its configuration, else the one that a web server passes as standard input. */
#ifndef POLLUX_LISTEN_H
#define POLLUX_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

#define LISTEN_MAX         16
#define LISTEN_ADDRESS_MAX 299 /* bytes of one address */
#define LISTEN_PATH_MAX    107 /* bytes of the path of a socket */

struct listen {
	size_t n;
	int fd[LISTEN_MAX];   /* owned; non-blocking, and what they accept has TCP_NODELAY */
	bool tls[LISTEN_MAX]; /* what they accept speaks TLS */
};

/* How many sockets systemd passes to this process, from descriptor 3 on.  The first call takes
 * LISTEN_PID and LISTEN_FDS out of the environment; later ones return the same. */
int listen_inherited(void);

/* Listen on the sockets of systemd or, if there is none but for TLS, on `addresses`, separated by
 * blanks: "127.0.0.1:8081", "[::1]:8081", "*:843", or last "unix:/path", which may contain blanks.
 * For these, the sockets that an older version of the program has handed over are used (handed.h).
 * `setting` names their place in error messages ("[wsd] listen").
 * Return 0, or an exit code of sysexits.h after logging why; none is open then. */
int listen_open(struct listen *l, const char *setting, const char *addresses);

/* As listen_open(), for a program that does not speak TLS: EX_CONFIG if systemd has passed a socket
 * that is named "tls". */
int listen_open_plain(struct listen *l, const char *setting, const char *addresses);

/* Listen for TLS, too, on `addresses`; not if systemd has passed a socket for it, named "tls"
 * (FileDescriptorName=).  As listen_open(), which comes first; `l` is closed on failure. */
int listen_open_tls(struct listen *l, const char *setting, const char *addresses);

/* After these: close what was handed over and is listened on no more. */
void listen_close_handed(void);

/* Whether any of the sockets is for TLS. */
bool listen_has_tls(const struct listen *l);

/* Listen on the socket that the web server passed as descriptor 0.  As listen_open(). */
int listen_open_stdin(struct listen *l);

/* Whether the text is a list of such addresses, as far as can be seen without looking them up; a
 * path must begin with a slash.  False: `*wrong` is the first word that is not one. */
bool listen_is_addresses(const char *addresses, struct slice *wrong);

/* Cut the next address from the front of such a list.  False: there is none. */
bool listen_cut_address(struct slice *rest, struct slice *word);

/* Whether one host:port can be listened on, leaving aside that it may be in use, and unless
 * `as_ours` that another user may have to do it.  Logs why not. */
void listen_try(const char *setting, const char *address, bool as_ours);

void listen_close(struct listen *l);

#endif
