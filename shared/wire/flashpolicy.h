/* flashpolicy: the question of Flash Player, which pages may open sockets here, and the answer
 * (PROTOCOL section 13).  Pure.
 *
 *	<policy-file-request/> NUL     on a fresh connection; then the answer, and the end */
#ifndef POLLUX_FLASHPOLICY_H
#define POLLUX_FLASHPOLICY_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Bytes of the longest request, "<policy-file-request />", without the NUL: nobody waits for it. */
#define FLASHPOLICY_REQUEST_MAX 23

enum flashpolicy_sniff {
	FLASHPOLICY_NO,   /* something else */
	FLASHPOLICY_MORE, /* too few bytes to know */
	FLASHPOLICY_YES,
};

/* Do these first bytes of a connection ask for the policy? */
enum flashpolicy_sniff flashpolicy_sniff(struct slice in);

/* Append the policy for a list of origins (wire/origins.h): every port of ours for each host. */
void flashpolicy_write(struct buf *out, struct slice origins);

/* Could `file`, which somebody has written, be a policy?  NULL, or what is wrong with it; static.
 * Flash Player takes it or leaves it without a word, so the plain mistakes are found here. */
const char *flashpolicy_check(struct slice file);

#endif
