/* tls_context: what all TLS connections share: the certificate, its key, and the rules. */
#ifndef POLLUX_WSD_TLS_CONTEXT_H
#define POLLUX_WSD_TLS_CONTEXT_H

#include <openssl/types.h>

#include "shared/base/config.h"

struct tls_context;

/* Read [wsd] certificate and key, which must be set.  Before the fork of workers: a session ticket
 * of one is good for the others.  NULL: after logging why. */
struct tls_context *tls_context_new(const struct config *cfg);

/* Read the files again, by the settings of `cfg`.  New connections get the new certificate; those
 * that are open keep theirs.  Without a good one the old stays, and the log says why. */
void tls_context_reload(struct tls_context *t, const struct config *cfg);

/* For a new connection: borrowed until the next reload. */
SSL_CTX *tls_context_current(const struct tls_context *t);

/* NULL is allowed.  Connections may still be open. */
void tls_context_free(struct tls_context *t);

#endif
