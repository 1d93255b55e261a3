/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory and strings (ISO C11 7.24). strchrnul() comes from GNU, and strdup() from POSIX. */
#ifndef STRING_H
#define STRING_H

#include <stdbool.h>
#include <stddef.h>

void *memset(void *to, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *memory, int byte, size_t size);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t most);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t most);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strchrnul(const char *s, int c);
char *strstr(const char *s, const char *part);
/* The caller frees the copy with free(). */
char *strdup(const char *s);

/* True if all of `text` matches `pattern`, where * and ? mean what they mean in a shell. */
bool simple_glob(const char *text, const char *pattern);

#endif
