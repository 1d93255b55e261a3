// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SVM's intercepts across a migration: AMD APM volume 2, 15.7 to 15.14 (what exits, with which
 * EXITCODE, EXITINFO1, EXITINFO2 and nRIP), 15.5.1 (which VMCBs VMRUN refuses) and 15.30 (the MSRs
 * of SVM itself).
 *
 * L1 sets intercepts in a VMCB. A hypervisor runs L2 with a VMCB of its own, which has L1's
 * intercepts and the hypervisor's own ones, and must give only exits of L1's intercepts to L1. In a
 * migration while L2 runs, this second VMCB stays at the source, and the destination makes a new
 * one. A broken hypervisor loses one of L1's intercepts, so that L2 executes what L1 wanted to see;
 * keeps one that L1 has cleared; gives L1 an exit that only the hypervisor wants; or writes another
 * exit code, register or RIP.
 *
 * How the tests see it: an L2 executes one instruction of each kind, one after the other
 * (x86/nested/instructions.h). L1's VMCB and bit maps tell whether an instruction should exit.
 *
 * What they cannot tell: whether an intercept was lost in the migration, or at an entry that was
 * made because of the migration. "before the migration" in a failure means that the migration is
 * not to blame.
 *
 * Not tested: INTR, NMI, SMI, INIT and VINTR; TASK_SWITCH, which long mode does not have; RSM and
 * SKINIT; #TS and #AC, which need legacy mode or CPL 3; NPF; VM_CR's LOCK and SVMDIS, which only a
 * reset is sure to clear.
 *
 * On the command line: break=WHAT, to spoil the test on purpose after the first migration in each
 * test:
 *
 * lost         L1 no longer intercepts HLT, selective CR0 writes, #UD, #PF, one MSR, the test's
 *              ports
 * gained       L1 intercepts PAUSE, RDTSC, #DE and #PF, which the test does not know
 * information  another EXITCODE is expected
 */
#include "libcflat.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"

#define PAUSE_LENGTH 2

/* ======== instructions ======== */

/* A broken hypervisor shifts the words of the intercepts, or takes one for its neighbour. */
TEST(instructions_alternate, .on = EACH_CPU, .needs = SVM,
     .about =
	     "with every other intercept on, exactly the intercepted instructions exit, across a migration in L2")
{
	struct l2 *l2 = begin_instructions();

	want(l2, every_other, 0);
	if (migrated_turn(l2, "every other, after a migration in L2")) {
		want(l2, every_other, 1);
		turn(l2, "the others, set after the migration");
	}
	end(l2);
}

/*
 * A broken hypervisor keeps L2's intercepts from one entry to the next, and loses them in a
 * migration.
 */
TEST(instructions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about =
	     "intercepts that L1 sets before a migration in L1, with GIF clear right before VMRUN, take effect")
{
	struct l2 *l2 = begin_instructions();

	want(l2, every_other, 0);
	if (turn(l2, "every other, before the migration")) {
		want(l2, every_other, 1);
		if (turn_after_migration_with_gif_clear(l2, "the others, after a migration in L1"))
			turn(l2, "the others again");
	}
	end(l2);
}

/* A broken hypervisor goes on with the intercepts of the entry before the migration. */
TEST(instructions_changed, .on = EACH_CPU, .needs = SVM,
     .about = "intercepts that L1 changes after a migration in L2 take effect at the next entry")
{
	struct l2 *l2 = begin_instructions();

	want(l2, all, 0);
	if (migrated_turn(l2, "all, after a migration in L2")) {
		want(l2, none, 0);
		if (turn(l2, "none, changed after the migration")) {
			want(l2, all, 0);
			turn(l2, "all again");
		}
	}
	end(l2);
}

static void one_instruction(int index)
{
	struct l2 *l2 = begin(&further_instructions[index], 1);

	want(l2, none, 0);
	if (turn(l2, "off, before the migration")) {
		want(l2, all, 0);
		if (turn(l2, "on, before the migration") &&
		    migrated_turn(l2, "on, after a migration in L2")) {
			want(l2, none, 0);
			turn(l2, "off again");
		}
	}
	end(l2);
}

FEATURE(RDTSCP_INSTRUCTION, "RDTSCP (CPUID Fn8000_0001_EDX bit 27)")
{
	return has_rdtscp();
}

TEST(instruction_rdtscp, .on = EACH_CPU, .needs = ALL_OF(SVM, RDTSCP_INSTRUCTION),
     .about = "RDTSCP exits by its own intercept, before and after a migration")
{
	one_instruction(RDTSCP);
}

TEST(instruction_invd, .on = EACH_CPU, .needs = SVM,
     .about = "INVD exits if it is intercepted, before and after a migration")
{
	one_instruction(INVD);
}

/* If ICEBP does not exit it raises #DB. So this also tests the priority of the two (15.12.2). */
TEST(instruction_icebp, .on = EACH_CPU, .needs = SVM,
     .about =
	     "ICEBP exits if it is intercepted and raises #DB if not, before and after a migration")
{
	one_instruction(ICEBP);
}

FEATURE(XSETBV_INSTRUCTION, "XSAVE (CPUID Fn0000_0001_ECX bit 26)")
{
	return has_xsave();
}

TEST(instruction_xsetbv, .on = EACH_CPU, .needs = ALL_OF(SVM, XSETBV_INSTRUCTION),
     .about = "XSETBV exits if it is intercepted, before and after a migration")
{
	one_instruction(XSETBV);
}

/* "A non-intercepted VMMCALL unconditionally raises a #UD exception" (APM volume 3). */
TEST(instruction_vmmcall, .on = EACH_CPU, .needs = SVM,
     .about =
	     "VMMCALL exits if it is intercepted and raises #UD if not, before and after a migration")
{
	one_instruction(VMMCALL);
}

/* ======== exceptions ======== */

#define EVEN_VECTORS 0x55555555
#define ODD_VECTORS  0xaaaaaaaa

/* A broken hypervisor loses these intercepts, or keeps #PF, #UD or #GP for itself. */
TEST(exceptions_all, .on = EACH_CPU, .needs = SVM,
     .about =
	     "every exception that L1 intercepts exits with its error code, after a migration in L2")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, ALL_VECTORS);
	if (turn(l2, "all, before the migration"))
		migrated_turn(l2, "all, after a migration in L2");
	end(l2);
}

TEST(exceptions_none, .on = EACH_CPU, .needs = SVM,
     .about =
	     "exceptions that L1 does not intercept come to L2's own handlers, after a migration in L2")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, 0);
	if (turn(l2, "none, before the migration"))
		migrated_turn(l2, "none, after a migration in L2");
	end(l2);
}

TEST(exceptions_alternate, .on = EACH_CPU, .needs = SVM,
     .about =
	     "with every other exception intercepted, exactly the intercepted ones exit after a migration in L2; then L1 swaps them")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, EVEN_VECTORS);
	if (migrated_turn(l2, "even vectors, after a migration in L2")) {
		want_vectors(l2, ODD_VECTORS);
		turn(l2, "odd vectors, set after the migration");
	}
	end(l2);
}

TEST(exceptions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about =
	     "exception intercepts that L1 sets before a migration in L1, with GIF clear right before VMRUN, take effect")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, EVEN_VECTORS);
	if (turn(l2, "even vectors, before the migration")) {
		want_vectors(l2, ODD_VECTORS);
		turn_after_migration_with_gif_clear(l2, "odd vectors, after a migration in L1");
	}
	end(l2);
}

static void one_exception(int index)
{
	const struct row *row = &exceptions[index];
	struct l2 *l2 = begin(row, 1);

	if (natural[0].vector == NO_EXCEPTION) {
		report_skip("this CPU raises no %s", exception_mnemonic(row->vector));
		goto out;
	}
	want_vectors(l2, 0);
	if (turn(l2, "off, before the migration")) {
		want_vectors(l2, ALL_VECTORS);
		if (turn(l2, "on, before the migration") &&
		    migrated_turn(l2, "on, after a migration in L2")) {
			want_vectors(l2, 0);
			turn(l2, "off again");
		}
	}
out:
	end(l2);
}

/*
 * RIP in the VMCB is that of INT3, and nRIP is after it (15.7.1), whereas a handler in L2 gets RIP
 * after the instruction. The same is true of INTO.
 */
TEST(exception_bp, .on = EACH_CPU, .needs = SVM,
     .about = "#BP of INT3 exits at the INT3 if it is intercepted, before and after a migration")
{
	one_exception(INT3_EXCEPTION);
}

TEST(exception_of, .on = EACH_CPU, .needs = SVM,
     .about = "#OF of INTO exits at the INTO if it is intercepted, before and after a migration")
{
	one_exception(INTO_EXCEPTION);
}

TEST(exception_br, .on = EACH_CPU, .needs = SVM,
     .about = "#BR of BOUND exits at the BOUND if it is intercepted, before and after a migration")
{
	one_exception(BOUND_EXCEPTION);
}

TEST(exception_xm, .on = EACH_CPU, .needs = SVM,
     .about = "#XM of SSE exits if it is intercepted, before and after a migration")
{
	one_exception(SSE_EXCEPTION);
}

/* ======== the pause filter ======== */

static volatile u64 pauses;

static void pause_for_long(void *unused)
{
	migrate_quiet();
	l2_call(1);
	for (pauses = 0; pauses < 16ul << 16; pauses++)
		pause();
}

/*
 * The hypervisor may use the filter itself, so that L2's counter is loaded again more often than L1
 * enters it, or with another value. So the test only asks that a long row of PAUSEs exits at some
 * time, and that each PAUSE exits without a filter.
 */
TEST(pause_filter, .on = EACH_CPU, .needs = SVM_PAUSE_FILTER,
     .about =
	     "intercepted PAUSEs exit when the pause filter has counted down, and at once without a filter, after a migration in L2")
{
	struct l2 *l2 = l2_new(pause_for_long, NULL);

	l2->vmcb->control.pause_filter_count = 1000;
	l2_expect_call(l2, 1);
	svm_set_intercept(l2, INTERCEPT_PAUSE);
	l2_expect(l2, SVM_EXIT_PAUSE, "filter of 1000");
	report_info("after %lu PAUSEs", pauses);
	l2->vmcb->control.pause_filter_count = 0;
	for (u64 before = pauses, i = 0; i < 3; i++) {
		svm_skip(l2, PAUSE_LENGTH);
		l2_expect(l2, SVM_EXIT_PAUSE, "no filter, PAUSE %lu", i);
		report(pauses == before + i + 1, "%lu PAUSEs further", pauses - before);
	}
	l2_free(l2);
}
