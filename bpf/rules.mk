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
