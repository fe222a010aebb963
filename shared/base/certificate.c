#include "shared/base/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/base/account.h"
#include "shared/base/log.h"

#define CERTIFICATE_SETTING "[wsd] certificate"
#define KEY_SETTING         "[wsd] key"

/* A certificate that is not renewed by then is forgotten: most are renewed a month before their
 * end. */
#define WARN_DAYS 10

const char *
certificate_key_path(const struct config *cfg)
{
	return cfg->wsd_key[0] == '\0' ? cfg->wsd_certificate : cfg->wsd_key;
}

/* What reading one of the files came to. */
enum certificate_file {
	CERTIFICATE_FILE_READ,
	CERTIFICATE_FILE_DENIED, /* another user's; said nothing */
	CERTIFICATE_FILE_BAD,    /* and said so */
};

/* Reading one from the terminal would stop the program: only note that it has one. */
static int
give_no_passphrase(char *text, int room, int writing, void *arg)
{
	bool *encrypted = arg;

	(void)text;
	(void)room;
	(void)writing;
	*encrypted = true;
	return -1;
}

static BIO *
open_pem(const char *setting, const char *path, bool as_ours, enum certificate_file *result)
{
	BIO *in;
	int error;

	ERR_clear_error();
	errno = 0;
	in = BIO_new_file(path, "r");
	error = errno == 0 ? ENOMEM : errno;
	*result = CERTIFICATE_FILE_READ;
	if (in != NULL)
		return in;
	if (error == EACCES && !as_ours) {
		*result = CERTIFICATE_FILE_DENIED;
	} else {
		char why[ACCOUNT_WHY_MAX];

		log_errx("%s: %s: %s", setting, path, account_why(why, path, error));
		*result = CERTIFICATE_FILE_BAD;
	}
	return NULL;
}

static enum certificate_file
read_certificate(const char *path, bool as_ours, X509 **certificate)
{
	enum certificate_file result;
	BIO *in = open_pem(CERTIFICATE_SETTING, path, as_ours, &result);
	bool encrypted; /* it never is */

	if (in == NULL)
		return result;
	*certificate = PEM_read_bio_X509_AUX(in, NULL, give_no_passphrase, &encrypted);
	BIO_free(in);
	if (*certificate != NULL)
		return CERTIFICATE_FILE_READ;
	log_errx(CERTIFICATE_SETTING ": %s has no certificate in PEM (-----BEGIN CERTIFICATE-----)",
	    path);
	return CERTIFICATE_FILE_BAD;
}

static enum certificate_file
read_key(const char *path, bool as_ours, EVP_PKEY **key)
{
	enum certificate_file result;
	BIO *in = open_pem(KEY_SETTING, path, as_ours, &result);
	bool encrypted = false;

	if (in == NULL)
		return result;
	*key = PEM_read_bio_PrivateKey(in, NULL, give_no_passphrase, &encrypted);
	BIO_free(in);
	if (*key != NULL)
		return CERTIFICATE_FILE_READ;
	if (encrypted)
		log_errx(KEY_SETTING ": %s has a passphrase, which nobody could type at a start; "
				     "openssl pkey takes it off",
		    path);
	else
		log_errx(KEY_SETTING ": %s has no private key in PEM (-----BEGIN PRIVATE KEY-----)",
		    path);
	return CERTIFICATE_FILE_BAD;
}

static void
warn_of_rights(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warnx(KEY_SETTING ": every user of this machine can read %s; "
				      "chmod o-r keeps them out",
		    path);
}

/* Until when it is valid, and whether it is now. */
static enum certificate_state
check_dates(const char *path, const X509 *certificate, char *until, size_t until_size)
{
	const ASN1_TIME *begin = X509_get0_notBefore(certificate);
	const ASN1_TIME *end = X509_get0_notAfter(certificate);
	struct tm tm;
	int days = 0, seconds = 0;

	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(end, &tm) == 1)
		strftime(until, until_size, "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (X509_cmp_current_time(end) < 0) {
		log_errx(CERTIFICATE_SETTING ": %s has expired at %s: clients refuse it; renew it",
		    path, until);
		return CERTIFICATE_EXPIRED;
	}
	if (X509_cmp_current_time(begin) > 0) {
		log_errx(CERTIFICATE_SETTING ": %s is not valid yet: clients refuse it; "
					     "is the clock of this machine right?",
		    path);
		return CERTIFICATE_EXPIRED;
	}
	if (ASN1_TIME_diff(&days, &seconds, NULL, end) == 1 && days < WARN_DAYS)
		log_warnx(CERTIFICATE_SETTING ": %s expires at %s; renew it", path, until);
	return CERTIFICATE_GOOD;
}

enum certificate_state
certificate_check(const struct config *cfg, bool as_ours, struct certificate *found)
{
	const char *path = cfg->wsd_certificate;
	const char *key_path = certificate_key_path(cfg);
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	/* both, so that the faults of both are said */
	enum certificate_file one = read_certificate(path, as_ours, &certificate);
	enum certificate_file other = read_key(key_path, as_ours, &key);

	*found = (struct certificate){.state = CERTIFICATE_UNUSABLE};
	if (one == CERTIFICATE_FILE_BAD || other == CERTIFICATE_FILE_BAD)
		goto end;
	found->state = CERTIFICATE_GOOD;
	if (certificate != NULL && key != NULL && X509_check_private_key(certificate, key) != 1) {
		log_errx(KEY_SETTING ": the key in %s is not that of the certificate in %s, "
				     "which must be the first of its file",
		    key_path, path);
		found->state = CERTIFICATE_UNUSABLE;
		goto end;
	}
	warn_of_rights(key_path);
	if (certificate != NULL) {
		(void)X509_digest(certificate, EVP_sha256(), found->digest, NULL);
		found->state = check_dates(path, certificate, found->until, sizeof(found->until));
	}
end:
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	return found->state;
}
