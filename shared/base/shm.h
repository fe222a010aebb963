/* shm: memory that processes share, backed by a file. */
#ifndef POLLUX_SHM_H
#define POLLUX_SHM_H

#include <stddef.h>

/* Map the first `n` bytes of the file at `path`, which is created, of zeros, if it is missing.
 * Unmap them with munmap(2).  Return NULL with errno. */
void *shm_map(const char *path, size_t n);

#endif
