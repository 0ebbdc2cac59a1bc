/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public face of the located YAML tree and of positions in its text: the agent reads its
 * configuration and tests of rules with it.
 */
#ifndef TIERCEL_ENGINE_YAML_H
#define TIERCEL_ENGINE_YAML_H

#include "engine/rule/source.h"

#endif
