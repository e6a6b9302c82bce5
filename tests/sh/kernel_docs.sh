#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/kernel-versions.md is what the tables say (`make docs-kernel-versions`).

. "$(dirname "$0")/golden.bash"

"${SKEP_BUILD:-build}/tests/tools/kernel_docs" >"$work/kernel-versions.md"
check 'docs/kernel-versions.md' "$(diff docs/kernel-versions.md "$work/kernel-versions.md" | head -n 5)" ''
