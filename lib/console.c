// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's output, by the rules of docs/protocol.md. See console.h. */
#include "console.h"
#include "atomic.h"
#include "format.h"
#include "io.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "uart.h"

#define DEBUG_EXIT_PORT 0xf4
#define STATUS_ABORTED	127

/* How long console_seize() waits for another CPU to end its line. */
#define SEIZE_MILLISECONDS 1000

extern const char program_name[];

static struct {
	/* The number + 1 of the CPU that is printing, or 0. */
	u32 holder;
	int depth;
	u64 sequence, offset;
	bool in_line;
	bool seized;
	bool hello_said;
} console;

struct line {
	size_t length;
	char text[CONSOLE_LINE];
};

static PER_CPU(struct line, this_line);

/*
 * Interrupts are off while a CPU holds the console, so that a handler which prints cannot deadlock.
 * Exceptions and NMIs can still come and print, so the lock nests, and depth counts how often.
 */
static u64 console_lock(void)
{
	u64 flags = irq_save();
	u32 me = smp_id() + 1;

	if (READ_ONCE(console.holder) != me) {
		while (READ_ONCE(console.holder) || cmpxchg(&console.holder, 0, me))
			pause();
	}
	console.depth++;
	return flags;
}

static void console_unlock(u64 flags)
{
	if (!--console.depth && !console.seized)
		__atomic_store_n(&console.holder, 0, __ATOMIC_RELEASE);
	irq_restore(flags);
}

static void send(const char *text, size_t length)
{
	if (!length)
		return;
	console.offset += length;
	console.in_line = text[length - 1] != '\n';
	uart_write(text, length);
}

/* Ends a line that is unfinished. */
static void begin_line(void)
{
	if (!console.hello_said)
		console_hello(0);
	if (console.in_line)
		send("\n", 1);
}

/*
 * Prints the part of a line that is buffered. `continued` says that an earlier part is already out.
 */
static void send_line(struct line *line, bool continued)
{
	if (!continued)
		begin_line();
	send(line->text, line->length);
	line->length = 0;
}

void console_write(const char *text, size_t length)
{
	struct line *line;
	bool held = false;
	u64 flags = irq_save(), lock_flags = 0;

	show_life();
	line = &this_cpu(this_line);
	while (length) {
		const char *newline = memchr(text, '\n', length);
		size_t part = newline ? (size_t)(newline - text) + 1 : length;

		part = MIN(part, sizeof(line->text) - line->length);
		memcpy(line->text + line->length, text, part);
		line->length += part;
		text += part;
		length -= part;

		if (line->text[line->length - 1] == '\n') {
			if (!held)
				lock_flags = console_lock();
			send_line(line, held);
			console_unlock(lock_flags);
			held = false;
		} else if (line->length == sizeof(line->text)) {
			/* The buffer is full. Keep the console until the line ends. */
			if (!held)
				lock_flags = console_lock();
			send_line(line, held);
			held = true;
		}
	}
	if (held) {
		send_line(line, true);
		console_unlock(lock_flags);
	}
	irq_restore(flags);
}

static void write_line(void *context, const char *text, size_t length)
{
	console_write(text, length);
}

int vprintf(const char *format, va_list arguments)
{
	return format_text(write_line, NULL, format, arguments);
}

void puts(const char *text)
{
	console_write(text, strlen(text));
}

int putchar(int c)
{
	char byte = c;

	console_write(&byte, 1);
	return (u8)c;
}

/* Gathers a machine line, since the UART takes 16 bytes at a time. */
struct pieces {
	size_t length;
	char text[256];
};

static void flush_pieces(struct pieces *pieces)
{
	send(pieces->text, pieces->length);
	pieces->length = 0;
}

static void write_pieces(void *context, const char *text, size_t length)
{
	struct pieces *pieces = context;

	while (length) {
		size_t part = MIN(length, sizeof(pieces->text) - pieces->length);

		memcpy(pieces->text + pieces->length, text, part);
		pieces->length += part;
		text += part;
		length -= part;
		if (pieces->length == sizeof(pieces->text))
			flush_pieces(pieces);
	}
}

static void __printf(2, 3) format_pieces(struct pieces *pieces, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	format_text(write_pieces, pieces, format, arguments);
	va_end(arguments);
}

static u64 vmachine_line(const char *verb, const char *format, va_list arguments)
{
	struct line *line = &this_cpu(this_line);
	struct pieces pieces = { 0 };
	u64 flags = console_lock();
	u64 sequence;

	begin_line();
	if (line->length) {
		send_line(line, false);
		begin_line();
	}
	sequence = ++console.sequence;
	format_pieces(&pieces, "@%lu+%lu %s%s", sequence, console.offset, verb, *format ? " " : "");
	format_text(write_pieces, &pieces, format, arguments);
	format_pieces(&pieces, "\n");
	flush_pieces(&pieces);
	console_unlock(flags);
	return sequence;
}

u64 machine_line(const char *verb, const char *format, ...)
{
	va_list arguments;
	u64 sequence;

	va_start(arguments, format);
	sequence = vmachine_line(verb, format, arguments);
	va_end(arguments);
	return sequence;
}

void mark(const char *name, const char *format, ...)
{
	char text[CONSOLE_LINE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	machine_line("mark", "name=%s %s", name, text);
}

char *machine_value(char *text)
{
	for (char *at = text; *at; at++) {
		if (*at == '"')
			*at = '\'';
		else if (*at == '\\')
			*at = '/';
		else if (!isprint(*at))
			*at = ' ';
	}
	return text;
}

void console_hello(int tests)
{
	u64 flags = console_lock();

	if (!console.hello_said) {
		console.hello_said = true;
		machine_line("hello", "protocol=1 program=%s cpus=%d tests=%d", program_name,
			     cpu_count(), tests);
	}
	console_unlock(flags);
}

int console_read(void)
{
	return uart_read();
}

void console_miscount(int bytes, int lines)
{
	u64 flags = console_lock();

	console.offset += bytes;
	console.sequence += lines;
	console_unlock(flags);
}

void console_raw(const char *bytes, size_t count)
{
	u64 flags = console_lock();

	begin_line();
	send(bytes, count);
	console_unlock(flags);
}

void console_newline_elsewhere(void)
{
	u64 flags = console_lock();

	console.offset++;
	console.in_line = false;
	console_unlock(flags);
}

void console_seize(void)
{
	u32 me = smp_id() + 1;

	irq_disable();
	if (READ_ONCE(console.holder) != me)
		wait_in_full(!cmpxchg(&console.holder, 0, me), SEIZE_MILLISECONDS);
	/* Take it from another CPU, which may go on printing: the guest is about to end. */
	WRITE_ONCE(console.holder, me);
	console.seized = true;
	console.depth = 0;
}

static void __noreturn leave(int status)
{
	uart_drain();
	outb(status, DEBUG_EXIT_PORT);
	/* There is no isa-debug-exit device: the guest goes on. */
	puts("No device at port 0xf4 took the exit status: halted\n");
	for (;;) {
		irq_disable();
		halt();
	}
}

void console_exit(int status)
{
	console_seize();
	machine_line("bye", "status=%d", status);
	report_print_summary();
	leave(status);
}

void console_abort(void)
{
	console_exit(STATUS_ABORTED);
}
