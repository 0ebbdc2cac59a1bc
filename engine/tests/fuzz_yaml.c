/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as YAML; the simple reader says what libyaml says, or nothing. */
#define TEST_WITHOUT_CHECK
#include "engine/tests/yaml_bed.h"

#include "engine/tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	yaml_bed_compare((struct str){ (const char *)data, (uint32_t)size });
	return 0;
}
