/* slots: which processes run and what their sessions listen to, in memory that all processes of a
 * data folder share.
 *
 * A process takes a slot when it opens the store and keeps it until it closes the store or dies
 * (lock.h tells).  With the slot goes a filter of the channels that its sessions listen to, so that
 * a broadcast wakes only processes that hold a recipient.  One more filter, `waiting`, covers all
 * sessions on polling transports: between two polls they belong to no process. */
#ifndef POLLUX_SLOTS_H
#define POLLUX_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/store/filter.h"

#define SLOTS_MAX 1024

struct slots;
struct watch_wish;

/* The version of the table, which says whether two programs can share one: the schema of their
 * database, and the table's own layout.  A newer version is a larger number. */
uint64_t slots_version(int schema);

/* Map the table at `path`, creating it with the rights `mode` if needed, take a free slot and empty
 * its filter.  takeover_look() must have said READY.  `lock_fd` is the store's lock file; `kind` is
 * the program's.  Call it with LOCK_INIT held.  Return NULL with errno; EUSERS: all slots are
 * taken. */
struct slots *slots_open(const char *path, int lock_fd, int kind, int schema, mode_t mode);

/* Release the slot and free `sl`; NULL is allowed. */
void slots_close(struct slots *sl);

/* The slot of this process. */
int slots_own(const struct slots *sl);

/* Whether the process of this slot is alive. */
bool slots_alive(const struct slots *sl, int slot);

/* Whether a process of this kind is alive. */
bool slots_any_of_kind(const struct slots *sl, int kind);

/* One more than the highest slot ever taken. */
int slots_high(const struct slots *sl);

struct filter *slots_filter(struct slots *sl, int slot);
struct filter *slots_waiting(struct slots *sl);
/* The rooms that have a history (room_history.h).  Written under the writer's lock. */
struct filter_wide *slots_kept(struct slots *sl);

/* Whether the process of `slot` listens to the channel, by its filter. */
bool slots_listens(const struct slots *sl, int slot, int64_t chan);

/* Whether any other process or any polling session listens to the channel, by their filters. */
bool slots_others_listen(const struct slots *sl, int64_t chan);

/* How far this process has read the log; rows beyond it are not trimmed. */
void slots_set_head(struct slots *sl, int64_t head);

/* The lowest head of all living processes; INT64_MAX when there is none. */
int64_t slots_lowest_head(const struct slots *sl);

/* The epoch counts how often the database was created anew under running processes. */
uint32_t slots_epoch(const struct slots *sl);
void slots_bump_epoch(struct slots *sl);

/* Whether a program of a newer version wants the folder: leave.  Costs one load. */
bool slots_wanted(const struct slots *sl);

/* Whether no other process is alive. */
bool slots_alone(const struct slots *sl);

/* When the next maintenance is due, ms of CLOCK_MONOTONIC, maybe of an earlier boot. */
int64_t slots_chores_due(const struct slots *sl);
void slots_set_chores_due(struct slots *sl, int64_t due_ms);

/* When a damaged database was last made anew, ms of CLOCK_MONOTONIC, maybe of an earlier boot. */
int64_t slots_rebuilt(const struct slots *sl);
void slots_set_rebuilt(struct slots *sl, int64_t now_ms);

/* Whether no user has mail (mailbox.h): under the writer's lock.  False: a user may have. */
bool slots_mailbox_empty(const struct slots *sl);
void slots_set_mailbox_empty(struct slots *sl, bool empty);

/* Whether ends were requested (end_request.h) that must not wait for the next round. */
void slots_set_end_requested(struct slots *sl, bool asked);
bool slots_end_requested(const struct slots *sl);

#define SLOTS_VERSION_SIZE 16 /* with its NUL */

/* What a process reports of itself, for pollux top and doctor. */
struct slot_info {
	int kind, pid;
	char version[SLOTS_VERSION_SIZE]; /* of the program, such as "0.1" */
	unsigned held;                    /* sessions whose transport it holds */
	uint64_t received, sent;          /* packets since it started */
};

/* Report the counters of this process; kind and pid are in the table already. */
void slots_set_info(struct slots *sl, const struct slot_info *info);
/* Return false when no process has the slot. */
bool slots_info(const struct slots *sl, int slot, struct slot_info *info);

/* Watchers: processes that want a copy of each packet of some sessions (watch.h).  Their
 * number is looked at for every packet, so callers get its address, which does not change. */
#define WATCHERS_MAX 4
const _Atomic int *slots_watcher_count(const struct slots *sl);
/* The slot of watcher `i` and what it wants; -1: there is none. */
int slots_watcher(const struct slots *sl, int i, struct watch_wish *wish);
/* Become a watcher.  Return 0, or -1 when there are WATCHERS_MAX already. */
int slots_watch(struct slots *sl, const struct watch_wish *wish);
/* Remove the watcher of this slot, if there is one. */
void slots_forget_watcher(struct slots *sl, int slot);

/* --- the link to other nodes, as pollux-linkd sees it ---------------------------------------- */

#define SLOTS_LINK_NUMBERS 4096 /* of nodes */

/* Its slot, to wake it; it may be dead.  -1: there was none yet. */
int slots_link_slot(const struct slots *sl);
/* This process is pollux-linkd; the link is down until it says otherwise. */
void slots_link_take(struct slots *sl);
/* Whether pollux-linkd is alive. */
bool slots_link_runs(const struct slots *sl);

/* The number of this node; -1: it has none yet. */
int slots_link_number(const struct slots *sl);
void slots_link_set_number(struct slots *sl, int number);

/* Whether Redis answers. */
bool slots_link_is_up(const struct slots *sl);
void slots_link_set_up(struct slots *sl, bool is_up);
/* Whether this node has been told of all sessions of all others that live: of one that it does not
 * know can be said that there is no such session. */
bool slots_link_knows_all(const struct slots *sl);
void slots_link_set_knows_all(struct slots *sl, bool knows);
/* Since when, ms of CLOCK_MONOTONIC; 0: nobody has said yet. */
int64_t slots_link_since(const struct slots *sl);

/* When Redis last had our sign of life, ms of CLOCK_MONOTONIC; 0: never in this boot. */
int64_t slots_link_beat(const struct slots *sl);
void slots_link_set_beat(struct slots *sl, int64_t now_ms);

/* How many other nodes live, and whether this one does.  They change only under the writer's lock:
 * who tells the others of a change does it, or not, in the transaction of the change. */
unsigned slots_link_peers(const struct slots *sl);
bool slots_link_lives(const struct slots *sl, int number);
/* The first other node from this number on that lives; -1: there is none. */
int slots_link_next(const struct slots *sl, int number);
/* It did live; it may live on, and we do not see it. */
bool slots_link_has_died(const struct slots *sl, int number);
void slots_link_set_lives(struct slots *sl, int number, bool lives);

/* Whether the channel may have members on other nodes.  What they have told us of is known (the
 * filter slots_link_remote()); but that takes some milliseconds.  So a channel that somebody has
 * joined here within the last two seconds, a room that begins, counts too. */
bool slots_link_reaches(const struct slots *sl, int64_t chan);
struct filter_wide *slots_link_remote(struct slots *sl);
/* Somebody has joined the channel here. */
void slots_link_add_young(struct slots *sl, int64_t chan);
/* Every two seconds: forget those of two calls ago. */
void slots_link_rotate_young(struct slots *sl);

/* For pollux stats and the metrics. */
enum slots_link_counter {
	LINK_COUNT_FORWARDED, /* requests sent to other nodes */
	LINK_COUNT_SERVED,    /* requests of other nodes */
	LINK_COUNT_MOVED,     /* sessions that moved here with their first transport */
	LINK_COUNT_SHIPPED,   /* rows of link_out that Redis has */
	LINK_COUNT_TAKEN,     /* rows of other nodes */
	LINK_COUNT_COMMANDS,  /* of Redis */
	LINK_COUNT_DROPPED,   /* rows of link_out that found no room */
	LINK_COUNT_BAD,       /* entries and rows that were malformed or unknown */
	LINK_COUNT_GAPS,      /* times that rows of another node were missing */
	LINK_GAUGE_QUEUED,    /* rows of link_out that wait */
	LINK_GAUGE_QUEUED_BYTES,
	LINK_GAUGE_LAG_MS,    /* how long the oldest of them has waited */
	LINK_GAUGE_BEHIND_MS, /* how old the last entry was when it was read, by Redis' clock */
	SLOTS_LINK_COUNTERS
};
void slots_link_count(struct slots *sl, enum slots_link_counter counter, uint64_t n);
void slots_link_set_counter(struct slots *sl, enum slots_link_counter counter, uint64_t n);
uint64_t slots_link_counter(const struct slots *sl, enum slots_link_counter counter);

/* How many sessions there are: the last count plus those created since. */
int64_t slots_sessions(const struct slots *sl);
void slots_set_sessions(struct slots *sl, int64_t n);
void slots_add_session(struct slots *sl);

/* A folder that is out of service (drain_state.h): how many sessions end in a second, 0: it is in
 * service.  Costs one load.  Setting it begins anew, if it was 0. */
unsigned slots_drain(const struct slots *sl);
void slots_set_drain(struct slots *sl, unsigned rate);
/* When the next are due, ms of CLOCK_MONOTONIC, maybe of an earlier boot. */
int64_t slots_drain_due(const struct slots *sl);
void slots_set_drain_due(struct slots *sl, int64_t due_ms);
/* What the log has of it: one process writes each line. */
enum drain_said {
	DRAIN_SAID_NOTHING,
	DRAIN_SAID_BEGUN,
	DRAIN_SAID_EMPTY,
};
enum drain_said slots_drain_said(const struct slots *sl);
/* Return whether the log had `from`; then it has `to` now. */
bool slots_drain_say(struct slots *sl, enum drain_said from, enum drain_said to);
/* How many have ended so far. */
uint64_t slots_drained(const struct slots *sl);
void slots_add_drained(struct slots *sl, unsigned n);

/* Until when somebody looks at the status page, and when its figures are due next, ms of
 * CLOCK_MONOTONIC, maybe of an earlier boot.  Each costs one load. */
int64_t slots_status_until(const struct slots *sl);
void slots_set_status_until(struct slots *sl, int64_t until_ms);
int64_t slots_status_due(const struct slots *sl);
/* Return whether they were due at `due`, and this process is the one to publish them: the next are
 * due at `next`. */
bool slots_status_claim(struct slots *sl, int64_t due, int64_t next);

/* What waits for the web hook: the last count plus what was added since; and the slot of the
 * process that delivers it, -1: none. */
int64_t slots_hook_events(const struct slots *sl);
int64_t slots_hook_bytes(const struct slots *sl);
void slots_set_hook(struct slots *sl, int64_t events, int64_t bytes);
void slots_add_hook(struct slots *sl, size_t bytes);
int slots_hook_leader(const struct slots *sl);
/* Whether that process sends requests to it. */
enum slots_hook_state {
	HOOK_STATE_SENT,   /* it does */
	HOOK_STATE_PAUSED, /* one every few seconds: the hook cannot be reached */
	HOOK_STATE_OFF,    /* none: the hook has answered 410 */
};
enum slots_hook_state slots_hook_state(const struct slots *sl);
void slots_set_hook_state(struct slots *sl, enum slots_hook_state state);
/* Rows that wait were changed by hand: the leader is to read them again. */
void slots_ask_hook_again(struct slots *sl);
/* How often that was asked. */
unsigned slots_hook_again(const struct slots *sl);
/* How many clients this process has slowed until some of it is delivered; and another one. */
void slots_set_slowed(struct slots *sl, unsigned n);
unsigned slots_slowed(const struct slots *sl, int slot);
void slots_set_hook_leader(struct slots *sl, int slot);

#endif
