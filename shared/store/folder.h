/* folder: the data folder and the rights in it.
 *
 * It holds session ids, which are secrets: a folder that we make is 0700, and every file in it is
 * 0600 from its first byte.  Only the setting [store] group shares them with a group: then the
 * folder is 2770, so that its files get the group, and they are 0660. */
#ifndef POLLUX_FOLDER_H
#define POLLUX_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

/* The rights of files in the folder, if `group` (empty: none) may use them. */
mode_t folder_file_mode(const char *group);

/* Make the folder as needed, let `group` (empty: none) in, and warn if everybody may enter.
 * `quiet`: log nothing, it was said before.  Return 0, or -1 after logging. */
int folder_prepare(const char *path, const char *group, bool quiet);

/* Whether the folder is on a file system that is read-only, at least for this program. */
bool folder_is_read_only(const char *path);

/* In a folder of our own, delete those of its files that we may not use: somebody else, usually
 * root, has run a program here before the folder was given to us, or has copied them.  What they
 * hold is disposable, and a program of that user that still runs notices and takes the new ones.
 * Does nothing as root, and in a folder of another user.  `quiet`: log nothing. */
void folder_reclaim(const char *path, bool quiet);

#endif
