/* resolve: the addresses of a host, looked up in a thread: a name server that does not answer holds
 * up nothing here. */
#ifndef POLLUX_LINKD_RESOLVE_H
#define POLLUX_LINKD_RESOLVE_H

#include <stddef.h>

#include <ev.h>

#include "shared/base/address.h"

#define RESOLVE_MAX 8 /* addresses of a host that are tried */

struct resolve;

struct resolve_list {
	char texts[RESOLVE_MAX][ADDRESS_SIZE];
	size_t n;
};

/* `why` NULL: `list` has one address or more; else what is wrong.  Both are borrowed. */
typedef void resolve_done(void *arg, const struct resolve_list *list, const char *why);

/* Whether the host is an address: then the list has it. */
bool resolve_is_address(const char *host, struct resolve_list *list);

/* Look a name up.  `done` is called by the loop, and the lookup is over then.  NULL: no memory, or
 * no thread. */
struct resolve *resolve_start(
    struct ev_loop *loop, const char *host, resolve_done *done, void *arg);

/* Forget it: `done` is not called.  NULL is allowed. */
void resolve_cancel(struct resolve *r);

#endif
