/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the library, for the compiler and at run time. */
#ifndef SKEP_VERSION_H
#define SKEP_VERSION_H

#include "skep/error.h"

#define SKEP_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the library that runs, "0.1.0". */
SKEP_API const char *skep_version(void);

#ifdef __cplusplus
}
#endif
#endif
