#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests of our own rules. Prints TAP.
exec "${BUILD:-build}"/tiercel test --tap rules
