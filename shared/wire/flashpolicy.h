/* flashpolicy: Flash Player's request for the socket policy (which pages may open sockets to this
 * host) and the answer to it (PROTOCOL section 13).  Pure.
 *
 *	<policy-file-request/> NUL   on a fresh connection; answered by the policy, then closed */
#ifndef POLLUX_FLASHPOLICY_H
#define POLLUX_FLASHPOLICY_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Bytes of the longest request, "<policy-file-request />"; its NUL is not waited for. */
#define FLASHPOLICY_REQUEST_MAX 23

/* Bytes of the longest policy file: Flash Player reads about 20 kB, and no more. */
#define FLASHPOLICY_FILE_MAX ((size_t)64 << 10)

enum flashpolicy_sniff {
	FLASHPOLICY_NO,   /* something else */
	FLASHPOLICY_MORE, /* too few bytes to tell */
	FLASHPOLICY_YES,
};

/* Tell whether the first bytes of a connection are a policy request.  It may arrive in pieces;
 * with or without NUL, and with " />" (PROTOCOL section 13). */
enum flashpolicy_sniff flashpolicy_sniff(struct slice in);

/* Append the policy for a list of origins (base/origins.h): each host may connect to every port.
 * Pages without a host, null and file://, are not in it. */
void flashpolicy_write(struct buf *out, struct slice origins);

/* Check a policy file that an administrator wrote.  Return NULL, or what is wrong with it (static,
 * "it ..."): Flash Player drops a bad policy silently, so obvious mistakes are reported here. */
const char *flashpolicy_check(struct slice file);

#endif
