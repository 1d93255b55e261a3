/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suspend to RAM: ACPI's sleeping state S3 (ACPI Specification 6.5, 4.8.3 "PM1 Event Grouping" and
 * "PM1 Control Grouping", 5.2.10 "FACS", 7.4.2 "System \_Sx states", 16.3 "Waking and sleeping").
 * For machines with one CPU, since firmware wakes the boot CPU alone.
 *
 * A guest that QEMU has started with -kernel does not find its image as it was: when QEMU wakes a
 * machine it writes the ELF's segments into memory again, as for a reset (rom_reset() in QEMU's
 * hw/core/loader.c). So the image is copied before, and the code at the waking vector copies it
 * back. All other memory has to be as it was.
 */
#ifndef X86_SLEEP_H
#define X86_SLEEP_H

/* Beside the code at TRAMPOLINE_BASE, which does not belong to the image. */
#define WAKING_COUNT  (TRAMPOLINE_BASE + TRAMPOLINE_SIZE)
#define WAKING_COPY   (TRAMPOLINE_BASE + TRAMPOLINE_SIZE + 4)
#define WAKING_DWORDS (TRAMPOLINE_BASE + TRAMPOLINE_SIZE + 8)

#ifndef __ASSEMBLER__
#include "libcflat.h"
#include "test.h"

/* Bits of PM1_STS. */
#define PM1_TMR_STS    BIT(0)
#define PM1_PWRBTN_STS BIT(8)
#define PM1_RTC_STS    BIT(10)
#define PM1_WAK_STS    BIT(15)
/* Bits of PM1_EN. */
#define PM1_RTC_EN BIT(10)

/* ACPI's tables name the registers, a waking vector, and S3. */
DECLARE_FEATURE(S3);

u16 pm1_status(void);
/* Writes of 1 clear bits. */
void pm1_clear_status(u16 bits);
u16 pm1_enable(void);
void pm1_set_enable(u16 bits);

/*
 * Suspends the machine with interrupts off. Returns true when firmware has gone through the waking
 * vector. The CPU, the UART and the interrupt controllers are then set up as at boot, and
 * interrupts are off. Returns false if the machine went on instead for `milliseconds`, multiplied
 * by timescale, and has not slept.
 */
bool s3_sleep(u64 milliseconds);
/* How often the waking vector was reached since the last s3_sleep() began. */
u32 s3_wakings(void);
/* PM1_STS as it was when the waking vector was reached the last time. */
u16 s3_waking_status(void);

#endif

#endif
