/* slots: who is there and who listens to what, in memory that all processes of a data folder share.
 *
 * A process takes a slot when it opens the store and keeps it until it dies (lock.h tells).  With
 * the slot goes a small Bloom filter of the channels that its sessions listen to, so that a
 * broadcast wakes the processes that have somebody to tell and no other.  One more filter,
 * `waiting`, covers all sessions on polling transports: between two polls they belong to no
 * process. */
#ifndef POLLUX_SLOTS_H
#define POLLUX_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOTS_MAX   1024
#define FILTER_BITS 2048

/* A Bloom filter with two probes.  Bits are only ever added one by one, or the whole is replaced
 * word by word, under the writer's lock, by a newer one that holds every channel still in use: a
 * reader may see a bit too many, never one too few. */
struct filter {
	_Atomic uint64_t words[FILTER_BITS / 64];
};

struct slots;

/* Map the table at `path`, making it if needed.  `lock_fd` is the store's lock file.  Take a free
 * slot and empty its filter.  `kind` is the program's.  Return NULL with errno; ENOSPC: all slots
 * are taken.  Call it with LOCK_INIT held. */
struct slots *slots_open(const char *path, int lock_fd, int kind);

/* Give the slot up.  NULL is allowed. */
void slots_close(struct slots *sl);

/* The slot of this process. */
int slots_own(const struct slots *sl);

/* Is the process of this slot alive? */
bool slots_alive(const struct slots *sl, int slot);

/* Does a process of this kind live? */
bool slots_any_of_kind(const struct slots *sl, int kind);

/* One more than the highest slot ever taken. */
int slots_high(const struct slots *sl);

struct filter *slots_filter(struct slots *sl, int slot);
struct filter *slots_waiting(struct slots *sl);

/* Does the process of `slot` listen to the channel, as far as is known? */
bool slots_listens(const struct slots *sl, int slot, int64_t chan);

/* Does any other process or any polling session listen to the channel? */
bool slots_others_listen(const struct slots *sl, int64_t chan);

/* How far this process has read the log; the housekeeper keeps what somebody still has to read. */
void slots_set_head(struct slots *sl, int64_t head);

/* The lowest head of all living processes; INT64_MAX when there is none. */
int64_t slots_lowest_head(const struct slots *sl);

/* The epoch counts how often the database was made anew under running processes. */
uint32_t slots_epoch(const struct slots *sl);
void slots_bump_epoch(struct slots *sl);

/* Something waits for the housekeeper that cannot wait for its next round. */
void slots_set_asked(struct slots *sl, bool asked);
bool slots_asked(const struct slots *sl);

/* What a process tells of itself, for those who look (pollux top). */
struct slot_info {
	int kind, pid;
	unsigned held;           /* sessions whose transport it holds */
	uint64_t received, sent; /* packets, since it has started */
};

/* Tell it of this process; `kind` and `pid` are known. */
void slots_tell(struct slots *sl, const struct slot_info *info);
/* Return false when no process has the slot. */
bool slots_info(const struct slots *sl, int slot, struct slot_info *info);

/* Watchers: processes that want a copy of each packet of one session, or of all (key 0).  How many
 * there are is asked for every packet, so here is the number itself; it stays in place. */
#define WATCHERS_MAX 4
const _Atomic int *slots_watching(const struct slots *sl);
/* The slot of watcher `i` if it wants packets of this session, else -1. */
int slots_watcher(const struct slots *sl, int i, int64_t key);
/* Become a watcher.  Return 0, or -1: there are too many. */
int slots_watch(struct slots *sl, int64_t key);
/* Nobody reads what is sent to this watcher. */
void slots_forget_watcher(struct slots *sl, int slot);

/* How many sessions there are, as last counted plus those made since. */
int64_t slots_sessions(const struct slots *sl);
void slots_set_sessions(struct slots *sl, int64_t n);
void slots_add_session(struct slots *sl);

/* What waits for the web hook, as last counted plus what was added since; and the slot of the
 * process that delivers it, -1: none that is known. */
int64_t slots_hook_events(const struct slots *sl);
int64_t slots_hook_bytes(const struct slots *sl);
void slots_set_hook(struct slots *sl, int64_t events, int64_t bytes);
void slots_add_hook(struct slots *sl, size_t bytes);
int slots_hook_leader(const struct slots *sl);
void slots_set_hook_leader(struct slots *sl, int slot);

void filter_add(struct filter *f, int64_t chan);
bool filter_has(const struct filter *f, int64_t chan);
/* Replace `f` by `fresh`, word by word. */
void filter_replace(struct filter *f, const struct filter *fresh);

#endif
