#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The embedder's example runs, and its rule gives the right price: 120 pieces of 40, less a tenth.

got=$("${SKEP_BUILD:-build}/examples/embed") || exit 1
[ "$got" = '120 pieces: 4320' ] && exit 0
echo "examples/embed printed '$got'"
exit 1
