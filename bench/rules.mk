# SPDX-License-Identifier: Apache-2.0
# The trace generator of `make bench`.
$(BUILD)/bench/gen_trace: $(BUILD)/bench/gen_trace.o $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(ENGINE_LIBS)

-include $(BUILD)/bench/gen_trace.d
