# SPDX-License-Identifier: Apache-2.0
# The sensor on many kernels, see README.md. The test program is static and needs no rule engine, so
# of libtiercel only the base and event modules are linked.
KT_SRC := $(wildcard kernel-tests/*.c)
KT_OBJ := $(KT_SRC:%.c=$(BUILD)/%.o) \
	$(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/source_*.c agent/snapshot_*.c) \
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
