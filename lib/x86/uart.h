/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550 UART at COM1, polled (National Semiconductor PC16550D data sheet). */
#ifndef X86_UART_H
#define X86_UART_H

#include "libcflat.h"

void uart_init(void);
/* Waits for as long as nobody takes the bytes: who would hear a complaint? */
void uart_write(const char *bytes, size_t count);
/* Until the last bit is out. */
void uart_drain(void);
/* The next byte, or -1 if none has come. */
int uart_read(void);

#endif
