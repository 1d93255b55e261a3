/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, SSE and AVX state by XSAVE (Intel SDM volume 1, "Managing State Using the XSAVE Feature
 * Set"), or by FXSAVE if the CPU has no XSAVE that works. Compiled code never uses these registers,
 * so they keep what a test puts there.
 */
#ifndef X86_XSAVE_H
#define X86_XSAVE_H

#include "libcflat.h"

/* The leaf of CPUID that describes XSAVE. */
#define CPUID_XSAVE 0xd

/* Where an area holds x87 and SSE state, as FXSAVE stores it, and there MXCSR. In bytes. */
#define FXSAVE_SIZE  512
#define FXSAVE_MXCSR 24

/* The CPU has XSAVE; it has XSAVE and AVX. */
DECLARE_FEATURE(XSAVE);
DECLARE_FEATURE(AVX);

/*
 * On this CPU, sets CR4.OSXSAVE, and x87, SSE and, if the CPU has it, AVX in XCR0. Returns XCR0. If
 * there is no XSAVE, or XCR0 does not keep what was written, it returns the bits of x87 and SSE,
 * and the functions below use FXSAVE.
 */
u64 xsave_enable(void);

/* The size in bytes of an area for all states that this CPU has. */
u32 xsave_size(void);
/* A zeroed area of that size, aligned to a page. The caller frees it with xsave_free(). */
void *xsave_alloc(void);
void xsave_free(void *area);

/* `mask` has bits of XCR0. Components that are not set in XCR0 are left alone. */
void xsave(void *area, u64 mask);
void xrstor(const void *area, u64 mask);

/*
 * XCR0 and MXCSR without XGETBV and STMXCSR, which a KVM that emulates instructions does not have.
 * xsave_enabled_size() returns the size in bytes of an area for those states that XCR0 enables. The
 * CPU has XSAVE.
 */
u32 xsave_enabled_size(void);
u32 read_mxcsr(void);

#endif
