/* doctor_address: whether a connection can be made, and TLS be trusted. */
#include <openssl/x509_vfy.h>

#include "cli/doctor.h"
#include "shared/base/clock.h"

#define CONNECT_MS   5000
#define EXPIRES_DAYS 14

static void
judge_certificate(struct doctor *d, const struct fetch *f)
{
	struct findings *found = &d->found;
	const char *why = X509_verify_cert_error_string(f->verify);

	if (f->verify == X509_V_OK && f->days >= EXPIRES_DAYS) {
		findings_add(found, "tls", FINDING_GOOD,
		    "%s, with a valid certificate for %s for %d days.", f->protocol, d->site.host,
		    f->days);
		return;
	}
	if (f->verify == X509_V_OK) {
		findings_add(found, "tls", FINDING_NOTE,
		    "The certificate is valid for %d more days only.", f->days);
		findings_change(found, "Find out why it was not renewed by itself.");
		return;
	}
	findings_add(found, "tls", FINDING_BAD,
	    "Browsers refuse the certificate, and so do clients: %s.", why);
	switch (f->verify) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		findings_change(
		    found, "Get one that names %s, or use the name that it has.", d->site.host);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		findings_change(found, "Renew it; and look at the clock of the server, and at this "
				       "one.");
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		findings_change(found,
		    "Configure the whole chain in the web server (fullchain.pem), "
		    "not the certificate alone.");
		break;
	default:
		findings_change(found, "Get one of an authority that browsers know, such as Let's "
				       "Encrypt.");
	}
}

/* Connect to every address of the name at the same time. */
static void
try_addresses(struct doctor *d, struct fetch *tries[SITE_ADDRESSES_MAX])
{
	int64_t end = clock_ms() + CONNECT_MS, now = clock_ms();
	bool more = true;

	for (unsigned i = 0; i < d->site.addresses_n; i++) {
		d->site.chosen = i;
		tries[i] = fetch_start(
		    &d->net, &(struct fetch_request){
				 .site = &d->site, .raw = true, .timeout_ms = CONNECT_MS});
	}
	for (; more && now < end && !d->net.stopped; now = clock_ms()) {
		fetch_turn(&d->net, end - now);
		more = false;
		for (unsigned i = 0; i < d->site.addresses_n; i++)
			more = more || (tries[i] != NULL && tries[i]->state < FETCH_WAITING);
	}
}

static bool
is_connected(const struct fetch *f)
{
	/* one that was closed at once was open */
	return f != NULL && f->sent_ms != 0;
}

/* Choose the first that works; say which do not.  Return its connection, or NULL. */
static struct fetch *
choose_address(struct doctor *d, struct fetch *tries[SITE_ADDRESSES_MAX])
{
	struct fetch *best = NULL;
	unsigned worse = 0;

	for (unsigned i = d->site.addresses_n; i > 0; i--)
		if (is_connected(tries[i - 1])) {
			d->site.chosen = i - 1;
			best = tries[i - 1];
		} else {
			worse = i - 1;
		}
	for (unsigned i = 0; best != NULL && i < d->site.addresses_n; i++)
		if (!is_connected(tries[i])) {
			findings_add(&d->found, "address", FINDING_NOTE,
			    "%s has the address %s, which does not work: %s.", d->site.host,
			    d->site.addresses[i].text,
			    tries[i] == NULL ? "out of memory" : tries[i]->why);
			findings_change(&d->found,
			    "Take it out of the name server, or let the web server listen there: "
			    "each client that tries it first waits.");
		}
	if (best == NULL && d->site.addresses_n > 0 && tries[worse] != NULL) {
		findings_add(&d->found, "address", FINDING_BAD, "%s, at %s port %u: %s.",
		    d->site.host, d->site.addresses[worse].text, d->site.port, tries[worse]->why);
		findings_change(&d->found,
		    tries[worse]->state == FETCH_INSECURE
			? "Is this the port for https?  If it is, its TLS must be configured."
			: "Is the web server running, does it listen there, and does a firewall "
			  "let "
			  "this machine through?");
	}
	return best;
}

bool
doctor_address(struct doctor *d)
{
	struct fetch *tries[SITE_ADDRESSES_MAX] = {NULL}, *best;
	const char *wrong = site_resolve(&d->site, DOCTOR_QUICK_MS);

	if (wrong != NULL) {
		findings_add(&d->found, "address", FINDING_BAD, "The name %s has no address: %s.",
		    d->site.host, wrong);
		findings_change(&d->found, "Is it spelled correctly, and is the domain set up?");
		return false;
	}
	try_addresses(d, tries);
	best = choose_address(d, tries);
	if (best != NULL && d->site.tls)
		judge_certificate(d, best);
	for (unsigned i = 0; i < d->site.addresses_n; i++)
		fetch_free(tries[i]);
	return best != NULL;
}
