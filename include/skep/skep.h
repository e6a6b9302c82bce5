/* SPDX-License-Identifier: Apache-2.0 */
/* All of libskep. */
#ifndef SKEP_SKEP_H
#define SKEP_SKEP_H

#include "skep/btf.h"
#include "skep/error.h"
#include "skep/filter.h"
#include "skep/insn.h"
#include "skep/map.h"
#include "skep/object.h"
#include "skep/run.h"
#include "skep/space.h"
#include "skep/kernel.h"
#include "skep/verify.h"
#include "skep/version.h"
#include "skep/vm.h"

#endif
