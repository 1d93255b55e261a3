/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers from text (ISO C 7.22.1: base 0 or 2 to 36, saturating on overflow)
 * and memory by the byte.
 */
#ifndef STDLIB_H
#define STDLIB_H

#include <stddef.h>

long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
long atol(const char *text);

/*
 * Memory is not cleared by malloc and memalign, and is by calloc. Aligned to 16
 * bytes at least. They abort when memory runs out, so never return NULL; a size
 * of 0 gives a pointer that only free() may have. Identity mapped: a pointer is
 * also a physical address.
 */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
/* alignment is a power of 2. */
void *memalign(size_t alignment, size_t size);
/* Aborts when the pointer did not come from these or was freed before. */
void free(void *memory);

#endif
