/* policytext: the policy that clients are sent. */
#ifndef POLLUX_POLICYD_POLICYTEXT_H
#define POLLUX_POLICYD_POLICYTEXT_H

#include "shared/base/buf.h"
#include "shared/base/config.h"

/* Append the policy: the content of [policyd] file, else one made from [protocol] origins.
 * Return 0, or an exit code with one sentence in `error`. */
int policytext_read(struct buf *policy, const struct config *cfg, char *error, size_t error_size);

#endif
