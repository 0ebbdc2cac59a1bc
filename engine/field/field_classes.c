/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of the catalogue, in the order in which lists and documentation show them.
 */
#include "engine/field/field_class.h"

const struct field_class *const field_classes[] = {
	&field_class_evt,
	&field_class_proc,
	&field_class_thread,
	&field_class_user,
	&field_class_group,
	&field_class_fd,
	&field_class_fspath,
	&field_class_fdlist,
	&field_class_container,
	&field_class_k8s,
	&field_class_util,
};

const uint32_t field_class_count = ARRAY_SIZE(field_classes);
