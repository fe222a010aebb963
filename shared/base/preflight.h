/* preflight: what a start needs of the machine: a folder, a log, addresses.  Looked at without
 * changing anything, for -t and `pollux config check`; every fault is logged as an error that names
 * the setting. */
#ifndef POLLUX_PREFLIGHT_H
#define POLLUX_PREFLIGHT_H

#include <stdbool.h>

#include "shared/base/config.h"

/* Whether [store] data exists or can be made, and we have every right on what is in it, and whether
 * there is such a group as [store] group.  Of files with the same fault the first is named. */
void preflight_data(const struct config *cfg);

/* Whether [log] file can be opened, or made. */
void preflight_log(const struct config *cfg);

/* Whether the file at `path`, which may be empty, can be read.  `setting` names its place. */
void preflight_file(const char *setting, const char *path);

/* Whether every user of the machine can read the password for Redis: an error if it has a file of
 * its own, a warning if it is in the configuration. */
void preflight_cluster(const struct config *cfg);

/* Whether each of `addresses` is one of this machine, or a path where a socket can be made.
 * `setting` names their place.  An address that is in use is none of our business: perhaps it is
 * our own.  `as_ours`: also whether this user may take it, a port below 1024 for example. */
void preflight_addresses(const char *setting, const char *addresses, bool as_ours);

#endif
