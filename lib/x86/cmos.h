/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of a PC and its battery-backed RAM (Motorola MC146818A data sheet). Port 0x70 selects a
 * register, and port 0x71 reads or writes it.
 */
#ifndef X86_CMOS_H
#define X86_CMOS_H

#include "io.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define RTC_SECONDS	 0
#define RTC_ALARM_SECOND 1
#define RTC_MINUTES	 2
#define RTC_ALARM_MINUTE 3
#define RTC_HOURS	 4
#define RTC_ALARM_HOUR	 5
#define RTC_A		 10
#define RTC_B		 11
#define RTC_C		 12 /* reading it lowers the interrupt's line */

#define RTC_UPDATES  BIT(7) /* in A: the time is about to change */
#define RTC_PERIODIC BIT(6) /* in B: periodic interrupts */
#define RTC_ALARM    BIT(5) /* in B: interrupts when the alarm's time comes */
#define RTC_24_HOURS BIT(1) /* in B */
#define RTC_BINARY   BIT(2) /* in B: numbers are binary, not BCD */

/*
 * The spare byte is selected after each access. QEMU may forget in a migration which register the
 * guest has just selected (docs/findings.md, "QEMU forgets the last writes to port 0x70"). The
 * access then goes to the spare byte, and is done again. Keep interrupts off if a handler calls
 * these, too.
 */
u8 cmos_read(u8 reg);
void cmos_write(u8 reg, u8 value);

#endif
