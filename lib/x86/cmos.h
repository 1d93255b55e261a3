/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of a PC and its battery-backed RAM (Motorola MC146818A data sheet): one register after
 * the other, selected by a port.
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

#define RTC_PERIODIC BIT(6) /* in B: periodic interrupts */
#define RTC_BINARY   BIT(2) /* in B: numbers are binary, not decimal digits */

static inline u8 cmos_read(u8 reg)
{
	outb(reg, CMOS_INDEX);
	return inb(CMOS_DATA);
}

static inline void cmos_write(u8 reg, u8 value)
{
	outb(reg, CMOS_INDEX);
	outb(value, CMOS_DATA);
}

#endif
