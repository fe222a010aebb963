/* doctor_blame: what it is that answers the handshake instead of Pollux, and how it came there. */
#include <string.h>

#include "cli/doctor.h"

#define CANNOT_START "Pollux cannot start:"
#define SOME_SESSION "AAAAAAAAAAAAAAAAAAAA" /* that nobody has */

static bool
page_is_program(const struct fetch *f)
{
	return f != NULL && f->status == 200 && slice_starts(buf_slice(&f->body), SLICE("\177ELF"));
}

static bool
page_is_wordpress(const struct fetch *f)
{
	struct slice link = fetch_header(f, "link"), by = fetch_header(f, "x-redirect-by");

	return fetch_has(f, "wp-content/") || fetch_has(f, "wp-includes/") ||
	       (by.n == 9 && memcmp(by.p, "WordPress", 9) == 0) ||
	       (link.n > 0 && memmem(link.p, link.n, "api.w.org", 9) != NULL);
}

static void
say_program(struct doctor *d)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "The web server sends the program pollux.fcgi as a file instead of starting it.");
	findings_change(&d->found,
	    "mod_fcgid is not loaded: ask the host for FastCGI.  Until then take pollux.fcgi "
	    "away:\n"
	    "Everybody can load it.  Rules inside <IfModule mod_fcgid.c> would keep it from being "
	    "sent.");
}

static void
say_redirect(struct doctor *d, const struct fetch *f)
{
	struct slice to = fetch_header(f, "location");

	findings_add(&d->found, "serve", FINDING_BAD,
	    "The handshake is redirected (%d) to %.*s, where clients do not follow.", f->status,
	    (int)(to.n < 200 ? to.n : 200), slice_text(to));
	if (page_is_wordpress(f)) {
		findings_change(&d->found,
		    "It is WordPress that does it: put the block of Pollux in .htaccess before "
		    "the line\n# BEGIN WordPress");
		return;
	}
	findings_change(&d->found,
	    "If that is the site's real name, clients (and this command) must be given that URL.\n"
	    "Else keep the redirect from this path, in .htaccess before its rule:");
	findings_change(&d->found, "    RewriteRule \"^%s(/|$)\" \"-\" [L]",
	    d->site.path + strlen(d->site.folder) + 1);
}

static void
say_wordpress(struct doctor *d, const struct fetch *f)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "WordPress answers the handshake, with %d: its rules take the path before those of "
	    "Pollux.",
	    f->status);
	findings_change(&d->found,
	    "Put the block of Pollux in .htaccess before the line\n# BEGIN WordPress\n"
	    "and if it is there, see that the host reads it (AllowOverride FileInfo).");
}

/* Another Socket.IO says so in JSON, at the address that its own clients ask first. */
static bool
is_other_generation(struct doctor *d)
{
	struct fetch *f = fetch_page(&d->net, &d->site, d->site.path, "/?EIO=4&transport=polling");
	bool is = f != NULL && (fetch_has(f, "\"sid\":\"") ||
				   (fetch_has(f, "{\"code\":") && fetch_has(f, "\"message\":")));

	fetch_free(f);
	return is;
}

static void
say_other_generation(struct doctor *d)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "Another Socket.IO server, of version 1.0 or later, answers at %s; clients of 0.9 "
	    "cannot talk to it.",
	    d->site.path);
	findings_change(&d->found, "Give Pollux another path, and the clients too (io.connect(url, "
				   "{resource: 'pollux'})):");
	findings_set(&d->found, "protocol", "resource", "%s%spollux",
	    d->site.folder[0] == '/' ? d->site.folder + 1 : "",
	    d->site.folder[0] == '/' ? "/" : "");
}

/* The program itself says why it cannot start. */
static void
say_cannot_start(struct doctor *d, const struct fetch *f)
{
	const char *at = memmem(f->body.p, f->body.n, CANNOT_START, strlen(CANNOT_START));
	size_t n = f->body.n - (size_t)(at - f->body.p);
	const char *end = memchr(at, '\n', n);

	if (end != NULL)
		n = (size_t)(end - at);
	findings_add(&d->found, "serve", FINDING_BAD, "The handshake answers %d: %.*s", f->status,
	    (int)(n < 600 ? n : 600), at);
	findings_change(
	    &d->found, "Do what the sentence says; Pollux tries again after some seconds.");
}

/* Which part of it fails shows in what else answers. */
static void
say_500(struct doctor *d)
{
	struct findings *found = &d->found;
	struct fetch *page = fetch_page(&d->net, &d->site, d->site.folder, "/");
	struct fetch *poll =
	    fetch_page(&d->net, &d->site, d->site.path, "/1/xhr-polling/" SOME_SESSION);

	if (page != NULL && page->status == 500) {
		findings_add(found, "serve", FINDING_BAD,
		    "The whole site answers 500, not the handshake alone: the host does not allow "
		    "a "
		    "line of .htaccess.");
		findings_change(found,
		    "The server's error log names it.  Mostly it is the line with Options: ask the "
		    "host for\n    AllowOverride FileInfo Options=ExecCGI,MultiViews\nor take the "
		    "line away; if the handshake then answers 403, ExecCGI is needed.");
	} else if (poll != NULL && poll->status == 200 && fetch_has(poll, "7:::1+0")) {
		findings_add(found, "serve", FINDING_BAD,
		    "pollux.fcgi runs, but the handshake, which is for pollux-post.fcgi, answers "
		    "500.");
		findings_change(found,
		    "suEXEC refuses symbolic links.  Make it a hard link, or a copy, with the same "
		    "rights (755):\n"
		    "    ln -f pollux.fcgi pollux-post.fcgi");
	} else {
		findings_add(found, "serve", FINDING_BAD,
		    "The handshake answers 500: the web server cannot start the program, or the "
		    "program ends at once.");
		findings_change(found,
		    "The error log of the web server says why; it is one of these:\n"
		    "- the data folder cannot be written by the user that programs run as "
		    "(www-data, "
		    "without suEXEC);\n"
		    "- under suEXEC: pollux.fcgi is a symbolic link, may be written by others, or "
		    "is "
		    "not the account's own;\n"
		    "- the configuration has a mistake: pollux config check -c FILE;\n"
		    "- the program needs a library that the host lacks: use make bundle.%s",
		    d->inside ? "" : "\nRun this command on the host, with -c FILE: it sees more.");
	}
	fetch_free(page);
	fetch_free(poll);
}

static void
say_403(struct doctor *d, const struct fetch *f)
{
	if (fetch_has(f, "handshake unauthorized")) {
		findings_add(&d->found, "serve", FINDING_UNKNOWN,
		    "Pollux answers, but its application refuses a visitor without the right "
		    "cookie "
		    "or query: nothing more can be tried.");
		findings_change(&d->found, "Let it accept everybody while you test.");
		return;
	}
	if (fetch_has(f, "handshake bad origin")) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "Pollux answers, but pages of %s may not talk to it.", d->own_origin);
		findings_change(&d->found,
		    "Add %s to [protocol] origins; or name the origin of your pages, with "
		    "--origin.",
		    doctor_origin_pattern(d->own_origin));
		return;
	}
	findings_add(&d->found, "serve", FINDING_BAD,
	    "The handshake answers 403: the web server may not start programs here.");
	findings_change(&d->found,
	    "ExecCGI is off.  In .htaccess, before everything else:\n    Options +ExecCGI\n"
	    "If it is there, the host must allow it (AllowOverride Options=ExecCGI).  Also look at "
	    "the file's rights: chmod 755 pollux.fcgi");
}

static void
say_404(struct doctor *d)
{
	struct fetch *program = fetch_page(&d->net, &d->site, d->site.folder, "/pollux.fcgi");

	if (page_is_program(program)) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404, and pollux.fcgi is sent as a file: the rules in "
		    ".htaccess are not read, or not there.");
		findings_change(&d->found,
		    "If .htaccess is there, the host has AllowOverride None: ask for AllowOverride "
		    "FileInfo Options=ExecCGI,MultiViews.\nUntil then take pollux.fcgi and its "
		    "configuration "
		    "away: everybody can load them.");
	} else if (program != NULL && program->status == 200) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404: there is no rule for %s, or it is not read.",
		    d->site.path);
		findings_change(&d->found, "Upload .htaccess into the folder of the site.");
	} else {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers 404: nobody has told the web server where %s leads.",
		    d->site.path);
		findings_change(&d->found, "Is .htaccess in the folder of this URL, with the rules "
					   "of Pollux, and does the "
					   "host have mod_rewrite?\nIn a folder below the site's "
					   "root its paths begin with "
					   "that folder, and so does [protocol] resource.");
	}
	fetch_free(program);
}

/* So the rules of apache-conf/htaccess answer; and web servers that do not know a method. */
static void
say_501(struct doctor *d)
{
	findings_add(&d->found, "serve", FINDING_BAD,
	    "The handshake answers 501: the web server has not loaded mod_fcgid.");
	findings_change(&d->found,
	    "Ask the host for FastCGI; or, if it lets you run a daemon, use pollux-wsd "
	    "(docs/hosting.md).");
}

static void
say_5xx(struct doctor *d, const struct fetch *f)
{
	if (fetch_has(f, "server busy")) {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "Pollux answers 503, \"server busy\": it is full ([limits] sessions), it is "
		    "being stopped or drained, or its database cannot be written.");
		findings_change(&d->found, "Its log says which.");
	} else {
		findings_add(&d->found, "serve", FINDING_BAD,
		    "The handshake answers %d: the web server gets no answer of the program.",
		    f->status);
		findings_change(&d->found,
		    "Is it running (pollux-wsd, or pollux.fcgi -l), at the address that the web "
		    "server has?\nUnder mod_fcgid: is every process busy?  See [fcgi] "
		    "max_held_polls.");
	}
}

static void
say_something(struct doctor *d, const struct fetch *f)
{
	struct slice type = fetch_header(f, "content-type");

	findings_add(&d->found, "serve", FINDING_BAD,
	    "What answers the handshake is not Pollux: %d, %.*s, %zu bytes.", f->status,
	    (int)(type.n < 80 ? type.n : 80), slice_text(type), f->body.n);
	findings_change(&d->found,
	    "Another program has the path %s.  In .htaccess the rules of Pollux must come first.",
	    d->site.path);
}

void
doctor_blame(struct doctor *d, const struct fetch *f)
{
	if (page_is_program(f))
		say_program(d);
	else if (fetch_has(f, CANNOT_START))
		say_cannot_start(d, f);
	else if (f->status >= 300 && f->status < 400)
		say_redirect(d, f);
	else if (page_is_wordpress(f))
		say_wordpress(d, f);
	else if (f->status == 403)
		say_403(d, f);
	else if (f->status == 401) {
		findings_add(&d->found, "serve", FINDING_UNKNOWN,
		    "The site asks for a password (401), which this command does not have.");
		findings_change(&d->found, "Let it be asked for elsewhere while you test.");
	} else if ((f->status == 400 || f->status == 404 || f->status == 200) &&
		   is_other_generation(d))
		say_other_generation(d);
	else if (f->status == 404)
		say_404(d);
	else if (f->status == 500)
		say_500(d);
	else if (f->status == 501)
		say_501(d);
	else if (f->status > 500)
		say_5xx(d, f);
	else
		say_something(d, f);
}
