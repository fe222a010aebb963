#include "cli/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "shared/wire/json.h"

#define TEXT_MAX 2048 /* of one sentence, or of one change */

#define COLUMNS 96 /* of a line, unless a word is longer */

/* What programs read, and what people read, padded. */
static const struct {
	const char *word, *column;
} verdicts[] = {
    [FINDING_GOOD] = {"good", "good   "},
    [FINDING_NOTE] = {"note", "note   "},
    [FINDING_BAD] = {"bad", "BAD    "},
    [FINDING_UNKNOWN] = {"unknown", "unknown"},
};

/* Append formatted text.  Whatever came from outside is plain ASCII afterwards: a control character
 * could control the terminal, and JSON wants UTF-8. */
static void
add_plain(struct buf *out, const char *format, va_list args)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	for (char *c = text; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 && *c != '\n') || (unsigned char)*c >= 0x7f)
			*c = '?';
	buf_puts(out, text);
}

static void
write_json_finding(struct findings *f)
{
	buf_printf(&f->list,
	    "%s{\"id\":\"%s\",\"verdict\":\"%s\",\"sentence\":", f->list.n > 0 ? "," : "", f->id,
	    verdicts[f->verdict].word);
	json_write_string(&f->list, buf_slice(&f->sentence));
	buf_puts(&f->list, ",\"change\":");
	if (f->change.n == 0)
		buf_puts(&f->list, "null");
	else
		json_write_string(&f->list, buf_slice(&f->change));
	buf_add_char(&f->list, '}');
}

/* Print a line, broken between words, from column `from` on; `used`: columns that are printed. */
static void
print_wrapped(struct slice line, int from, int used)
{
	struct slice word;
	int at = used, gap = 1; /* blanks before the next word */

	/* what is to be pasted begins with blanks */
	if (slice_starts(line, SLICE("    "))) {
		printf("%*s%.*s\n", from - used, "", (int)line.n, line.p);
		return;
	}
	while (slice_cut(&line, ' ', &word)) {
		if (word.n == 0) {
			gap++;
			continue;
		}
		if (at > from && at + gap + (int)word.n > COLUMNS) {
			putchar('\n');
			at = 0;
		}
		if (at < from)
			at += printf("%*s", from - at, "");
		else if (at > from)
			at += printf("%*s", gap, "");
		at += printf("%.*s", (int)word.n, slice_text(word));
		gap = 1;
	}
	putchar('\n');
}

static void
print_finding(const struct findings *f)
{
	struct slice rest = buf_slice(&f->change), line;
	int from = (int)strlen(verdicts[f->verdict].column) + 2 + f->id_columns + 2;

	print_wrapped(buf_slice(&f->sentence), from,
	    printf("%s  %-*s  ", verdicts[f->verdict].column, f->id_columns, f->id));
	if (f->change.n > 0)
		while (slice_cut(&rest, '\n', &line))
			print_wrapped(line, from, 0);
}

void
findings_flush(struct findings *f)
{
	if (!f->open)
		return;
	f->open = false;
	if (f->json)
		write_json_finding(f);
	else
		print_finding(f);
	/* at once, also into a pipe: the next finding may take half a minute */
	fflush(stdout);
}

void
findings_add(
    struct findings *f, const char *id, enum finding_verdict verdict, const char *format, ...)
{
	va_list args;

	findings_flush(f);
	f->open = true;
	f->id = id;
	f->verdict = verdict;
	f->counts[verdict]++;
	buf_clear(&f->sentence);
	buf_clear(&f->change);
	va_start(args, format);
	add_plain(&f->sentence, format, args);
	va_end(args);
}

void
findings_change(struct findings *f, const char *format, ...)
{
	va_list args;

	if (f->change.n > 0)
		buf_add_char(&f->change, '\n');
	va_start(args, format);
	add_plain(&f->change, format, args);
	va_end(args);
}

void
findings_set(struct findings *f, const char *section, const char *key, const char *format, ...)
{
	struct findings_setting *s = f->settings;
	va_list args;

	while (s < f->settings + f->settings_n &&
	       (strcmp(s->section, section) != 0 || strcmp(s->key, key) != 0))
		s++;
	if (s == f->settings + FINDINGS_SETTINGS_MAX)
		return; /* more than all checks together set */
	if (s == f->settings + f->settings_n)
		f->settings_n++;
	s->section = section;
	s->key = key;
	va_start(args, format);
	vsnprintf(s->value, sizeof(s->value), format, args);
	va_end(args);
}

/* The settings as lines of pollux.conf, each section once. */
static void
write_settings(struct buf *out, const struct findings *f, const char *indent)
{
	for (unsigned i = 0; i < f->settings_n; i++) {
		const char *section = f->settings[i].section;
		bool seen = false;

		for (unsigned k = 0; k < i; k++)
			seen = seen || strcmp(f->settings[k].section, section) == 0;
		if (seen)
			continue;
		buf_printf(out, "%s[%s]\n", indent, section);
		for (unsigned k = i; k < f->settings_n; k++)
			if (strcmp(f->settings[k].section, section) == 0)
				buf_printf(out, "%s%s = %s\n", indent, f->settings[k].key,
				    f->settings[k].value);
	}
}

static void
write_json_all(struct buf *out, const struct findings *f, const char *url, bool good, bool complete)
{
	struct buf settings = {.p = NULL};

	write_settings(&settings, f, "");
	buf_printf(out, "{\"ok\":%s,\"complete\":%s,\"url\":", good && complete ? "true" : "false",
	    complete ? "true" : "false");
	json_write_string(out, slice_of(url));
	buf_puts(out, ",\"findings\":[");
	buf_add_slice(out, buf_slice(&f->list));
	buf_puts(out, "],\"configuration\":");
	json_write_string(out, buf_slice(&settings));
	buf_puts(out, "}\n");
	out->failed = out->failed || f->list.failed || settings.failed;
	buf_free(&settings);
}

static void
write_conclusion(struct buf *out, const struct findings *f, bool good, bool complete)
{
	unsigned bad = f->counts[FINDING_BAD], unknown = f->counts[FINDING_UNKNOWN];

	if (f->settings_n > 0) {
		buf_puts(out, "\nIn the configuration of Pollux:\n\n");
		write_settings(out, f, "    ");
	}
	buf_add_char(out, '\n');
	if (!complete)
		buf_puts(out, "Interrupted: what is missing was not tested.\n");
	else if (good)
		buf_printf(out, "%s\n", f->conclusion->good);
	else if (bad == 0)
		buf_printf(out, "%s\n", f->conclusion->unknown);
	else
		buf_printf(out, "%s: change what is BAD above (%u).\n", f->conclusion->bad, bad);
	if (unknown > 0)
		buf_printf(out, "%u %s could not be tested; each line says why.\n", unknown,
		    unknown == 1 ? "thing" : "things");
}

int
findings_finish(struct findings *f, const char *url, bool good, bool complete)
{
	struct buf out = {.p = NULL};

	good = good && f->counts[FINDING_BAD] == 0;
	findings_flush(f);
	if (f->json)
		write_json_all(&out, f, url, good, complete);
	else
		write_conclusion(&out, f, good, complete);
	return cli_flush(&out) == 0 ? 0 : -1;
}

void
findings_free(struct findings *f)
{
	buf_free(&f->list);
	buf_free(&f->sentence);
	buf_free(&f->change);
}
