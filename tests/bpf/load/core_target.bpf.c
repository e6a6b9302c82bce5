// SPDX-License-Identifier: Apache-2.0
// The "kernel" of core_local.bpf.c: the same names, laid out differently. Only its BTF is used.

#include "core_target.h"

#define KEEP(type, name) type name = {}

KEEP(struct point, keep_point);
KEEP(struct outer, keep_outer);
KEEP(struct bits, keep_bits);
KEEP(struct odd, keep_odd);
KEEP(union either, keep_either);
KEEP(enum color, keep_color);
KEEP(enum large, keep_large);
KEEP(enum narrow, keep_narrow);
KEEP(pair_t, keep_pair);
KEEP(callback_t, keep_callback);
KEEP(row_t, keep_row);
KEEP(struct links, keep_links);
KEEP(struct twice, keep_twice);
KEEP(struct twice___old, keep_twice_old);
KEEP(struct same, keep_same);
KEEP(struct same___old, keep_same_old);
KEEP(struct deep, keep_deep);
