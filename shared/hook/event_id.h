/* event_id: the id of an event for the web hook: "evt_<epoch>_<number>".  Pure. */
#ifndef POLLUX_EVENT_ID_H
#define POLLUX_EVENT_ID_H

#include <stdint.h>

#include "shared/base/slice.h"

#define EVENT_ID_MAX 64 /* with its NUL */

/* Write the id of event `number` of the database of this epoch. */
void event_id_write(char id[EVENT_ID_MAX], const char *epoch, int64_t number);

/* Read one.  0, or -1: it is none, or of another database. */
int event_id_read(struct slice id, const char *epoch, int64_t *number);

#endif
