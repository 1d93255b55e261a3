// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of an L2: shutdown (15.14.3), and the double fault before it. See svm_intercept.c. */
#include "libcflat.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"

void nothing(void *unused)
{
}

static void shut_down(void *unused)
{
	static const struct descriptor_table_ptr no_idt;

	migrate_quiet();
	lidt(&no_idt);
	asm volatile("ud2");
}

/* A broken hypervisor ends or resets the machine when L2 shuts down. */
TEST(shutdown, .on = EACH_CPU, .needs = SVM,
     .about = "a triple fault in L2 after a migration is an exit to L1, which then runs another L2")
{
	struct l2 *l2 = l2_new(shut_down, NULL), *next;
	struct descriptor_table_ptr idtr;

	l2_expect(l2, SVM_EXIT_SHUTDOWN, "an L2 without an IDT");
	next = l2_new(nothing, NULL);
	l2_expect_return(next);
	l2_free(next);
	l2_start(l2, nothing, NULL);
	sidt(&idtr);
	l2->vmcb->save.idtr.limit = idtr.limit;
	l2->vmcb->save.idtr.base = idtr.base;
	l2_expect_return(l2);
	l2_free(l2);
}

/* Raises #GP, for which there is no gate, so that its delivery raises #GP again. */
static void double_fault(void *unused)
{
	static const struct descriptor_table_ptr no_idt;
	u64 nowhere = BIT(62);

	migrate_quiet();
	lidt(&no_idt);
	asm volatile("mov (%0), %%eax" : : "r"(nowhere) : "eax");
}

/* A broken hypervisor only notices a #DF that it delivers itself. */
TEST(double_fault, .on = EACH_CPU, .needs = SVM,
     .about = "a double fault in L2 after a migration exits if L1 intercepts #DF")
{
	struct l2 *l2 = l2_new(double_fault, NULL);

	svm_set_intercept(l2, INTERCEPT_EXCEPTION + DF_VECTOR);
	if (l2_expect(l2, SVM_EXIT_EXCP_BASE + DF_VECTOR, "#GP without an IDT"))
		report(!l2->vmcb->control.exitinfo1, "error code 0x%lx (should be 0)",
		       l2->vmcb->control.exitinfo1);
	l2_free(l2);
}
