# SPDX-License-Identifier: Apache-2.0
# Generated from the .proto files: C for messages off the hot path, descriptors for reflection.
PROTO_OUT := $(BUILD)/agent/proto
PROTO_INC := -Iagent/proto -I/usr/include

.PRECIOUS: $(PROTO_OUT)/%.pb-c.c
$(PROTO_OUT)/%.pb-c.c $(PROTO_OUT)/%.pb-c.h: agent/proto/%.proto
	$(call msg,PROTO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c $(PROTO_INC) --c_out=$(@D) $<

$(PROTO_OUT)/%.pb-c.o: $(PROTO_OUT)/%.pb-c.c
	$(call msg,CC,$@)
	$(Q)$(CC) -I$(PROTO_OUT) $(CFLAGS) -c -o $@ $<

# The older name of reflection differs in the package only.
$(PROTO_OUT)/reflection_v1alpha.proto: agent/proto/reflection.proto
	$(Q)mkdir -p $(@D)
	$(Q)sed 's/^package grpc.reflection.v1;/package grpc.reflection.v1alpha;/' $< > $@

$(PROTO_OUT)/descriptors.h: $(wildcard agent/proto/*.proto) $(PROTO_OUT)/reflection_v1alpha.proto
	$(call msg,PROTO,$@)
	$(Q)protoc $(PROTO_INC) -I$(PROTO_OUT) --include_imports --descriptor_set_out=$(@D)/descriptors.bin \
		outputs.proto version.proto health.proto reflection.proto reflection_v1alpha.proto
	$(Q){ echo 'static const unsigned char proto_descriptors[] = {'; \
		od -An -v -tu1 $(@D)/descriptors.bin | sed -E 's/([0-9]+)/\1,/g'; echo '};'; } > $@

$(filter-out $(PROTO_OBJ),$(AGENT_OBJ)): | $(PROTO_C:%=$(PROTO_OUT)/%.pb-c.h) $(PROTO_OUT)/descriptors.h
GRPC_LIBS := -lnghttp2 -lprotobuf-c

GRPC_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/grpc_*.c) agent/message.c agent/lazy.c) $(PROTO_OBJ)
$(BUILD)/agent/libgrpc.a: $(GRPC_OBJ)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# A server with made-up alerts (helper of test_grpc.py), and the fuzz target.
GRPC_TESTS := $(BUILD)/agent/tests/grpc_feeder $(BUILD)/agent/tests/fuzz_grpc
$(GRPC_TESTS): %: %.o $(BUILD)/agent/libgrpc.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(GRPC_LIBS) -lpthread $(ENGINE_LIBS)

# The look-up of metadata, with a fake runtime in test_cri.py.
$(BUILD)/agent/tests/cri_asker: $(BUILD)/agent/tests/cri_asker.o $(BUILD)/agent/libagent.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(ENGINE_LIBS)

$(PROTO_OUT)/cri.bin: agent/proto/cri.proto
	$(Q)mkdir -p $(@D)
	$(Q)protoc $(PROTO_INC) --descriptor_set_out=$@ cri.proto

unit: $(GRPC_TESTS) $(BUILD)/agent/tests/cri_asker $(PROTO_OUT)/cri.bin
-include $(GRPC_TESTS:=.d) $(BUILD)/agent/tests/cri_asker.d
