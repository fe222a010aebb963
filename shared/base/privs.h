/* privs: give up privileges: those of root where the files are somebody else's, and all that are
 * left once the sockets are open. */
#ifndef POLLUX_PRIVS_H
#define POLLUX_PRIVS_H

#include <stdbool.h>

/* As root: become the owner of the folder at `path`, or if there is none of the folder above, for
 * good; nothing happens if that is root.  Files that root made in it could not be used by the
 * owner's own programs.  The right to listen on low ports is kept until privs_forget_ports().
 * `*became` tells whether the user has changed.  Return 0, or an exit code of sysexits.h after
 * logging why; then the program must end. */
int privs_become_owner(const char *path, bool *became);

/* Give up the right to listen on low ports.  Return as privs_become_owner(). */
int privs_forget_ports(void);

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
