#include "shared/store/wake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/log.h"

#define WAKE_NAME "wake" /* of the sockets: wake.SLOT */

static int
wake_address(struct sockaddr_un *address, const char *folder, const char *name, int slot)
{
	int n;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s.%d", folder, name, slot);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
wake_bind(const char *folder, const char *name, int slot, mode_t mode)
{
	struct sockaddr_un address;
	int fd;

	if (wake_address(&address, folder, name, slot) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	/* stale socket of a dead process: the slot is ours now, so the socket has no reader */
	unlink(address.sun_path);
	/* before it has a name: bind() gives the file these rights, less the umask */
	if (fchmod(fd, mode) == -1 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1) {
		close(fd);
		return -1;
	}
	/* writing to a socket takes write permission, which the umask may have taken */
	chmod(address.sun_path, mode);
	return fd;
}

void
wake_unbind(int fd, const char *folder, const char *name, int slot)
{
	struct sockaddr_un address;

	/* a wake-up sent between the two is refused, and the sender ignores that */
	close(fd);
	if (wake_address(&address, folder, name, slot) == 0)
		unlink(address.sun_path);
}

int
wake_open(const char *folder, int slot, mode_t mode, struct file_id *id)
{
	struct sockaddr_un address;
	int fd = wake_bind(folder, WAKE_NAME, slot, mode);

	if (fd != -1 && wake_address(&address, folder, WAKE_NAME, slot) == 0)
		*id = file_identify(address.sun_path);
	return fd;
}

bool
wake_is_there(const char *folder, int slot, struct file_id id)
{
	struct sockaddr_un address;

	return wake_address(&address, folder, WAKE_NAME, slot) == 0 &&
	       file_is(address.sun_path, id);
}

void
wake_close(int fd, const char *folder, int slot, struct file_id id)
{
	/* in a folder that was replaced the name may be another process's by now */
	if (wake_is_there(folder, slot, id))
		wake_unbind(fd, folder, WAKE_NAME, slot);
	else
		close(fd);
}

void
wake_empty(int fd)
{
	char bytes[64];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

int
wake_post(
    int fd, const char *folder, const char *name, int slot, const struct iovec *pieces, size_t n)
{
	struct sockaddr_un address;
	struct msghdr message = {.msg_name = &address,
	    .msg_namelen = sizeof(address),
	    .msg_iov = (struct iovec *)(uintptr_t)pieces,
	    .msg_iovlen = n};

	if (wake_address(&address, folder, name, slot) == -1)
		return -1;
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1 : 0;
}

void
wake_send(int fd, const char *folder, int slot)
{
	struct iovec piece = {(void *)(uintptr_t) "w", 1};

	/* full: it has a wake-up pending; refused or missing: it died */
	if (wake_post(fd, folder, WAKE_NAME, slot, &piece, 1) == -1 && errno != EAGAIN &&
	    errno != ENOBUFS && errno != ECONNREFUSED && errno != ENOENT)
		log_warn("cannot wake the process in slot %d", slot);
}
