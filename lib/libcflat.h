/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests' small C library. Names that kvm-unit-tests has mean the same here. This file has
 * types, formatted output and ways to leave the guest. It includes what every program needs, so a
 * program begins with this one include.
 */
#ifndef LIBCFLAT_H
#define LIBCFLAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned long ulong;
typedef u64 phys_addr_t;

#define ARRAY_SIZE(array)		    (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)			    ((a) < (b) ? (a) : (b))
#define MAX(a, b)			    ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a)		    ((x) & ~((typeof(x))(a)-1))
#define ALIGN(x, a)			    ALIGN_DOWN((x) + (typeof(x))(a)-1, a)
#define IS_ALIGNED(x, a)		    (((x) & ((typeof(x))(a)-1)) == 0)
#define BIT(n)				    (1ul << (n))
#define GENMASK(high, low)		    ((~0ul >> (63 - (high))) & (~0ul << (low)))
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define xxstr(s...)			    #s
#define xstr(s...)			    xxstr(s)

#define __noreturn	  __attribute__((noreturn))
#define __noinline	  __attribute__((noinline))
#define __used		  __attribute__((used))
#define __aligned(n)	  __attribute__((aligned(n)))
#define __packed	  __attribute__((packed))
#define __printf(f, args) __attribute__((format(printf, f, args)))
#define likely(x)	  __builtin_expect(!!(x), 1)
#define unlikely(x)	  __builtin_expect(!!(x), 0)

/* Access memory that other CPUs or devices access, too: exactly one read, or one write. */
#define READ_ONCE(x)	   (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val) (*(volatile typeof(x) *)&(x) = (val))

/*
 * Conversions are d i u o x X c s p %, with the flags - 0 + # and space, width and precision
 * (numbers or *), and the lengths hh h l ll z j t. These functions return the length of the whole
 * text, even if a buffer of `size` bytes has cut it.
 */
int printf(const char *format, ...) __printf(1, 2);
int vprintf(const char *format, va_list arguments) __printf(1, 0);
int snprintf(char *buffer, size_t size, const char *format, ...) __printf(3, 4);
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments) __printf(3, 0);

/* Like kvm-unit-tests' puts(), this adds no newline. */
void puts(const char *text);
int putchar(int c);

/* Waits for a byte of input. Aborts after ten minutes times timescale. */
int getchar(void);

/* Prints the `bye` line and leaves the guest. For the status see docs/protocol.md. */
void exit(int status) __noreturn;
/* Prints a backtrace and calls exit(127). */
void abort(void) __noreturn;

/* Prints a backtrace, as one line that begins with STACK:. */
void dump_stack(void);

#define assert(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("%s:%d: assert failed: %s\n", __FILE__, __LINE__, #condition);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define assert_msg(condition, format, ...)                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("%s:%d: assert failed: %s: " format "\n", __FILE__, __LINE__,       \
			       #condition, ##__VA_ARGS__);                                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#include "string.h"
#include "stdlib.h"
#include "ctype.h"
#include "report.h"
#include "test.h"
#include "argument.h"
#include "deadline.h"
#include "host.h"
#include "migrate.h"

#endif
