// SPDX-License-Identifier: GPL-2.0-or-later
/* The UART at COM1, with the data sheet's names. See uart.h. */
#include "uart.h"
#include "io.h"
#include "processor.h"

#define COM1 0x3f8
#define RBR  (COM1 + 0)
#define THR  (COM1 + 0)
#define DLL  (COM1 + 0)
#define IER  (COM1 + 1)
#define DLM  (COM1 + 1)
#define FCR  (COM1 + 2)
#define LCR  (COM1 + 3)
#define MCR  (COM1 + 4)
#define LSR  (COM1 + 5)

#define FCR_ENABLE     0x01
#define FCR_TRIGGER_14 0xc0
#define LCR_8N1	       0x03
#define LCR_DLAB       0x80
#define MCR_DTR_RTS    0x03
#define LSR_DR	       0x01
#define LSR_THRE       0x20
#define LSR_TEMT       0x40
#define DIVISOR_115200 1
#define FIFO_SIZE      16

void uart_init(void)
{
	outb(0, IER);
	outb(LCR_DLAB | LCR_8N1, LCR);
	outb(DIVISOR_115200, DLL);
	outb(0, DLM);
	outb(LCR_8N1, LCR);
	/*
	 * The trigger level is meant for interrupts, which are off. But it also limits how many
	 * bytes QEMU takes from the host at a time.
	 */
	outb(FCR_ENABLE | FCR_TRIGGER_14, FCR);
	outb(MCR_DTR_RTS, MCR);
}

void uart_write(const char *bytes, size_t count)
{
	while (count) {
		size_t burst = MIN(count, (size_t)FIFO_SIZE);

		/* THRE says that the transmit FIFO is empty, so it takes 16 bytes. */
		while (!(inb(LSR) & LSR_THRE))
			pause();
		count -= burst;
		asm volatile("rep outsb" : "+S"(bytes), "+c"(burst) : "d"(THR) : "memory");
	}
}

void uart_drain(void)
{
	while (!(inb(LSR) & LSR_TEMT))
		pause();
}

int uart_read(void)
{
	return inb(LSR) & LSR_DR ? inb(RBR) : -1;
}
