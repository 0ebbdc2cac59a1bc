# SPDX-License-Identifier: Apache-2.0
# Helper of the live test: a program that does suspicious things, harmlessly.
$(BUILD)/agent/tests/actor: agent/tests/actor.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -Wall -Wextra -Wno-unused-parameter -o $@ $< -lutil -lpthread

unit: $(BUILD)/agent/tests/actor

# Unit tests of modules of the agent: all of it but main(), of which the linker takes what is needed.
$(BUILD)/agent/libagent.a: $(filter-out $(BUILD)/agent/main.o,$(AGENT_OBJ))
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/agent/tests/test_%: $(BUILD)/agent/tests/test_%.o $(BUILD)/agent/libagent.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcheck -lsubunit -lrt -lm $(AGENT_LIBS) $(ENGINE_LIBS)

# Gives messages to outputs for test_output_*.py.
$(BUILD)/agent/tests/output_feeder: $(BUILD)/agent/tests/output_feeder.o $(BUILD)/agent/libagent.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(ENGINE_LIBS)

unit: $(BUILD)/agent/tests/output_feeder
-include $(BUILD)/agent/tests/output_feeder.d

# ---- manual pages -----------------------------------------------------------------------------
MAN_PAGES := $(patsubst agent/man/%.in,$(BUILD)/man/%,$(wildcard agent/man/*.in))
$(BUILD)/man/%: agent/man/%.in agent/man/generate.py $(BUILD)/tiercel
	$(call msg,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)agent/man/generate.py $(BUILD)/tiercel $< > $@.tmp && mv $@.tmp $@

man: $(MAN_PAGES) ## make the manual pages (build/man)

# ---- packages, images, manifests --------------------------------------------------------------
deploy-deps: deps
	$(Q).ci/deps.sh agent/deploy/packages

deb: deploy-deps ## build the Debian package
	$(Q)$(MAKE) --no-print-directory all man $(BUILD)/tiercel-libs
	$(Q)agent/deploy/deb.sh $(BUILD)/tiercel $(BUILD)

image: deploy-deps ## build the OCI image (an archive), without Docker
	$(Q)$(MAKE) --no-print-directory all man $(BUILD)/tiercel-libs
	$(Q)agent/deploy/image.sh $(BUILD)/tiercel $(BUILD)

deploy-check: deploy-deps ## build package and image, check them, the manifests and the chart
	$(Q)$(MAKE) --no-print-directory all man $(BUILD)/tiercel-libs
	$(Q)agent/deploy/check.sh $(BUILD)

# Programs and descriptors that the test needs beside the image.
E2E_PARTS := $(BUILD)/tiercel-libs $(BUILD)/agent/proto/cri.bin $(BUILD)/agent/proto/descriptors.bin $(BUILD)/agent/tests/output_feeder

e2e: deps ## run the image on containerd and follow alerts of real containers to every output (root)
	$(Q)$(MAKE) --no-print-directory all man $(E2E_PARTS)
	$(Q)BUILD=$(BUILD) agent/tests/e2e/e2e.sh

.PHONY: e2e man deploy-deps deb image deploy-check
