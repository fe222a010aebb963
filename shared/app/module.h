/* module: an application that is a shared object (<pollux/pollux.h>). */
#ifndef POLLUX_MODULE_H
#define POLLUX_MODULE_H

#include "shared/action/application.h"

/* Load the module at `path` and let it set itself up; an empty path gives an application without
 * handlers.  NULL after logging what is wrong with which file. */
struct application *module_open(const char *path);

#endif
