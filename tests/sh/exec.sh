#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `skep exec` runs every instruction vector, ours and the conformance suite's, given as bytes.

exec tests/cases/run_exec --raw
