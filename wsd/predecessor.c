#include "wsd/predecessor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/handed.h"
#include "shared/base/log.h"
#include "shared/transport/server.h"
#include "wsd/successor.h"

int
predecessor_check(const struct config *cfg)
{
	const struct handed *handed = handed_find();
	struct stat sb;

	if (handed == NULL)
		return 0;
	(void)fcntl(HANDED_LINE, F_SETFD, FD_CLOEXEC);
	if (handed->version != HANDED_VERSION) {
		log_errx("cannot take over from the running version, which hands its connections "
			 "over in another way: restart pollux-wsd instead");
		return EX_CONFIG;
	}
	if (stat(cfg->data, &sb) == -1 || (uintmax_t)sb.st_dev != handed->device ||
	    (uintmax_t)sb.st_ino != handed->inode) {
		log_errx("cannot take over from the running version: [store] data names another "
			 "folder, %s; restart pollux-wsd instead",
		    cfg->data);
		return EX_CONFIG;
	}
	if (!server_can_join(cfg)) {
		log_errx(
		    "cannot take over from the running version: its database in %s has another "
		    "format; restart all programs of Pollux instead",
		    cfg->data);
		return EX_CONFIG;
	}
	return 0;
}

void
predecessor_tell(void)
{
	static const char said = SUCCESSOR_SERVES;

	if (handed_find() == NULL)
		return;
	(void)send(HANDED_LINE, &said, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* a first process of workers waits for signals only */
	(void)kill(getppid(), SUCCESSOR_SIGNAL);
}

bool
predecessor_lives(void)
{
	char unused;

	return handed_find() != NULL &&
	       recv(HANDED_LINE, &unused, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}
