#include "wsd/tls_context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/certificate.h"
#include "shared/base/log.h"

#define TICKET_KEYS_MAX 128 /* bytes; OpenSSL 3 has 80 */

struct tls_context {
	SSL_CTX *ctx;
	struct certificate certificate; /* that of ctx */
};

/* The reason of the first error in OpenSSL's queue. */
static const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	return reason == NULL ? "no reason given" : reason;
}

static int
refuse_passphrase(char *text, int room, int writing, void *arg)
{
	(void)text;
	(void)room;
	(void)writing;
	(void)arg;
	return -1; /* certificate_check() has said so */
}

/* The rules, before the certificate: which keys are good enough depends on them. */
static int
set_rules(SSL_CTX *ctx, enum config_tls least)
{
	static const int versions[] = {
	    TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}; /* enum config_tls */

	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
		/* browsers leave without close_notify; a message that was cut is seen anyway */
		SSL_OP_IGNORE_UNEXPECTED_EOF |
		/* against an attack on what browsers send; some old clients cannot read them */
		SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
	/* one record at a time is written, and taken as written; the queue's bytes may have moved
	 * when it is tried again; ten thousand idle connections keep no buffers */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	/* tickets carry the state: nothing is kept for clients that may never come back */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, refuse_passphrase);
	if (SSL_CTX_set_min_proto_version(ctx, versions[least]) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, 0) != 1)
		return -1;
	/* TLS before 1.2 signs with SHA-1, which OpenSSL 3 has at level 0 only */
	if (least < CONFIG_TLS_1_2 && SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") != 1)
		return -1;
	return 0;
}

/* NULL: after logging why. */
static SSL_CTX *
make_context(const struct config *cfg)
{
	const char *key = certificate_key_path(cfg);
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx != NULL && set_rules(ctx, cfg->wsd_tls_min) == 0 &&
	    SSL_CTX_use_certificate_chain_file(ctx, cfg->wsd_certificate) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
		return ctx;
	log_errx("[wsd] certificate: %s cannot be used for TLS: %s", cfg->wsd_certificate,
	    openssl_reason());
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* Clients come back with tickets that the old one has given out, to this worker or another. */
static void
keep_ticket_keys(SSL_CTX *ctx, SSL_CTX *old)
{
	unsigned char keys[TICKET_KEYS_MAX];
	long n = SSL_CTX_get_tlsext_ticket_keys(old, NULL, 0);

	if (n > 0 && n <= TICKET_KEYS_MAX && SSL_CTX_get_tlsext_ticket_keys(old, keys, n) == 1)
		(void)SSL_CTX_set_tlsext_ticket_keys(ctx, keys, n);
	OPENSSL_cleanse(keys, sizeof(keys));
}

struct tls_context *
tls_context_new(const struct config *cfg)
{
	struct tls_context *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		log_err("cannot serve TLS");
		return NULL;
	}
	/* an expired one is better than no server: some of the clients may not look */
	if (certificate_check(cfg, true, &t->certificate) != CERTIFICATE_UNUSABLE)
		t->ctx = make_context(cfg);
	if (t->ctx == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
tls_context_reload(struct tls_context *t, const struct config *cfg)
{
	struct certificate found;
	SSL_CTX *ctx = NULL;
	bool same;

	if (certificate_check(cfg, true, &found) == CERTIFICATE_GOOD)
		ctx = make_context(cfg);
	if (ctx == NULL) {
		log_warnx("[wsd] certificate: the one that was read before, valid until %s, stays "
			  "in use",
		    t->certificate.until);
		return;
	}
	keep_ticket_keys(ctx, t->ctx);
	same = memcmp(found.digest, t->certificate.digest, sizeof(found.digest)) == 0;
	SSL_CTX_free(t->ctx); /* connections have their own references */
	t->ctx = ctx;
	t->certificate = found;
	if (!same)
		log_info("a new certificate is in use, valid until %s", found.until);
}

SSL_CTX *
tls_context_current(const struct tls_context *t)
{
	return t->ctx;
}

void
tls_context_free(struct tls_context *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}
