/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU in a mode other than 64-bit mode (Intel SDM volume 3, "System Architecture Overview"; AMD
 * APM volume 2, "Operating Modes"): it runs a loop there until it may leave, and then tells what
 * its registers held. Segments have unusual bases, one is in an LDT, and registers have patterns.
 * Interrupts are off all the time. One CPU at a time.
 *
 * The code and its data are at 0x10000, where no firmware that is still needed has anything, unless
 * it is UEFI's. A fault in such a mode ends in a reset of the machine.
 */
#ifndef X86_LEGACY_MODE_H
#define X86_LEGACY_MODE_H

/* The layout of the data, for assembly too. Offsets are from the base of DS. */
#define LEGACY_CODE    0x10000
#define LEGACY_DATA    0x11000
#define LEGACY_TURNS   0x00
#define LEGACY_LEAVE   0x04
#define LEGACY_HAS_LDT 0x08 /* 1: segments may be loaded from the LDT */
#define LEGACY_ES      0x10
#define LEGACY_FS      0x14
#define LEGACY_GS      0x18
#define LEGACY_SS      0x1c
#define LEGACY_CS      0x20
#define LEGACY_FLAGS   0x24
#define LEGACY_CR0     0x28
#define LEGACY_CR3     0x2c
#define LEGACY_CR4     0x30
#define LEGACY_FAR     0x34
#define LEGACY_LDT_ES  0x38
#define LEGACY_LDTR    0x3c
#define LEGACY_EBX     0x40
#define LEGACY_ECX     0x44
#define LEGACY_EDX     0x48
#define LEGACY_EDI     0x4c
#define LEGACY_EBP     0x50
#define LEGACY_ESP     0x54
#define LEGACY_SELS    0x58 /* CS, DS, ES, FS, GS, SS */

/* Physical addresses of what the switch itself needs. */
#define LEGACY_RSP	 0x11800
#define LEGACY_OLD_CR0	 0x11808
#define LEGACY_OLD_CR3	 0x11810
#define LEGACY_OLD_CR4	 0x11818
#define LEGACY_OLD_EFER	 0x11820
#define LEGACY_NEW_CR0	 0x11828
#define LEGACY_NEW_CR3	 0x1182c
#define LEGACY_NEW_CR4	 0x11830
#define LEGACY_ENTRY	 0x11834
#define LEGACY_STAY_LONG 0x11838
#define LEGACY_GDTR	 0x11842
#define LEGACY_IDTR	 0x11852
#define LEGACY_GDT	 0x11900
#define LEGACY_LDT	 0x11a00
#define LEGACY_STACK	 0x11ff0

/* Selectors. */
#define LEGACY_CODE64	  0x08
#define LEGACY_DATA32	  0x10
#define LEGACY_FLAT_CODE  0x18
#define LEGACY_CODE32_SEL 0x20
#define LEGACY_CODE16_SEL 0x28
#define LEGACY_DS_SEL	  0x30
#define LEGACY_FS_SEL	  0x38
#define LEGACY_GS_SEL	  0x40
#define LEGACY_SS32_SEL	  0x48
#define LEGACY_SS16_SEL	  0x50
#define LEGACY_LDT_SEL	  0x60 /* two entries: it is a long one */
#define LEGACY_ES_SEL	  0x0c /* in the LDT */

#define LEGACY_BITS_KEPT 0x240400 /* ID, AC, DF */
#define LEGACY_FAR_AT	 0x10100
#define LEGACY_SP	 0x80

#ifndef __ASSEMBLER__
#include "libcflat.h"
#include "test.h"

struct legacy_mode;
extern const struct legacy_mode legacy_protected, legacy_paged, legacy_pae, legacy_code16,
	legacy_real, legacy_compatibility;

/* Whether the memory at 0x10000 is free. */
DECLARE_FEATURE(LEGACY_MODES);

/*
 * Has another CPU run in the mode, and waits until it does. A check: it does. If it fails the guest
 * ends.
 */
void legacy_mode_begin(int cpu, const struct legacy_mode *mode);
/* How often the loop has run. It goes up as long as the CPU runs. */
volatile u32 *legacy_mode_turns(void);
/* Has the CPU leave the mode. Checks: it does, and all that it has found there was right. */
void legacy_mode_end(int cpu, const struct legacy_mode *mode);

/*
 * Has the calling CPU go to the mode and come back at once. No checks: a CPU that cannot come back
 * is lost. Interrupts are on afterwards.
 */
void legacy_mode_visit(const struct legacy_mode *mode);
#endif

#endif
