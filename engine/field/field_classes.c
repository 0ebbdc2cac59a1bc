/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of the catalogue, in the order in which lists and documentation show them.
 */
#include "engine/field/field_class.h"

const struct field_class *const field_classes[] = {
	&field_class_evt,
	&field_class_fdlist,
	&field_class_util,
};

const uint32_t field_class_count = ARRAY_SIZE(field_classes);
