/* privs: once the sockets are open, become somebody who may do little. */
#ifndef POLLUX_PRIVS_H
#define POLLUX_PRIVS_H

/* As root: make `folder` the root directory, become `user`, and see that there is no way back.
 * As anybody else, who keeps his name: give up the capability that opened the sockets.
 *
 * `user` may be empty: pollux if there is such an account, else nobody.  `folder` is root's and
 * nobody else can write to it; empty: one that has neither content nor name; "/": as it is.
 * Files are out of reach afterwards, unless they are open.
 * Return 0, or an exit code of sysexits.h after saying why; then the program must end. */
int privs_drop(const char *user, const char *folder);

#endif
