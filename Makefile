# SPDX-License-Identifier: Apache-2.0
# Two commands to know: `make demo` and `make test`. `make help` lists the rest.

BUILD ?= build
CC    ?= gcc
PREFIX ?= /usr/local
VERSION := 0.1.0

# What is needed, by the file or program that shows it is there, and by Debian's package name.
APT_BUILD := gcc libc6-dev pkg-config libyaml-dev libsqlite3-dev liblua5.4-dev libsodium-dev libcurl4-openssl-dev libgit2-dev tzdata ca-certificates
APT_TEST  := libcmocka-dev clang clang-14 libclang-rt-14-dev python3 python3-venv bash dash git shellcheck man-db zsh fish procps
PKGS_BUILD := yaml-0.1 sqlite3 lua5.4 libsodium libcurl libgit2
PKGS_TEST  := cmocka

WARN   := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Werror
OPT    ?= -O2 -g
SAN    := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Iorchestrator -I$(BUILD)/gen $(OPT) $(WARN) $(SAN) $(CFLAGS)
PC = $(shell pkg-config $(1) $(2) 2>/dev/null)

CORE    := base crypto time wire plugin pipeline run search store engine config cli
RUNNER  := base crypto wire runner
FETCH   := base fetch
sources = $(sort $(foreach f,$(1),$(wildcard orchestrator/$(f)/*.c)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
SCHEMA  := $(sort $(wildcard orchestrator/store/schema/*.sql))
PLUGINS := $(patsubst plugins/%/,%,$(wildcard plugins/*/))
PLUGINS := $(filter-out shared,$(PLUGINS))
SHARED  := $(wildcard plugins/shared/*.c)

LIBS_CORE   = $(call PC,--libs,yaml-0.1 sqlite3 libsodium) -lm
LIBS_RUNNER = $(call PC,--libs,lua5.4 libsodium) -ldl -lm
LIBS_FETCH  = $(call PC,--libs,libcurl)
PLUGIN_LIBS_git   = $(call PC,--libs,libgit2)
PLUGIN_LIBS_track = $(call PC,--libs,yaml-0.1)

.PHONY: all demo test unit e2e lint fuzz deps deps-test install clean help
.SECONDARY:
.DEFAULT_GOAL := all

all: $(BUILD)/sluice $(BUILD)/sluice-runner $(BUILD)/sluice-fetch $(patsubst %,$(BUILD)/plugins/%.so,$(PLUGINS)) ## build everything

$(BUILD)/sluice: $(call objects,$(CORE)) $(BUILD)/obj/orchestrator/sluice_main.o $(BUILD)/obj/gen/schema.o
	$(CC) $(SAN) -o $@ $^ $(LIBS_CORE)
$(BUILD)/sluice-runner: $(call objects,$(RUNNER)) $(BUILD)/obj/orchestrator/runner_main.o
	$(CC) $(SAN) -o $@ $^ $(LIBS_RUNNER)
$(BUILD)/sluice-fetch: $(call objects,$(FETCH)) $(BUILD)/obj/orchestrator/fetch_main.o
	$(CC) $(SAN) -o $@ $^ $(LIBS_FETCH)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_$(notdir $*)) $(if $(findstring orchestrator/runner,$<),$(call PC,--cflags,lua5.4)) -MMD -MP -c -o $@ $<
$(BUILD)/obj/gen/schema.o: $(BUILD)/gen/schema.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# The migrations, each as one string, in the order of their numbers.
$(BUILD)/gen/schema.c: $(SCHEMA) Makefile
	@mkdir -p $(@D)
	@awk 'BEGIN { print "#include \"store/schema.h\"\nconst char *const store_schema[] = {" } \
	  FNR == 1 && NR > 1 { print "," } \
	  { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "\"%s\\n\"\n", $$0 } \
	  END { print "};\nconst int store_schema_count = sizeof store_schema / sizeof store_schema[0];" }' $(SCHEMA) > $@

# A plugin is the sources of its folder, and the shared helpers it may use.
define plugin_rule
$(BUILD)/plugins/$(1).so: $(wildcard plugins/$(1)/*.c plugins/$(1)/*.h) $(SHARED) $(wildcard plugins/shared/*.h) orchestrator/step.h Makefile
	@mkdir -p $(BUILD)/plugins
	$$(CC) -std=c17 -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden -ffunction-sections -Wl,--gc-sections $$(OPT) $$(WARN) $$(SAN) $$(CFLAGS) \
	  -Iorchestrator -Iplugins/shared -o $$@.new $(wildcard plugins/$(1)/*.c) $(SHARED) $$(PLUGIN_LIBS_$(1)) -lm && mv $$@.new $$@
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(p))))

# ---- tests ---------------------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
$(BUILD)/unit/%: tests/unit/%.c $(call objects,$(sort $(CORE) $(RUNNER) $(FETCH))) $(BUILD)/obj/gen/schema.o $(SHARED)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Iplugins/shared -Iplugins -Itests/unit -o $@ $(filter %.c %.o,$^) -lcmocka $(LIBS_CORE) $(LIBS_RUNNER) $(LIBS_FETCH)

SANITIZED := BUILD=$(BUILD)/asan SANITIZE=address,undefined OPT="-O1 -g"
unit: ## unit tests under ASan and UBSan
	$(MAKE) $(SANITIZED) unit-run
unit-run: $(UNIT)
	@tests/run-unit.sh $(UNIT)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

clean: ## remove what was built
	rm -rf $(BUILD)
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile
