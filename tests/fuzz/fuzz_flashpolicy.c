/* The request for the Flash policy, and the answer.
 *
 * Once bytes are recognised as a request, or as something else, more bytes do not change that.  Any
 * list of origins gives a policy that passes flashpolicy_check(), with exactly its hosts. */
#include "shared/wire/flashpolicy.h"

#include "shared/base/origins.h"
#include "tests/fuzz/fuzz.h"

static void
try_request(struct slice in)
{
	enum flashpolicy_sniff seen = FLASHPOLICY_MORE;
	bool is_request = slice_starts(in, SLICE("<policy-file-request/>")) ||
	                  slice_starts(in, SLICE("<policy-file-request />"));

	for (size_t n = 0; n <= in.n && n <= FLASHPOLICY_REQUEST_MAX + 2; n++) {
		char *copy = copy_of((struct slice){in.p, n});
		enum flashpolicy_sniff now = flashpolicy_sniff((struct slice){copy, n});

		MUST(seen == FLASHPOLICY_MORE || now == seen);
		MUST(now != FLASHPOLICY_MORE || n < FLASHPOLICY_REQUEST_MAX);
		seen = now;
		free(copy);
	}
	MUST((seen == FLASHPOLICY_YES) == is_request);
}

/* Drop `text` from the front, which must begin with it. */
static void
expect(struct slice *rest, const char *text)
{
	MUST(slice_starts(*rest, slice_of(text)));
	*rest = slice_skip(*rest, strlen(text));
}

static void
try_answer(struct slice origins)
{
	struct buf policy = {.p = NULL};
	struct slice rest, domain, host;

	flashpolicy_write(&policy, origins);
	MUST(!policy.failed && flashpolicy_check(buf_slice(&policy)) == NULL);
	rest = buf_slice(&policy);
	while (rest.n > 0 && !slice_starts(rest, SLICE("<cross-domain-policy>")))
		rest = slice_skip(rest, 1);
	expect(&rest, "<cross-domain-policy>");
	while (origins_next_host(&origins, &host)) {
		expect(&rest, "<allow-access-from domain=\"");
		MUST(slice_cut(&rest, '"', &domain));
		MUST(slice_equal(domain, host));
		for (size_t i = 0; i < host.n; i++)
			MUST(memchr("<>\"'&", host.p[i], 5) == NULL);
		expect(&rest, " to-ports=\"*\"/>");
	}
	expect(&rest, "</cross-domain-policy>");
	MUST(rest.n == 0);
	buf_free(&policy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	const char *why = flashpolicy_check(in);

	MUST(why == NULL || why[0] != '\0');
	MUST(why != NULL || memchr(in.p, '\0', in.n) == NULL);
	try_request(in);
	try_answer(in);
	return 0;
}
