// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of events of an L2 on SVM: single steps, which trap after an instruction (13.1); and
 * many events of all kinds, with the migration at any instruction. See svm_event.c for the manual.
 *
 * A broken hypervisor loses the #DB that is due, or delivers it both before and after the
 * migration; or it saves a guest between an event's request and its delivery, and forgets the
 * event.
 *
 * On the command line: break=lost leaves the injected events out.
 */
#include "libcflat.h"
#include "apic.h"
#include "cpuid.h"
#include "x86/nested/steps.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_event/svm_event.h"

/* ======== debug exceptions: x86/nested/steps.c has more ======== */

FEATURE(L2_BREAKPOINTS, "a CPU that is not QEMU's TCG, where breakpoints of L2 are its host's")
{
	return !is_tcg();
}

static void check_step(struct l2 *l2, int step, u64 rip)
{
	report_if_failed(rip == (u64)steps[step], "step %d is at rip 0x%lx, should be 0x%lx", step,
			 rip, (u64)steps[step]);
	report_if_failed(l2_dr6(l2) & DR6_BS, "step %d: DR6.BS is clear: 0x%lx", step, l2_dr6(l2));
	l2_set_dr6(l2, l2_dr6(l2) & ~DR6_BS);
}

/*
 * A broken hypervisor loses TF or the #DB that is due, or delivers the #DB both before and after
 * the migration.
 */
TEST(step_taken_by_l2, .on = EACH_CPU, .needs = SVM,
     .about = "L2 gets #DB after each single step, with a migration in L1 between two steps")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	for (int step = 0; step < STEPS; step++) {
		expect_event(l2, DB_VECTOR, NO_CODE, (u64)steps[step], "a step");
		check_step(l2, step, last_event_frame()->rip);
		if (step == 2)
			migrate_quiet();
	}
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	event_l2_free(l2);
}

TEST(step_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an intercepted #DB exits after each single step, with a migration in L1 between two steps")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	svm_set_intercept(l2, INTERCEPT_EXCEPTION + DB_VECTOR);
	for (int step = 0; step < STEPS; step++) {
		expect_exit(l2, SVM_EXIT_EXCP_BASE + DB_VECTOR, "a step");
		check_step(l2, step, l2->vmcb->save.rip);
		report(!!(l2->vmcb->save.rflags & X86_EFLAGS_TF) == (step < STEPS - 1),
		       "step %d: TF in the VMCB: rflags 0x%lx", step, l2->vmcb->save.rflags);
		if (step == 2)
			migrate_quiet();
	}
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	event_l2_free(l2);
}

TEST(step_moved_in_l2, .on = EACH_CPU, .needs = SVM,
     .about = "L2 gets #DB after each single step, with a migration in its #DB handler")
{
	step_in_l2(MIGRATED_IN_HANDLER);
}

/* ======== many ======== */

enum kind {
	INJECT_INTERRUPT,
	INJECT_NMI,
	INJECT_EXCEPTION,
	INJECT_EXCEPTION_WITH_CODE,
	VIRTUAL_INTERRUPT,
	INTERCEPTED_INTERRUPT,
	INTERCEPTED_NMI,
	KINDS,
};

/*
 * Sends one event of this kind through L2 and back. False, with a failure, if it did not come or
 * something else came.
 */
static bool one_event(struct l2 *l2, enum kind kind, u32 round)
{
	static const u8 vectors[] = { LOW_VECTOR, TIMER_VECTOR, HIGH_VECTOR };
	struct vmcb_control_area *control = &l2->vmcb->control;
	u8 vector = 0x30 + round % 0xb0;
	u64 rip = l2->vmcb->save.rip, code = NO_CODE;
	u64 exitcode = SVM_EXIT_VMMCALL;
	bool good = true;

	/* TCG would fail here for another reason than the migration: see after_migration(). */
	if (kind == VIRTUAL_INTERRUPT && is_tcg())
		kind = INJECT_INTERRUPT;
	switch (kind) {
	case INJECT_INTERRUPT:
		inject(l2, SVM_EVTINJ_TYPE_INTR | vector);
		break;
	case INJECT_NMI:
		vector = NMI_VECTOR;
		inject(l2, SVM_EVTINJ_TYPE_NMI | vector);
		break;
	case INJECT_EXCEPTION:
		vector = UD_VECTOR;
		inject(l2, SVM_EVTINJ_TYPE_EXEPT | vector);
		break;
	case INJECT_EXCEPTION_WITH_CODE:
		vector = GP_VECTOR;
		code = round << 3 & 0xfff8;
		inject(l2, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | vector |
				   code << SVM_EVTINJ_ERR_SHIFT);
		break;
	case VIRTUAL_INTERRUPT:
		svm_virtual_irq(l2, vector);
		break;
	case INTERCEPTED_INTERRUPT:
		vector = vectors[round / KINDS % ARRAY_SIZE(vectors)];
		exitcode = SVM_EXIT_INTR;
		break;
	default:
		vector = NMI_VECTOR;
		exitcode = SVM_EXIT_NMI;
	}
	clgi();
	if (kind == INTERCEPTED_INTERRUPT)
		pend(vector);
	if (kind == INTERCEPTED_NMI)
		apic_send_nmi(smp_id());
	event_enter_gif_clear(l2);
	if (exitcode == SVM_EXIT_VMMCALL)
		good &= is_event(l2, vector, code, rip);
	else
		good &= control->exitcode == exitcode && l2->vmcb->save.rip == rip;
	good &= !(control->v_intr & V_IRQ_MASK) && !l1_count();
	if (!good)
		report_fail(
			"round %u, kind %u, vector 0x%x, error code 0x%lx, rip 0x%lx: %s; L1 got %u events before STGI",
			round, kind, vector, code, rip, what_came(l2), l1_count());
	stgi();
	if (exitcode != SVM_EXIT_VMMCALL &&
	    !(wait_until(l1_count(), PATIENCE_MS) && l1_count() == 1 && l1_first() == vector)) {
		report_fail("round %u, kind %u, vector 0x%x: L1 got %u events, the first 0x%x",
			    round, kind, vector, l1_count(), l1_first());
		good = false;
	}
	l1_forget();
	if (event_of(l2) != NO_EVENT)
		leave_event(l2);
	l2_enter(l2);
	if (event_of(l2) != NO_EVENT || !l2_is_call(l2, 1) || l1_count()) {
		report_fail("round %u, kind %u, vector 0x%x: and then %s; L1 got %u events", round,
			    kind, vector, what_came(l2), l1_count());
		good = false;
	}
	l2_skip_call(l2);
	return good;
}

/*
 * Some errors show only if the migration comes at a certain instruction: between VMRUN and the
 * delivery, between #VMEXIT and STGI, in the handler. Each event differs from the last one.
 */
TEST(many_events, .on = EACH_CPU, .needs = SVM,
     .about =
	     "many events of all kinds come to L2 or L1 once each, whenever the machine is migrated")
{
	struct l2 *l2 = event_l2_new(l2_call_forever, (void *)1);
	u32 rounds = scaled_count(3000, 10 * KINDS), round;

	svm_set_intercept(l2, INTERCEPT_INTR);
	svm_set_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	expect_call(l2, 1, "the first call");
	for (round = 0; round < rounds; round++)
		if (!one_event(l2, round % KINDS, round))
			break;
	report(round == rounds, "%u of %u events came as they should", round, rounds);
	event_l2_free(l2);
}
