// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the interval timer (Intel 8254 data sheet) and port 0x61, which has the gate of its
 * channel 2 (ICH9 data sheet, 13.7.1 "NMI_SC"). See devices.c.
 *
 * It is KVM's, or the VMM's with kernel-irqchip=split. A channel takes and gives a count byte by
 * byte, and its access mode says which bytes. A broken hypervisor forgets whether the low or the
 * high byte is next. The tests let a channel count from a small number, so that the wrong byte is
 * not taken for the right one. Or it forgets the number that a channel counts from. That number
 * becomes 0, which means 65536.
 */
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "x86/devices/devices.h"

#define CHANNEL(n)   (0x40 + (n))
#define COMMAND	     0x43
#define SELECT(n)    ((n) << 6)
#define LATCH	     0x00 /* with SELECT(): the count is latched */
#define LOW_BYTE     0x10
#define HIGH_BYTE    0x20
#define LOW_HIGH     0x30
#define MODE(n)	     ((n) << 1)
#define BCD	     0x01
#define READ_STATUS  0xe0 /* the read-back command, for the status alone */
#define STATUS_OF(n) (2 << (n))
#define STATUS_MODE  0x3f /* access mode, mode and BCD */
#define GATE_PORT    0x61
#define GATE_ENABLE  0x01
#define SPEAKER	     0x02
#define CHANNELS     3

FEATURE(PIT, "an 8254 interval timer (port 0x40)")
{
	outb(SELECT(2) | LOW_HIGH | MODE(0), COMMAND);
	outb(READ_STATUS | STATUS_OF(2), COMMAND);
	return (inb(CHANNEL(2)) & STATUS_MODE) == (LOW_HIGH | MODE(0));
}

static u8 mode_of(int channel)
{
	outb(READ_STATUS | STATUS_OF(channel), COMMAND);
	return inb(CHANNEL(channel)) & STATUS_MODE;
}

TEST(pit_modes, .needs = PIT, .about = "the modes of the 8254's three channels survive an action")
{
	static const u8 modes[CHANNELS] = { LOW_HIGH | MODE(3), HIGH_BYTE | MODE(2),
					    LOW_BYTE | MODE(4) | BCD };

	/* A count of 0 is the largest. Channel 0's interrupts are masked. */
	for (int channel = 0; channel < CHANNELS; channel++) {
		outb(SELECT(channel) | modes[channel], COMMAND);
		outb(0, CHANNEL(channel));
	}
	outb(0, CHANNEL(0));
	migrate_quiet();
	for (int channel = 0; channel < CHANNELS; channel++)
		report(mode_of(channel) == modes[channel],
		       "channel %d was set to %#x, and its status says %#x", channel,
		       modes[channel], mode_of(channel));
	/* Mode 0 without a count: it does not count. */
	for (int channel = 0; channel < CHANNELS; channel++)
		outb(SELECT(channel) | LOW_HIGH | MODE(0), COMMAND);
}

static void start_counting(u16 count)
{
	/* A control word does not end a latch in every VMM, though it should. Reading does. */
	inb(CHANNEL(2));
	inb(CHANNEL(2));
	outb(inb(GATE_PORT) | GATE_ENABLE, GATE_PORT);
	outb(SELECT(2) | LOW_HIGH | MODE(2), COMMAND);
	outb(count, CHANNEL(2));
	outb(count >> 8, CHANNEL(2));
}

static void stop_counting(void)
{
	outb(SELECT(2) | LOW_HIGH | MODE(0), COMMAND);
	outb(inb(GATE_PORT) & ~GATE_ENABLE, GATE_PORT);
}

static u16 latched_count(int channel)
{
	u8 low;

	outb(SELECT(channel) | LATCH, COMMAND);
	low = inb(CHANNEL(channel));
	return low | inb(CHANNEL(channel)) << 8;
}

/* Longer than the 55 ms in which a channel goes through all numbers. */
#define LOOKS	64
#define LOOK_US 1000

TEST(pit_counts, .needs = PIT,
     .about =
	     "after an action each channel of the 8254 still counts down from the number that it was given")
{
	static const u16 counts[CHANNELS] = { 0x1234, 0x0fed, 0x2345 };
	u16 most[CHANNELS] = { 0 };

	outb(inb(GATE_PORT) | GATE_ENABLE, GATE_PORT);
	for (int channel = 0; channel < CHANNELS; channel++) {
		outb(SELECT(channel) | LOW_HIGH | MODE(2), COMMAND);
		outb(counts[channel] & 0xff, CHANNEL(channel));
		outb(counts[channel] >> 8, CHANNEL(channel));
	}
	migrate_quiet();
	for (int look = 0; look < LOOKS; look++) {
		for (int channel = 0; channel < CHANNELS; channel++)
			most[channel] = MAX(most[channel], latched_count(channel));
		delay_us(LOOK_US);
	}
	for (int channel = 0; channel < CHANNELS; channel++)
		report(most[channel] && most[channel] <= counts[channel],
		       "channel %d counts down from %#x, and was seen at %#x after the action",
		       channel, counts[channel], most[channel]);
	stop_counting();
	for (int channel = 0; channel < CHANNELS; channel++)
		outb(SELECT(channel) | LOW_HIGH | MODE(0), COMMAND);
}

#define ROUNDS 4

/* The count's high byte is 0, and 1 in the moment of a reload. */
TEST(pit_half_read, .needs = PIT,
     .about = "the 8254 gives a latched count's high byte after an action if the low byte was read")
{
	start_counting(0x100);
	for (int round = 0; round < ROUNDS; round++) {
		u8 low, high;

		outb(SELECT(2) | LATCH, COMMAND);
		low = inb(CHANNEL(2));
		migrate_quiet();
		high = inb(CHANNEL(2));
		report(high <= 1, "the low byte was %#x, the high byte is %#x of at most 1", low,
		       high);
		/* From here on the next byte is a low one, whatever went wrong. */
		start_counting(0x100);
	}
	stop_counting();
}

#define SMALL_COUNT 0x10

TEST(pit_half_written, .needs = PIT,
     .about = "the 8254 takes a count's high byte after an action if it had the low byte before")
{
	for (int round = 0; round < ROUNDS; round++) {
		u16 count;

		start_counting(0xffff);
		outb(SMALL_COUNT, CHANNEL(2));
		migrate_quiet();
		outb(0, CHANNEL(2));
		count = latched_count(2);
		report(count <= SMALL_COUNT, "it counts from %#x, and is at %#x", SMALL_COUNT,
		       count);
	}
	stop_counting();
}

TEST(speaker_port, .needs = PIT,
     .about = "port 0x61 keeps the gate of the 8254's channel 2 and the speaker's switch")
{
	static const struct port_register registers[] = {
		{ "port 0x61", GATE_PORT, GATE_ENABLE | SPEAKER },
	};
	u8 before = inb(GATE_PORT) & 0x0f;

	outb((before & ~SPEAKER) | GATE_ENABLE, GATE_PORT);
	check_ports_kept(registers, ARRAY_SIZE(registers));
	outb((before & ~GATE_ENABLE) | SPEAKER, GATE_PORT);
	check_ports_kept(registers, ARRAY_SIZE(registers));
	outb(before & ~(GATE_ENABLE | SPEAKER), GATE_PORT);
}
