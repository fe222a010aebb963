/* config_relay: the sections [relay "/chat"], whose keys are not settings but events of clients:
 *
 *	[relay "/chat"]
 *	say = room               ; EVENT = room|all [volatile] [EVENTS [BYTES]]
 *	"a=b" = all 5 16k        ; quotes for a name with '=' or blanks around it
 *
 * Lines are read as they are written: libinih would end a key at a ':', which event names have.
 *
 * For shared/base/config.c. */
#ifndef POLLUX_CONFIG_RELAY_H
#define POLLUX_CONFIG_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/config.h"
#include "shared/base/slice.h"

/* Is it such a section, well written or not? */
bool config_relay_is_section(const char *section);

/* Read the line of a section's name into relay->ns.  NULL, or what is wrong. */
const char *config_relay_read_heading(struct config_relay *relay, struct slice line);

/* Read a line of the section into the rest of `*relay`.  NULL, or what is wrong. */
const char *config_relay_read_line(struct config_relay *relay, struct slice line);

/* Where the event of `*relay` is among those of `cfg`, or is to be added: cfg->relays_n. */
size_t config_relay_find(const struct config *cfg, const struct config_relay *relay);

#endif
