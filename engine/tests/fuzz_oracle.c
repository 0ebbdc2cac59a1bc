/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: rules, events and changes of state drawn from the bytes; the compiled program must
 * find the same rules as the plain tree evaluator on every event.
 */
#define TEST_WITHOUT_CHECK
#include "engine/tests/fuzz.h"
#include "engine/tests/oracle_random.h"

/* Compiling rules is the dearest part of a run; large tables would be next. */
enum { RULES = 12, EVENTS = 160, SWAP_AT = 80, MEMO_BYTES = 32 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed *b = bed_new();

	b->choices = (struct choices){ data, size, 1 };
	b->f.limits.max[LIMIT_MEMO_BYTES] = MEMO_BYTES;
	/* In one of four runs hardly anything can be kept. */
	if (!pick(&b->choices, 4)) {
		b->f.limits.max[LIMIT_MEMO_BYTES] = 1;
		b->f.limits.max[LIMIT_MEMO_CLASSES] = 1 + pick(&b->choices, 4);
	}
	for (int i = 0; i < EVENTS; i++) {
		if (i % SWAP_AT == 0) {
			bed_random_rules(b, RULES);
			bed_compile(b);
		}
		bed_random_event(b);
		bed_compare(b);
	}
	bed_free(b);
	return 0;
}
