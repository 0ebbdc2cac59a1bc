# SPDX-License-Identifier: Apache-2.0
# The kernel side: one object, minimised by stripping, embedded in the agent as a skeleton header.
BPF_ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x86)
BPF_SRC  := $(wildcard bpf/*.bpf.h) bpf/sensor.bpf.c engine/event/ring.h engine/event/event_type.h \
	    engine/event/syscalls.def engine/event/events.def
# -mcpu=v3 is the newest instruction set that 5.10 knows.
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. \
	      -I/usr/include/$(shell uname -m)-linux-gnu -Wall -Werror

$(BUILD)/bpf/sensor.bpf.o: $(BPF_SRC)
	$(call msg,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c bpf/sensor.bpf.c -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

$(BUILD)/bpf/sensor.skel.h: $(BUILD)/bpf/sensor.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name sensor > $@.tmp && mv $@.tmp $@

$(BUILD)/agent/source_ring.o: $(BUILD)/bpf/sensor.skel.h

# System call numbers of this architecture for the codes of sc.def: NR(number, code, event).
$(BUILD)/bpf/syscall_nr.h: engine/event/sc.def
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -nE 's/^SC\(([0-9]+), (\w+), (\w+)\)/#ifdef __NR_\2\nNR(__NR_\2, \1, EV_\3)\n#endif/p' $< > $@

$(BUILD)/agent/source_syscalls.o $(BUILD)/agent/source_syscalls32.o: $(BUILD)/bpf/syscall_nr.h

$(BUILD)/agent/tests/live_events: $(BUILD)/agent/tests/live_events.o $(BUILD)/agent/source_ring.o \
		$(BUILD)/agent/source_reader.o $(BUILD)/agent/source_syscalls.o \
		$(BUILD)/agent/source_syscalls32.o \
		$(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/snapshot_*.c)) $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -ljansson $(ENGINE_LIBS)

unit: $(BUILD)/agent/tests/live_events

$(BUILD)/agent/tests/calls32: agent/tests/calls32.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -o $@ $<

unit: $(BUILD)/agent/tests/calls32
