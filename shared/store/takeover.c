#include "shared/store/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/store/lock.h"
#include "shared/store/slots.h"

/* What can be read of the file at `path`; zeros if it is missing or empty.  Return its descriptor,
 * which is -1 if it is missing. */
static int
read_head(const char *path, struct takeover_head *head)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	memset(head, 0, sizeof(*head));
	if (fd != -1 && pread(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head))
		memset(head, 0, sizeof(*head));
	return fd;
}

static bool
is_ours(const struct takeover_head *head)
{
	return memcmp(head->magic, TAKEOVER_MAGIC, sizeof(head->magic)) == 0;
}

static int
write_wanted(int fd, uint64_t version)
{
	/* the processes have the file mapped, and see at once what is written to it */
	return pwrite(fd, &version, sizeof(version), offsetof(struct takeover_head, wanted)) ==
	               (ssize_t)sizeof(version)
	           ? 0
	           : -1;
}

/* The file is of our version.  Another program may be waiting until our processes are gone. */
static enum takeover_result
join_own_version(int fd, const struct takeover_head *head, int lock_fd, uint64_t version)
{
	if (head->wanted <= version)
		return TAKEOVER_READY;
	if (lock_is_held(lock_fd, LOCK_TAKEOVER))
		return TAKEOVER_OUTDATED;
	/* it gave up, or died: nobody has to leave any more */
	return write_wanted(fd, 0) == -1 ? TAKEOVER_FAILED : TAKEOVER_READY;
}

static enum takeover_result
remove_table(const char *path)
{
	return unlink(path) == -1 && errno != ENOENT ? TAKEOVER_FAILED : TAKEOVER_READY;
}

/* The file is of another version, and processes live. */
static enum takeover_result
ask_to_leave(const char *path, int fd, const struct takeover_head *head, int lock_fd,
    uint64_t version, bool force)
{
	if (!is_ours(head))
		return TAKEOVER_STRANGERS;
	if (head->version > version)
		return TAKEOVER_OUTDATED;
	if (force)
		return remove_table(path);
	/* the lock tells that somebody still waits; of several that wait, one is enough */
	lock_take(lock_fd, LOCK_TAKEOVER, 0);
	if (head->wanted < version && write_wanted(fd, version) == -1)
		return TAKEOVER_FAILED;
	return TAKEOVER_WAIT;
}

enum takeover_result
takeover_look(const char *path, int lock_fd, uint64_t version, bool force)
{
	struct takeover_head head;
	int fd = read_head(path, &head);
	enum takeover_result result;

	if (fd == -1 && errno != ENOENT)
		result = TAKEOVER_FAILED;
	else if (fd == -1)
		result = TAKEOVER_READY;
	else if (is_ours(&head) && head.version == version)
		result = join_own_version(fd, &head, lock_fd, version);
	else if (lock_any_is_held(lock_fd, LOCK_SLOT, SLOTS_MAX))
		result = ask_to_leave(path, fd, &head, lock_fd, version, force);
	else
		result = remove_table(path);
	if (result == TAKEOVER_FAILED)
		log_err("store: cannot take over %s", path);
	if (fd != -1)
		close(fd);
	return result;
}

enum takeover_result
takeover_peek(const char *path, uint64_t version)
{
	struct takeover_head head;
	int fd = read_head(path, &head);

	if (fd == -1)
		return errno == ENOENT ? TAKEOVER_READY : TAKEOVER_FAILED;
	close(fd);
	return is_ours(&head) && head.version == version ? TAKEOVER_READY : TAKEOVER_OUTDATED;
}
