# SPDX-License-Identifier: Apache-2.0
# The sensor on many kernels, see README.md. The test program is static and needs no rule engine, so
# of libtiercel only the base and event modules are linked.
KT_SRC := $(wildcard kernel-tests/*.c)
KT_OBJ := $(KT_SRC:%.c=$(BUILD)/%.o) \
	$(patsubst %.c,$(BUILD)/%.o,agent/jobs.c $(wildcard agent/source_*.c agent/snapshot_*.c) \
		$(wildcard engine/base/*.c engine/event/*.c))
KT_LIBS := -lbpf -lelf -lz

# Numbers of system calls that this architecture does not have.
$(BUILD)/kernel-tests/syscall_fallback.h: engine/event/sc.def
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#define NR_ABSENT (-1)'; sed -nE \
		's/^SC\([0-9]+, (\w+), \w+\)/#ifndef __NR_\1\n#define __NR_\1 NR_ABSENT\n#endif/p' $<; } > $@

$(KT_SRC:%.c=$(BUILD)/%.o): $(BUILD)/kernel-tests/syscall_fallback.h

$(BUILD)/kernel-tests/ktest: $(KT_OBJ)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -static -o $@ $^ $(KT_LIBS)

-include $(KT_SRC:%.c=$(BUILD)/%.d)

# ---- arm64: the same program, cross-built -----------------------------------------------------
KT_CACHE ?= $(BUILD)/kernels
KT_ARM   := $(BUILD)/arm64
KT_ROOT   = $(abspath $(KT_CACHE))/sysroot-arm64

kernel-tests-arm64:
	$(Q)KT_CACHE=$(KT_CACHE) kernel-tests/sysroot.sh >/dev/null || [ "$$KT_MISSING" = skip ]
	$(Q)[ ! -e $(KT_ROOT)/complete ] || $(MAKE) --no-print-directory BUILD=$(KT_ARM) CC=aarch64-linux-gnu-gcc BPF_ARCH=arm64 SAN= \
		EXTRA_CPPFLAGS='-isystem $(KT_ROOT)/usr/include -isystem $(KT_ROOT)/usr/include/aarch64-linux-gnu' \
		LDFLAGS=-L$(KT_ROOT)/usr/lib/aarch64-linux-gnu $(KT_ARM)/kernel-tests/ktest

# ---- the matrix -------------------------------------------------------------------------------
# K="5.10 newest" chooses kernels (host: the one we are on; container: a container in a guest), ALL=1
# takes all of kernel-tests/kernels.
K ?= container $(shell awk '!/^#/ && ($$4 == "core" || "$(ALL)" != "") { print $$1 }' kernel-tests/kernels)

kernel-tests: deps ## run the sensor's cases on real kernels in QEMU: K="5.10 6.12-arm64 host", or ALL=1
	$(Q).ci/deps.sh kernel-tests/packages
	$(Q)$(MAKE) --no-print-directory kernel-tests-run K='$(K)'

kernel-tests-run: $(BUILD)/kernel-tests/ktest $(if $(filter container,$(K)),$(BUILD)/tiercel) $(if $(filter %arm64,$(K)),kernel-tests-arm64)
	$(Q)KT_CACHE=$(KT_CACHE) TIERCEL=$(BUILD)/tiercel KTEST_amd64=$(BUILD)/kernel-tests/ktest BUSYBOX_amd64=/bin/busybox \
		KTEST_arm64=$(KT_ARM)/kernel-tests/ktest BUSYBOX_arm64=$(KT_ROOT)/bin/busybox \
		kernel-tests/run.sh $(BUILD)/kernel-tests/results $(K)

# Sanitizers cannot be linked statically.
unit: $(if $(SAN),,$(BUILD)/kernel-tests/ktest)

.PHONY: kernel-tests kernel-tests-run kernel-tests-arm64
