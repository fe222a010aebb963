/* disk: whether a folder is on a disk of this machine.  Locks and shared memory, which all
 * processes of a data folder use, do not work between machines. */
#ifndef POLLUX_DISK_H
#define POLLUX_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* The name of a file system that several machines share, by its number in statfs(2); NULL: it is of
 * one machine. */
const char *disk_shared_name(uint64_t type);

/* The same for the file system of a path.  False, with errno: it cannot be looked at. */
bool disk_of_path(const char *path, const char **shared_name);

#endif
