/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of engine/base that users of the library need: views, buffers, JSON, diagnostics,
 * limits. A public header: the agent includes engine/X.h only.
 */
#ifndef TIERCEL_ENGINE_BASE_H
#define TIERCEL_ENGINE_BASE_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"
#include "engine/base/json.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/base/utf8.h"

#endif
