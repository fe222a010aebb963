/* predecessor: the program that has started this one, to be replaced by it (successor.h). */
#ifndef POLLUX_WSD_PREDECESSOR_H
#define POLLUX_WSD_PREDECESSOR_H

#include <stdbool.h>

#include "shared/base/config.h"

/* Whether this program can take over with this configuration.  0, or an exit code after logging why
 * not; 0 also if there is none. */
int predecessor_check(const struct config *cfg);

/* Tell it that this program serves; the first process does, once. */
void predecessor_tell(void);

/* Whether it still has something to hand over. */
bool predecessor_lives(void);

#endif
