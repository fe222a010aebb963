#include "shared/store/opening.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/store/database.h"
#include "shared/store/drain_state.h"
#include "shared/store/folder.h"
#include "shared/store/health.h"
#include "shared/store/internal.h"
#include "shared/store/lock.h"
#include "shared/store/places.h"
#include "shared/store/takeover.h"
#include "shared/store/wake.h"

#define LOCK_TIMEOUT_MS 5000 /* a process that holds LOCK_INIT for longer is stuck */

/* How long processes of an older version may take to leave: they look once a second, and then have
 * five seconds to end what is open. */
#define TAKEOVER_MS      10000
#define TAKEOVER_LOOK_MS 50

int
opening_lock(struct store *st, bool wait)
{
	if (lock_take(st->lock_fd, LOCK_INIT, wait ? LOCK_TIMEOUT_MS : 0) == 0) {
		st->reopen_tries = 0;
		return 0;
	}
	/* others hold it while they make the database, for some milliseconds */
	if (wait || ++st->reopen_tries >= STORE_REOPEN_TRIES)
		health_complain(st, "cannot lock %s/lock", st->folder);
	return -1;
}

static void
slots_path(const struct store *st, char path[600])
{
	snprintf(path, 600, "%s/slots", st->folder);
}

/* Make the folder and the lock file as needed. */
static int
open_folder(struct store *st)
{
	char path[600];
	struct stat sb;

	/* first, before anything is created: a mistyped folder must not come into being */
	if (st->must_exist && stat(st->path, &sb) == -1) {
		health_complain(st, "cannot find %s", st->path);
		return -1;
	}
	if (!st->must_exist && folder_prepare(st->folder, st->group, st->complained) == -1)
		return -1;
	/* before the first of them is opened */
	if (!st->must_exist)
		folder_reclaim(st->folder, st->complained);
	/* a guest does as those who made it */
	st->mode = st->must_exist ? (sb.st_mode & 0660) | 0600 : folder_file_mode(st->group);
	snprintf(path, sizeof(path), "%s/lock", st->folder);
	st->lock_fd = lock_open(path, st->mode);
	if (st->lock_fd == -1) {
		health_complain_of(st, "cannot open", path);
		return -1;
	}
	st->lock_id = file_identify(path);
	return 0;
}

/* What another version of Pollux has to do with the folder.  LOCK_INIT is held. */
static enum takeover_result
look_at_version(struct store *st)
{
	uint64_t version = slots_version(database_schema());
	bool force = st->patience_ms != 0 && clock_ms() >= st->patience_ms;
	enum takeover_result result;
	char path[600];

	slots_path(st, path);
	if (st->must_exist)
		return takeover_peek(path, version);
	result = takeover_look(path, st->lock_fd, version, force);
	if (result == TAKEOVER_STRANGERS && force) {
		errno = 0;
		health_complain(st,
		    "%s: processes of an older version of Pollux run here, which "
		    "cannot be asked to leave; stop them",
		    st->folder);
		return TAKEOVER_FAILED;
	}
	return result;
}

/* Take LOCK_INIT once programs of this version may use the folder.  `wait`: for older ones to leave
 * it; else fail while they are there. */
static int
enter_folder(struct store *st, bool wait)
{
	struct timespec pause = {.tv_nsec = TAKEOVER_LOOK_MS * 1000000};

	for (;;) {
		if (opening_lock(st, wait) == -1)
			return -1;
		switch (look_at_version(st)) {
		case TAKEOVER_READY:
			lock_give(st->lock_fd, LOCK_TAKEOVER);
			st->patience_ms = 0;
			return 0;
		case TAKEOVER_OUTDATED:
			log_errx("store %s: %s version of Pollux uses it; this program ends",
			    st->folder, st->must_exist ? "another" : "a newer");
			st->outdated = true;
			return -1;
		case TAKEOVER_FAILED:
			return -1;
		case TAKEOVER_WAIT:
		case TAKEOVER_STRANGERS:
			break;
		}
		if (st->patience_ms == 0) {
			log_info("store %s: waiting until the processes of an older version have "
				 "left",
			    st->folder);
			st->patience_ms = clock_ms() + TAKEOVER_MS;
		}
		/* they need it too, to open the store once more before they go */
		lock_give(st->lock_fd, LOCK_INIT);
		if (!wait)
			return -1;
		nanosleep(&pause, NULL);
	}
}

/* Take a slot, and bind the socket that bears its number. */
static int
open_slot(struct store *st)
{
	char path[600];

	slots_path(st, path);
	st->slots = slots_open(path, st->lock_fd, st->kind, database_schema(), st->mode);
	if (st->slots == NULL && errno == EUSERS) {
		health_complain(st, "all %d process slots of %s are taken", SLOTS_MAX, st->folder);
		return -1;
	}
	if (st->slots == NULL) {
		health_complain_of(st, "cannot map", path);
		return -1;
	}
	places_forget_slot(st->slots, slots_own(st->slots), clock_ms());
	st->slots_id = file_identify(path);
	drain_state_load(st);
	st->wake_fd = wake_open(st->folder, slots_own(st->slots), st->mode, &st->wake_id);
	if (st->wake_fd == -1) {
		health_complain(st, "cannot bind the wake-up socket in %s", st->folder);
		return -1;
	}
	return 0;
}

int
opening_database(struct store *st, bool useless)
{
	enum database_opened opened = database_open(st, useless);

	/* running processes still have the deleted file open: this tells them to reopen */
	if (opened == DATABASE_MADE || opened == DATABASE_MENDED)
		slots_bump_epoch(st->slots);
	/* a program that starts may mend at any time: its supervisor sets the pace */
	if (opened == DATABASE_MENDED && st->health.tick_ms != 0)
		slots_set_rebuilt(st->slots, st->health.tick_ms);
	/* after the bump, which is not news to us */
	st->epoch = slots_epoch(st->slots);
	if (opened == DATABASE_FAILED) {
		database_close(st);
		return -1;
	}
	health_reset(st);
	return 0;
}

int
opening_run(struct store *st, bool wait)
{
	if (open_folder(st) == -1)
		return -1;
	/* takes LOCK_INIT: of processes that start together one takes a slot at a time, the first
	 * creates the database, and the others find it complete */
	if (enter_folder(st, wait) == -1)
		return -1;
	/* the slot before the database: creating one bumps the epoch in the slot table */
	if (open_slot(st) == -1 || opening_database(st, false) == -1)
		return -1;
	lock_give(st->lock_fd, LOCK_INIT);
	return 0;
}

bool
opening_folder_is_there(const struct store *st)
{
	char lock[600], slots[600];

	snprintf(lock, sizeof(lock), "%s/lock", st->folder);
	slots_path(st, slots);
	return file_is(lock, st->lock_id) && file_is(slots, st->slots_id) &&
	       wake_is_there(st->folder, slots_own(st->slots), st->wake_id);
}
