/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU's registers hold when it starts by a SIPI after an INIT. Code in real mode stores them
 * before it changes any. The header is for assembly, too.
 *
 * The values are those of Intel SDM volume 3, "Processor State After Reset" (table "IA-32 and Intel
 * 64 Processor States Following Power-up, Reset, or INIT"), and AMD APM volume 2, "Processor
 * Initialization State".
 */
#ifndef X86_AFTER_INIT_H
#define X86_AFTER_INIT_H

#include "boot.h"

/* Where the code stores: 64 bits for each of the following, and an FXSAVE image. */
#define AFTER_INIT_SLOTS  0x800
#define AFTER_INIT_FXSAVE 0xc00

/* General registers from EAX to R15, in the order of their numbers. */
#define AFTER_INIT_GENERAL 0
#define AFTER_INIT_FLAGS   16
/* Selectors, then what is read through the segments: CS, DS, ES, FS, GS, SS. */
#define AFTER_INIT_SELECTORS 17
#define AFTER_INIT_THROUGH   23
#define AFTER_INIT_CR0	     29
#define AFTER_INIT_CR2	     30
#define AFTER_INIT_CR3	     31
#define AFTER_INIT_CR4	     32
#define AFTER_INIT_CR8	     33
#define AFTER_INIT_DR0	     34 /* to DR3 */
#define AFTER_INIT_DR6	     38
#define AFTER_INIT_DR7	     39
#define AFTER_INIT_EFER	     40
#define AFTER_INIT_GDTR	     41 /* bits 15:0 are the limit, the others the base */
#define AFTER_INIT_IDTR	     42
#define AFTER_INIT_LDTR	     43
#define AFTER_INIT_TR	     44
#define AFTER_INIT_COUNT     45

#define AFTER_INIT_MAGIC 0x5e65ba5e

#ifndef __ASSEMBLER__
#include "libcflat.h"

/*
 * Counts in *rounds until an INIT comes. All general registers but RSP have values that no reset
 * gives them. Interrupts may come.
 */
void after_init_spin(volatile u32 *rounds) __noreturn;
/*
 * Starts a CPU that has got an INIT by a SIPI, as smp_start() does, and then checks that its
 * registers have the values that an INIT gives them. A check: it starts. If that fails the guest
 * ends.
 */
void after_init_start(int cpu, const char *when);
/* Its x87 and SSE state as FXSAVE stored it then, which an INIT leaves as it is. */
const u8 *after_init_fxsave(void);
#endif

#endif
