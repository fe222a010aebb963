/* app: loads the application (pollux.h) and stands between it and the hub. */
#ifndef POLLUX_APP_LOADER_H
#define POLLUX_APP_LOADER_H

#include <pollux/pollux.h>
#include "shared/hub/hub.h"

/* Load the module at `path` and let it set itself up; an empty path gives an application without
 * handlers.  NULL after logging what is wrong with which file. */
struct sio_app *app_open(const char *path);

/* The application of a guest (hub_options): it has no handlers, and every namespace there is, since
 * it cannot know which ones the real application has. */
struct sio_app *app_open_guest(void);

/* What the hub asks of it. */
struct hub_app app_for_hub(struct sio_app *app);

/* The hub that its calls go to; once, before any session. */
void app_set_hub(struct sio_app *app, struct hub *hub);

/* NULL is allowed. */
void app_close(struct sio_app *app);

#endif
