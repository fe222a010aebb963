/* shm: memory that processes share, by a file. */
#ifndef POLLUX_SHM_H
#define POLLUX_SHM_H

#include <stddef.h>

/* Map the first `n` bytes of the file at `path`, making it, of zeros, if need be.  To be given back
 * with munmap(2).  NULL with errno. */
void *shm_map(const char *path, size_t n);

#endif
