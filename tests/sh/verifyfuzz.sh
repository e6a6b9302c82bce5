#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Random programs that the verifier accepts, watched; some verdicts against the kernel's. `make verifyfuzz N=...`
# runs more.

exec "${SKEP_BUILD:-build}/tests/tools/verifyfuzz" -t 4 -k 20
