/* database: the SQLite file of a store: connecting, its schema version, creating it anew.
 *
 * A database is only good for the boot and the schema that made it: times in it are of
 * CLOCK_MONOTONIC, and no session outlives a reboot. */
#ifndef POLLUX_DATABASE_H
#define POLLUX_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

struct store;

/* The version of schema.sql; a newer one is larger. */
int database_schema(void);

/* The files of the database. */
enum database_file {
	DATABASE_MAIN,
	DATABASE_WAL, /* the write-ahead log */
	DATABASE_SHM, /* its index, in shared memory */
	DATABASE_FILES
};

enum database_opened {
	DATABASE_FAILED = -1, /* logged; call database_close() */
	DATABASE_OPENED,
	DATABASE_MADE,   /* there was none, or one of another boot or schema */
	DATABASE_MENDED, /* made anew, because it was damaged */
};

/* Open the database at st->path, prepare its statements, and release what a process that had our
 * slot has left.  One that is missing, of another boot or schema, or damaged is created anew,
 * unless st->must_exist; with `useless` also if nothing seems wrong with it.  Call it with
 * LOCK_INIT and a slot held. */
enum database_opened database_open(struct store *st, bool useless);

/* Whether the files that are open are still there under their names. */
bool database_is_there(const struct store *st);

/* How large one of its files is; 0: it is not there. */
int64_t database_file_bytes(const struct store *st, enum database_file file);

/* How much of the disk its files take. */
int64_t database_bytes(const struct store *st);

/* Free the statements and the connection; allowed when they are half open or closed. */
void database_close(struct store *st);

#endif
