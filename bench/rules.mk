# SPDX-License-Identifier: Apache-2.0
# The trace generator of `make bench`.
$(BUILD)/bench/gen_trace: $(BUILD)/bench/gen_trace.o $(BUILD)/bench/gen_ops.o $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(ENGINE_LIBS)

$(BUILD)/bench/measure: bench/measure.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -static -o $@ $<

# agent/tests/test_bench.sh makes its trace with it.
unit: $(BUILD)/bench/gen_trace

-include $(BUILD)/bench/gen_trace.d $(BUILD)/bench/gen_ops.d

# What the exec loop starts: nothing but exec is to be measured.
$(BUILD)/bench/live_exit: bench/live_exit.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -static -nostdlib -o $@ $<

# The loops of `make bench-live`.
$(BUILD)/bench/live_ops: bench/live_ops.c $(BUILD)/bench/live_exit
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -static -o $@ $<

# The load of `make bench-latency`.
$(BUILD)/bench/live_rate: bench/live_rate.c
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -static -o $@ $<

bench-latency: deps ## from an event to its alert on stdout at 10,000 events a second (root)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/live_rate
	$(Q)bench/latency.py --build $(BUILD) --json $(BUILD)/bench-latency.json

.PHONY: bench-latency

ROUNDS ?= 5
bench-live: deps ## what the live sensor adds to system calls, and its own cost (root)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/bench/live_ops
	$(Q)bench/live.py --build $(BUILD) --rounds $(ROUNDS) --json $(BUILD)/bench-live.json

bench-churn: deps ## memory of the live sensor while containers come and go: SECONDS=n (600) (root)
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/agent/proto/cri.bin
	$(Q)BUILD=$(BUILD) bench/churn.py --build $(BUILD) --json $(BUILD)/bench-churn.json \
		$(if $(filter command line environment,$(origin SECONDS)),--seconds $(SECONDS))

.PHONY: bench-live bench-churn

# The gRPC output with subscribers in the same process.
$(BUILD)/bench/grpc_rate: $(BUILD)/bench/grpc_rate.o $(BUILD)/agent/libagent.a $(BUILD)/libtiercel.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(ENGINE_LIBS)

bench-grpc: deps ## alerts per second through the gRPC output
	$(Q)$(MAKE) --no-print-directory $(BUILD)/bench/grpc_rate
	$(Q)bench/grpc.sh $(BUILD) $(ROUNDS)

bench-outputs: deps ## alerts per second through the other outputs, and discards at twice that rate
	$(Q)$(MAKE) --no-print-directory $(BUILD)/agent/tests/output_feeder
	$(Q)bench/outputs.py $(BUILD)

.PHONY: bench-grpc bench-outputs
-include $(BUILD)/bench/grpc_rate.d
