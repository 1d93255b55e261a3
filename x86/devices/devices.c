// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The registers of a PC's old devices across a migration: interrupt controllers (8259A and IOAPIC),
 * timer, clock, keyboard controller, DMA controller, serial port, chipset, QEMU's fw_cfg and its VM
 * generation ID. Each file names its data sheet.
 *
 * Guests set these devices up when they boot and seldom afterwards. So it goes unnoticed if a
 * broken hypervisor does not save a field, or restores fields in the wrong order: the values are
 * those of a reset, and pointers into a sequence of bytes stand at its beginning. The tests write
 * values that no firmware writes, stop in the middle of such sequences, and look at both after the
 * action.
 *
 * They cannot tell a field that was not saved from one that was not restored. They do not see
 * fields that no register shows and that change no answer. The program timers tests when these
 * devices interrupt.
 */
#include "x86/devices/devices.h"
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "deadline.h"

#define MOST_REGISTERS 32

void check_ports_kept(const struct port_register *registers, size_t count)
{
	u8 before[MOST_REGISTERS];

	assert(count <= MOST_REGISTERS);
	for (size_t i = 0; i < count; i++)
		before[i] = inb(registers[i].port);
	migrate_quiet();
	for (size_t i = 0; i < count; i++) {
		u8 after = inb(registers[i].port);

		report(!((after ^ before[i]) & registers[i].mask), "%s was %#x, and is %#x",
		       registers[i].name, before[i] & registers[i].mask, after & registers[i].mask);
	}
}

bool port_holds(u16 port)
{
	u8 before = inb(port);
	bool holds = true;

	for (u8 value = 0x5a;; value = 0xa5) {
		outb(value, port);
		holds &= inb(port) == value;
		if (value == 0xa5)
			break;
	}
	outb(before, port);
	return holds;
}

bool wait_for_port(const char *what, u16 port, u8 bits)
{
	return report_if_failed(wait_until(inb(port) & bits, ANSWER_MS),
				"%s: port %#x reads %#x, and none of the bits %#x came", what, port,
				inb(port), bits);
}
