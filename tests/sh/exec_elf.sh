#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `skep exec --elf` runs every instruction vector, ours and the conformance suite's, given as an object.

exec tests/cases/run_exec --elf
