// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Constants of the guests against the kernel's UAPI headers. A macro that two headers
 * define with different values is an error of the compiler, so that most of the test is
 * that this file compiles.
 */
#include <asm/svm.h>
#include <glib.h>

/* Only the macros, as for assembly. */
#define __ASSEMBLER__
#include "../lib/x86/svm-defs.h"

static void test_svm_exit_codes(void)
{
	g_assert_cmpint(SVM_EXIT_READ_CR0, ==, 0);
	g_assert_cmpint(SVM_EXIT_NPF, ==, 0x400);
	g_assert_cmpint(SVM_EXIT_ERR, ==, -1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/constants/svm-exit-codes", test_svm_exit_codes);
	return g_test_run();
}
