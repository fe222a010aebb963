#include "shared/store/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shared/base/log.h"
#include "shared/store/internal.h"
#include "shared/store/session_row.h"
#include "shared/store/wake.h"
#include "shared/wire/sid.h"

#define WATCH_NAME         "tail"    /* of the sockets: tail.SLOT */
#define WATCH_BUFFER_BYTES (1 << 20) /* unread copies beyond it are lost */

static void
post_copy(struct store *st, int slot, const struct watch_head *head, struct slice text)
{
	struct iovec pieces[] = {
	    {(void *)(uintptr_t)head, sizeof(*head)},
	    {(void *)(uintptr_t)text.p, text.n},
	};

	if (wake_post(st->wake_fd, st->folder, WATCH_NAME, slot, pieces, text.n == 0 ? 1 : 2) == 0)
		return;
	/* it died; of any other failure it learns by the missing number */
	if (errno == ECONNREFUSED || errno == ENOENT)
		slots_forget_watcher(st->slots, slot);
}

int64_t
watch_user(struct slice user)
{
	return sid_key(user);
}

/* Read for each packet: what somebody watches need not be fast, but it has to be true. */
static bool
is_of_user(struct store *st, int64_t key, int64_t id)
{
	char *user = st->db == NULL ? NULL : session_row_user(st, key);
	bool is_of = user != NULL && watch_user(slice_of(user)) == id;

	free(user);
	return is_of;
}

void
watch_packet(struct store *st, enum watch_kind kind, int64_t key, struct slice text,
    bool (*is_in)(const void *arg, int64_t key, int64_t chan), const void *arg)
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
		struct watch_wish wish;
		int slot = slots_watcher(st->slots, i, &wish);

		if (slot < 0 || (kind == WATCH_OWN && !wish.has_own) ||
		    (wish.whose == WATCH_SESSION && wish.id != key) ||
		    (wish.whose == WATCH_CHANNEL && !is_in(arg, key, wish.id)) ||
		    (wish.whose == WATCH_USER && !is_of_user(st, key, wish.id)))
			continue;
		/* counted even if the copy is lost: the gap tells the watcher */
		head.number = st->watch_numbers[i]++;
		post_copy(st, slot, &head, text);
	}
}

int
watch_open(struct store *st, const struct watch_wish *wish)
{
	int bytes = WATCH_BUFFER_BYTES;
	int fd = wake_bind(st->folder, WATCH_NAME, slots_own(st->slots), st->mode);

	if (fd == -1) {
		log_err("watch: cannot bind a socket in %s", st->folder);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	/* the socket first: once in the table, copies are sent to it */
	if (slots_watch(st->slots, wish) == -1) {
		log_errx(
		    "watch: %d watchers are running already, which is the limit", WATCHERS_MAX);
		wake_unbind(fd, st->folder, WATCH_NAME, slots_own(st->slots));
		return -1;
	}
	return fd;
}

void
watch_close(struct store *st, int fd)
{
	slots_forget_watcher(st->slots, slots_own(st->slots));
	wake_unbind(fd, st->folder, WATCH_NAME, slots_own(st->slots));
}
