/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's ELF file tells without being run: its tests (docs/protocol.md, "Test
 * descriptors"), and which function and line an address belongs to.
 */
#ifndef FERRY_HOST_GUEST_IMAGE_H
#define FERRY_HOST_GUEST_IMAGE_H

#include <glib.h>

struct guest_test {
	char *name;
	char *about;
	gboolean each_cpu; /* runs on each CPU in turn, not only on the boot CPU */
	char **needs;	   /* descriptions of the guest features without which it skips */
};

/*
 * The tests in the .elf beside the flat binary FILE: an array of struct guest_test that the caller
 * unrefs. It is empty if the file has no section .tests, as in a guest of another suite. NULL and
 * ERROR if the file cannot be read or is damaged.
 */
GPtrArray *guest_image_tests(const char *file, GError **error);

/*
 * What addr2line(1) makes of a line "STACK: @ADDRESS ADDRESS..." that the guest FILE has printed:
 * a line "#N function at file:line" for each address; NULL if it fails. The caller frees it.
 */
char *guest_image_backtrace(const char *file, const char *stack_line);

#endif
