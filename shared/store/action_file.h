/* action_file: the file actions.db of action_queue.h: making it, opening it, and what its errors
 * mean.  Nothing here waits for a lock. */
#ifndef POLLUX_ACTION_FILE_H
#define POLLUX_ACTION_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "shared/base/file.h"

struct action_file {
	const char *folder; /* borrowed */
	int lock_fd;        /* borrowed: of a file that the same users may write */
	sqlite3 *db;        /* NULL: closed */
	sqlite3_stmt *version, *list, *delete;
	struct file_id id;
	char identity[24]; /* of this file, never of another */
	bool damaged;      /* to be made anew: close it and open it */
	bool complained;   /* once is enough, until it works again */
};

/* Open the file; one that is missing, damaged or not ours is made anew.  Return 0, or -1: not now;
 * it is locked, or an error was logged, once. */
int action_file_open(struct action_file *f);
void action_file_close(struct action_file *f);

/* Whether the name still leads to the file that is open. */
bool action_file_is_there(const struct action_file *f);

/* A statement has failed: log why, once, unless the file is only locked; or note the damage. */
void action_file_failed(struct action_file *f);

#endif
