# Pollux.  Everything is built in $(B); most people only need `make run` and `make check`.
#
#   make            the programs, the bundled applications, and the browser's client
#   make run        start it and chat   (SERVER= APP= HOST= PORT= WSD_PORT= DATA= CONF= NODES=)
#   make check      every test; the last line is 'N passed, N failed'
#   make bench      speed compared with its peers, as ratios
#   make bundle     a folder for an account on a web host   (DIR= SUBFOLDER= PROXY= APP=)
#   make install    into PREFIX=/usr/local, with units for systemd   (DESTDIR= SYSCONFDIR=)
#   make uninstall  all of that but configuration and data
#   make deb        Debian packages, in build/deb
#   make fuzz       parsers and a whole server on random input     (FUZZ= FUZZ_SECONDS=)
#   make chaos      clients talk while faults befall the server   (CHAOS_SECONDS= _SEED= _FAULTS=),
#                   or several nodes and their Redis   (NODES=3)
#   V=1             print each command in full
#   SAN=1           with AddressSanitizer and UndefinedBehaviorSanitizer, in build/san

MAKEFLAGS += --no-builtin-rules # tests/fuzz/replay is a script, not built from replay.c

ifdef SAN # '=', not '?=': a make inside `make check` inherits the outer B
B         = build/san
SANFLAGS  = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifdef FUZZING # libFuzzer's main(), and its instrumentation in every object
B         = build/fuzz
CC        = clang
SANFLAGS  = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
B        ?= build
CC       ?= cc
CFLAGS   ?= -O2 -g
WERROR   ?= -Werror
WARN      = -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(WERROR) -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wcast-qual -Wformat=2 -Wvla -Wundef
VERSION   = 0.1
DEFS      = -D_GNU_SOURCE -DPOLLUX_VERSION='"$(VERSION)"' -I. -Iinclude -I$(B)/gen
ALL       = -std=c17 $(WARN) $(DEFS) -fPIC -fvisibility=hidden $(CPPFLAGS) $(CFLAGS) $(SANFLAGS)

Q         = $(if $(V),,@)
say       = @$(if $(V),:,echo)
SHARED    = $(patsubst %.c,$(B)/%.o,$(wildcard shared/*/*.c))
FCGI      = $(patsubst %.c,$(B)/%.o,$(wildcard fcgi/*.c))
WSD       = $(patsubst %.c,$(B)/%.o,$(wildcard wsd/*.c))
LINKD     = $(patsubst %.c,$(B)/%.o,$(wildcard linkd/*.c))
CLI       = $(patsubst %.c,$(B)/%.o,$(wildcard cli/*.c))
POLICYD   = $(patsubst %.c,$(B)/%.o,$(wildcard policyd/*.c))
APPS      = $(sort $(patsubst apps/%/,%,$(dir $(wildcard apps/*/*.c))))
UNIT      = $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
LOAD      = $(patsubst %,$(B)/tests/bench/%.o,load options client link http samples)
FUZZ      = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# not libcurl: shared/hook/libcurl.h
SHARED_LIBS = -lsqlite3 -lcrypto -linih -lunistring -ldl -pthread
FCGI_LIBS = -lfcgi -lev -lssl
WSD_LIBS  = -lwslay -lhttp_parser -lev -lssl
CLI_LIBS  = -lhttp_parser -lssl
PROGRAMS  = $(B)/pollux.fcgi $(B)/pollux-wsd $(B)/pollux-linkd $(B)/pollux-policyd $(B)/pollux

all: programs client

programs: $(PROGRAMS) $(APPS:%=$(B)/apps/%.so)

# what browsers load, from npm; a build without it is whole, too
client:
	@tools/setup client

$(B)/libpollux.a: $(SHARED)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) qcs $@ $^ # q: two folders may each have a log.o

$(B)/pollux.fcgi: $(FCGI) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(FCGI_LIBS) $(SHARED_LIBS)

$(B)/pollux-wsd: $(WSD) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(WSD_LIBS) $(SHARED_LIBS)

$(B)/pollux-linkd: $(LINKD) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lhiredis -lev $(SHARED_LIBS)

$(B)/pollux: $(CLI) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(CLI_LIBS) $(SHARED_LIBS)

$(B)/pollux-policyd: $(POLICYD) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lev -linih

# -Wno-unused-parameter: a handler's parameters are fixed, whether it needs them or not.
.SECONDEXPANSION:
$(B)/apps/%.so: $$(wildcard apps/$$*/*.c) $(wildcard include/pollux/*.h)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL) -Wno-unused-parameter $(LDFLAGS) -shared -o $@ $(filter %.c,$^)

$(B)/tests/%: $(B)/tests/unit/%.o $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/libpollux.a -lcmocka -ljansson $(SHARED_LIBS)

# what pollux-linkd does for other nodes, without Redis
SERVING   = $(addprefix $(B)/linkd/,dispatch.o commands.o known.o locate.o members.o replies.o \
            serve.o served.o snapshot.o sockets.o)
$(B)/tests/test_link_members $(B)/tests/test_link_serve $(B)/tests/test_relay_nodes: $(SERVING)
# what it makes of what other nodes say, without Redis
$(B)/tests/test_link_liveness: $(addprefix $(B)/linkd/,liveness.o copies.o node_text.o stream_id.o)

# objects of the programs that are tested without them
$(B)/tests/test_handover: $(B)/wsd/handover_record.o
$(B)/tests/test_workers: $(B)/wsd/balance.o $(B)/wsd/worker.o
$(B)/tests/test_disk: $(B)/cli/disk.o
$(B)/tests/test_site: $(B)/cli/site.o
$(B)/tests/test_site: SHARED_LIBS += -lhttp_parser

# good and bad modules for tests/unit/test_app.c
MODULES   = $(patsubst tests/modules/%.c,$(B)/tests/modules/%.so,$(wildcard tests/modules/*.c))
$(B)/tests/test_app: | $(MODULES)
$(B)/tests/modules/%.so: tests/modules/%.c $(wildcard include/pollux/*.h)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL) -shared -o $@ $<

# programs of a newer version, for tests/wire/store.test.js and tests/cluster/upgrade.test.js: with
# another schema, and more fields in what it tells other nodes; another/ has words that nobody knows
NEWER = $(addprefix $(B)/newer/,database.o frame.o)
$(B)/newer/database.c: shared/store/database.c
	@mkdir -p $(@D)
	$(Q)sed 's/^\(#define SCHEMA_VERSION\) .*/\1 999/' $< > $@
$(B)/newer/frame.c: shared/link/frame.c
	@mkdir -p $(@D)
	$(Q)sed -e 's|^\t/\* with its length: .*|\tpack_number(\&entry, 999);|' -e \
	  '/^frame_pack_\(command\|message\|signal\|found\|answer\|done\)/,/^}/s|^}|\tpack_number(out, 999);\n}|' $< > $@
$(B)/newer/outbox.c $(B)/newer/taking.c: $(B)/newer/%.c: linkd/%.c
	@mkdir -p $(@D)
	$(Q)sed 's/LINK_VERSION/9/' $< > $@
# after the ordinary object, which knows its headers: a structure of before would crash it
$(B)/newer/database.o: $(B)/shared/store/database.o
$(B)/newer/frame.o: $(B)/shared/link/frame.o
$(B)/newer/outbox.o: $(B)/linkd/outbox.o
$(B)/newer/taking.o: $(B)/linkd/taking.o
$(B)/newer/%.o: $(B)/newer/%.c
	$(say) CC $<
	$(Q)$(CC) $(ALL) -c -o $@ $<
$(B)/newer/pollux-wsd: $(NEWER) $(WSD) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(WSD_LIBS) $(SHARED_LIBS)
$(B)/newer/pollux-linkd: $(NEWER) $(LINKD) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lhiredis -lev $(SHARED_LIBS)
$(B)/newer/another/pollux-linkd: $(addprefix $(B)/newer/,outbox.o taking.o) \
  $(filter-out %/outbox.o %/taking.o,$(LINKD)) $(B)/libpollux.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lhiredis -lev $(SHARED_LIBS)

$(B)/bench/load: $(LOAD) $(B)/libpollux.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lev

$(B)/bench/bare: $(B)/tests/bench/bare.o $(B)/libpollux.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lwslay -lev -lcrypto
# Fuzz targets have libFuzzer's main(), or one that replays their corpora.  Objects of the programs
# that they test are named below.
FUZZ_MAIN = $(if $(FUZZING),,$(B)/tests/fuzz/replay.o)
$(B)/tests/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(B)/libpollux.a
	$(say) LD $@
	$(Q)$(CC) $(ALL) $(LDFLAGS) $(if $(FUZZING),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) \
	  $(B)/libpollux.a -ljansson -lwslay -lhttp_parser $(SHARED_LIBS)

DIALECTS  = $(addprefix $(B)/wsd/,hixie.o hybi.o outqueue.o request.o head.o chunks.o partial.o)
$(B)/tests/fuzz_hixie $(B)/tests/fuzz_hybi: $(DIALECTS)
$(B)/tests/fuzz_records: $(B)/fcgi/records.o
$(B)/tests/fuzz_request: $(DIALECTS) $(B)/wsd/upgrade.o

# schema.sql as a C string
$(B)/gen/schema.h: schema.sql
	@mkdir -p $(@D)
	$(Q){ echo '#pragma GCC diagnostic ignored "-Woverlength-strings"'; \
	  echo 'static const char schema_sql[] ='; \
	  sed -e 's/ *--.*//' -e '/^$$/d' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/' $<; echo '    ;'; } > $@

$(B)/shared/store/database.o: $(B)/gen/schema.h

# the files of the status page as C arrays
STATUS    = $(wildcard status/*)
$(B)/gen/status_files.h: $(STATUS) tools/status-files
	@mkdir -p $(@D)
	$(Q)tools/status-files $(STATUS) >$@.new && mv $@.new $@

$(B)/shared/transport/status_page.o: $(B)/gen/status_files.h

# where programs look for a configuration at last.  Another SYSCONFDIR builds them anew
$(B)/gen/sysconfdir.h: FORCE
	@mkdir -p $(@D)
	$(Q)echo '#define POLLUX_SYSCONFDIR "$(SYSCONFDIR)"' | cmp -s - $@ || \
	  echo '#define POLLUX_SYSCONFDIR "$(SYSCONFDIR)"' >$@

$(B)/shared/base/config_load.o: $(B)/gen/sysconfdir.h

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL) -MMD -MP -c -o $@ $<

unit: $(UNIT:%=$(B)/tests/%)

replay: $(FUZZ:%=$(B)/tests/fuzz_%)

# --- make run: tools/run explains the variables, and tools/run-cluster those of NODES=
export SERVER APP HOST PORT WSD_PORT POLICY_PORT DATA CONF B NODES NODE_PORTS

run:
	@tools/setup run '$(SERVER)' $(if $(NODES),cluster)
	@$(MAKE) -s --no-print-directory -j$(shell nproc) programs
	@exec tools/run

# --- make check: every suite leaves its count in $(B)/check, and runs again only if it failed or
# --- its inputs have changed
SERVERS   = lighttpd nginx apache
SUITES    = format layers names links manual promises abilities install services unit unit-san fuzz-replay clients \
            chaos chaos-cluster cluster $(SERVERS:%=outside-%) outside-nodes packages
C         = $(B)/check
# listed FOLDERS[, TESTS OF FIND]: the files there that are not made: what git would list, without git
listed    = $(patsubst ./%,%,$(shell find $(1) \( -path ./build -o -path ./out -o -path ./node_modules -o -path ./.git \
            -o -name __pycache__ \) -prune -o -type f $(if $(2),\( $(2) \)) -print))
CLIENTS   = $(call listed,clients tests/clients apps)
SOURCES   = $(call listed,.,-name '*.[ch]')
LAUNCHER  = tools/run tools/run-cluster tools/run-lib
OUTSIDE   = $(call listed,tests/lib tests/wire tests/interop tests/browser tests/suite $(LAUNCHER) \
            apache-conf apps clients package-lock.json tools/bundle docs/hosting.md docs/guide.md docs/migration.md)
CLUSTER   = $(call listed,tests/lib tests/cluster tests/suite $(LAUNCHER) apache-conf \
            docs/kubernetes apps package-lock.json)
MANUALS   = $(call listed,.,-name '*.[1-9]') shared/base/config_table.c shared/base/daemon.c \
            include/pollux/pollux.h tests/manual.sh tests/lib/tally.sh
EXAMPLES  = $(call listed,.,-name '*.md') docs/pollux-app.3 apps/hello/hello.c $(call listed,include)
# what says most when each request reaches another node; all of wire, interop and browser can run so
ACROSS    = $(patsubst %,tests/wire/%.test.js,cors disconnect echo htmlfile jsonp multipart packets payload \
            polling publish quirks timers websocket) tests/interop/client.test.js
DOCUMENTS = $(call listed,docs tests/promises) README.md SECURITY.md
# what makes our programs is the business of other suites; these are about what becomes of them
PACKAGING = $(PROGRAMS) $(call listed,apache-conf debian docs systemd tests/lib tests/packages) Dockerfile \
            Makefile tools/deb tools/install tools/setup tools/site-conf
TESTS     = $(call listed,tests)
CORPORA   = $(call listed,tests/fuzz)
CHAOS     = $(call listed,tests/chaos tests/lib $(LAUNCHER) apache-conf/nginx.conf)

# chaos waits most of the time, and packages for the network: they run side by side, all others alone
BESIDE    = chaos chaos-cluster packages

check:
	@tools/setup check
	@$(MAKE) -s --no-print-directory -j$(shell nproc) programs unit
	@$(MAKE) -s --no-print-directory -j$(shell nproc) SAN=1 unit
	@$(MAKE) -k --no-print-directory -j2 --output-sync=target $(BESIDE:%=$(C)/%); \
	  $(MAKE) -k --no-print-directory -j1 suites; tools/check-sum $$? $(C) $(SUITES)

suites: $(SUITES:%=$(C)/%)

$(C)/format: $(SOURCES) .clang-format tests/format.sh
	@tools/check-one $@ tests/format.sh
$(C)/layers: $(SOURCES) tests/layers.sh tests/lib/tally.sh
	@tools/check-one $@ tests/layers.sh
$(C)/names: $(SOURCES) README.md tests/names.sh tests/lib/tally.sh
	@tools/check-one $@ tests/names.sh
$(C)/links: $(PROGRAMS) tests/links.sh tests/lib/tally.sh
	@tools/check-one $@ tests/links.sh $(B)
$(C)/manual: $(MANUALS)
	@tools/check-one $@ tests/manual.sh
$(C)/promises: $(DOCUMENTS) $(TESTS) tests/promises.js
	@tools/check-one $@ tests/promises.js
$(C)/abilities: $(DOCUMENTS) $(MANUALS) $(SOURCES) $(CLIENTS) tests/abilities.js tests/abilities.txt
	@tools/check-one $@ tests/abilities.js
$(C)/install: $(MANUALS) $(EXAMPLES) Makefile pollux-app.pc.in tools/install tests/install.sh \
  tests/lib/tally.sh | $(PROGRAMS)
	@tools/check-one $@ tests/install.sh
$(C)/services: $(call listed,systemd) Makefile tools/install tests/services.sh tests/lib/tally.sh | $(PROGRAMS)
	@tools/check-one $@ tests/services.sh
$(C)/unit: $(UNIT:%=$(B)/tests/%) tests/vectors.json
	@tools/check-one $@ tests/run-unit $(UNIT:%=$(B)/tests/%)
$(C)/unit-san: $(SOURCES) tests/vectors.json schema.sql Makefile
	@$(MAKE) --no-print-directory SAN=1 unit
	@tools/check-one $@ tests/run-unit $(UNIT:%=build/san/tests/%)
$(C)/fuzz-replay: $(SOURCES) $(CORPORA) schema.sql Makefile
	@$(MAKE) --no-print-directory -j$(shell nproc) SAN=1 replay
	@tools/check-one $@ tests/fuzz/replay build/san
$(C)/outside-%: $(PROGRAMS) $(APPS:%=$(B)/apps/%.so) $(OUTSIDE)
	@SERVER=$* tools/check-one $@ tests/suite wire interop browser
# every request to another node; without the browser, which takes long: the suite cluster has windows
$(C)/outside-nodes: $(PROGRAMS) $(APPS:%=$(B)/apps/%.so) $(OUTSIDE)
	@SERVER=lighttpd NODES=3 tools/check-one $@ tests/suite $(ACROSS)
$(C)/cluster: $(PROGRAMS) $(APPS:%=$(B)/apps/%.so) $(CLUSTER)
	@tools/check-one $@ tests/suite cluster
$(C)/packages: $(PACKAGING)
	@tools/check-one $@ tests/packages/run
$(C)/chaos: $(PROGRAMS) $(CHAOS)
	@CHAOS_SECONDS=$(CHECK_CHAOS_SECONDS) tools/check-one $@ tests/chaos/run
$(C)/chaos-cluster: $(PROGRAMS) $(CHAOS) apache-conf/haproxy-nodes.cfg | $(C)/chaos
	@NODES=3 CHAOS_SECONDS=$(CHECK_CLUSTER_SECONDS) CHAOS_SEED=9 CHAOS_CLIENTS=36 \
	  tools/check-one $@ tests/chaos/cluster
$(C)/clients: $(CLIENTS)
	@tools/check-one $@ tests/clients/run

# --- make chaos: tests/chaos/run explains the variables, and tests/chaos/cluster those of NODES=
CHECK_CHAOS_SECONDS   = 120 # in make check
CHECK_CLUSTER_SECONDS = 75
export CHAOS_SECONDS CHAOS_SEED CHAOS_FAULTS CHAOS_CLIENTS

chaos:
	@tools/setup check
	@$(MAKE) -s --no-print-directory -j$(shell nproc) programs
	@$(if $(NODES),tests/chaos/cluster,tests/chaos/run)

.PHONY: bench chaos
bench:
	@tools/setup bench
	@$(MAKE) -s programs $(B)/bench/load $(B)/bench/bare >&2
	@node tests/bench/run.js

# --- make fuzz: run each target for a while, from its corpus and build/fuzz/learnt, where it keeps
# --- what it learns; failing inputs go to build/fuzz/found
FUZZ_SECONDS = 20

fuzz:
	@tools/setup fuzz
	@$(MAKE) -s --no-print-directory -j$(shell nproc) FUZZING=1 replay
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

format:
	clang-format -i $(SOURCES)

# --- make bundle: tools/bundle explains the variables, and calls us for the programs.  BUNDLE_APP, files
# --- in C, becomes part of them; then all but pollux-wsd are static: Debian has no archive of libwslay
export DIR SUBFOLDER PROXY
BUNDLE      = $(B)/bundle
bundle_libs = -static-libgcc -Wl,-Bstatic $(filter-out -lwslay -ldl -pthread,$(1)) -Wl,-Bdynamic \
              $(patsubst -lwslay,-lwslay -Wl$(,)-rpath$(,)'$$ORIGIN',$(filter -lwslay,$(1))) -lm -ldl -pthread
# static glibc warns of each function that would need its libraries: names of users and hosts
bundle_all  = -static -Wl,--no-warnings $(1) -lm
bundle_link = $(Q)$(CC) -std=c17 $(DEFS) -fPIC -fvisibility=hidden $(CFLAGS) $(LDFLAGS) -Wl,--strip-debug \
              -o $@ $(BUNDLE_APP) $(filter %.o %.a,$^) $(call $(1),$(2) $(SHARED_LIBS))
,           = ,

bundle:
	@tools/setup build
	@tools/setup client
	@$(MAKE) -s --no-print-directory -j$(shell nproc) programs
	@exec tools/bundle

bundle-programs: $(addprefix $(BUNDLE)/,$(BUNDLE_PROGRAMS))

$(BUNDLE)/pollux.fcgi: $(FCGI) $(B)/libpollux.a
	$(call bundle_link,$(if $(BUNDLE_APP),bundle_all,bundle_libs),$(FCGI_LIBS))
$(BUNDLE)/pollux-wsd: $(WSD) $(B)/libpollux.a
	$(call bundle_link,bundle_libs,$(WSD_LIBS))
$(BUNDLE)/pollux: $(CLI) $(B)/libpollux.a
	$(call bundle_link,$(if $(BUNDLE_APP),bundle_all,bundle_libs),$(CLI_LIBS))

# --- make install, make uninstall: tools/install explains the variables.  The network is not used:
# --- what `make client` has fetched is installed
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
SYSCONFDIR ?= /etc
WEB_GROUP  ?= www-data
# where systemd looks, whatever PREFIX is
SYSTEMDIR   = $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib,$(SYSCONFDIR))
UNITDIR    ?= $(SYSTEMDIR)/systemd/system
SYSUSERSDIR ?= $(SYSTEMDIR)/sysusers.d
TMPFILESDIR ?= $(SYSTEMDIR)/tmpfiles.d
INSTALL     = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' SYSCONFDIR='$(SYSCONFDIR)' \
              UNITDIR='$(UNITDIR)' SYSUSERSDIR='$(SYSUSERSDIR)' TMPFILESDIR='$(TMPFILESDIR)' \
              WEB_GROUP='$(WEB_GROUP)' VERSION='$(VERSION)' APPS='$(APPS)' tools/install

install: programs
	@$(INSTALL) install

uninstall:
	@$(INSTALL) uninstall

# --- make deb: tools/deb; the client is what `make client` has fetched
deb:
	@tools/deb $(VERSION) $(call listed,.)

# build/deb has a copy of the tree, build/roots whole Debian systems
-include $(shell find $(B) \( -path $(B)/deb -o -path $(B)/roots \) -prune -o -name '*.d' -type f -print 2>/dev/null)

clean:
	rm -rf build

.PHONY: FORCE all programs client unit replay run check suites fuzz format bundle bundle-programs install uninstall deb clean
.SECONDARY:
