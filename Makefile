# SPDX-License-Identifier: Apache-2.0
# Build of tiercel. Hand-written, no generated build system: `make help` lists the targets.

BUILD   ?= build
CC      ?= gcc
CXX     ?= g++
CLANG   ?= clang-14
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
V       ?= 0
comma   := ,
SHARED  ?= $(or $(TIERCEL_SHARED),../shared)
ifeq ($(V),0)
Q = @
msg = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

OPT      ?= -O2 -g
WARN     := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wmissing-prototypes -Wstrict-prototypes \
	    -Wvla -Wwrite-strings -Wno-missing-field-initializers -Wno-unused-parameter
CPPFLAGS := -I. -I$(BUILD) -D_GNU_SOURCE $(EXTRA_CPPFLAGS)
CFLAGS   := -std=gnu11 $(OPT) $(WARN) -fno-strict-aliasing -fstack-protector-strong $(SAN)

# What every event passes through.
HOT      := event state match
$(HOT:%=$(BUILD)/engine/%/%.o): CFLAGS := $(patsubst -O2,-O3,$(CFLAGS))
CXXFLAGS := -std=c++17 $(OPT) -Wall -Wextra -Werror $(SAN)
# lld links the many test programs in a quarter of the time; without it the default linker does.
LDFLAGS  := $(SAN) $(if $(wildcard /usr/bin/ld.lld),-fuse-ld=lld) -Wl,--gc-sections

# ---- engine: libtiercel.a -------------------------------------------------------------------
ENGINE_SRC := $(wildcard engine/*.c engine/base/*.c engine/event/*.c engine/state/*.c \
	        engine/field/*.c engine/rule/*.c engine/match/*.c engine/out/*.c)
ENGINE_CXX := $(wildcard engine/base/*.cc)
ENGINE_OBJ := $(ENGINE_SRC:%.c=$(BUILD)/%.o) $(ENGINE_CXX:%.cc=$(BUILD)/%.o)
ENGINE_LIBS := -lyaml -lz -lre2 -lstdc++ -lm

# ---- agent ----------------------------------------------------------------------------------
AGENT_SRC := $(wildcard agent/*.c)
# Messages of protobuf that have generated code, agent/proto/NAME.proto.
PROTO_C   := health version reflection cri
PROTO_OBJ := $(PROTO_C:%=$(BUILD)/agent/proto/%.pb-c.o)
AGENT_OBJ := $(AGENT_SRC:%.c=$(BUILD)/%.o) $(PROTO_OBJ)
# tar and gzip of libarchive are 140 kB; the shared library needs nine others (libxml2, ICU ...).
ARCHIVE_LIBS := $(if $(filter /%,$(shell $(CC) -print-file-name=libarchive.a)),-Wl$(comma)-Bstatic -larchive \
		-Wl$(comma)-Bdynamic,-larchive)
AGENT_LIBS := $(ARCHIVE_LIBS) -lbpf -lelf -ljansson -lseccomp -lnghttp2 -lprotobuf-c -lmd -lz -lpthread \
	      $(if $(SAN),,-ljemalloc)
# What agent/lazy.c loads when it is needed.
LAZY_LIBS := -lcurl -lmicrohttpd -lssl -lcrypto

all: $(BUILD)/tiercel ## build the program (default)

$(BUILD)/libtiercel.a: $(ENGINE_OBJ)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/tiercel: $(AGENT_OBJ) $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(ENGINE_LIBS)

# Never run: it names all libraries, those that are loaded when needed, too, to package and image.
$(BUILD)/tiercel-libs: $(filter-out $(BUILD)/agent/lazy.o,$(AGENT_OBJ)) $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)echo 'int lazy_load(int l, const char **w) { return 0; }' | \
		$(CC) $(LDFLAGS) -o $@ -xc - -xnone $^ $(AGENT_LIBS) $(LAZY_LIBS) $(ENGINE_LIBS)

$(BUILD)/%.o: %.c
	$(call msg,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	$(call msg,CXX,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

# Parts of the build that have a file of their own: bpf/rules.mk, bench/rules.mk ...
-include $(wildcard */rules.mk */*/rules.mk)

# ---- tests ----------------------------------------------------------------------------------
# Every test program prints TAP; engine/tests/run_tests.sh sums them into one closing line.
TEST_SRC := $(wildcard engine/tests/test_*.c agent/tests/test_*.c bpf/tests/test_*.c)
TEST_BIN := $(TEST_SRC:%.c=$(BUILD)/%)
FUZZ_SRC := $(wildcard engine/tests/fuzz_*.c agent/tests/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
TEST_SCRIPTS := $(wildcard .ci/tests/*.sh agent/tests/test_*.sh agent/tests/test_*.py engine/tests/test_*.sh rules/tests/*.sh \
		bench/tests/*.sh bpf/tests/test_*.sh kernel-tests/test_*.sh)

$(BUILD)/engine/tests/%: $(BUILD)/engine/tests/%.o $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(TEST_LDFLAGS) -o $@ $^ -ljansson -lcheck -lsubunit -lrt -lpthread \
		$(ENGINE_LIBS)

# Allocations of the engine are made to fail one by one.
$(BUILD)/engine/tests/test_loader_oom: TEST_LDFLAGS += \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc

unit: $(TEST_BIN) $(FUZZ_BIN) ## build the unit tests and the fuzz targets (as plain programs)

deps: ## install missing Debian packages (root)
	$(Q).ci/deps.sh

run: deps ## build and start the live sensor with the default rules (root)
	$(Q)$(MAKE) --no-print-directory all
	$(BUILD)/tiercel run --bundle rules

test: deps ## run all tests; the last line counts them
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q)BUILD=$(BUILD) engine/tests/run_tests.sh $(TEST_BIN) $(TEST_SCRIPTS)

asan: deps ## the whole test suite under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory BUILD=build-asan OPT='-O1 -g' \
		SAN='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
		EXTRA_CPPFLAGS=-DTIERCEL_ASAN all unit
	$(Q)BUILD=build-asan TEST_TIMEOUT=900 engine/tests/run_tests.sh \
		$(TEST_SRC:%.c=build-asan/%) $(TEST_SCRIPTS)

# Coverage-guided fuzzing: make fuzz T=fuzz_condition SECONDS=60 (all targets without T).
SECONDS ?= 60
T ?= $(notdir $(FUZZ_SRC:.c=))
fuzz: deps ## fuzz the parsers and decoders: T=target SECONDS=n
	$(Q).ci/fuzz.sh $(SECONDS) $(T)

conformance: all ## compare with the incumbent on the samples in ../shared
	$(Q)python3 $(SHARED)/tools/conform.py --bin $(BUILD)/tiercel \
		--known engine/tests/known-differences.txt $(SHARED)/conformance $(SHARED)/corpus

# Reference tables are printed by the program itself; a test fails when they are stale.
docs: all ## regenerate engine/reference-*.md
	$(Q)$(BUILD)/tiercel fields --markdown > engine/reference-fields.md
	$(Q)$(BUILD)/tiercel events --markdown > engine/reference-events.md

EVENTS ?= 2000000
RUNS   ?= 5
bench: deps ## replay a generated trace: events per CPU-second, ns per event, memory
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/gen_trace $(BUILD)/bench/measure
	$(Q)bench/run.py --build $(BUILD) --events $(EVENTS) --runs $(RUNS) --json $(BUILD)/bench.json

check-deps: $(BUILD)/libtiercel.a ## check who includes whom, and sizes of files and functions
	$(Q).ci/check-deps.sh $(BUILD)/libtiercel.a
	$(Q).ci/check-size.sh

clean: ## remove the build directory
	$(Q)rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18 | sort

.PHONY: all unit deps run test asan fuzz conformance docs bench check-deps clean help
.SECONDARY:
-include $(ENGINE_OBJ:.o=.d) $(AGENT_OBJ:.o=.d) $(TEST_BIN:=.d) $(FUZZ_BIN:=.d)
