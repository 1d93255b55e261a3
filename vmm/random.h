/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers that a seed determines, so that a run can be repeated. Used by one thread. */
#ifndef VMM_RANDOM_H
#define VMM_RANDOM_H

#include <stdint.h>

void random_seed(uint64_t seed);
/* From 0 to LIMIT - 1; LIMIT is at least 1. */
uint64_t random_below(uint64_t limit);

#endif
