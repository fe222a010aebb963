/* carried: tables whose rows outlive the database that they are in.
 *
 * A database is made anew after a reboot, by another version, and when it is damaged.  Then the
 * rows of these tables are copied from the old file, in the transaction that makes the new tables,
 * if they can be read and the table has the same columns.  What cannot be read is given up, with a
 * line in the log: no start fails for it.
 *
 * Such a table has its times in ms since 1970.  To add one, add a row to the list in carried.c. */
#ifndef POLLUX_CARRIED_H
#define POLLUX_CARRIED_H

#include <stdbool.h>

struct store;

/* Before the files of the database are deleted: put those that hold its rows aside. */
void carried_set_aside(const struct store *st);

/* The new database is open, and has no transaction: read what was set aside.  Return whether there
 * is anything. */
bool carried_open(struct store *st);
/* In the transaction that has made the tables. */
void carried_copy(struct store *st);
/* After its commit, which worked or not: close what was read. */
void carried_close(struct store *st);

/* Delete what was set aside. */
void carried_delete(const struct store *st);
/* The same, with a line in the log: it is in the way of a new database. */
void carried_give_up(const struct store *st);

#endif
