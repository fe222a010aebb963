/* privs: give up privileges once the sockets are open. */
#ifndef POLLUX_PRIVS_H
#define POLLUX_PRIVS_H

/* As root: make `folder` the root directory, become `user`, and verify that there is no way back.
 * As another user: give up all capabilities, such as the one that opened a low port.
 *
 * `user` empty: pollux if there is such an account, else nobody.  `folder` must be writable by root
 * alone; empty: a folder that is empty and deleted; "/": the root directory stays.
 * Afterwards only files that are open already can be used.
 * Return 0, or an exit code of sysexits.h after logging why; then the program must end. */
int privs_drop(const char *user, const char *folder);

/* Log what would keep it from its work, as root: an account that is missing, a folder that is not
 * root's.  Changes nothing. */
void privs_check(const char *user, const char *folder);

#endif
