/* internal: what the files of the store share.  Only shared/store/ includes it. */
#ifndef POLLUX_STORE_INTERNAL_H
#define POLLUX_STORE_INTERNAL_H

#include <sqlite3.h>

#include "shared/base/file.h"
#include "shared/store/database.h"
#include "shared/store/health.h"
#include "shared/store/slots.h"
#include "shared/store/statement.h"
#include "shared/store/store.h"

#define STORE_WAKE_CHANS 64

/* How often LOCK_INIT is tried for, by store_reopens_soon(): who keeps it for longer is stuck. */
#define STORE_REOPEN_TRIES 50

struct action_queue;
struct lock_waiter;

struct store {
	sqlite3 *db; /* NULL: it could not be opened, and is tried again every second */
	sqlite3_stmt *q[Q_N];
	char folder[512];
	char path[540]; /* of the database */
	int lock_fd;
	int wake_fd;
	struct slots *slots;
	struct action_queue *actions; /* NULL: not the leader */
	char group[64];               /* that may use the folder; empty: none */
	int kind;                     /* of the program */
	mode_t mode;                  /* of all files in the folder */
	struct file_id lock_id, slots_id, wake_id, database_id[DATABASE_FILES]; /* those open */
	struct health health;
	int changes;             /* sqlite3_total_changes() when the transaction began */
	unsigned failures;       /* store_failures() */
	unsigned failed_before;  /* the same when the transaction began */
	int64_t patience_ms;     /* until when older processes are waited for; 0: none are */
	bool outdated;           /* a newer program has the folder: leave */
	bool complained;         /* that it cannot be opened again */
	unsigned reopen_tries;   /* that found LOCK_INIT taken */
	uint32_t epoch;          /* of the slot table when the database was opened */
	char database_epoch[24]; /* store_epoch() */
	bool must_exist;         /* never create or replace the database */
	bool starts;             /* the program does, and can wait */
	bool in_transaction;
	bool has_lock;              /* LOCK_WRITER is ours, for a transaction or to begin one */
	struct lock_waiter *waiter; /* waits for it; NULL: none */
	int64_t wanted_us;          /* since when it is waited for; 0: it is not */

	/* wake-ups to send after the commit; reset by store_begin() */
	unsigned char wake_slots[SLOTS_MAX / 8]; /* bitmap */
	bool wakes_slots;                        /* a bit of it is set */
	int64_t wake_chans[STORE_WAKE_CHANS];    /* wake the listeners of these */
	unsigned wake_chans_n;                   /* beyond the array: wake every process */
	bool ends_requested;                     /* tell the maintaining process so */

	uint32_t watch_numbers[WATCHERS_MAX]; /* of the next copy for each watcher */
	int64_t last_waiting_ms;              /* when the `waiting` filter was last rebuilt */
};

#endif
