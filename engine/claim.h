/* SPDX-License-Identifier: Apache-2.0 */
/* Public face of claims about fields: for tools that check events and alerts. */
#ifndef TIERCEL_ENGINE_CLAIM_H
#define TIERCEL_ENGINE_CLAIM_H

#include "engine/match/claim.h"

#endif
