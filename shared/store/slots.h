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

/* When a damaged database was last made anew, ms of CLOCK_MONOTONIC, maybe of an earlier boot. */
int64_t slots_rebuilt(const struct slots *sl);
void slots_set_rebuilt(struct slots *sl, int64_t now_ms);

/* Whether ends were requested (end_request.h) that must not wait for the next round. */
void slots_set_end_requested(struct slots *sl, bool asked);
bool slots_end_requested(const struct slots *sl);

/* What a process reports of itself, for pollux top. */
struct slot_info {
	int kind, pid;
	unsigned held;           /* sessions whose transport it holds */
	uint64_t received, sent; /* packets since it started */
};

/* Report the counters of this process; kind and pid are in the table already. */
void slots_set_info(struct slots *sl, const struct slot_info *info);
/* Return false when no process has the slot. */
bool slots_info(const struct slots *sl, int slot, struct slot_info *info);

/* Watchers: processes that want a copy of each packet of one session, or of all (key 0).  Their
 * number is looked at for every packet, so callers get its address, which does not change. */
#define WATCHERS_MAX 4
const _Atomic int *slots_watcher_count(const struct slots *sl);
/* The slot of watcher `i` if it wants packets of this session, else -1. */
int slots_watcher(const struct slots *sl, int i, int64_t key);
/* Become a watcher.  Return 0, or -1 when there are WATCHERS_MAX already. */
int slots_watch(struct slots *sl, int64_t key);
/* Remove the watcher of this slot, if there is one. */
void slots_forget_watcher(struct slots *sl, int slot);

/* How many sessions there are: the last count plus those created since. */
int64_t slots_sessions(const struct slots *sl);
void slots_set_sessions(struct slots *sl, int64_t n);
void slots_add_session(struct slots *sl);

/* What waits for the web hook: the last count plus what was added since; and the slot of the
 * process that delivers it, -1: none. */
int64_t slots_hook_events(const struct slots *sl);
int64_t slots_hook_bytes(const struct slots *sl);
void slots_set_hook(struct slots *sl, int64_t events, int64_t bytes);
void slots_add_hook(struct slots *sl, size_t bytes);
int slots_hook_leader(const struct slots *sl);
/* How many clients this process has slowed until some of it is delivered; and another one. */
void slots_set_slowed(struct slots *sl, unsigned n);
unsigned slots_slowed(const struct slots *sl, int slot);
void slots_set_hook_leader(struct slots *sl, int slot);

#endif
