# SPDX-License-Identifier: Apache-2.0
#
# skep: library, command, examples and tests, built out of tree. `make help` lists the targets.
#
# Sources are found by wildcard: src/cli is the command, every other folder of src/ is the library.
# All output goes below $(O): build/, or build/san-<name> with SAN. Objects are rebuilt when their
# flags change; WERROR does not count as a change, but with it an object that compiled with warnings
# is compiled again.

VERSION := $(shell sed -n 's/^.define SKEP_VERSION "\(.*\)"/\1/p' include/skep/version.h)
SOMAJOR := 0

PREFIX ?= /usr/local
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
bindir ?= $(PREFIX)/bin
mandir ?= $(PREFIX)/share/man
compdir ?= $(PREFIX)/share/bash-completion/completions
exampledir ?= $(PREFIX)/share/doc/skep/examples

BUILD ?= build
SAN ?=
WERROR ?= 0
V ?= 0
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
TESTS ?=
FUZZ_SECONDS ?= 20
FUZZ_ONLY ?=

comma := ,
O := $(BUILD)$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang-19
CFLAGS ?= -O2 -g
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$1' '$(patsubst $(O)/%,%,$2)';)

TEST_LIBS ?= -lbpf -lelf -lz
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
BPF_ARCH := $(or $(patsubst x86_64%,x86,$(filter x86_64%,$(MULTIARCH))),\
		$(patsubst aarch64%,arm64,$(filter aarch64%,$(MULTIARCH))),x86)
LIB_LIBS := -Wl,--as-needed $(shell pkg-config --libs libpcap 2>/dev/null || echo -lpcap) -lpthread
CMD_CFLAGS := $(shell pkg-config --cflags jansson smartcols 2>/dev/null)
CMD_LIBS := $(shell pkg-config --libs jansson smartcols 2>/dev/null || echo -ljansson -lsmartcols)

WARN := -Wall -Wextra -Wshadow -Wswitch-enum -Wmissing-prototypes -Wvla
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined)
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -fPIC -fvisibility=hidden $(WARN) $(SAN_FLAGS)
STRICT := $(if $(filter 1,$(WERROR)),-Werror) $(if $(MAKE_TERMERR),-fdiagnostics-color=always)
BPF_CFLAGS := -O2 -g -Wall -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Iexamples \
	$(if $(MULTIARCH),-I/usr/include/$(MULTIARCH))

LIB_SRC := $(filter-out src/cli/%,$(sort $(wildcard src/*/*.c src/*/*/*.c)))
CMD_SRC := $(sort $(wildcard src/cli/*.c))
HEADERS := $(sort $(wildcard include/skep/*.h))
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
FUZZ_SRC := $(sort $(wildcard fuzz/*_fuzz.c))
BENCH_SRC := $(filter-out %.bpf.c,$(sort $(wildcard bench/*.c)))
BPF_SRC := $(sort $(wildcard examples/*.bpf.c bench/*.bpf.c tests/bpf/*.bpf.c tests/bpf/*/*.bpf.c))
BE_SRC := tests/bpf/load/byte_order.bpf.c
EXAMPLES := $(sort $(wildcard examples/*.c examples/*.h))
MAN := $(sort $(wildcard man/*.[1-9]))

LIB_OBJ := $(LIB_SRC:%.c=$(O)/obj/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(O)/obj/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)
PLAIN_SRC := $(if $(TOOL_SRC),$(shell grep -L '^.include ["<]skep/' $(TOOL_SRC)))
TOOL_BIN := $(TOOL_SRC:%.c=$(O)/%)
REPLAY_BIN := $(FUZZ_SRC:fuzz/%.c=$(O)/replay/%)
FUZZ_BIN := $(FUZZ_SRC:fuzz/%.c=$(O)/bin/%)
BENCH_BIN := $(BENCH_SRC:%.c=$(O)/%)
WORK_SRC := $(sort $(wildcard bench/workloads/*.c))
WORK_BPF := $(WORK_SRC:%.c=$(O)/%.vm.o) $(WORK_SRC:%.c=$(O)/%.xdp.o) \
	$(addprefix $(O)/bench/workloads/,array1000.map.o hash_inc1000.map.o hash_upd1000.map.o)
JIT_BENCH_OBJ := $(WORK_SRC:%.c=$(O)/%.gcc.o) $(WORK_SRC:%.c=$(O)/%.clang.o) \
	$(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard bench/jit/*.c)))
MAP_BENCH_OBJ := $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard bench/map/*.c)))
BPF_OBJ := $(BPF_SRC:%.c=$(O)/%.o) $(BE_SRC:%.bpf.c=$(O)/%.be.bpf.o)
EXAMPLE_OBJ := $(filter $(O)/examples/%,$(BPF_OBJ)) $(O)/examples/embed
TEST_OBJ := $(filter-out $(O)/bench/%,$(BPF_OBJ))
LIB := $(O)/libskep.a
SHLIB := $(O)/libskep.so.$(SOMAJOR)
CMD := $(if $(CMD_SRC),$(O)/skep)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo check check-maps check-arm64 arm64-programs check-run check-san check-threads headers-check lint bench bench-run corpora fuzz fuzz-run difffuzz verifyfuzz docs docs-kernel-versions \
	install install-files uninstall clean help FORCE

all: $(LIB) $(SHLIB) $(CMD) $(EXAMPLE_OBJ) ## library, command and examples

# Compiling.

define stamp
	@mkdir -p $(@D)
	@printf '%s\n' '$(strip $1)' | cmp -s - $@ || printf '%s\n' '$(strip $1)' >$@
endef

$(O)/flags: FORCE
	$(call stamp,$(CC) $(CFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(CMD_CFLAGS) $(LDFLAGS))
$(O)/objects: FORCE
	$(call stamp,$(LIB_OBJ) $(CMD_OBJ))
$(O)/bpfflags: FORCE
	$(call stamp,$(CLANG) $(BPF_CFLAGS))

# $1: flags of this kind of object. Warnings are kept beside the object.
define compile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(BASE_CFLAGS) $(STRICT) $(CPPFLAGS) $(CFLAGS) $1 -MMD -MP -c -o $@ $< \
		2>$@.warn; r=$$?; cat $@.warn >&2; exit $$r
endef

ifeq ($(WERROR),1)
WARNED := $(shell find $(O) -name '*.o.warn' -size +0 2>/dev/null)
$(if $(WARNED),$(shell rm -f $(WARNED:.warn=) $(WARNED)))
endif

# The compiler has its own speed to lose.
$(O)/obj/src/jit/%.o: CFLAGS := $(CFLAGS:-O2=-O3)
$(O)/obj/src/cli/%.o: src/cli/%.c $(O)/flags
	$(call compile,$(CMD_CFLAGS))
$(O)/obj/src/%.o: src/%.c $(O)/flags
	$(call compile)
$(O)/obj/tests/unit/%.o: tests/unit/%.c $(O)/flags
	$(call compile,-Itests/unit)
$(O)/obj/tests/tools/%.o: tests/tools/%.c $(O)/flags
	$(call compile)
$(O)/obj/bench/%.o: bench/%.c $(O)/flags
	$(call compile,-Ibench)
$(O)/obj/fuzz/%.o: fuzz/%.c $(O)/flags
	$(call compile,-Ifuzz -Wno-missing-prototypes)

$(O)/%.bpf.o: %.bpf.c $(O)/bpfflags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(CLANG) $(BPF_CFLAGS) $(STRICT) -MMD -MP -MF $@.d -c -o $@ $<
# A workload of the benchmark: natively by both compilers, for our engines, for the kernel.
$(O)/bench/workloads/%.gcc.o: bench/workloads/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,GCC,$<)gcc -O2 $(WARN) $(STRICT) -DENGINE=gcc -MMD -MP -MF $@.d -c -o $@ $<
$(O)/bench/workloads/%.clang.o: bench/workloads/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CLANG,$<)$(CLANG) -O2 $(WARN) $(STRICT) -DENGINE=clang -MMD -MP -MF $@.d -c -o $@ $<
$(O)/bench/workloads/%.vm.o: bench/workloads/%.c $(O)/bpfflags
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(filter-out -g,$(BPF_CFLAGS)) -fno-builtin $(STRICT) -MMD -MP -MF $@.d -c -o $@ $<
$(O)/bench/workloads/%.xdp.o: bench/workloads/%.c $(O)/bpfflags
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -fno-builtin -DXDP $(STRICT) -MMD -MP -MF $@.d -c -o $@ $<
$(O)/bench/workloads/%.map.o: bench/workloads/%.c $(O)/bpfflags
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(BPF_CFLAGS) -fno-builtin -DMAPS $(STRICT) -MMD -MP -MF $@.d -c -o $@ $<
# The other byte order.
$(O)/%.be.bpf.o: %.bpf.c $(O)/bpfflags
	@mkdir -p $(@D)
	$(call say,BPF,$@)$(CLANG) $(subst -target bpf,-target bpfeb,$(BPF_CFLAGS)) $(STRICT) -MMD -MP -MF $@.d -c -o $@ $<

# Linking.

$(LIB): $(LIB_OBJ) $(O)/objects
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $(LIB_OBJ)

# Not to be unloaded: the process may have its fault handlers (exec/guard.c).
$(SHLIB): $(LIB_OBJ) $(O)/objects src/skep.map
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared -o $@ $(LIB_OBJ) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS) \
		-Wl,-soname,$(@F) -Wl,--version-script=src/skep.map -Wl,-z,defs -Wl,-z,nodelete $(LIB_LIBS)
	@ln -sf $(@F) $(O)/libskep.so

link = $(CC) -o $@ $(filter %.o,$^) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS) $(LIB) $(LIB_LIBS)

$(O)/skep: $(CMD_OBJ) $(LIB) $(O)/objects
	$(call say,LD,$@)$(link) $(CMD_LIBS)
$(O)/tests/unit/%_oracle_test: $(O)/obj/tests/unit/%_oracle_test.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) $(TEST_LIBS)
$(O)/tests/unit/encode_test $(O)/tests/unit/encode_arm64_test $(O)/tests/unit/jit_protect_test: private LIB_LIBS += -lcapstone
$(O)/tests/unit/domain_test: private LIB_LIBS += -lm
# Its allocations fail one after the other.
$(O)/tests/unit/memory_test: private LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=free,--wrap=strdup,--wrap=mmap \
	-Wl,--wrap=arena_alloc,--wrap=arena_strdup,--wrap=arena_dup
$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) $(TEST_LIBS)
$(O)/tests/tools/%: $(O)/obj/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) $(TEST_LIBS)
# Those that do not use the library are what tests supervise: no sanitizer works below a tracer.
$(PLAIN_SRC:%.c=$(O)/%): $(O)/%: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) $(STRICT) -o $@ $< \
		-Wl,--as-needed -lpthread -ljansson
$(O)/examples/%: examples/%.c $(LIB) $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=c11 -Iinclude $(WARN) $(STRICT) $(CFLAGS) $(SAN_FLAGS) -o $@ $< \
		$(LDFLAGS) $(LIB) $(LIB_LIBS)
$(O)/bench/jit_bench: $(O)/obj/bench/jit_bench.o $(JIT_BENCH_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) -lbpf -lelf -lz -lm
$(O)/bench/map_bench: $(O)/obj/bench/map_bench.o $(MAP_BENCH_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) -lbpf -lelf -lz -lm
$(O)/bench/verify_bench: $(O)/obj/bench/verify_bench.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) -lbpf -lelf -lz -lm
$(O)/bench/%: $(O)/obj/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link)
$(O)/replay/%: $(O)/obj/fuzz/%.o $(O)/obj/fuzz/driver.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link)
$(O)/bin/%: $(O)/obj/fuzz/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link) -fsanitize=fuzzer

# Checking. What installs packages runs a second make, which then finds them.

demo: ## build, then show skep at work on real programs and packets
	@tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@SKEP=$(abspath $(O)/skep) SKEP_BUILD=$(abspath $(O)) tools/demo

check: ## every test that needs no special machine (TESTS='pattern ...' selects)
	@tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) check-run

test-build: all $(TEST_OBJ) $(UNIT_BIN) $(TOOL_BIN) $(REPLAY_BIN) ## what check runs, built

check-run: test-build
	@CC='$(CC)' CLANG='$(CLANG)' MAKE='$(MAKE)' tests/run -j $(JOBS) -b $(O) $(TESTS)

check-san: ## the tests under address and undefined, then check-threads
	@$(MAKE) --no-print-directory check SAN=address,undefined
	@$(MAKE) --no-print-directory check-threads

THREADED = $(patsubst tests/%.c,%,$(if $(UNIT_SRC),$(shell grep -l pthread_create $(UNIT_SRC))))
check-threads: ## the unit tests that start threads, under the thread sanitizer
	@$(if $(THREADED),$(MAKE) --no-print-directory check SAN=thread TESTS='$(THREADED)',\
		echo 'no unit test starts a thread')

# On arm64: what tests/sh/arm64.sh cross-compiles, statically, and runs on emulated CPUs.
ARM64_UNIT := exec_chaos_test exec_reach_test exec_test exec_twin_test guard_test jit_call_test \
	jit_checked_test jit_debug_test jit_far_test jit_fault_test jit_inline_test jit_life_test jit_test jit_twin_test vm_test
ARM64_BIN := $(addprefix $(O)/tests/unit/,$(filter $(ARM64_UNIT),$(notdir $(UNIT_SRC:.c=)))) \
	$(O)/tests/tools/difffuzz $(O)/tests/arm64/vectors
arm64-programs: $(ARM64_BIN)
$(O)/obj/tests/arm64/%.o: tests/arm64/%.c $(O)/flags
	$(call compile)
$(O)/tests/arm64/vectors: $(O)/obj/tests/arm64/vectors.o $(O)/obj/src/cli/exec_helpers.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(link)

MAPS_STEPS ?= 1000000
MAPS_TESTS := map_oracle map_objects map_fields map_batch map_stack_trace map_user_ring map_user_ring_oracle map_world map_cgroup_oracle
check-maps: $(MAPS_TESTS:%=$(O)/tests/unit/%_test) | $(O)/tests/bpf/user_ring.bpf.o ## MAPS_STEPS random operations on each kind of map, on its twin, and in the kernel
	@for t in $^; do echo $${t##*/}; SKEP_BUILD=$(O) MAPS_STEPS=$(MAPS_STEPS) $$t | grep -v '^ok' || exit 1; done

check-arm64: ## the compiler's tests on emulated arm64 CPUs, with and without atomic instructions
	@tools/deps
	@SKEP_BUILD=$(abspath $(O)) MAKE='$(MAKE)' tests/sh/arm64.sh

headers-check: ## each public header compiles alone, as C11 and C++17
	@CC='$(CC)' tests/sh/headers.sh

lint: ## layers, limits, bans, formatting, warnings
	@tools/deps --for=lint
	@r=0; tools/lint || r=1; \
	tools/format || r=1; \
	$(MAKE) --no-print-directory -j$(JOBS) WERROR=1 all || exit 1; \
	tools/lint --objects $(LIB_OBJ) || r=1; exit $$r

bench: ## measure; prints a table and writes bench.json
	@tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) bench-run
bench-run: all $(BENCH_BIN) $(BPF_OBJ) $(WORK_BPF)
	@SKEP=$(abspath $(O)/skep) SKEP_BUILD=$(abspath $(O)) bench/run $(O)/bench.json

corpora: ## what Debian has: BPF objects, the kernel's lib/test_bpf.c and verifier selftests; writes corpora.json
	@tools/deps --for=corpora
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@SKEP=$(abspath $(O)/skep) tools/corpora $(O)/corpora.json
	@tools/corpora-test-bpf --build $(O) $(O)/corpora.json
	@tools/corpora-verify --build $(O) $(O)/corpora.json
	@tools/corpora-test-verifier --build $(O) $(O)/corpora.json

fuzz: ## FUZZ_SECONDS for each fuzz target (FUZZ_ONLY=name)
	@tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/fuzz CC=$(CLANG) \
		SAN=fuzzer-no-link,address,undefined fuzz-run
fuzz-run: $(FUZZ_BIN)
	@tools/fuzz $(O) $(FUZZ_SECONDS) $(FUZZ_ONLY)

# Engines against each other: N programs from SEED on, every KERNELth in the kernel too.
N ?= 1000000
SEED ?= 1
KERNEL ?= 0
difffuzz: ## N random programs on every engine; all must agree (N, SEED, KERNEL=every how many)
	@$(MAKE) --no-print-directory -j$(JOBS) $(O)/tests/tools/difffuzz
	@$(O)/tests/tools/difffuzz -n $(N) -s $(SEED) -k $(KERNEL) -j $(JOBS)
verifyfuzz: ## N random programs: what the verifier accepts must stay inside what it foresaw
	@$(MAKE) --no-print-directory -j$(JOBS) $(O)/tests/tools/verifyfuzz
	@$(O)/tests/tools/verifyfuzz -n $(N) -s $(SEED) -k $(KERNEL)

docs-kernel-versions: $(O)/tests/tools/kernel_docs ## docs/kernel-versions.md, from the tables of kernel versions
	$(Q)$< >docs/kernel-versions.md

docs: ## man pages as text and the list of errors, in build/docs
	@tools/docs $(O)/docs $(MAN)

# Installing.

D = $(DESTDIR)
install: all ## into PREFIX (/usr/local), below DESTDIR
	@$(MAKE) --no-print-directory install-files

# Copies what is built, so that the test of it builds nothing anew.
install-files:
	install -d $(D)$(bindir) $(D)$(libdir)/pkgconfig $(D)$(includedir)/skep $(D)$(compdir) \
		$(D)$(exampledir)
	install -m 755 $(O)/skep $(D)$(bindir)/skep
	install -m 644 $(LIB) $(D)$(libdir)/libskep.a
	install -m 755 $(SHLIB) $(D)$(libdir)/libskep.so.$(VERSION)
	ln -sf libskep.so.$(VERSION) $(D)$(libdir)/libskep.so.$(SOMAJOR)
	ln -sf libskep.so.$(SOMAJOR) $(D)$(libdir)/libskep.so
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
		-e 's|@version@|$(VERSION)|' skep.pc.in >$(D)$(libdir)/pkgconfig/skep.pc
	install -m 644 $(HEADERS) $(D)$(includedir)/skep
	install -m 644 completions/skep.bash $(D)$(compdir)/skep
	install -m 644 $(EXAMPLES) $(D)$(exampledir)
	for m in $(MAN); do \
		install -D -m 644 $$m $(D)$(mandir)/man$${m##*.}/$${m##*/} || exit 1; \
	done

uninstall: ## remove what install put there
	rm -f $(D)$(bindir)/skep $(D)$(libdir)/libskep.a $(D)$(libdir)/pkgconfig/skep.pc \
		$(addprefix $(D)$(libdir)/,libskep.so libskep.so.$(SOMAJOR) libskep.so.$(VERSION)) \
		$(addprefix $(D)$(includedir)/skep/,$(notdir $(HEADERS))) $(D)$(compdir)/skep \
		$(addprefix $(D)$(exampledir)/,$(notdir $(EXAMPLES)))
	for m in $(MAN); do rm -f $(D)$(mandir)/man$${m##*.}/$${m##*/}; done
	rmdir $(D)$(includedir)/skep $(D)$(exampledir) $(dir $(D)$(exampledir)) 2>/dev/null || true

clean: ## remove the build directory
	@case '$(BUILD)' in ''|/|.|..|*/.|*/..) echo "BUILD='$(BUILD)' is no build directory" >&2; exit 2;; esac
	rm -rf -- '$(BUILD)'

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  Variables: BUILD SAN=address,undefined|thread WERROR=1 V=1 JOBS PREFIX DESTDIR libdir'

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(UNIT_SRC:%.c=$(O)/obj/%.d) \
	$(TOOL_SRC:%.c=$(O)/obj/%.d) $(BENCH_SRC:%.c=$(O)/obj/%.d) \
	$(FUZZ_SRC:%.c=$(O)/obj/%.d) $(BPF_OBJ:=.d) $(WORK_BPF:=.d) $(JIT_BENCH_OBJ:.o=.d) $(JIT_BENCH_OBJ:=.d) $(MAP_BENCH_OBJ:.o=.d)
