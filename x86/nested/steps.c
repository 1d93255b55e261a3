// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug exceptions in L2 across a migration: a data breakpoint, and single steps. See svm_event.c
 * and vmx_order.c for the manuals and for the tests that only one of them has.
 *
 * A broken hypervisor does not load L2's breakpoints on the destination, or loads L1's; loses TF or
 * the #DB that is due; or delivers the #DB of one instruction twice: before the migration and after
 * it.
 *
 * On the command line: break=WHAT, to spoil a test on purpose:
 *
 * lost  the breakpoint is left out
 * step  steps that L2 itself has handled are taken for bad ones
 */
#include "libcflat.h"
#include "x86/nested/steps.h"
#include "processor.h"

#define DR7_L0	    BIT(0)
#define DR7_WRITE_0 (1ul << 16)
#define DR7_LEN8_0  (2ul << 18)

/* ======== a breakpoint ======== */

static volatile u64 watched;

L2_CODE(store, (volatile u64 * to),
	"	movq $1, (%rdi)\n"
	"behind_store:\n"
	"	nop\n");
extern char behind_store[];

static void watch(void)
{
	write_dr0((u64)&watched);
	write_dr7(DR7_L0 | DR7_WRITE_0 | DR7_LEN8_0);
}

static void store_twice(void)
{
	store(&watched);
	write_dr7(0);
	store(&watched);
}

void store_watched(void)
{
	watch();
	store_twice();
}

static void be_migrated_and_store(void *data)
{
	if (!broken("lost"))
		watch();
	migrate_quiet();
	store_twice();
	l2_call(1);
}

TEST(data_breakpoint, .on = EACH_CPU, .needs = ALL_OF(L2, L2_BREAKPOINTS),
     .about = "a data breakpoint that L2 has set raises #DB after a migration, once")
{
	struct l2 *l2 = event_l2_new(be_migrated_and_store, NULL);

	l2_set_dr6(l2, DR6_INIT);
	expect_event(l2, DB_VECTOR, NO_CODE, (u64)behind_store, "the store");
	report((l2_dr6(l2) & (DR6_BS | DR6_B0)) == DR6_B0, "DR6.B0 is set in L2: 0x%lx",
	       l2_dr6(l2));
	expect_call(l2, 1, "the breakpoint is off");
	expect_end(l2);
	event_l2_free(l2);
	write_dr0(0);
	write_dr6(DR6_INIT);
}

/* ======== single steps ======== */

/* The hypervisor carries out IN. POPF is the last instruction that begins with TF set. */
L2_CODE(stepped, (void),
	"	pushf\n"
	"	orq $0x100, (%rsp)\n"
	"	popf\n"
	"	nop\n"
	"step_0:\n"
	"	mov $0x3fd, %edx\n"
	"step_1:\n"
	"	in %dx, %al\n"
	"step_2:\n"
	"	pushf\n"
	"step_3:\n"
	"	andq $~0x100, (%rsp)\n"
	"step_4:\n"
	"	popf\n"
	"step_5:\n"
	"	nop\n");
extern char step_0[], step_1[], step_2[], step_3[], step_4[], step_5[];

const char *const steps[STEPS] = { step_0, step_1, step_2, step_3, step_4, step_5 };

void in_steps(void *data)
{
	stepped();
	l2_call(1);
}

static struct {
	enum step_migration move;
	volatile u32 rounds, count, bad;
	volatile u64 rip, dr6;
} step_log;

static void on_step(struct ex_regs *regs)
{
	u64 dr6 = read_dr6();
	u32 step = step_log.count++;

	if (step >= STEPS || regs->rip != (u64)steps[step] || !(dr6 & DR6_BS)) {
		step_log.bad++;
		step_log.rip = regs->rip;
		step_log.dr6 = dr6;
	}
	write_dr6(DR6_INIT);
	/* TF is on L2's stack here, and BS in DR6. */
	if (step_log.move == MIGRATED_IN_HANDLER && step == 2)
		migrate_quiet();
}

static void step_round(void)
{
	step_log.count = 0;
	stepped();
	if (step_log.count != STEPS || broken("step"))
		step_log.bad++;
	step_log.rounds++;
}

static void step_and_be_migrated(void *data)
{
	if (step_log.move == MIGRATED_IN_HANDLER)
		step_round();
	else
		/* The migration may also fall after an instruction whose #DB is still to come. */
		migrate_quiet_while(step_round);
	l2_call(1);
}

void step_in_l2(enum step_migration move)
{
	struct l2 *l2 = event_l2_new(step_and_be_migrated, NULL);

	l2_set_dr6(l2, DR6_INIT);
	memset(&step_log, 0, sizeof(step_log));
	step_log.move = move;
	handle_exception(DB_VECTOR, on_step);
	event_give_l2_handler(DB_VECTOR);
	expect_call(l2, 1, "after the steps");
	report(!step_log.bad,
	       "%u times %d steps, %u not as they should be: the last at rip 0x%lx, DR6 0x%lx",
	       step_log.rounds, STEPS, step_log.bad, step_log.rip, step_log.dr6);
	expect_end(l2);
	handle_exception(DB_VECTOR, NULL);
	event_l2_free(l2);
}
