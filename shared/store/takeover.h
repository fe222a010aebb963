/* takeover: which version of Pollux has a data folder, and how a newer one takes it over.
 *
 * The file `slots` begins with a head that is the same in every version.  A newer program writes
 * into the head of an older one's file that it wants the folder; the older processes see it within
 * a second and leave, and then the newer one makes a new file.  A program that meets a newer file
 * with living processes leaves itself. */
#ifndef POLLUX_TAKEOVER_H
#define POLLUX_TAKEOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TAKEOVER_MAGIC "pollux\r\n" /* 8 bytes */

/* The first bytes of the file `slots`: never to be changed. */
struct takeover_head {
	char magic[8];
	uint64_t version;        /* of the program that made the file; a newer one's is larger */
	_Atomic uint64_t wanted; /* the version of a newer program that wants the folder */
};

enum takeover_result {
	TAKEOVER_FAILED = -1, /* logged */
	TAKEOVER_READY,       /* the file is ours, or there is none */
	TAKEOVER_WAIT,        /* older processes live: they were asked to leave */
	TAKEOVER_OUTDATED,    /* newer processes live, or want the folder */
	TAKEOVER_STRANGERS,   /* processes live that are too old to be asked */
};

/* Look whether a program of this version may use the file at `path`, and remove one that nobody
 * uses and that is not ours.  `force`: asked processes had their time, remove it under them.
 * Call it with LOCK_INIT held; it may take LOCK_TAKEOVER, which the caller gives back with the
 * folder or once it has it. */
enum takeover_result takeover_look(const char *path, int lock_fd, uint64_t version, bool force);

/* Only look: for a program that changes nothing.  READY, OUTDATED for every other version. */
enum takeover_result takeover_peek(const char *path, uint64_t version);

#endif
