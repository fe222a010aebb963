/* The answers of the publishing interface: see publish_request.h. */
#include "shared/transport/answer.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_request.h"

#define JSON        "application/json"
#define RETRY_AFTER "Retry-After: 1\r\n"

static struct answer
json_answer(int status, const char *headers, struct slice json)
{
	return (struct answer){
	    .status = status, .content_type = JSON, .headers = headers, .body = json};
}

static struct answer
json_busy(void)
{
	return json_answer(503, RETRY_AFTER,
	    SLICE("{\"error\":{\"code\":\"busy\",\"message\":\"server busy, try again\"}}"));
}

/* Answer with `text`, or 503 when it is incomplete for want of memory. */
static void
send_publish_json(
    const struct publish_request *p, int status, const char *headers, const struct buf *text)
{
	const struct answer a =
	    text->failed ? json_busy() : json_answer(status, headers, buf_slice(text));

	answer_send(p->sv, p->x, &a);
}

void
publish_answer_json(const struct publish_request *p, struct slice json)
{
	const struct answer a = json_answer(200, NULL, json);

	answer_send(p->sv, p->x, &a);
}

void
publish_answer_unready(const struct publish_request *p, struct slice json)
{
	const struct answer a = json_answer(503, RETRY_AFTER, json);

	answer_send(p->sv, p->x, &a);
}

void
publish_answer_metrics(const struct publish_request *p, struct slice text)
{
	const struct answer a = {
	    .status = 200, .content_type = "text/plain; version=0.0.4", .body = text};

	answer_send(p->sv, p->x, &a);
}

void
publish_answer_later(const struct publish_request *p, struct slice json)
{
	const struct answer done = json_answer(200, NULL, json), busy = json_busy();

	answer_later(p->sv, p->x, &done, &busy);
}

void
publish_answer_error(const struct publish_request *p, int status, const char *headers,
    const char *code, const char *message)
{
	struct buf text = {.p = NULL};

	if (headers == NULL && status == 503)
		headers = RETRY_AFTER;
	buf_printf(&text, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code, message);
	send_publish_json(p, status, headers, &text);
	buf_free(&text);
}

void
publish_answer_busy(const struct publish_request *p)
{
	const struct answer busy = json_busy();

	answer_send(p->sv, p->x, &busy);
}

static int
action_error_status(const struct action_error *error)
{
	static const struct {
		const char *code;
		int status;
	} known[] = {
	    {"too_large", 413},
	    {"too_many", 413},
	    {"unknown_session", 404},
	    {"failed", 503},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(error->code, known[i].code) == 0)
			return known[i].status;
	return 400;
}

void
publish_answer_action_error(const struct publish_request *p, const struct action_error *error)
{
	struct buf text = {.p = NULL};

	action_error_write(&text, error);
	send_publish_json(p, action_error_status(error), NULL, &text);
	buf_free(&text);
}
