/* database: the SQLite file of a store: connecting, its schema version, creating it anew.
 *
 * A database is only good for the boot and the schema that made it: times in it are of
 * CLOCK_MONOTONIC, and no session outlives a reboot. */
#ifndef POLLUX_DATABASE_H
#define POLLUX_DATABASE_H

#include <stdbool.h>

struct store;

/* Open the database at st->path and prepare its statements.  One that is missing, of another boot
 * or schema, or damaged is created anew (then `*created` is set), unless st->must_exist.  Call it
 * with LOCK_INIT held.  Return 0, or -1 after logging; then call database_close(). */
int database_open(struct store *st, bool *created);

/* Free the statements and the connection; allowed when they are half open or closed. */
void database_close(struct store *st);

#endif
