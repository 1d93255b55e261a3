// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual GIF (15.33) and virtual NMIs (15.21.10), by which the processor keeps L2's GIF and NMI
 * blocking itself. See svm_event.c.
 */
#include "libcflat.h"
#include "percpu.h"
#include "processor.h"
#include "x86/svm_event/svm_event.h"

/* ======== virtual GIF ======== */

L2_CODE(stgi_nops, (void),
	"at_stgi:\n"
	"	stgi\n"
	"behind_stgi:\n"
	"	nop\n"
	"	nop\n");
extern char at_stgi[], behind_stgi[];

static void in_vgif(void *data)
{
	clgi();
	l2_call(1);
	migrate_quiet();
	after_migration();
	l2_call(2);
	stgi_nops();
	l2_call(3);
}

static bool check_v_gif(const struct l2 *l2, bool set, const char *when)
{
	return report(!!(l2->vmcb->control.v_intr & V_GIF_MASK) == set,
		      "%s: V_GIF is %s: V_INTR 0x%lx", when, set ? "set" : "clear",
		      l2->vmcb->control.v_intr);
}

static struct l2 *begin_vgif(void)
{
	struct l2 *l2 = event_l2_new(in_vgif, NULL);

	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_GIF_ENABLE_MASK | V_GIF_MASK;
	return l2;
}

/*
 * A hypervisor that loses V_GIF lets the virtual interrupt in after the migration. One that takes
 * L2's GIF for L1's holds back L1's events, or lets in L2's.
 */
TEST(vgif_holds_virq, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VGIF),
     .about =
	     "a virtual interrupt that virtual GIF holds back survives a migration in L2, and comes at L2's STGI, once")
{
	struct l2 *l2 = begin_vgif();

	expect_call(l2, 1, "L2's CLGI");
	check_v_gif(l2, false, "L2's CLGI");
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 2, "migrated with V_IRQ");
	check_v_gif(l2, false, "migrated with V_IRQ");
	check_virq(l2, true, "migrated with V_IRQ");
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_stgi, "L2's STGI");
	check_v_gif(l2, true, "L2's STGI");
	check_virq(l2, false, "taken");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor loses the intercepts, or also executes the instruction. */
TEST(vgif_intercepts, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VGIF),
     .about =
	     "with virtual GIF, intercepted CLGI and STGI exit and leave V_GIF unchanged, before and after a migration")
{
	struct l2 *l2 = begin_vgif();

	svm_set_intercept(l2, INTERCEPT_CLGI);
	expect_exit(l2, SVM_EXIT_CLGI, "CLGI");
	check_v_gif(l2, true, "CLGI intercepted");
	svm_clear_intercept(l2, INTERCEPT_CLGI);
	svm_set_intercept(l2, INTERCEPT_STGI);
	expect_call(l2, 1, "CLGI not intercepted");
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 2, "moved");
	expect_exit(l2, SVM_EXIT_STGI, "STGI after the migration");
	check_rip(l2, at_stgi, "at STGI");
	check_v_gif(l2, false, "STGI intercepted");
	check_virq(l2, true, "STGI intercepted");
	svm_clear_intercept(l2, INTERCEPT_STGI);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_stgi, "STGI not intercepted");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== virtual NMI ======== */

/* V_NMI_BLOCKING is set while the NMI handler runs, until its IRET (15.21.10). */
TEST(vnmi, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VNMI),
     .about =
	     "a virtual NMI that is pending in a migration while L2 is in its NMI handler comes after the handler's IRET, once")
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	u64 *v_intr = &l2->vmcb->control.v_intr;
	u64 rip = l2->vmcb->save.rip;

	svm_set_intercept(l2, INTERCEPT_NMI);
	*v_intr |= V_NMI_ENABLE_MASK | V_NMI_PENDING_MASK;
	expect_event(l2, NMI_VECTOR, NO_CODE, rip, "V_NMI");
	report((*v_intr & (V_NMI_PENDING_MASK | V_NMI_BLOCKING_MASK)) == V_NMI_BLOCKING_MASK,
	       "taken: V_INTR 0x%lx", *v_intr);
	*v_intr |= V_NMI_PENDING_MASK;
	migrate_quiet();
	expect_event(l2, NMI_VECTOR, NO_CODE, rip, "a second one, after IRET");
	report(!runs, "no instruction of L2 ran in between (%u runs)", runs);
	expect_end(l2);
	report(!(*v_intr & (V_NMI_PENDING_MASK | V_NMI_BLOCKING_MASK)), "after IRET: V_INTR 0x%lx",
	       *v_intr);
	event_l2_free(l2);
}
