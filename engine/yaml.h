/* SPDX-License-Identifier: Apache-2.0 */
/* Public face of the located YAML tree: the agent reads its configuration with it. */
#ifndef TIERCEL_ENGINE_YAML_H
#define TIERCEL_ENGINE_YAML_H

#include "engine/rule/yaml.h"

#endif
