/* opening: from a folder to a store with its lock, slot, socket and database. */
#ifndef POLLUX_OPENING_H
#define POLLUX_OPENING_H

#include <stdbool.h>

struct store;

/* Take LOCK_INIT.  `wait`: for seconds, as a program that starts can; else at once or not at all,
 * as a loop that serves sockets must.  Return 0, or -1 after logging; without `wait` it is logged
 * when it has failed so often that somebody is stuck. */
int opening_lock(struct store *st, bool wait);

/* Open all of an empty store.  `wait`: also until processes of an older version have left.  Return
 * 0, or -1 after logging; then close it.  st->outdated tells that a newer version is the reason. */
int opening_run(struct store *st, bool wait);

/* Open the database, or make it anew (`useless`: in any case), and note which one it is.  LOCK_INIT
 * and a slot are held.  Return 0, or -1 after logging: there is no database then. */
int opening_database(struct store *st, bool useless);

/* Whether the files besides the database are still the ones that are open. */
bool opening_folder_is_there(const struct store *st);

#endif
