// SPDX-License-Identifier: Apache-2.0
// The programs of map/ops.h for the kernel: of a type that BPF_PROG_TEST_RUN repeats.

#define SECTION "xdp"
#include "map/ops.h"
