/* file: files that have their rights from the first byte on, and knowing one again by its inode. */
#ifndef POLLUX_FILE_H
#define POLLUX_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/* Open a file for reading and writing, creating it if it is missing.  It has exactly the rights
 * `mode` afterwards, whatever the umask, unless it is another user's.  Return its descriptor, or
 * -1 with errno. */
int file_open(const char *path, mode_t mode);

/* Which file it is, whatever its name becomes. */
struct file_id {
	dev_t dev;
	ino_t ino;
};

/* What the name means now, without following a symbolic link; zeros if there is no such file. */
struct file_id file_identify(const char *path);

/* Whether the name still means this file. */
bool file_is(const char *path, struct file_id id);

#endif
