/* limits: members of struct hub_options that all tests of a hub want alike. */
#ifndef POLLUX_TESTS_LIMITS_H
#define POLLUX_TESTS_LIMITS_H

#include "shared/hub/hub.h"

/* clang-format off */
#define HUB_LIMITS \
	.close_timeout_ms = 60000, \
	.polling_duration_ms = 20000, \
	.handshake_timeout_ms = 60000, \
	.bad_packets = 5, \
	.queue_packets = 100, \
	.queue_bytes = 10000, \
	.sessions = 1000, \
	.log_bytes = 1 << 20, \
	.rooms_per_session = 100, \
	.data_per_session = 1 << 20, \
	.acks_per_session = 100, \
	.mailbox_messages = 4, \
	.mailbox_bytes = 2000, \
	.mailbox_total_bytes = 10000, \
	.mailbox_ms = 60000, \
	.history_messages = 50, \
	.history_bytes = 10000, \
	.history_total_bytes = 100000, \
	.history_rooms = 100, \
	.history_time_ms = 3600000, \
	.timers_per_session = 4
/* clang-format on */

#endif
