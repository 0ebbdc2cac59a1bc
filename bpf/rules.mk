# SPDX-License-Identifier: Apache-2.0
# The kernel side: one object, minimised by stripping, embedded in the agent as a skeleton header.
BPF_ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x86)
BPF_SRC  := $(wildcard bpf/*.bpf.h) bpf/kfuncs.h bpf/snapshot.h engine/event/ring.h engine/event/event_type.h \
	    engine/event/syscalls.def engine/event/events.def
# -mcpu=v3 is the newest instruction set that 5.10 knows.
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. \
	      -I/usr/include/$(shell uname -m)-linux-gnu -Wall -Werror

# Each for kernels that have the functions of kfuncs.h, and plain for the others; one for those that preempt programs.
BPF_OBJ := $(foreach o,sensor snapshot,$(BUILD)/bpf/$(o).bpf.o $(BUILD)/bpf/$(o)_plain.bpf.o) $(BUILD)/bpf/sensor_preempt.bpf.o

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_SRC)
	$(call msg,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DKFUNCS_THERE=1 -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

$(BUILD)/bpf/%_plain.bpf.o: bpf/%.bpf.c $(BPF_SRC)
	$(call msg,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DKFUNCS_THERE=0 -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

$(BUILD)/bpf/%_preempt.bpf.o: bpf/%.bpf.c $(BPF_SRC)
	$(call msg,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DKFUNCS_THERE=1 -DPREEMPTIBLE=1 -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

# Those who include agent/source_ring_object.h.
$(BUILD)/agent/source_ring_load.o $(BUILD)/agent/snapshot_iter.o: $(BPF_OBJ:.bpf.o=.skel.h)
$(BUILD)/agent/tests/test_source_ring_prog.o: $(BUILD)/bpf/sensor.skel.h $(BUILD)/bpf/sensor_plain.skel.h

# Names of the kernel's types that the objects read, for agent/source_ring_btf.c.
$(BUILD)/bpf/kernel_types.h: $(BPF_OBJ)
	$(call msg,GEN,$@)
	$(Q)for o in $^; do $(BPFTOOL) btf dump file $$o format raw; done | \
		sed -nE "s/^\[[0-9]+\] (STRUCT|UNION|ENUM|ENUM64|TYPEDEF) '([^']+)'.*/\2/p" | \
		sed -E 's/___.*//; s/.*/"&",/' | grep -vF '(anon)' | sort -u > $@.tmp && mv $@.tmp $@

# What their programs are attached to: tracepoints by the type that names them, iterators by a function.
$(BUILD)/bpf/kernel_hooks.h: $(BPF_OBJ)
	$(call msg,GEN,$@)
	$(Q)for o in $^; do readelf -SW $$o; done | \
		sed -nE 's#.* (tp_btf)/(\w+) +PROGBITS.*#"btf_trace_\2",#p; s#.* iter(\.s)?/(\w+) +PROGBITS.*#"bpf_iter_\2",#p' | \
		sort -u > $@.tmp && mv $@.tmp $@

$(BUILD)/agent/source_ring_btf.o: $(BUILD)/bpf/kernel_types.h $(BUILD)/bpf/kernel_hooks.h bpf/kfuncs.h

# System call numbers of this architecture for the codes of sc.def: NR(number, code, event).
$(BUILD)/bpf/syscall_nr.h: engine/event/sc.def
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -nE 's/^SC\(([0-9]+), (\w+), (\w+)\)/#ifdef __NR_\2\nNR(__NR_\2, \1, EV_\3)\n#endif/p' $< > $@

$(BUILD)/agent/source_syscalls.o $(BUILD)/agent/source_syscalls32.o: $(BUILD)/bpf/syscall_nr.h

$(BUILD)/agent/tests/live_events: $(BUILD)/agent/tests/live_events.o $(BUILD)/agent/libagent.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(ENGINE_LIBS)

-include $(BUILD)/agent/tests/live_events.d

unit: $(BUILD)/agent/tests/live_events

$(BUILD)/agent/tests/calls32: agent/tests/calls32.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -o $@ $<

unit: $(BUILD)/agent/tests/calls32

# ---- tests: the helpers by test-run, and the size of every program ---------------------------
$(BUILD)/bpf/tests/%.bpf.o: bpf/tests/%.bpf.c bpf/tests/helpers.h $(BPF_SRC)
	$(call msg,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp

$(BUILD)/bpf/tests/%.skel.h: $(BUILD)/bpf/tests/%.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

BPF_TEST_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bpf/tests/*.c))
$(filter-out %.bpf.o,$(BPF_TEST_OBJ)): $(BUILD)/bpf/tests/helpers.skel.h $(BUILD)/bpf/tests/slots.skel.h $(BPF_OBJ:.bpf.o=.skel.h)

# They load programs as the agent does.
BPF_TEST_AGENT := $(addprefix $(BUILD)/agent/,source_ring_prog.o source_ring_btf.o jobs.o) $(BUILD)/libtiercel.a

$(BUILD)/bpf/tests/test_%: $(BUILD)/bpf/tests/test_%.o $(BUILD)/bpf/tests/helper_run.o $(BPF_TEST_AGENT)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lcheck -lsubunit -lrt -lpthread -lm

$(BUILD)/bpf/tests/insns: $(BUILD)/bpf/tests/insns.o $(BPF_TEST_AGENT)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lpthread

unit: $(BUILD)/bpf/tests/insns

# One file per architecture and kernel series; commit it with the change that moved the numbers.
INSNS_CSV := bpf/insns/$(shell uname -m)-$(shell uname -r | cut -d. -f1,2).csv
insns: $(BUILD)/bpf/tests/insns ## measure the verified instructions of every program (root)
	$(Q)mkdir -p bpf/insns
	$(Q)$< > $(INSNS_CSV).tmp && mv $(INSNS_CSV).tmp $(INSNS_CSV)
	$(Q)sort -t, -k2nr $(INSNS_CSV) | head -n 5

.PHONY: insns
