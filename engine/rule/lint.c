/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings beyond the contract: rules that load but probably do not do what their author wants.
 * Called at the end of loading, while places are still known.
 */
#include "engine/rule/loader.h"

void lint_rules(struct loader *l)
{
}
