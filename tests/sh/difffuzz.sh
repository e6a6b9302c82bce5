#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Five seconds of random programs on every engine; where bpf(2) works some of them run in the kernel too.
# `make difffuzz N=...` runs more.

exec "${SKEP_BUILD:-build}/tests/tools/difffuzz" -t 5 -k 100
