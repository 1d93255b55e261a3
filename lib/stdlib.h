/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers from text, and memory by the byte (ISO C 7.22). */
#ifndef STDLIB_H
#define STDLIB_H

#include <stddef.h>

/* `base` is 0, or 2 to 36. A number that is too large gives the largest there is. */
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
long atol(const char *text);

/*
 * calloc() clears the memory, malloc() and memalign() do not. Memory is aligned to at least 16
 * bytes, and identity mapped: a pointer is also a physical address. These abort when memory runs
 * out, so they never return NULL. A size of 0 gives a pointer that may be passed to free() and
 * nothing else.
 */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
/* `alignment` is a power of 2, in bytes. */
void *memalign(size_t alignment, size_t size);
/* Takes NULL too. Aborts if the pointer is not from these functions, or was freed before. */
void free(void *memory);

#endif
