#include "shared/store/wake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/log.h"

static int
address_of(struct sockaddr_un *address, const char *folder, int slot)
{
	int n;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/wake.%d", folder, slot);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
wake_open(const char *folder, int slot)
{
	struct sockaddr_un address;
	int fd;

	if (address_of(&address, folder, slot) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	unlink(address.sun_path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1) {
		close(fd);
		return -1;
	}
	chmod(address.sun_path, 0660);
	return fd;
}

void
wake_close(int fd, const char *folder, int slot)
{
	struct sockaddr_un address;

	close(fd);
	if (address_of(&address, folder, slot) == 0)
		unlink(address.sun_path);
}

void
wake_empty(int fd)
{
	char bytes[64];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

void
wake_send(int fd, const char *folder, int slot)
{
	struct sockaddr_un address;

	if (address_of(&address, folder, slot) == -1)
		return;
	if (sendto(fd, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address,
		sizeof(address)) == -1 &&
	    errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED && errno != ENOENT)
		log_warn("wake-up of process %d", slot);
}
