/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's ELF file tells without being run: its tests (docs/protocol.md,
 * "Test descriptors") and which function and line an address belongs to.
 */
#ifndef FERRY_HOST_GUEST_IMAGE_H
#define FERRY_HOST_GUEST_IMAGE_H

#include <glib.h>

struct guest_test {
	char *name;
	char *about;
	gboolean each_cpu; /* runs on each CPU in turn, not only on the boot CPU */
	char **needs;	   /* names of guest features */
};

/*
 * The tests in the .elf beside the flat binary FILE, as an array of struct
 * guest_test that the caller unrefs. A file without a .tests section gives an
 * empty array: it is a guest of another suite.
 */
GPtrArray *guest_image_tests(const char *file, GError **error);

/*
 * The functions and lines of a "STACK: @ADDRESS ADDRESS..." line of the guest
 * FILE, one "#N function at file:line" a line, as addr2line(1) tells; NULL if it
 * cannot. The caller frees it.
 */
char *guest_image_backtrace(const char *file, const char *stack_line);

#endif
