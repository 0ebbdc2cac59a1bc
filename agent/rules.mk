# SPDX-License-Identifier: Apache-2.0
# Helper of the live test: a program that does suspicious things, harmlessly.
$(BUILD)/agent/tests/actor: agent/tests/actor.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -Wall -Wextra -Wno-unused-parameter -o $@ $< -lutil -lpthread

unit: $(BUILD)/agent/tests/actor

SOURCE_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/source_*.c agent/snapshot_*.c))
$(BUILD)/agent/tests/test_source: $(BUILD)/agent/tests/test_source.o $(SOURCE_OBJ) $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -ljansson $(ENGINE_LIBS)

# Unit tests of single modules of the agent: test_X is linked with the objects named here.
AGENT_UNIT := test_spool test_http test_oci_ref test_config test_output
CONFIG_OBJ := $(patsubst %,$(BUILD)/agent/%.o,config config_items config_print config_tree io)
$(BUILD)/agent/tests/test_config: $(CONFIG_OBJ)
$(BUILD)/agent/tests/test_output: $(CONFIG_OBJ) $(BUILD)/agent/message.o $(BUILD)/agent/cli.o \
	$(patsubst %.c,$(BUILD)/%.o,$(wildcard agent/output*.c))
$(BUILD)/agent/tests/test_spool: $(BUILD)/agent/spool.o $(BUILD)/agent/io.o
$(BUILD)/agent/tests/test_http: $(BUILD)/agent/http.o
$(BUILD)/agent/tests/test_oci_ref: $(BUILD)/agent/oci_ref.o $(BUILD)/agent/digest.o
$(AGENT_UNIT:%=$(BUILD)/agent/tests/%): %: %.o $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcurl -lcrypto -lcheck \
		-lsubunit -lrt -lpthread $(ENGINE_LIBS)

# ---- packages, images, manifests --------------------------------------------------------------
deploy-deps: deps
	$(Q).ci/deps.sh agent/deploy/packages

deb: deploy-deps ## build the Debian package
	$(Q)$(MAKE) --no-print-directory all
	$(Q)agent/deploy/deb.sh $(BUILD)/tiercel $(BUILD)

image: deploy-deps ## build the OCI image (an archive), without Docker
	$(Q)$(MAKE) --no-print-directory all
	$(Q)agent/deploy/image.sh $(BUILD)/tiercel $(BUILD)

deploy-check: deploy-deps ## build package and image, check them, the manifests and the chart
	$(Q)$(MAKE) --no-print-directory all
	$(Q)agent/deploy/check.sh $(BUILD)

.PHONY: deploy-deps deb image deploy-check
