// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The UART at COM1 (16550A data sheet), without interrupts. What guests write goes to stdout at
 * once, so the transmitter is always empty. What comes from stdin waits in a FIFO.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "message.h"
#include "sentence.h"

#define COM1 0x3f8

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, REGISTERS };

#define LCR_DLAB 0x80
#define LSR_DR	 0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define IIR_NONE 0xc1 /* no interrupt is pending; the FIFOs are on */
#define MSR_IDLE 0xb0 /* carrier, data set ready, clear to send */

/* More than a FIFO has, so that an answer of the runner arrives as a whole. */
#define ROOM 256

static struct {
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	uint16_t first, count; /* bytes that the guest has not read yet */
	uint8_t bytes[ROOM];
} uart;

/* The director's thread fills the FIFO. */
static pthread_mutex_t fifo_lock = PTHREAD_MUTEX_INITIALIZER;

size_t serial_room(void)
{
	size_t room;

	pthread_mutex_lock(&fifo_lock);
	room = ROOM - uart.count;
	pthread_mutex_unlock(&fifo_lock);
	return room;
}

size_t serial_receive(const uint8_t *bytes, size_t count)
{
	pthread_mutex_lock(&fifo_lock);
	if (count > (size_t)ROOM - uart.count)
		count = ROOM - uart.count;
	for (size_t i = 0; i < count; i++)
		uart.bytes[(uart.first + uart.count++) % ROOM] = bytes[i];
	pthread_mutex_unlock(&fifo_lock);
	return count;
}

static uint8_t take_byte(void)
{
	uint8_t byte = 0;

	pthread_mutex_lock(&fifo_lock);
	if (uart.count) {
		byte = uart.bytes[uart.first];
		uart.first = (uart.first + 1) % ROOM;
		uart.count--;
	}
	pthread_mutex_unlock(&fifo_lock);
	return byte;
}

/* Bytes of one access, which may be a whole string (OUTS). One write(2) is much cheaper than many.
 */
static struct {
	uint8_t bytes[ROOM];
	size_t count;
} sent;

static void write_sent(struct machine *machine)
{
	size_t done = 0;

	sentence_watch(sent.bytes, sent.count);
	while (done < sent.count) {
		ssize_t count = write(STDOUT_FILENO, sent.bytes + done, sent.count - done);

		if (count < 0 && errno != EINTR)
			die(STATUS_SETUP, "cannot write the guest's console to stdout: %s",
			    strerror(errno));
		done += count > 0 ? count : 0;
	}
	sent.count = 0;
}

static void transmit(uint8_t byte)
{
	if (sent.count == sizeof(sent.bytes))
		write_sent(NULL);
	sent.bytes[sent.count++] = byte;
}

static uint32_t in(struct machine *machine, unsigned offset, unsigned size)
{
	bool divisor = uart.lcr & LCR_DLAB;

	switch (offset) {
	case DATA:
		return divisor ? uart.dll : take_byte();
	case IER:
		return divisor ? uart.dlm : uart.ier;
	case IIR:
		return IIR_NONE;
	case LCR:
		return uart.lcr;
	case MCR:
		return uart.mcr;
	case LSR:
		return LSR_THRE | LSR_TEMT | (serial_room() < ROOM ? LSR_DR : 0);
	case MSR:
		return MSR_IDLE;
	default:
		return uart.scr;
	}
}

static void out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	bool divisor = uart.lcr & LCR_DLAB;

	switch (offset) {
	case DATA:
		if (divisor)
			uart.dll = value;
		else
			transmit(value);
		break;
	case IER:
		if (divisor)
			uart.dlm = value;
		else
			uart.ier = value;
		break;
	case LCR:
		uart.lcr = value;
		break;
	case MCR:
		uart.mcr = value;
		break;
	case SCR:
		uart.scr = value;
		break;
	}
}

static bool is_polled(unsigned offset)
{
	return offset == LSR;
}

static void reset(struct machine *machine)
{
	pthread_mutex_lock(&fifo_lock);
	memset(&uart, 0, sizeof(uart));
	pthread_mutex_unlock(&fifo_lock);
}

const struct device serial_device = {
	.name = "serial",
	.port = COM1,
	.ports = REGISTERS,
	.in = in,
	.out = out,
	.access_over = write_sent,
	.is_polled = is_polled,
	.reset = reset,
	.state = &uart,
	.state_size = sizeof(uart),
};
