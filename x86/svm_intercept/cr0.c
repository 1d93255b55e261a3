// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Selective CR0 writes (15.9): a write exits if it changes other bits than TS and MP. See
 * svm_intercept.c.
 */
#include "libcflat.h"
#include "x86/svm_intercept/svm_intercept.h"

/*
 * A write that only changes TS and MP does not exit. LMSW always exits, CLTS never does (15.9). RAX
 * is the old CR0, which the cleanup restores.
 */
#define CR0_WRITES(X)                                                                              \
	X(cr0_same, false, "mov %rax, %rcx", "mov %rcx, %cr0")                                     \
	X(cr0_ts, false, "mov %rax, %rcx; xor $8, %rcx", "mov %rcx, %cr0")                         \
	X(cr0_mp, false, "mov %rax, %rcx; xor $2, %rcx", "mov %rcx, %cr0")                         \
	X(cr0_am, true, "mov %rax, %rcx; xor $0x40000, %rcx", "mov %rcx, %cr0")                    \
	X(cr0_ne, true, "mov %rax, %rcx; xor $0x20, %rcx", "mov %rcx, %cr0")                       \
	X(cr0_am_ts, true, "mov %rax, %rcx; xor $0x40008, %rcx", "mov %rcx, %cr0")                 \
	X(clts, false, "", "clts")

/* LMSW has a test of its own, since some CPUs get it wrong. */
#define LMSW(X) X(lmsw_ts, true, "mov %eax, %ecx; xor $8, %ecx", "lmsw %cx")

#define CR0_STUB(id, selected, setup, instruction)                                                 \
	STUB(id, "mov operand_cr, %rax; " setup, instruction,                                      \
	     "mov operand_cr, %rax; mov %rax, %cr0")
#define CR0_ROW(id, selected, setup, instruction)                                                  \
	{ INSTRUCTION(id), .exit = SVM_EXIT_CR0_SEL_WRITE, .information = NOT_CHECKED,             \
	  .write = selected },

CR0_WRITES(CR0_STUB)
LMSW(CR0_STUB)

static const struct row cr0_writes[] = { CR0_WRITES(CR0_ROW) };
static const struct row lmsw[] = { LMSW(CR0_ROW) };

static void check_cr0_writes(const struct row *table, int count)
{
	struct l2 *l2 = begin(table, count);

	svm_set_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
	if (turn(l2, "selective, before the migration") &&
	    migrated_turn(l2, "selective, after a migration in L2")) {
		/* The intercept of all writes has priority over the selective one. */
		svm_set_intercept(l2, INTERCEPT_CR0_WRITE);
		turn(l2, "both");
		svm_clear_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
		turn(l2, "all writes");
		svm_clear_intercept(l2, INTERCEPT_CR0_WRITE);
		turn(l2, "neither");
	}
	end(l2);
}

/*
 * A broken hypervisor takes one of the two intercepts for the other, or ignores which bits change.
 */
TEST(cr0_selective, .on = EACH_CPU, .needs = SVM,
     .about =
	     "intercepted selective CR0 writes exit if they change more than TS and MP, across a migration in L2")
{
	check_cr0_writes(cr0_writes, ARRAY_SIZE(cr0_writes));
}

TEST(cr0_selective_lmsw, .on = EACH_CPU, .needs = SVM,
     .about =
	     "LMSW exits by the intercept of selective CR0 writes, whatever it writes, across a migration in L2")
{
	check_cr0_writes(lmsw, ARRAY_SIZE(lmsw));
}
