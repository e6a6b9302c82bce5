#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep verify --kernel`: one version, all versions with the minimum, as text and JSON, exit codes.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

kernels=$cli/kernels.bpf.o

golden kernel_all "$SKEP" verify --model --kernel all "$kernels"
golden kernel_old "$SKEP" verify --model --kernel 5.4 "$kernels" counted
golden kernel_new "$SKEP" verify --model --kernel 6.18 "$kernels" counted
golden kernel_none "$SKEP" verify --model --kernel 5 "$kernels"
golden kernel_older "$SKEP" verify --model --kernel 3.10 "$kernels"
golden kernel_nobody "$SKEP" verify --model --kernel all "$kernels" nobody

"$SKEP" verify --model --kernel all --json -o "$work/json" "$kernels"
check 'JSON: the exit code' $? 0
check 'JSON: the minimum' "$("$json_lines" - program minimum.kernel minimum.because.name <"$work/json" | sort)" \
	"$(printf '%s\n' '"counted" "5.3" "LOOPS"' '"guarded" "4.18" (none)' '"looped" "5.17" "loop"' '"rings" "5.8" "ringbuf"' \
		'"tcx" "6.6" "tcx_egress"' '"versioned" "5.8" "ktime_get_boot_ns"' '(none) "6.6" "tcx_egress"' | sort)"
