/* answer: where the policy comes from. */
#ifndef POLLUX_POLICYD_ANSWER_H
#define POLLUX_POLICYD_ANSWER_H

#include "shared/base/buf.h"
#include "shared/base/config.h"

/* Append the policy: the file of [policyd] file, else made from [protocol] origins.
 * Return 0, or an exit code with one sentence in `error`. */
int answer_read(struct buf *policy, const struct config *cfg, char *error, size_t error_size);

#endif
