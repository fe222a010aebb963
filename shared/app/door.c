/* Actions that come through the table action_in. */
#include "shared/app/action.h"
#include "shared/app/internal.h"
#include "shared/base/log.h"

void
app_act(void *arg, int64_t row, struct slice json)
{
	static const struct action_context nobody = {.session = 0};
	struct action_list list;
	struct action_result result;
	struct action_error error;

	if (action_parse(&list, json, &nobody, &error) == -1 ||
	    action_run(arg, &list, &result, &error) == -1)
		log_warnx("action_in: row %lld: %s: %s", (long long)row, error.code, error.message);
	action_free(&list);
}
