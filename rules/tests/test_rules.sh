#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests of our own rules, and that every rule has some. Prints TAP.
exec "${BUILD:-build}"/tiercel test --tap --require-tests rules
