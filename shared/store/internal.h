/* internal: what the files of the store share.  Only shared/store/ includes it. */
#ifndef POLLUX_STORE_INTERNAL_H
#define POLLUX_STORE_INTERNAL_H

#include <sqlite3.h>

#include "shared/store/store.h"

/* One prepared statement each; the text stands in store.c beside its name. */
enum query {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_APPEND,
	Q_HEAD,
	Q_READ,
	Q_READ_FOR,
	Q_SESSION_CREATE,
	Q_SESSION_LOAD,
	Q_SESSION_SAVE,
	Q_SESSION_RESERVE,
	Q_SESSION_UNRESERVE,
	Q_SESSION_SPOKE,
	Q_SESSION_BAD,
	Q_SESSION_TOMBSTONE,
	Q_SESSION_DELETE,
	Q_SESSION_HANDSHAKE,
	Q_SESSION_COUNT,
	Q_SESSION_USER,
	Q_SESSION_SET_USER,
	Q_USER_SESSIONS,
	Q_SUB_ADD,
	Q_SUB_END,
	Q_SUB_FORGET,
	Q_SUB_END_NS,
	Q_SUB_FORGET_NS,
	Q_SUBS,
	Q_SUBS_DELETE,
	Q_MEMBERS,
	Q_DATA_SET,
	Q_DATA_DEL,
	Q_DATA_GET,
	Q_DATA_DELETE,
	Q_ACK_NEXT,
	Q_ACK_EXPECT,
	Q_ACK_TAKE,
	Q_ACK_DELETE,
	Q_ACKS_DUE,
	Q_ASK,
	Q_ASKED,
	Q_ASKED_DELETE,
	Q_VERSION,
	Q_ACTIONS,
	Q_ACTION_DELETE,
	Q_PUBLISHED_FIND,
	Q_PUBLISHED_ADD,
	Q_PUBLISHED_TRIM,
	Q_OWNERS,
	Q_EXPIRED,
	Q_ORPHANS,
	Q_SET_FREE,
	Q_DISOWN,
	Q_NEEDED,
	Q_TRIM_POINT,
	Q_TRIM,
	Q_SUB_EXPIRE,
	Q_WAITING,
	Q_SESSIONS,
	Q_BEHIND,
	Q_PAGES,
	Q_HOOK_ADD,
	Q_HOOK_LIST,
	Q_HOOK_READ,
	Q_HOOK_DONE,
	Q_HOOK_RETRY,
	Q_HOOK_BURY,
	Q_HOOK_TRIM_DEAD,
	Q_HOOK_USER,
	Q_HOOK_PAST,
	Q_HOOK_FORGET_DATA,
	Q_HOOK_FORGET,
	Q_HOOK_ADMIT,
	Q_HOOK_ADMITTED,
	Q_HOOK_ADMISSION_DELETE,
	Q_DATA,
	Q_N,
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *q[Q_N];
	char folder[512];
	char path[540]; /* of the database */
	int lock_fd;
	int wake_fd;
	struct slots *slots;
	uint64_t inode;  /* of the database as we opened it */
	uint32_t epoch;  /* of the slot table as we opened the database */
	bool must_exist; /* we are a guest: nothing is made or replaced by us */
	bool in_transaction;
	char database_epoch[24];              /* store_epoch() */
	uint32_t watch_numbers[WATCHERS_MAX]; /* of the next copy for each watcher */
	unsigned char wake[SLOTS_MAX / 8];    /* slots to wake after the commit */
	bool wake_any;
	bool asks; /* the housekeeper is wanted after the commit */
	/* channels published in this transaction; past the array every process is woken */
	int64_t published[64];
	unsigned published_n;
	int64_t last_waiting_ms; /* when the waiting filter was refreshed last */
};

/* Bind what the letters say: i int, l int64_t, s struct slice as text and n as blob (p NULL gives
 * NULL), b struct slice as blob, z const char * (NULL gives NULL).  Returns the statement, ready to
 * step. */
sqlite3_stmt *store_bind(struct store *st, enum query q, const char *kinds, ...);

/* Run a bound statement that returns no rows.  Return 0, or -1 after logging. */
int store_run(struct store *st, sqlite3_stmt *q);

/* Run a bound statement to its end: the first column of its first row as a malloc'ed text, or NULL
 * when there is none (or after an error, logged). */
char *store_text(struct store *st, sqlite3_stmt *q);

/* Log SQLite's error and return -1. */
int store_fail(struct store *st, const char *what);

/* A column's bytes, borrowed until the next step; p NULL for NULL. */
struct slice store_column(sqlite3_stmt *q, int column);

#endif
