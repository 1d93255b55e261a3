/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550 UART at COM1 (National Semiconductor PC16550D data sheet), without interrupts. */
#ifndef X86_UART_H
#define X86_UART_H

#include "libcflat.h"

void uart_init(void);
/* Waits without a deadline for room in the FIFO, since nothing could be printed about it. */
void uart_write(const char *bytes, size_t count);
/* Waits until the last bit has been sent. */
void uart_drain(void);
/* The next byte of input, or -1 if none has come. */
int uart_read(void);

#endif
