#include "shared/store/watch.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shared/base/log.h"
#include "shared/store/internal.h"
#include "shared/store/wake.h"

#define NAME         "tail"
#define BUFFER_BYTES (1 << 20) /* what may wait for a watcher */

static void
post(struct store *st, int slot, const struct watch_head *head, struct slice text)
{
	struct iovec pieces[] = {
	    {(void *)(uintptr_t)head, sizeof(*head)},
	    {(void *)(uintptr_t)text.p, text.n},
	};

	if (wake_post(st->wake_fd, st->folder, NAME, slot, pieces, text.n == 0 ? 1 : 2) == 0)
		return;
	if (errno == ECONNREFUSED || errno == ENOENT) /* it died */
		slots_forget_watcher(st->slots, slot);
}

void
watch_packet(struct store *st, enum watch_kind kind, int64_t key, struct slice text)
{
	struct watch_head head = {
	    .key = key,
	    .n = (uint32_t)text.n,
	    .slot = slots_own(st->slots),
	    .kind = (char)kind,
	};

	if (text.n > WATCH_TEXT_MAX)
		text.n = WATCH_TEXT_MAX;
	for (int i = 0; i < WATCHERS_MAX; i++) {
		int slot = slots_watcher(st->slots, i, key);

		if (slot < 0)
			continue;
		head.number = st->watch_numbers[i]++;
		post(st, slot, &head, text);
	}
}

int
watch_open(struct store *st, int64_t key)
{
	int bytes = BUFFER_BYTES;
	int fd = wake_bind(st->folder, NAME, slots_own(st->slots));

	if (fd == -1) {
		log_err("socket in %s", st->folder);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (slots_watch(st->slots, key) == -1) {
		log_errx("%d others are watching already", WATCHERS_MAX);
		wake_unbind(fd, st->folder, NAME, slots_own(st->slots));
		return -1;
	}
	return fd;
}

void
watch_close(struct store *st, int fd)
{
	slots_forget_watcher(st->slots, slots_own(st->slots));
	wake_unbind(fd, st->folder, NAME, slots_own(st->slots));
}
