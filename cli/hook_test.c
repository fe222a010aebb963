/* The command `hook test`: sends a web hook one request of each kind, as the server would, and says
 * what is wrong with the answers.  Nothing of an answer is done. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/findings.h"
#include "shared/action/action.h"
#include "shared/base/clock.h"
#include "shared/hook/http.h"
#include "shared/wire/json.h"

#define SESSION   "PAAAAAAAAAAB"                                       /* no session has this id */
#define WRONG     "whsec_VGhpcyBpcyBub3QgdGhlIHNlY3JldCBvZiBhbnlib2R5" /* nobody's secret */
#define STALE_S   3600
#define SHOWN_MAX 60 /* bytes of an unexpected body */

/* What a request is, and what its answer must be. */
struct hook_probe {
	const char *id;    /* of the finding; static */
	const char *kind;  /* "authorize" or "events" */
	const char *event; /* members of the event's object; NULL: no event */
	bool with_ack;
	bool no_session;          /* of none */
	bool wrong_secret, stale; /* the answer must be 401 */
};

/* In the order in which a session would cause them. */
static const struct hook_probe probes[] = {
    {.id = "authorize", .kind = "authorize"},
    {.id = "connect",
	.kind = "events",
	.event = "\"type\":\"connect\",\"transport\":\"websocket\""},
    {.id = "user_connect",
	.kind = "events",
	.event = "\"type\":\"user_connect\",\"user\":\"pollux-test\""},
    {.id = "event",
	.kind = "events",
	.event = "\"type\":\"event\",\"name\":\"pollux-test\",\"args\":[1.10,\"x\"]"},
    {.id = "with ack",
	.kind = "events",
	.event = "\"type\":\"event\",\"name\":\"pollux-test\",\"args\":[],\"ack\":1",
	.with_ack = true},
    {.id = "message", .kind = "events", .event = "\"type\":\"message\",\"text\":\"pollux-test\""},
    {.id = "json", .kind = "events", .event = "\"type\":\"json\",\"value\":{\"pollux-test\":true}"},
    {.id = "ack",
	.kind = "events",
	.event = "\"type\":\"ack\",\"name\":\"pollux-test\",\"args\":[]"},
    {.id = "timer", .kind = "events", .event = "\"type\":\"timer\",\"name\":\"pollux-test\""},
    {.id = "tick", .kind = "events", .event = "\"type\":\"tick\"", .no_session = true},
    {.id = "disconnect",
	.kind = "events",
	.event = "\"type\":\"disconnect\",\"reason\":\"booted\""},
    {.id = "user_disconnect",
	.kind = "events",
	.event = "\"type\":\"user_disconnect\",\"user\":\"pollux-test\""},
    {.id = "unknown", .kind = "events", .event = "\"type\":\"pollux-test\""},
    {.id = "forged", .kind = "events", .wrong_secret = true},
    {.id = "stale", .kind = "events", .stale = true},
};
#define PROBES (sizeof(probes) / sizeof(probes[0]))

struct hook_test {
	struct cli *cli;
	const char *url, *secret; /* of the command line, or of the configuration */
	char **words;
	int words_n;
	struct findings found;
	const struct hook_probe *probe; /* that is under way */
	int64_t began;
	bool answered, reached;
	bool failed; /* it was not sent: no memory */
};

/* --- answers -------------------------------------------------------------------------------- */

/* Check the actions of an answer.  False, after a finding: one of them is wrong. */
static bool
are_good_actions(struct hook_test *t, struct slice json)
{
	const struct action_context ctx = {.session = t->probe->no_session ? 0 : 1,
	    .ns = SLICE(""),
	    .ack_id = t->probe->with_ack ? SLICE("1") : SLICE("0")};
	struct action_list list;
	struct action_error error;
	bool good = action_parse(&list, json, &ctx, &error) == 0;

	if (!good)
		findings_add(&t->found, t->probe->id, FINDING_BAD,
		    "The answer has an action that is wrong, action %d: %s.", error.index,
		    error.message);
	action_free(&list);
	return good;
}

static void
judge_verdict(struct hook_test *t, const struct json_value *all)
{
	struct json_walk walk;
	struct json_value value, accept = {.kind = JSON_KIND_NULL};
	struct slice key;

	json_walk_begin(&walk, all);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "accept"))
			accept = value;
		else if (json_string_is(key, "actions") && !are_good_actions(t, value.text))
			return;
	}
	if (accept.kind == JSON_KIND_TRUE || accept.kind == JSON_KIND_FALSE) {
		findings_add(&t->found, t->probe->id, FINDING_GOOD, "Answered: %s.",
		    accept.kind == JSON_KIND_TRUE
			? "a client without any cookie is accepted"
			: "a client without any cookie is refused, which may be right");
		return;
	}
	findings_add(&t->found, t->probe->id, FINDING_BAD,
	    "The answer has no \"accept\" that is true or false.");
}

/* One result of the array "results". */
static bool
is_good_result(struct hook_test *t, const struct json_value *result)
{
	struct buf text = {.p = NULL};
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	bool good = true;

	json_walk_begin(&walk, result);
	while (good && json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "error") && value.kind == JSON_KIND_STRING) {
			json_string_decode(&text, value.text);
			findings_add(&t->found, t->probe->id, FINDING_NOTE,
			    "The hook says that it failed: %.*s", (int)text.n,
			    slice_text(buf_slice(&text)));
			good = false;
		} else if (json_string_is(key, "actions")) {
			good = are_good_actions(t, value.text);
		} else if (json_string_is(key, "ack") && value.kind != JSON_KIND_ARRAY &&
			   value.kind != JSON_KIND_NULL) {
			findings_add(&t->found, t->probe->id, FINDING_BAD,
			    "The \"ack\" of a result is not an array.");
			good = false;
		}
	}
	buf_free(&text);
	return good;
}

static bool
are_good_results(struct hook_test *t, const struct json_value *all)
{
	struct json_walk walk, results;
	struct json_value value, result;
	struct slice key;

	json_walk_begin(&walk, all);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "actions") && !are_good_actions(t, value.text))
			return false;
		if (!json_string_is(key, "results"))
			continue;
		if (value.kind != JSON_KIND_ARRAY) {
			findings_add(
			    &t->found, t->probe->id, FINDING_BAD, "\"results\" is not an array.");
			return false;
		}
		json_walk_begin(&results, &value);
		while (json_walk_element(&results, &result))
			if (result.kind != JSON_KIND_OBJECT || !is_good_result(t, &result))
				return false;
	}
	return true;
}

/* What of an unexpected body fits into a sentence. */
static struct slice
first_line(struct slice body)
{
	struct slice line = {NULL, 0};

	(void)slice_cut(&body, '\n', &line);
	if (line.n > SHOWN_MAX)
		line.n = SHOWN_MAX;
	return line;
}

/* Look at the body of a 2xx answer. */
static void
judge_body(struct hook_test *t, const struct hook_result *result)
{
	bool asks = strcmp(t->probe->kind, "authorize") == 0;
	int64_t took = clock_ms() - t->began;
	struct slice first = first_line(result->body);
	struct json_value all;

	if (result->status == 204 || result->body.n == 0) {
		findings_add(&t->found, t->probe->id, FINDING_GOOD,
		    "Answered %d without a body%s, after %" PRId64 " ms.", result->status,
		    asks ? ": every client is accepted" : "", took);
		return;
	}
	if (json_parse(&all, result->body) == -1 || all.kind != JSON_KIND_OBJECT) {
		findings_add(&t->found, t->probe->id, FINDING_BAD,
		    "Answered %d, but with something that is not a JSON object: %.*s",
		    result->status, (int)first.n, slice_text(first));
		findings_change(&t->found, "The hook must write nothing else; is this an error "
					   "message of its language?");
		return;
	}
	if (asks)
		judge_verdict(t, &all);
	else if (are_good_results(t, &all))
		findings_add(&t->found, t->probe->id, FINDING_GOOD,
		    "Answered %d, after %" PRId64 " ms.", result->status, took);
}

static void
judge_refusal(struct hook_test *t, const struct hook_result *result)
{
	const char *what = t->probe->stale ? "whose timestamp is an hour old"
	                                   : "that is signed with another secret";

	if (result->status == 401) {
		findings_add(
		    &t->found, t->probe->id, FINDING_GOOD, "A request %s is refused.", what);
		return;
	}
	findings_add(&t->found, t->probe->id, FINDING_BAD, "A request %s is answered %d.", what,
	    result->status);
	findings_change(&t->found,
	    "Everybody who knows the URL can send events: check the signature "
	    "and answer 401 (docs/hook.md, section 2).");
}

static void
on_probe_result(void *arg, const struct hook_result *result)
{
	struct hook_test *t = arg;
	int status = result->status;

	t->answered = true;
	t->reached = t->reached || status != 0;
	if (status == 0) {
		findings_add(&t->found, t->probe->id, FINDING_BAD, "No answer: %s.", result->error);
	} else if (t->probe->wrong_secret || t->probe->stale) {
		judge_refusal(t, result);
	} else if (status >= 200 && status < 300) {
		judge_body(t, result);
	} else if (status == 403 && strcmp(t->probe->kind, "authorize") == 0) {
		findings_add(&t->found, t->probe->id, FINDING_GOOD,
		    "Answered 403: a client without any cookie is refused, which may be right.");
	} else {
		struct slice body = first_line(result->body);

		findings_add(&t->found, t->probe->id, FINDING_BAD, "Answered %d: %.*s", status,
		    (int)body.n, slice_text(body));
		if (status == 401)
			findings_change(&t->found, "Is the secret the same on both sides?");
	}
	findings_flush(&t->found);
}

/* --- requests ------------------------------------------------------------------------------- */

static void
write_probe_body(struct buf *out, const struct hook_probe *probe, int64_t now)
{
	if (strcmp(probe->kind, "authorize") == 0) {
		buf_printf(out,
		    "{\"v\":1,\"hook\":\"authorize\",\"session\":\"" SESSION
		    "\",\"ns\":\"\",\"handshake\":{\"headers\":{\"user-agent\":\"pollux-test\"},"
		    "\"query\":{\"t\":\"1\"},\"address\":{\"address\":\"127.0.0.1\",\"port\":1},"
		    "\"time\":\"Mon Nov 23 2026 04:17:19 GMT\",\"issued\":%" PRId64
		    ",\"xdomain\":false,\"secure\":false,\"url\":\"/socket.io/1/?t=1\"}}",
		    now);
		return;
	}
	buf_puts(out,
	    "{\"v\":1,\"hook\":\"events\",\"node\":\"pollux-test\",\"epoch\":\"pollux-test\","
	    "\"events\":[");
	if (probe->event != NULL)
		buf_printf(out,
		    "{\"id\":\"evt_pollux-test_%" PRIx64 "\",\"time\":%" PRId64
		    ",\"ns\":\"\",%s%s}",
		    (uint64_t)now, now, probe->no_session ? "" : "\"session\":\"" SESSION "\",",
		    probe->event);
	buf_puts(out, "]}");
}

/* Send one request and wait for its end.  Return 0 or an exit status. */
static int
send_probe(struct hook_test *t, const struct hook_probe *probe)
{
	const struct config *cfg = &t->cli->cfg;
	const struct hook_http_options options = {
	    .url = t->url,
	    .secrets = probe->wrong_secret ? WRONG : t->secret,
	    .connect_timeout_ms = cfg->hook_connect_timeout_ms,
	    .connections = 1,
	};
	struct hook_http *http = hook_http_open(&options);
	struct buf body = {.p = NULL};
	char id[64];
	struct hook_request request = {
	    .id = id, .kind = probe->kind, .attempt = 1, .timeout_ms = cfg->hook_timeout_ms};

	if (http == NULL)
		return EX_CONFIG;
	t->probe = probe;
	t->answered = false;
	t->began = clock_ms();
	write_probe_body(&body, probe, clock_wall_ms());
	snprintf(id, sizeof(id), "evt_pollux-test_%" PRIx64, (uint64_t)clock_wall_ms());
	request.body = buf_slice(&body);
	request.now_ms = t->began;
	request.age_s = probe->stale ? STALE_S : 0;
	t->failed = body.failed || hook_http_post(http, &request, on_probe_result, t) == NULL;
	while (!t->answered && !t->failed) {
		int64_t now = clock_ms(), left = hook_http_next(http) - now;

		if (!cli_wait(hook_http_fd(http), left > 1000 ? 1000 : left < 0 ? 0 : (int)left))
			break;
		hook_http_run(http, clock_ms());
	}
	buf_free(&body);
	hook_http_close(http);
	return t->failed ? EX_OSERR : t->answered ? 0 : EX_TEMPFAIL;
}

/* --- the command ---------------------------------------------------------------------------- */

enum {
	KEY_SECRET = 0x100,
};

static error_t
parse_hook_line(int key, char *arg, struct argp_state *state)
{
	struct hook_test *t = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = t->cli;
		return 0;
	case KEY_SECRET:
		t->secret = arg;
		return 0;
	case ARGP_KEY_ARGS:
		t->words = state->argv + state->next;
		t->words_n = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int
hook_test_run(struct cli *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"secret", KEY_SECRET, "WHSEC", 0, "Sign with this secret", 1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_hook_line,
	    .args_doc = "test [URL]",
	    .doc = "Send a web hook one request of each kind, and check the answers.  URL and "
		   "secret are those of the configuration, if none are given.",
	    .children = children};
	static const struct findings_conclusion conclusion = {
	    .good = "The hook does what a server expects.",
	    .unknown = "Whether the hook works is not known.",
	    .bad = "The hook will not work",
	};
	struct hook_test t = {.cli = c, .found = {.id_columns = 15, .conclusion = &conclusion}};
	int status;
	size_t i = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &t);
	t.found.json = c->json;
	if (t.words_n < 1 || t.words_n > 2 || strcmp(t.words[0], "test") != 0) {
		cli_complain("usage: %s test [URL]", argv[0]);
		return EX_USAGE;
	}
	status = cli_configure(c);
	if (status != 0)
		return status;
	t.url = t.words_n == 2 ? t.words[1] : c->cfg.hook_url;
	if (t.secret == NULL)
		t.secret = c->cfg.hook_secret;
	if (t.url[0] == '\0' || t.secret[0] == '\0') {
		cli_complain("there is no %s: give it, or set it in [hook]",
		    t.url[0] == '\0' ? "URL" : "secret");
		return EX_USAGE;
	}
	cli_catch_signals();
	while (i < PROBES && status == 0) {
		status = send_probe(&t, &probes[i]);
		/* one that cannot be reached fails every time, slowly */
		if (status == 0 && !t.reached)
			break;
		i++;
	}
	if (status == EX_CONFIG) { /* which is said */
		findings_free(&t.found);
		return status;
	}
	if (findings_finish(&t.found, t.url, t.reached, status == 0) == -1)
		status = EX_SOFTWARE;
	else if (status == 0 && t.found.counts[FINDING_BAD] > 0)
		status = EX_DATAERR;
	findings_free(&t.found);
	return status;
}
