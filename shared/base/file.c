#include "shared/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
file_open(const char *path, mode_t mode)
{
	/* without the group's bits first: they come when the file has its group */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode & S_IRWXU);
	struct stat sb;

	if (fd == -1)
		return -1;
	/* one of another user keeps its rights: we could open it, so they are as we need them */
	if (fstat(fd, &sb) == 0 && (sb.st_mode & ALLPERMS) != mode && fchmod(fd, mode) == -1 &&
	    errno != EPERM) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

struct file_id
file_identify(const char *path)
{
	struct stat sb;

	if (lstat(path, &sb) == -1)
		return (struct file_id){0, 0};
	return (struct file_id){sb.st_dev, sb.st_ino};
}

bool
file_is(const char *path, struct file_id id)
{
	struct file_id now = file_identify(path);

	return now.dev == id.dev && now.ino == id.ino;
}
