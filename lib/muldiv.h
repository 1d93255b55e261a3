/* SPDX-License-Identifier: GPL-2.0-or-later */
/* a * b / c with a product of 128 bits. The quotient must fit in 64, else it raises #DE. */
#ifndef MULDIV_H
#define MULDIV_H

#include "libcflat.h"

static inline u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 quotient, high;

	asm("mulq %3; divq %4" : "=&a"(quotient), "=&d"(high) : "0"(a), "rm"(b), "rm"(c) : "cc");
	return quotient;
}

#endif
