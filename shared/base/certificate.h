/* certificate: the files of a certificate and its private key, looked at without serving TLS.
 * Programs that call it link libcrypto. */
#ifndef POLLUX_CERTIFICATE_H
#define POLLUX_CERTIFICATE_H

#include <stdbool.h>

#include "shared/base/config.h"

/* The file of the private key.  Borrowed from `cfg`. */
const char *certificate_key_path(const struct config *cfg);

enum certificate_state {
	CERTIFICATE_GOOD,
	CERTIFICATE_EXPIRED,  /* or not valid yet: it can be served, and clients refuse it */
	CERTIFICATE_UNUSABLE, /* missing, not readable, not PEM, or the key is another's */
};

struct certificate {
	enum certificate_state state;
	char until[32];           /* the end of its validity, "2027-03-01 12:00:00 UTC" */
	unsigned char digest[32]; /* the same for the same certificate */
};

/* Look at [wsd] certificate and key; the first must be set.  Whatever keeps clients from connecting
 * is logged as an error, and what only looks like a mistake as a warning, such as a key that every
 * user of the machine can read.  `as_ours`: also that this user may not read them; else they are
 * good then.  `*found` is filled in if the state is GOOD or EXPIRED, as far as it could be read. */
enum certificate_state certificate_check(
    const struct config *cfg, bool as_ours, struct certificate *found);

#endif
