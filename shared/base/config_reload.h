/* config_reload: what a running program takes over of a configuration that was read again.  Pure.
 *
 * A row of config_table.c with LIVE() can change while a program runs; one with FIELD() is built
 * into what was opened at the start, or clients were told of it, and waits for a restart. */
#ifndef POLLUX_CONFIG_RELOAD_H
#define POLLUX_CONFIG_RELOAD_H

#include "shared/base/config.h"

#define CONFIG_NAMES_MAX 800 /* so that a line of the log has room for them */

/* Settings as a line of the log has them: "[limits] sessions, [log] level".  Empty: none.  Those
 * that do not fit are "...". */
struct config_changes {
	char taken[CONFIG_NAMES_MAX];   /* have another value, which can be taken over */
	char waiting[CONFIG_NAMES_MAX]; /* have another value, which waits for a restart */
};

/* Make `merged` of the configuration in force and the one that was read, both of which have passed
 * config_check(): it passes as well.  Tell the differences. */
void config_reload_merge(struct config *merged, const struct config *in_force,
    const struct config *read, struct config_changes *changes);

/* Copy the settings that can change while a program runs, and no others: of those, pointers and
 * threads may know the text. */
void config_reload_copy(struct config *to, const struct config *from);

#endif
