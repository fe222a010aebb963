#include "shared/store/drain_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/store/internal.h"
#include "shared/store/lock.h"

#define RATE_MAX        10000
#define LOCK_TIMEOUT_MS 5000 /* a process that holds LOCK_INIT for longer is stuck */

static const char *
drain_path(char path[600], const struct store *st, const char *suffix)
{
	snprintf(path, 600, "%s/drain%s", st->folder, suffix);
	return path;
}

/* --- the file ------------------------------------------------------------------------------- */

/* "RATE\n", to `*rate`; 0: there is no file.  Return 0, or -1 after logging why it cannot be
 * read. */
static int
read_drain_file(const struct store *st, unsigned *rate)
{
	char path[600], line[32] = "";
	FILE *file = fopen(drain_path(path, st, ""), "re");
	struct slice digits;

	*rate = 0;
	if (file == NULL && errno == ENOENT)
		return 0;
	if (file == NULL) {
		log_err("cannot read %s", path);
		return -1;
	}
	if (fgets(line, sizeof(line), file) != NULL)
		line[strcspn(line, "\n")] = '\0';
	fclose(file);
	digits = slice_of(line);
	/* somebody has made it by hand: that it is there says enough */
	if (!slice_number(digits, 5, RATE_MAX, rate) || *rate == 0)
		*rate = 1;
	return 0;
}

/* Whole or not at all. */
static int
write_drain_file(const struct store *st, unsigned rate)
{
	char path[600], fresh[600], line[32];
	int n = snprintf(line, sizeof(line), "%u\n", rate);
	int fd = file_open(drain_path(fresh, st, ".new"), st->mode);
	bool written = fd != -1 && write(fd, line, (size_t)n) == n && ftruncate(fd, n) == 0;

	if (fd != -1 && close(fd) == -1)
		written = false;
	if (written && rename(fresh, drain_path(path, st, "")) == 0)
		return 0;
	log_err("cannot write %s", drain_path(path, st, ""));
	return -1;
}

static int
remove_drain_file(const struct store *st)
{
	char path[600];

	if (unlink(drain_path(path, st, "")) == 0 || errno == ENOENT)
		return 0;
	log_err("cannot remove %s", path);
	return -1;
}

/* --- the state ------------------------------------------------------------------------------ */

int
drain_state_set(struct store *st, unsigned rate)
{
	int result;

	/* a process that opens the store meanwhile must not read the old file, and then write what
	 * it has read into the table */
	if (lock_take(st->lock_fd, LOCK_INIT, LOCK_TIMEOUT_MS) == -1) {
		log_errx("cannot lock %s/lock", st->folder);
		return -1;
	}
	result = rate == 0 ? remove_drain_file(st) : write_drain_file(st, rate);
	if (result == 0)
		slots_set_drain(st->slots, rate);
	lock_give(st->lock_fd, LOCK_INIT);
	return result;
}

void
drain_state_load(struct store *st)
{
	unsigned rate;

	/* if it cannot be read now, what others have read of it stays true */
	if (read_drain_file(st, &rate) == 0 && slots_drain(st->slots) != rate)
		slots_set_drain(st->slots, rate);
}

int
drain_state_list(struct store *st, int max, store_each_key *each, void *arg)
{
	return statement_each_key(st, statement_bind(st, Q_DRAIN_NEXT, "i", max), each, arg);
}

int64_t
drain_state_left(struct store *st)
{
	int64_t n;

	return statement_number(st, st->q[Q_DRAIN_LEFT], 0, &n) == -1 ? -1 : n;
}
