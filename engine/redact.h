/* SPDX-License-Identifier: Apache-2.0 */
/* Public face of the masking of recorded events. */
#ifndef TIERCEL_ENGINE_REDACT_H
#define TIERCEL_ENGINE_REDACT_H

#include "engine/event/redact.h"

#endif
