// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock of a PC and its RAM. See cmos.h. */
#include "cmos.h"

/*
 * A byte of RAM that neither firmware nor tests use, and its value, which no clock register can
 * have.
 */
#define SPARE	    0x70
#define SPARE_VALUE 0xed

/* A VMM that loses each selection would otherwise keep the guest here for ever. */
#define MOST_TRIES 8

static u8 read_selected(u8 reg)
{
	outb(reg, CMOS_INDEX);
	return inb(CMOS_DATA);
}

/* Selects the spare byte, and returns what it holds. */
static u8 select_spare(void)
{
	u8 value = SPARE_VALUE;

	/* If the VMM has lost the selection, this has read another register. */
	for (int i = 0; i < MOST_TRIES; i++)
		if ((value = read_selected(SPARE)) == SPARE_VALUE)
			break;
	return value;
}

static void prepare(void)
{
	if (select_spare() != SPARE_VALUE)
		outb(SPARE_VALUE, CMOS_DATA);
}

u8 cmos_read(u8 reg)
{
	u8 value = 0;

	prepare();
	for (int i = 0; i < MOST_TRIES; i++)
		if ((value = read_selected(reg)) != SPARE_VALUE)
			break;
	select_spare();
	return value;
}

void cmos_write(u8 reg, u8 value)
{
	prepare();
	for (int i = 0; i < MOST_TRIES; i++) {
		outb(reg, CMOS_INDEX);
		outb(value, CMOS_DATA);
		if (select_spare() == SPARE_VALUE)
			break;
		outb(SPARE_VALUE, CMOS_DATA);
	}
}
