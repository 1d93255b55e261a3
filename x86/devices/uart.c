// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: a serial port that is not the console's, at COM2 (National Semiconductor PC16550D data
 * sheet). See devices.c.
 *
 * A broken hypervisor loses bytes in the FIFO, an interrupt that waits to be identified, or a
 * register. Loopback mode makes the port send to itself, so nothing is needed at its other end.
 */
#include "deadline.h"
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "x86/devices/devices.h"

#define COM2 0x2f8
#define RBR  (COM2 + 0) /* read */
#define THR  (COM2 + 0) /* written */
#define DLL  (COM2 + 0) /* with LCR_DLAB */
#define IER  (COM2 + 1)
#define DLM  (COM2 + 1) /* with LCR_DLAB */
#define IIR  (COM2 + 2) /* read */
#define FCR  (COM2 + 2) /* written */
#define LCR  (COM2 + 3)
#define MCR  (COM2 + 4)
#define LSR  (COM2 + 5)
#define SCR  (COM2 + 7)

#define IER_THRE   0x02
#define IER_STATUS 0x08
#define IIR_ID	   0x0f
#define IIR_NONE   0x01
#define IIR_THRE   0x02
#define IIR_FIFOS  0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR  0x06
#define LCR_8N1	   0x03
#define LCR_7E2	   0x1e /* seven bits, even parity, two stop bits */
#define LCR_DLAB   0x80
#define MCR_LOOP   0x10
#define MCR_OUT1   0x04
#define MCR_DTR	   0x01
#define LSR_DR	   0x01

FEATURE(COM2_PORT, "a serial port at COM2 (port 0x2f8)")
{
	return port_holds(SCR);
}

static void reset_port(void)
{
	outb(0, IER);
	outb(LCR_8N1, LCR);
	outb(0, MCR);
	outb(FCR_CLEAR, FCR);
	outb(0, FCR);
	inb(LSR);
	inb(IIR);
}

TEST(uart_registers, .needs = COM2_PORT,
     .about = "the registers of a serial port survive an action")
{
	static const struct port_register registers[] = {
		{ "IER", IER, 0x0f }, { "LCR", LCR, 0xff },	 { "MCR", MCR, 0x1f },
		{ "SCR", SCR, 0xff }, { "IIR", IIR, IIR_FIFOS },
	};
	static const struct port_register divisor[] = {
		{ "DLL", DLL, 0xff },
		{ "DLM", DLM, 0xff },
	};

	reset_port();
	outb(LCR_DLAB | LCR_7E2, LCR);
	outb(0x56, DLL);
	outb(0x12, DLM);
	check_ports_kept(divisor, ARRAY_SIZE(divisor));
	outb(LCR_7E2, LCR);
	outb(FCR_ENABLE, FCR);
	outb(IER_STATUS, IER);
	outb(MCR_OUT1 | MCR_DTR, MCR);
	outb(0xc9, SCR);
	check_ports_kept(registers, ARRAY_SIZE(registers));
	outb(LCR_DLAB | LCR_8N1, LCR);
	outb(1, DLL);
	outb(0, DLM);
	reset_port();
}

#define BYTES 9

TEST(uart_bytes_wait, .needs = COM2_PORT,
     .about = "bytes in a serial port's receive FIFO are there after an action, in order")
{
	int count = 0;

	reset_port();
	outb(FCR_ENABLE, FCR);
	outb(MCR_LOOP, MCR);
	for (int i = 0; i < BYTES; i++) {
		outb(0x41 + i, THR);
		/* The next one may follow when this one has come, whatever the port's speed. */
		wait_for_port("the transmitter is empty", LSR, 0x40);
	}
	wait_for_port("a byte has come", LSR, LSR_DR);
	migrate_quiet();
	for (; count <= BYTES && (inb(LSR) & LSR_DR); count++) {
		u8 byte = inb(RBR);

		report_if_failed(byte == 0x41 + count, "byte %d is %#x, %#x was sent", count, byte,
				 0x41 + count);
	}
	report(count == BYTES, "%d of %d bytes were there", count, BYTES);
	reset_port();
}

TEST(uart_interrupt_waits, .needs = COM2_PORT,
     .about =
	     "an interrupt of a serial port that nobody has identified can be identified after an action")
{
	u8 id;

	reset_port();
	outb(IER_THRE, IER);
	migrate_quiet();
	id = inb(IIR) & IIR_ID;
	report(id == IIR_THRE, "IIR says %#x, and the transmitter is empty: %#x", id, IIR_THRE);
	id = inb(IIR) & IIR_ID;
	report(id == IIR_NONE, "IIR says %#x once it was read, %#x expected", id, IIR_NONE);
	migrate_quiet();
	id = inb(IIR) & IIR_ID;
	report(id == IIR_NONE, "IIR says %#x after another action, %#x expected", id, IIR_NONE);
	reset_port();
}
