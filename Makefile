# SPDX-License-Identifier: Apache-2.0
# Two commands to know: `make demo` and `make test`. `make help` lists the rest.

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
VERSION := 0.1.0

# What is needed, by the names of Debian's packages.
APT_BUILD := gcc libc6-dev pkg-config libyaml-dev libsqlite3-dev liblua5.4-dev libsodium-dev nettle-dev libcurl4-openssl-dev \
             libmicrohttpd-dev libgit2-dev tzdata ca-certificates
APT_TEST  := libcmocka-dev clang-14 libclang-rt-14-dev python3 python3-venv python3-pytest python3-pytest-xdist python3-aiosmtpd python3-yaml python3-jsonschema \
             bash dash git strace shellcheck zsh fish man-db openssh-server sqlite3 procps graphviz
APT_BENCH := ninja-build strace python3 python3-venv

WARN   := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Werror
OPT    ?= -O2 -g
SAN    := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -DSLUICE_VERSION=\"$(VERSION)\" -Iorchestrator -I$(BUILD)/gen $(OPT) $(WARN) $(SAN) $(CFLAGS)
# All symbols are found at the start: once in the runner, not in each of its children; and nothing can be redirected later.
# What is moved at the start stands in a table of 4 KB instead of 220 where glibc reads that: since 2.36, of Debian 12.
PACKS   := $(shell printf '%s\n' 'glibc 2.36' "$$(getconf GNU_LIBC_VERSION)" | sort -VC && echo ,-z,pack-relative-relocs)
LINK    := -Wl,-z,relro,-z,now$(PACKS)
PC = $(shell pkg-config $(1) $(2) 2>/dev/null)

CORE    := base digest crypto time wire plugin pipeline run search store engine trigger auth config gc backup move view evidence http metrics api api/graphql api/mlflow api/sluice cli
RUNNER  := base digest wire runner
FETCH   := base fetch
GIT     := base git
sources = $(sort $(foreach f,$(1),$(wildcard orchestrator/$(f)/*.c)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
SCHEMA  := $(sort $(wildcard orchestrator/store/schema/*.sql))
NEW_STORE := orchestrator/store/new_store.sql
PLUGINS := $(patsubst plugins/%/,%,$(wildcard plugins/*/))
PLUGINS := $(filter-out shared,$(PLUGINS))
SHARED  := $(wildcard plugins/shared/*.c)

LIBS_CORE   = $(call PC,--libs,yaml-0.1 sqlite3 libsodium nettle) -ldl -lm
LIBS_RUNNER = $(call PC,--libs,lua5.4 nettle) -ldl -lm
LIBS_FETCH  = $(call PC,--libs,libcurl)
LIBS_GIT    = $(call PC,--libs,libgit2)
# What sluice-git and the plugin git have in common.
PLUGIN_SOURCES_git = $(patsubst %,orchestrator/git/%.c,contents known_hosts lenders local memory) \
  $(patsubst %,orchestrator/base/%.c,arena err mem path percent siphash str str_index strbuf utf8)
PLUGIN_LIBS_git   = $(call PC,--libs,libgit2)
PLUGIN_LIBS_track = $(call PC,--libs,yaml-0.1)

.PHONY: all demo test faults versions fault soak soak-daemon simulate simulate-run mutations deletions scenarios unit e2e e2e-plain lint lua docs docs-test fuzz conformance bench bench-loading bench-metrics bench-server bench-triggers new-store idle-order deps deps-test install uninstall deb package clean help
.SECONDARY:
.DEFAULT_GOAL := all

PROGRAMS := $(BUILD)/sluice $(BUILD)/sluice-runner $(BUILD)/sluice-fetch $(BUILD)/sluice-git
PARTS    := $(BUILD)/sluice-python-env $(BUILD)/lua/.done $(BUILD)/templates/.done \
            $(BUILD)/include/sluice/step.h $(BUILD)/include/sluice/step_threshold.h

all: $(PROGRAMS) $(PARTS) $(patsubst %,$(BUILD)/plugins/%.so,$(PLUGINS)) ## build everything into build/

# In the order in which an idle server has fewest pages of it: tests/idle_order.py.
IDLE := $(patsubst %.c,$(BUILD)/obj/orchestrator/%.o,$(shell grep -v '^\#' orchestrator/idle.txt))
$(BUILD)/sluice: $(call objects,$(CORE)) $(BUILD)/obj/orchestrator/sluice_main.o $(BUILD)/obj/gen/schema.o orchestrator/idle.txt
	$(CC) $(SAN) $(LINK) -o $@ $(filter $(IDLE),$^) $(filter-out $(IDLE) orchestrator/idle.txt,$^) $(LIBS_CORE)
$(BUILD)/sluice-runner: $(call objects,$(RUNNER)) $(BUILD)/obj/orchestrator/runner_main.o
	$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS_RUNNER)
$(BUILD)/sluice-fetch: $(call objects,$(FETCH)) $(BUILD)/obj/orchestrator/fetch_main.o
	$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS_FETCH)
$(BUILD)/sluice-git: $(call objects,$(GIT)) $(BUILD)/obj/orchestrator/git_main.o
	$(CC) $(SAN) $(LINK) -o $@ $^ $(LIBS_GIT)
$(BUILD)/sluice-python-env: orchestrator/runner/sluice-python-env
	install -D -m 755 $< $@
$(BUILD)/lua/.done: $(wildcard lua/*.lua)
	@mkdir -p $(@D) && cp $^ $(@D)/ && touch $@
$(BUILD)/include/sluice/%.h: orchestrator/%.h
	install -D -m 644 $< $@
# What `sluice init` writes from: some of the examples, as they are; and what `sluice plugins new` fills in.
$(BUILD)/templates/.done: $(shell find examples -type f) $(wildcard orchestrator/cli/new_plugin/*)
	@rm -rf $(@D) && mkdir -p $(@D) && for t in $(TEMPLATES); do cp -r "examples/$$t" $(@D)/; done
	@cp -r orchestrator/cli/new_plugin $(@D)/new-plugin && touch $@
TEMPLATES := $(notdir $(wildcard examples/hello examples/retraining examples/python))

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Iplugins/shared $(if $(findstring orchestrator/runner,$<),$(call PC,--cflags,lua5.4)) -MMD -MP -c -o $@ $<
$(BUILD)/obj/gen/schema.o: $(BUILD)/gen/schema.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# What it is made of by name and digest, since a file that comes, goes or is put back may be older than what was made.
$(BUILD)/gen/schema.digests: ALWAYS
	@mkdir -p $(@D)
	@sha256sum $(SCHEMA) $(NEW_STORE) > $@.new && { cmp -s $@.new $@ || cp $@.new $@; }
.PHONY: ALWAYS
# The migrations, each as one string, in the order of their numbers; and what makes a new store: its image, and its rows.
$(BUILD)/gen/schema.c: $(BUILD)/gen/schema.digests $(BUILD)/gen/make_image Makefile
	@awk 'BEGIN { print "#include \"store/schema.h\"\nconst char *const store_schema[] = {" } \
	  FNR == 1 && NR > 1 { print "," } \
	  { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "\"%s\\n\"\n", $$0 } \
	  END { print "};\nconst int store_schema_count = sizeof store_schema / sizeof store_schema[0];" }' $(SCHEMA) > $@.new
	@awk 'NR == 1 { print "const int store_image_version = " $$3 ";\nconst char store_image_rows[] =" } \
	  /^INSERT INTO / { rows = 1 } \
	  rows { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "\"%s\\n\"\n", $$0 } END { print ";" }' $(NEW_STORE) >> $@.new
	@$(BUILD)/gen/make_image < $(NEW_STORE) >> $@.new && mv $@.new $@
$(BUILD)/gen/make_image: orchestrator/store/image/make_image.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c17 $(OPT) $(WARN) -o $@ $< $(call PC,--libs,sqlite3)

# A plugin is the sources of its folder, and the shared helpers it may use.
define plugin_rule
$(BUILD)/plugins/$(1).so: $(wildcard plugins/$(1)/*.c plugins/$(1)/*.h) $$(PLUGIN_SOURCES_$(1)) $(SHARED) $(wildcard plugins/shared/*.h orchestrator/step*.h) Makefile
	@mkdir -p $(BUILD)/plugins
	$$(CC) -std=c17 -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden -ffunction-sections -Wl,--gc-sections $$(OPT) $$(WARN) $$(SAN) $$(CFLAGS) \
	  -Iorchestrator -Iplugins/shared -o $$@.new $(wildcard plugins/$(1)/*.c) $$(PLUGIN_SOURCES_$(1)) $(SHARED) $$(PLUGIN_LIBS_$(1)) -lm && mv $$@.new $$@
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(p))))

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- what must be there ---------------------------------------------------------------------------
deps: ## install what building needs (apt)
	@tests/install-packages.sh $(APT_BUILD)
deps-test: ## install what the tests need, too (apt)
	@tests/install-packages.sh $(APT_BUILD) $(APT_TEST)

# ---- the two commands ------------------------------------------------------------------------------
demo: deps ## build, and take a model through its whole life (examples/breast-cancer)
	@test -x $(BUILD)/sluice || echo "building: this takes a minute or two"
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@examples/breast-cancer/demo.sh $(abspath $(BUILD))
test: deps-test ## everything: lint, unit, Lua, end-to-end, fuzzing, documents
	@tests/run-all.sh $(BUILD)
JOBS ?= $(shell nproc)

# ---- tests ---------------------------------------------------------------------------------------
SANITIZED := BUILD=$(BUILD)/asan SANITIZE=address,undefined OPT="-O1 -g"
TEST_OBJECTS := $(call objects,$(sort $(CORE) $(RUNNER) $(FETCH) $(GIT))) $(BUILD)/obj/gen/schema.o $(patsubst %.c,$(BUILD)/obj/%.o,$(SHARED))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
# One archive, so that a test program holds only what it uses.
$(BUILD)/unit/objects.a: $(TEST_OBJECTS)
	@mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^
$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(BUILD)/unit/objects.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Iplugins/shared -Iplugins -Itests/unit $(call PC,--cflags,lua5.4) -o $@ $< $(BUILD)/unit/objects.a \
	  -lcmocka $(LIBS_CORE) $(LIBS_RUNNER) $(LIBS_FETCH) $(LIBS_GIT)

# The simulator: the program's own object files below cli/, and the simulated world.
SIM_CORE    := base digest crypto time wire plugin pipeline run search store engine trigger
SIM_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/sim/*.c))
SIM_WRAPS   := $(patsubst %,sqlite3_%,open_v2 close db_config prepare_v2 prepare_v3 finalize step exec create_function_v2 user_data) \
  $(patsubst %,store_%,check_usable commit savepoint savepoint_release) \
  $(patsubst %,runner_process_%,open wake kill) $(patsubst %,fetch_child_%,start ended take kill) pidfd_open \
  log_line stat open openat unlinkat readdir read pread write mkdir opendir rename realpath epoll_create1 epoll_ctl
SIM_LIBS     = $(LIBS_CORE) $(patsubst %,-Wl$(comma)--wrap=%,$(SIM_WRAPS))
comma := ,
$(BUILD)/simulate: $(SIM_OBJECTS) $(call objects,$(SIM_CORE)) $(BUILD)/obj/gen/schema.o
	$(CC) $(SAN) $(LINK) -o $@ $^ $(SIM_LIBS)
simulate: $(BUILD)/simulate ## the scheduler in a simulator: SEEDS=1000, from SEED=1
	@$(BUILD)/simulate --seeds $(SEEDS) --from $(SEED) --jobs $(JOBS)
SEEDS ?= 1000
SEED  ?= 1
simulate-run: $(BUILD)/simulate $(BUILD)/sluice
	@tests/sim/same-objects.sh $(BUILD)
	@tests/sim/repro.sh $(BUILD)
	@$(MUTATE) tests/sim/mutations.py $(BUILD) --jobs $(JOBS) --seeds 10000
	@$(MUTATE) tests/sim/deletions.py $(BUILD) --jobs $(JOBS) --count 40 --seeds 100 --each 40 --least 90
	@$(BUILD)/simulate --seeds 10000 --jobs $(JOBS)
MUTATE = COMPILE='$(CC) $(CFLAGS_ALL)' FOLDERS='$(SIM_CORE)' LIBS='$(SIM_LIBS)' $(PYTHON)
# Libraries for LD_PRELOAD that make the machine, its disk or its SQLite behave as bad ones do.
FAULTS := machine sqlite_answers disk_log fail_nth lose_message unsaid slow_journal
$(BUILD)/fault/%.so: tests/fault/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -fPIC -shared -O1 -g $(WARN) $(CFLAGS) -o $@ $< -ldl
faults: $(FAULTS:%=$(BUILD)/fault/%.so)
# Two versions of sluice that are to come, for tests of upgrades.
$(BUILD)/versions/.done: $(PROGRAMS) $(wildcard tests/fault/versions/*) orchestrator/step.h
	@COMPILE='$(CC) $(CFLAGS_ALL)' CORE='$(CORE)' RUNNER='$(RUNNER)' LIBS='$(LINK) $(LIBS_CORE)' LIBS_RUNNER='$(LINK) $(LIBS_RUNNER)' \
	  $(PYTHON) tests/fault/versions/versions.py $(BUILD) && touch $@
versions: all $(BUILD)/versions/.done
fault: all faults versions ## a home that is killed, torn and starved at each moment in turn (SLUICE_FAULT_ALL=1: truly each)
	@SLUICE_BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q -rs -n $(JOBS) tests/fault
soak: all ## a home in which everything is killed at random for SECONDS=60: then steps' own word against the store
	@$(PYTHON) tests/fault/soak.py --build $(BUILD) --seconds $(SECONDS) $(if $(filter command,$(origin SEED)),--seed $(SEED))
SECONDS ?= 60
soak-daemon: all ## the same with `sluice serve`: schedules, webhooks, approvals, changing definitions; SECONDS=120
	@$(PYTHON) tests/soak/daemon.py --build $(BUILD) --seconds $(if $(filter command,$(origin SECONDS)),$(SECONDS),120) $(if $(filter command,$(origin SEED)),--seed $(SEED))
mutations: $(BUILD)/simulate ## bugs put in on purpose: the simulator must find each
	@$(MUTATE) tests/sim/mutations.py $(BUILD) --jobs $(JOBS) --seeds 10000
deletions: $(BUILD)/simulate ## conditions of engine/ and run/ taken out, COUNT=300 of them: the share that is found
	@$(MUTATE) tests/sim/deletions.py $(BUILD) --jobs $(JOBS) --count $(COUNT) --least 95
COUNT ?= 300
scenarios: $(BUILD)/simulate ## histories written by hand, with a fault at each place and every EVERY=100th further one
	@$(BUILD)/simulate --scenarios $(EVERY) --jobs $(JOBS)
EVERY ?= 100

sanitized: ## the same programs under ASan and UBSan, in build/asan
	@$(MAKE) --no-print-directory $(SANITIZED) all
unit: ## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory $(SANITIZED) all unit-run
unit-run: $(UNIT)
	@SLUICE_SOURCE=$(CURDIR) SLUICE_PLUGINS=$(abspath $(BUILD)/plugins) tests/run-unit.sh $(UNIT)
e2e: sanitized ## end-to-end tests (pytest) against the sanitized programs
	@SLUICE_BUILD=$(abspath $(BUILD)/asan) $(PYTHON) -m pytest -q -rs -n $(E2E_JOBS) tests/e2e
# Most of them wait most of the time.
E2E_JOBS ?= $(shell expr $(JOBS) + 1)
e2e-plain: all ## those that say nothing about a sanitized program: limits of memory
	@SLUICE_BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q tests/e2e/test_runner_plugins.py tests/e2e/test_step_process.py -k $(PLAIN_TESTS)
PLAIN_TESTS := "test_ten_gigabytes_under_a_memory_limit or (misbehaves and hog)"
conformance: all ## MLflow's own clients against `sluice serve` (SERVER=mlflow: against MLflow itself, the judge)
	@tests/conformance/environments.sh $(BUILD) $(SERVER)
	@SLUICE_BUILD=$(abspath $(BUILD)) $(BUILD)/mlflow3/bin/python -m pytest -q -rs --disable-warnings -n $(JOBS) tests/conformance --server $(SERVER)
SERVER ?= sluice
lua: all ## tests of the Lua modules
	@$(BUILD)/sluice lua test lua/tests
docs: all ## write the pages and the picture that are made from what the programs say
	@$(PYTHON) tests/docs/generate.py $(BUILD) && $(PYTHON) tests/docs/picture.py $(BUILD)
docs-test: all ## every command and every YAML block of the documents is run, every link followed
	@SLUICE_BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q -n $(E2E_JOBS) tests/docs
lint: ## layers, sizes, spelling of the rules, both compilers, shell scripts
	@tests/lint/lint.sh
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: ## every fuzz target for FUZZ_SECONDS (default 10)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzing CC=clang-14 SANITIZE=fuzzer-no-link,address,undefined OPT="-O1 -g" fuzz-run
fuzz-run: $(FUZZ)
	@tests/run-fuzz.sh $(FUZZ)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/unit/objects.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -Iplugins/shared -o $@ $< $(BUILD)/unit/objects.a $(LIBS_CORE) $(LIBS_RUNNER)
PYTHON ?= /usr/bin/python3

# ---- how fast --------------------------------------------------------------------------------------
$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/unit/objects.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -o $@ $< $(BUILD)/unit/objects.a $(LIBS_CORE)
$(BUILD)/bench/%.so: tests/bench/%.c orchestrator/step.h
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden $(OPT) $(WARN) $(CFLAGS) -Iorchestrator -o $@ $<
bench-metrics: all $(BUILD)/bench/metrics_floor $(BUILD)/bench/metrics_single $(BUILD)/bench/points.so ## a million metric points into the store, beside plain rows and a plain file
	@$(PYTHON) tests/bench/metrics.py $(abspath $(BUILD))
bench: all $(patsubst %,$(BUILD)/bench/%,floor floor_yaml timed noop.so metrics_floor metrics_single points.so) ## how fast, beside the floor and the peers: writes docs/performance.md
	@tests/install-packages.sh $(APT_BENCH)
	@$(PYTHON) tests/bench/bench.py $(abspath $(BUILD)) --rounds $(ROUNDS) --peers "$(PEERS)" --write docs/performance.md
ROUNDS ?= 9
PEERS  ?= luigi prefect airflow
new-store: ## writes the schema of a new store anew, after a migration was added
	$(PYTHON) tests/new_store.py > $(NEW_STORE).new && mv $(NEW_STORE).new $(NEW_STORE)
idle-order: all ## writes anew which sources the program is linked with first
	$(PYTHON) tests/idle_order.py $(BUILD) > orchestrator/idle.txt.new && mv orchestrator/idle.txt.new orchestrator/idle.txt
bench-triggers: all $(BUILD)/bench/floor $(BUILD)/bench/stamp ## a daemon with 10,000 schedules: how soon what is due, or sent to it, has begun
	@tests/install-packages.sh strace
	@$(PYTHON) tests/bench/triggers.py $(abspath $(BUILD)) --rounds $(TRIGGER_ROUNDS) --write docs/performance.md
TRIGGER_ROUNDS ?= 3
bench-server: all $(BUILD)/bench/http_load ## `sluice serve` beside `mlflow server` and FastTrackML: logging, searches, histories, files, memory
	@tests/conformance/environments.sh $(BUILD)
	@$(PYTHON) tests/bench/server.py $(abspath $(BUILD)) --rounds $(SERVER_ROUNDS) --write docs/performance.md
SERVER_ROUNDS ?= 3
bench-loading: all $(BUILD)/bench/floor_yaml ## how long checking large files takes, beside reading them
	@$(PYTHON) tests/bench/loading.py $(abspath $(BUILD))

# ---- installing ------------------------------------------------------------------------------------
install: all ## put it in place: PREFIX=/usr/local, DESTDIR=
	@PREFIX="$(PREFIX)" orchestrator/install.sh "$(BUILD)" "$(DESTDIR)$(PREFIX)"
uninstall: ## take it away again: the same PREFIX and DESTDIR
	@orchestrator/install.sh --uninstall "$(DESTDIR)$(PREFIX)"

deb: all ## a Debian package, with a service of systemd, into build/
	@tests/install-packages.sh dpkg-dev
	@orchestrator/packaging/deb.sh "$(BUILD)" "$(VERSION)"
package: deb ## that package in a Debian of its own (debootstrap, as root), also booted: installed, started, upgraded, purged
	@tests/install-packages.sh debootstrap lintian sqlite3 systemd-container || true
	@SLUICE_BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q -rs tests/package

clean: ## remove what was built
	rm -rf $(BUILD)
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile
