// SPDX-License-Identifier: Apache-2.0
// The programs of map/ops.h for our engine: over plain memory.

#define SECTION "tracepoint/syscalls/sys_enter_getppid"
#include "map/ops.h"
