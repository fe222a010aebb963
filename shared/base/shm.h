/* shm: memory that processes share, backed by a file. */
#ifndef POLLUX_SHM_H
#define POLLUX_SHM_H

#include <stddef.h>
#include <sys/types.h>

/* Map the first `n` bytes of the file at `path`, which is created, of zeros and with the rights
 * `mode` (see file_open()), if it is missing.  Unmap them with munmap(2).  Return NULL with
 * errno. */
void *shm_map(const char *path, size_t n, mode_t mode);

#endif
