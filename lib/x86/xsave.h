/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, SSE and AVX state by XSAVE (Intel SDM volume 1, "Managing State Using the
 * XSAVE Feature Set"), or by FXSAVE where a CPU has none that works. Compiled code never uses
 * these registers, so whatever a test puts there stays.
 */
#ifndef X86_XSAVE_H
#define X86_XSAVE_H

#include "libcflat.h"

/* A CPU with XSAVE. */
DECLARE_FEATURE(XSAVE);
DECLARE_FEATURE(AVX);

/*
 * Turns XSAVE on (CR4.OSXSAVE) and x87, SSE and, where there is, AVX in XCR0, on this
 * CPU; gives XCR0. Without XSAVE, or where XCR0 does not keep what was written, the
 * functions below use FXSAVE, and this gives x87 and SSE.
 */
u64 xsave_enable(void);

/* Bytes of an area that holds all that this CPU has. */
u32 xsave_size(void);
/* An area of that size, zeroed, aligned to a page: the caller's. */
void *xsave_alloc(void);
void xsave_free(void *area);

/* MASK as in XCR0; what XCR0 does not have is left alone. */
void xsave(void *area, u64 mask);
void xrstor(const void *area, u64 mask);

#endif
