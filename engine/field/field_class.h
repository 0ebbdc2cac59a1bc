/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the catalogue share: the class of each field_<ns>.c and the row shorthand.
 */
#ifndef TIERCEL_FIELD_CLASS_H
#define TIERCEL_FIELD_CLASS_H

#include "engine/field/field.h"

extern const struct field_class field_class_evt;
extern const struct field_class field_class_proc;
extern const struct field_class field_class_thread;
extern const struct field_class field_class_user;
extern const struct field_class field_class_group;
extern const struct field_class field_class_container;
extern const struct field_class field_class_k8s;
extern const struct field_class field_class_fd;
extern const struct field_class field_class_fspath;
extern const struct field_class field_class_fdlist;
extern const struct field_class field_class_util;

/*
 * Where each event type has the parameter called `name`: EVENT_TYPE_COUNT positions or
 * FIELD_NO_PARAM. For parse_suffix functions, which may prepare their field. NULL: out of memory.
 */
uint16_t *field_param_positions(struct str name, struct arena *a);

#endif
