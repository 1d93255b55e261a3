// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the clock and its battery-backed RAM (Motorola MC146818A data sheet). See devices.c.
 *
 * The program timers tests whether the time is right after an action, and whether interrupts come.
 */
#include "barrier.h"
#include "cmos.h"
#include "migrate.h"
#include "report.h"
#include "x86/devices/devices.h"

#define A_KEPT	 0x7f /* bit 7 comes and goes with each second */
#define B_SQUARE 0x08
/* RAM that no firmware uses. */
#define FIRST_BYTE 0x40
#define LAST_BYTE  0x6f

FEATURE(CMOS, "an MC146818 clock with RAM (port 0x70)")
{
	outb(FIRST_BYTE, CMOS_INDEX);
	return port_holds(CMOS_DATA);
}

static u8 pattern(int reg, int round)
{
	return round ? ~(reg * 37) : reg * 37;
}

TEST(cmos_ram, .needs = CMOS, .about = "the bytes of the CMOS RAM survive an action")
{
	u8 before[LAST_BYTE + 1];
	int wrong = 0, last_wrong = 0;

	for (int reg = FIRST_BYTE; reg <= LAST_BYTE; reg++)
		before[reg] = cmos_read(reg);
	for (int round = 0; round < 2; round++) {
		for (int reg = FIRST_BYTE; reg <= LAST_BYTE; reg++)
			cmos_write(reg, pattern(reg, round));
		migrate_quiet();
		for (int reg = FIRST_BYTE; reg <= LAST_BYTE; reg++)
			if (cmos_read(reg) != pattern(reg, round)) {
				wrong++;
				last_wrong = reg;
			}
	}
	for (int reg = FIRST_BYTE; reg <= LAST_BYTE; reg++)
		cmos_write(reg, before[reg]);
	report(!wrong, "%d bytes have changed, the last one at %#x", wrong, last_wrong);
}

TEST(cmos_index, .needs = CMOS,
     .about = "the register that port 0x70 has selected is still selected after an action")
{
	u8 first = cmos_read(FIRST_BYTE), last = cmos_read(LAST_BYTE), selected;

	cmos_write(LAST_BYTE, 0x3c);
	cmos_write(FIRST_BYTE, 0xc3);
	/* The read tells the VMM of the selection: test cmos_index_alone does without it. */
	outb(FIRST_BYTE, CMOS_INDEX);
	inb(CMOS_DATA);
	migrate_quiet();
	selected = inb(CMOS_DATA);
	report(selected == 0xc3, "the selected byte was 0xc3, and is %#x", selected);
	cmos_write(FIRST_BYTE, first);
	cmos_write(LAST_BYTE, last);
}

/*
 * KVM may keep a write to port 0x70 in a ring, and not tell the VMM of it until the guest touches
 * port 0x71 (KVM API documentation, KVM_REGISTER_COALESCED_MMIO). A broken VMM saves the clock
 * without a look into the ring. The guest then reads and writes another register than it has
 * selected: it may set the alarm in place of the rate, or stop the clock.
 */
#define TURNS_BEFORE_READ 20000

static u32 wrong_reads;
static u8 selected_reg, read_value;

/* Mostly an action finds a register that is selected and not yet read. */
static void select_and_read(void)
{
	u8 value;

	selected_reg = selected_reg == FIRST_BYTE ? LAST_BYTE : FIRST_BYTE;
	outb(selected_reg, CMOS_INDEX);
	/* Without pause(), which is slow on an emulated CPU. */
	for (int i = 0; i < TURNS_BEFORE_READ; i++)
		barrier();
	value = inb(CMOS_DATA);
	if (value == pattern(selected_reg, 0))
		return;
	wrong_reads++;
	read_value = value;
}

TEST(cmos_index_alone, .needs = CMOS,
     .about =
	     "a register that port 0x70 has just selected is the one that port 0x71 reads after an action")
{
	u8 first = cmos_read(FIRST_BYTE), last = cmos_read(LAST_BYTE);

	wrong_reads = 0;
	cmos_write(FIRST_BYTE, pattern(FIRST_BYTE, 0));
	cmos_write(LAST_BYTE, pattern(LAST_BYTE, 0));
	migrate_quiet_while(select_and_read);
	report(!wrong_reads,
	       "%u reads were of another register than the selected one; the last gave %#x, where %#x and %#x take turns",
	       wrong_reads, read_value, pattern(FIRST_BYTE, 0), pattern(LAST_BYTE, 0));
	cmos_write(FIRST_BYTE, first);
	cmos_write(LAST_BYTE, last);
}

TEST(clock_registers, .needs = CMOS,
     .about = "the clock's alarm, rate, and formats of time survive an action")
{
	static const struct {
		u8 reg;
		const char *name;
		u8 value, mask;
	} registers[] = {
		{ RTC_ALARM_SECOND, "the alarm's second", 0x12, 0xff },
		{ RTC_ALARM_MINUTE, "the alarm's minute", 0x34, 0xff },
		{ RTC_ALARM_HOUR, "the alarm's hour", 0x07, 0xff },
		{ RTC_A, "register A", 0x2b, A_KEPT },
		{ RTC_B, "register B", 0, B_SQUARE | RTC_BINARY },
	};
	u8 before[ARRAY_SIZE(registers)], b = cmos_read(RTC_B);

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		before[i] = cmos_read(registers[i].reg);
		if (registers[i].reg != RTC_B)
			cmos_write(registers[i].reg, registers[i].value);
	}
	/* Register B comes last, since it sets the alarm's format. */
	cmos_write(RTC_B, b ^ (B_SQUARE | RTC_BINARY));
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		u8 expected = registers[i].reg == RTC_B ? b ^ (B_SQUARE | RTC_BINARY)
							: registers[i].value;
		u8 is = cmos_read(registers[i].reg);

		report(!((is ^ expected) & registers[i].mask), "%s was %#x, and is %#x",
		       registers[i].name, expected & registers[i].mask, is & registers[i].mask);
	}
	cmos_write(RTC_B, b);
	for (size_t i = 0; i < ARRAY_SIZE(registers) - 1; i++)
		cmos_write(registers[i].reg, before[i]);
}
