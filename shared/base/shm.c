#include "shared/base/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/file.h"

void *
shm_map(const char *path, size_t n, mode_t mode)
{
	void *memory = NULL;
	int fd = file_open(path, mode);
	int error;

	if (fd == -1)
		return NULL;
	/* allocate now: a full disk must fail here and not as SIGBUS later */
	error = posix_fallocate(fd, 0, (off_t)n);
	if (error == 0) {
		memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED) {
			error = errno;
			memory = NULL;
		}
	}
	close(fd); /* the mapping stays */
	errno = error;
	return memory;
}
