/* deviations: the vectors where Pollux differs from the reference on purpose, each with its result
 * and the reason (numbers are sections of PROTOCOL).  test_vectors.c explains the texts. */
#ifndef POLLUX_TESTS_DEVIATIONS_H
#define POLLUX_TESTS_DEVIATIONS_H

#include "shared/wire/utf8.h"

#define F       UTF8_REPLACEMENT
#define SNOWMAN "\xe2\x98\x83"
#define SMILE   "\xf0\x9f\x98\x80"

#define IGNORED       "ignored"
#define UNSPEAKABLE   "cannot be said" /* our interface cannot express it */
#define MESSAGE(text) "{\"type\":\"message\",\"endpoint\":\"\",\"data\":\"" text "\"}"
#define EVENT_X(args) "{\"type\":\"event\",\"endpoint\":\"\",\"name\":\"x\",\"args\":" args "}"
#define ACK_1         "{\"type\":\"ack\",\"endpoint\":\"\",\"ackId\":\"1\",\"args\":[]}"

#define SHORT      "5.3, 5.5: the short form is complete"
#define UNANCHORED "5.3, 5.5: not a packet with garbage in front"
#define NOT_JSON   "5.5: bad JSON is ignored, not read as false"
#define NO_NAME    "5.5: the name must be a string; in the reference no listener matches"
#define ONE_ARG    "5.5: args that are not an array are one argument"
#define NO_ACK_ID  "5.5: not an ack without an id; the reference finds no callback for it either"
#define NO_ARRAY   "5.4, 5.5: ack args that are not an array count as none"
#define TEXT_ONLY  "the application passes text; other values as JSON"
#define NO_BUG     "5.2: codes are never invented, \"undefined\" is never sent"
#define DIGITS     "6.1: a length consists of digits only"
#define BYTES      "6.1: a length in bytes is understood when a frame's head follows"
#define NO_END     "6.1: a length that ends neither at U+FFFD nor at the end: the rest is dropped"

static const struct deviation {
	const char *op;
	const char *in; /* the text, or the canonical text of the object */
	const char *ours;
	const char *reason;
} deviations[] = {
    /* clang-format off */
    {"decodePacket", "0", "{\"type\":\"disconnect\",\"endpoint\":\"\"}", SHORT},
    {"decodePacket", "0:", "{\"type\":\"disconnect\",\"endpoint\":\"\"}", SHORT},
    {"decodePacket", "2", "{\"type\":\"heartbeat\",\"endpoint\":\"\"}", SHORT},
    {"decodePacket", "8", "{\"type\":\"noop\",\"endpoint\":\"\"}", SHORT},
    {"decodePacket", "::3:::x", IGNORED, UNANCHORED},
    {"decodePacket", ":3:::x", IGNORED, UNANCHORED},
    {"decodePacket", "3:1:+:x", IGNORED, "5.5: a '+' after the wrong colon is not a namespace"},

    {"decodePacket", "4:::", IGNORED, NOT_JSON},
    {"decodePacket", "4::", IGNORED, NOT_JSON},
    {"decodePacket", "4:::bad", IGNORED, NOT_JSON},
    {"decodePacket", "4:::{", IGNORED, NOT_JSON},
    {"decodePacket", "4:::{\"a\":1", IGNORED, NOT_JSON},
    {"decodePacket", "4:::{a:1}", IGNORED, NOT_JSON},
    {"decodePacket", "4:::'x'", IGNORED, NOT_JSON},
    {"decodePacket", "4:::undefined", IGNORED, NOT_JSON},
    {"decodePacket", "4:::NaN", IGNORED, NOT_JSON},
    {"decodePacket", "4:::01", IGNORED, NOT_JSON},
    {"decodePacket", "4:::1 2", IGNORED, NOT_JSON},
    {"decodePacket", "4:::[1,]", IGNORED, NOT_JSON},
    {"decodePacket", "4:::\"\n\"", IGNORED, NOT_JSON},
    {"decodePacket", "4:::\"\x01\"", IGNORED, NOT_JSON},

    {"decodePacket", "5:::", IGNORED, NO_NAME},
    {"decodePacket", "5::", IGNORED, NO_NAME},
    {"decodePacket", "5:::x", IGNORED, NO_NAME},
    {"decodePacket", "5:::{", IGNORED, NO_NAME},
    {"decodePacket", "5:::[]", IGNORED, NO_NAME},
    {"decodePacket", "5:::[1]", IGNORED, NO_NAME},
    {"decodePacket", "5:::\"x\"", IGNORED, NO_NAME},
    {"decodePacket", "5:::5", IGNORED, NO_NAME},
    {"decodePacket", "5:::null", IGNORED, NO_NAME},
    {"decodePacket", "5:::false", IGNORED, NO_NAME},
    {"decodePacket", "5:::true", IGNORED, NO_NAME},
    {"decodePacket", "5:::{}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"args\":[\"x\"]}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":null}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":5,\"args\":[1]}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":[\"a\"]}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":{\"a\":1}}", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":\"x\"} trailing", IGNORED, NO_NAME},
    {"decodePacket", "5:::{\"name\":\"x\",\"args\":\"str\"}", EVENT_X("[\"str\"]"), ONE_ARG},
    {"decodePacket", "5:::{\"name\":\"x\",\"args\":{\"0\":1}}", EVENT_X("[{\"0\":1}]"), ONE_ARG},
    {"decodePacket", "5:::{\"name\":\"x\",\"args\":5}", EVENT_X("[5]"), ONE_ARG},

    {"decodePacket", "6::", IGNORED, NO_ACK_ID},
    {"decodePacket", "6:::", IGNORED, NO_ACK_ID},
    {"decodePacket", "6:::x", IGNORED, NO_ACK_ID},
    {"decodePacket", "6:::-1", IGNORED, NO_ACK_ID},
    {"decodePacket", "6:::+[\"a\"]", IGNORED, NO_ACK_ID},
    {"decodePacket", "6:::1+{\"a\":1}", ACK_1, NO_ARRAY},
    {"decodePacket", "6:::1+\"s\"", ACK_1, NO_ARRAY},
    {"decodePacket", "6:::1+5", ACK_1, NO_ARRAY},

    {"encodePacket", "{\"type\":\"message\",\"data\":{\"a\":1}}", "3:::{\"a\":1}", TEXT_ONLY},
    {"encodePacket", "{\"type\":\"message\",\"data\":[1,2]}", "3:::[1,2]", TEXT_ONLY},
    {"encodePacket", "{\"type\":\"message\",\"data\":\"a\",\"ack\":\"data\"}", "3:::a",
     "5.2: a '+' without an id is never produced"},
    {"encodePacket", "{\"type\":\"json\",\"data\":\"\\u2028\\u2029\x7f\\u0000\\u001f\"}",
     "4:::\"\\u2028\\u2029\x7f\\u0000\\u001f\"", "7: line ends, to patterns of old clients"},
    {"encodePacket", "{\"type\":\"event\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{\"type\":\"ack\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{\"type\":\"error\",\"reason\":\"boom\",\"endpoint\":\"/woot\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{\"type\":\"error\",\"reason\":\"boom\",\"advice\":\"reconnect\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{\"type\":\"error\",\"reason\":\"boom\",\"advice\":\"bad\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{\"type\":\"bogus\"}", UNSPEAKABLE, NO_BUG},
    {"encodePacket", "{}", UNSPEAKABLE, NO_BUG},

    {"decodePayload", F " 5" F "3:::a", "", DIGITS},
    {"decodePayload", F "5 " F "3:::a" F "5" F "3:::b", "", DIGITS},
    {"decodePayload", F "+5" F "3:::a", "", DIGITS},
    {"decodePayload", F "5.0" F "3:::a" F "5" F "3:::b", "", DIGITS},
    {"decodePayload", F "0x5" F "3:::a" F "5" F "3:::b", "", DIGITS},
    {"decodePayload", F "5e0" F "3:::a" F "5" F "3:::b", "", DIGITS},
    {"decodePayload", F "4" F "3:::a", "", NO_END},
    {"decodePayload", F "4" F "3:::a" F "5" F "3:::b", "", NO_END},
    {"decodePayload", F "6" F "3:::a" F "5" F "3:::b", "", NO_END},
    {"decodePayload", F "5" F "3:::a3:::b", "", NO_END},
    {"decodePayload", F "5" F "3:::a " F "5" F "3:::b", "", NO_END},
    {"decodePayload", F "5" F "3:::ajunk" F "5" F "3:::b", "", NO_END},
    {"decodePayload", F "5" F "3:::aX5" F "3:::b", "", NO_END},
    {"decodePayload", F "7" F "3:::\r\n" F "5" F "3:::b", "", NO_END},
    {"decodePayload", F "5" F "3:::" SMILE F "5" F "3:::b", MESSAGE(SMILE) "\n" MESSAGE("b") "\n",
     "6.1: a length in code points is understood"},
    {"decodePayload", F "8" F "3:::" SMILE F "5" F "3:::b", MESSAGE(SMILE) "\n" MESSAGE("b") "\n", BYTES},
    {"decodePayload", F "7" F "3:::" SNOWMAN F "5" F "3:::b", MESSAGE(SNOWMAN) "\n" MESSAGE("b") "\n", BYTES},
    /* clang-format on */
};

#endif
