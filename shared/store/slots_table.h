/* slots_table: what is in the shared memory of slots.h.  For slots*.c, places.c and waiters.c. */
#ifndef POLLUX_SLOTS_TABLE_H
#define POLLUX_SLOTS_TABLE_H

#include <stdatomic.h>

#include "shared/store/counters.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/takeover.h"
#include "shared/store/timekeeper.h"
#include "shared/store/waiters.h"

struct slot {
	_Atomic int kind, pid;
	_Atomic unsigned held;
	_Atomic uint64_t received, sent;
	_Atomic int64_t head;
	struct filter filter;
	_Atomic unsigned slowed;
	char version[SLOTS_VERSION_SIZE]; /* of the program; written before `kind` */
};

/* What pollux-linkd tells the other processes of the node. */
struct slot_link {
	_Atomic int slot;   /* of pollux-linkd, + 1; 0: it has not started yet */
	_Atomic int pid;    /* its process: the slot may be another's by now */
	_Atomic int number; /* of this node, + 1; 0: none yet */
	_Atomic bool is_up, knows_all;
	_Atomic int64_t beat_ms;
	_Atomic int64_t since;                           /* when is_up has changed */
	_Atomic unsigned peers;                          /* other nodes that live */
	_Atomic uint64_t alive[SLOTS_LINK_NUMBERS / 64]; /* a bit for each of their numbers */
	_Atomic uint64_t lived[SLOTS_LINK_NUMBERS / 64]; /* and for those that ever were alive */
	_Atomic uint64_t counters[SLOTS_LINK_COUNTERS];
	_Atomic unsigned young_now; /* which of `young` takes new channels */
	struct filter_wide remote, young[2];
};

/* A place for a session whose request is held. */
struct slot_place {
	_Atomic int64_t key;    /* of the session */
	_Atomic int64_t since;  /* when its first request took it, ms; 0: it is reserved */
	_Atomic int slot;       /* of the process that holds it */
	_Atomic uint64_t state; /* see places.c */
};

struct slot_places {
	_Atomic int high; /* one more than the highest place ever taken */
	_Atomic size_t limit;
	_Atomic uint64_t refused, reported;      /* reported: as of the last log line */
	_Atomic int64_t refused_ms, reported_ms; /* the last time; 0: never */
	_Atomic int64_t checked_ms;              /* for processes that have died */
	struct slot_place at[PLACES_MAX];
};

/* A client that waits for a place. */
struct slot_waiter {
	_Atomic int64_t client; /* 0: free */
	_Atomic int64_t sid;    /* a hash of the session id by which it was told to try again */
	_Atomic int said;       /* what it was told last by this one, enum waiters_answer */
	_Atomic int64_t at_ms;  /* when it was told to try again */
	_Atomic int next_ms;    /* after this time it will */
	_Atomic int seen_ms;    /* after this time it did, when something else was expected; or 0 */
};

/* A folder that is out of service: drain_state.h. */
struct slot_drain {
	_Atomic unsigned rate;  /* sessions to end in a second; 0: it is in service */
	_Atomic int64_t due_ms; /* when the next are */
	_Atomic uint64_t ended; /* of this drain */
	_Atomic int said;       /* what the log has of it, enum drain_said */
};

/* What is counted for all processes (counters.h).  A process counts in one of these, by its slot,
 * and readers add them up: two seldom write the same memory. */
#define SLOT_COUNTERS 16
struct slot_counters {
	_Alignas(64) _Atomic uint64_t n[COUNTERS];
};

/* What is due by the clock: timekeeper.h. */
struct slot_time {
	_Atomic int leader;                         /* slot + 1; 0: none, or it has resigned */
	_Atomic int64_t due_ms;                     /* no timer of a session is due before */
	_Atomic int64_t ticks_ms[TIMEKEEPER_TICKS]; /* when each is due; 0: it never was */
	_Atomic int64_t request_ms; /* until then a tick of the hook is on its way */
	_Atomic int64_t calling;    /* the session whose timer is called now; 0: none is */
	_Atomic int64_t crashed;    /* the one with which the last timekeeper has died, ... */
	_Atomic int crashes;        /* ... and how many of them in a row */
};

/* In shared memory, zeroed when created: 0 must be the right start value of every field. */
struct slot_table {
	struct takeover_head head;
	_Atomic int high; /* one more than the highest slot ever taken */
	_Atomic uint32_t epoch;
	_Atomic int64_t sessions;
	_Atomic int64_t hook_events, hook_bytes;
	_Atomic int hook_leader;     /* slot + 1; 0: none */
	_Atomic int hook_state;      /* enum slots_hook_state */
	_Atomic unsigned hook_again; /* how often slots_ask_hook_again() was called */
	_Atomic bool asked;          /* ends were requested */
	_Atomic int watching;        /* number of watchers */
	struct {
		_Atomic int slot;  /* + 1; 0: free */
		_Atomic int whose; /* enum watch_whose */
		_Atomic int64_t id;
		_Atomic bool has_own;
	} watchers[WATCHERS_MAX];
	struct filter waiting;
	struct filter_wide kept;    /* rooms with a history */
	_Atomic int64_t rebuilt_ms; /* when a damaged database was last made anew */
	_Atomic int64_t chores_due; /* the next maintenance, ms */
	_Atomic bool mailbox_empty; /* false: it may be */
	struct slot_places places[PLACES_POOLS];
	struct slot_waiter waiters[WAITERS_MAX];
	struct slot_drain drain;
	_Atomic int64_t status_until,
	    status_due; /* slots_status_until() and slots_status_claim() */
	struct slot_time time;
	struct slot_link link;
	struct slot_counters counters[SLOT_COUNTERS];
	struct slot slots[SLOTS_MAX];
};

struct slots {
	struct slot_table *table; /* shared memory */
	uint64_t version;         /* slots_version() */
	int lock_fd;              /* borrowed from the store */
	int own;
};

#endif
