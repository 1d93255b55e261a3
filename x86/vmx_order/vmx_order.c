// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of events of nested guests on VMX across a migration: debug exceptions, which are
 * traps after an instruction; faults in the delivery of events; and many events of all kinds, with
 * the migration at any instruction. monitor-trap.c has the monitor trap flag.
 *
 * Intel SDM volume 3: 25.4.2 (pending debug exceptions), 26.2 (exceptions that exit), 27.6 and
 * 27.7.3 (what a VM entry delivers), 28.2 and 28.3.4 (what an exit tells and saves), 6.15 (double
 * faults), 18.3 (debug exceptions).
 *
 * A broken hypervisor loses a debug exception that was due, delivers one both before and after the
 * migration, or gives another DR6. It takes the second of two faults for the first, or delivers
 * one of them again. Or it saves a guest between the request for an event and its delivery, and
 * forgets the event.
 *
 * The tests see it because every event in L2 is an exit (nested/l2-event.h). Steps have to be
 * exact to the instruction. Where the migration comes at any moment, each event differs from the
 * last, and has to come once, at L2's RIP, before L2 goes on.
 *
 * A failure at one instruction only shows if the migration comes at that instruction. The tests
 * try many times where that matters, and can still miss it.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * lost   the pending debug exception, the breakpoint or an injected event is left out
 * twice  L1 injects an event again
 * step   the test skips a step
 * gate   the gate that should not be present is present
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/nested/steps.h"
#include "nested/vmx/vmx-event.h"

/* GUEST_PENDING_DBG_EXCEPTIONS has DR6's bits, and this one (25.4.2, table 25-4). */
#define PENDING_DBG_ENABLED_BREAKPOINT BIT(12)

L2_CODE(nops_and_call, (void),
	"	.fill 16, 1, 0x90\n"
	"	mov $1, %eax\n"
	"	vmcall\n");

static struct l2 *new_target(void)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)nops_and_call);
	l2_irq_off(l2);
	write_dr6(DR6_INIT);
	return l2;
}

/* ======== pending debug exceptions ======== */

/* An exit for #DB has the bits of DR6 in its qualification, and leaves DR6 alone (28.2.1, 28.1). */
static bool check_db_exit(struct l2 *l2, u64 dr6_bits, const void *rip, const char *when)
{
	if (!expect_exit(l2, EXIT_REASON_EXCEPTION_NMI, when))
		return false;
	check_field(l2, VM_EXIT_INTR_INFO, INTR_INFO_DEFINED,
		    INTR_INFO_VALID_MASK | HARD(DB_VECTOR), when);
	check_field(l2, EXIT_QUALIFICATION, ~0ul, dr6_bits, when);
	return check_rip(l2, rip, when);
}

static void clear_step(struct l2 *l2)
{
	vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) & ~X86_EFLAGS_TF);
	vmx_set(l2, GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

/*
 * The VMCS is as an exit leaves it after an instruction with TF set. A broken hypervisor loses the
 * field in the migration, steps once more, or sets DR6.BS though the #DB exits.
 */
TEST(pending_step, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a pending single step survives a migration in L1, and exits or is delivered before L2 runs")
{
	struct l2 *exiting = new_target(), *taken = new_target();
	struct l2 *both[] = { exiting, taken };

	vmx_intercept_exception(exiting, DB_VECTOR, true);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		vmx_set(both[i], GUEST_RFLAGS, vmx_get(both[i], GUEST_RFLAGS) | X86_EFLAGS_TF);
		vmx_set(both[i], GUEST_PENDING_DBG_EXCEPTIONS, broken("lost") ? 0 : DR6_BS);
	}
	migrate_quiet();
	check_db_exit(exiting, DR6_BS, nops_and_call, "exits");
	report(read_dr6() == DR6_INIT, "DR6 is 0x%lx after the exit, was 0x%x", read_dr6(),
	       DR6_INIT);
	clear_step(exiting);
	expect_call(exiting, 1, "and then");
	l2_enter(taken);
	if (event_of(taken) == DB_VECTOR)
		((struct event_frame *)event_frame_of(taken))->rflags &= ~X86_EFLAGS_TF;
	event_came(taken, DB_VECTOR, NO_CODE, (u64)nops_and_call, "taken by L2");
	report((read_dr6() & (DR6_BS | DR6_B0)) == DR6_BS, "DR6.BS should be set in L2: 0x%lx",
	       read_dr6());
	expect_call(taken, 1, "and then");
	event_l2_free(exiting);
	event_l2_free(taken);
	write_dr6(DR6_INIT);
}

/*
 * A broken hypervisor does not let MOV SS hold the breakpoint back, or lets it do so for too long.
 */
TEST(pending_breakpoint, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a pending breakpoint survives a migration and comes before L2 runs; after MOV SS it comes one instruction later")
{
	struct l2 *free = new_target(), *blocked = new_target();
	struct l2 *both[] = { free, blocked };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		vmx_intercept_exception(both[i], DB_VECTOR, true);
		vmx_set(both[i], GUEST_PENDING_DBG_EXCEPTIONS,
			broken("lost") ? 0 : DR6_B0 | PENDING_DBG_ENABLED_BREAKPOINT);
	}
	vmx_set(blocked, GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_MOV_SS);
	migrate_quiet();
	check_db_exit(free, DR6_B0, nops_and_call, "not blocked");
	check_db_exit(blocked, DR6_B0, (char *)nops_and_call + 1, "blocked by MOV SS");
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		clear_step(both[i]);
		expect_call(both[i], 1, "and then");
		event_l2_free(both[i]);
	}
}

L2_CODE(step_over_mov_ss, (void),
	"	mov %ss, %ecx\n"
	"	pushf\n"
	"	orq $0x100, (%rsp)\n"
	"	popf\n"
	"	mov %ecx, %ss\n"
	"in_debug_shadow:\n"
	"	rdtsc\n"
	"behind_debug_shadow:\n"
	"	nop\n");
extern char in_debug_shadow[], behind_debug_shadow[];

static void step_and_call(void *data)
{
	step_over_mov_ss();
	l2_call(1);
}

/* A broken hypervisor loses a #DB that was recognized but not delivered when L2 exits. */
TEST(pending_at_exit, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a single-step #DB that MOV SS holds back is in the VMCS after an exit, and comes once after a migration")
{
	struct l2 *l2 = event_l2_new(step_and_call, NULL);

	l2_irq_off(l2);
	vmx_intercept_exception(l2, DB_VECTOR, true);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
	expect_exit(l2, EXIT_REASON_RDTSC, "after MOV SS");
	check_rip(l2, in_debug_shadow, "after MOV SS");
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_MOV_SS, "after MOV SS");
	check_field(l2, GUEST_PENDING_DBG_EXCEPTIONS, ~0ul, DR6_BS, "after MOV SS");
	migrate_quiet();
	if (broken("lost"))
		clear_step(l2);
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
	check_db_exit(l2, DR6_BS, behind_debug_shadow, "one instruction later");
	clear_step(l2);
	expect_call(l2, 1, "and then");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== breakpoints and single steps: x86/nested/steps.c has more ======== */

static volatile bool store_seen;

static void see_store(struct ex_regs *regs)
{
	store_seen = true;
}

/* L1 tries a breakpoint of its own. */
FEATURE(L2_BREAKPOINTS, "a CPU whose breakpoints work")
{
	store_seen = false;
	handle_exception(DB_VECTOR, see_store);
	store_watched();
	write_dr6(DR6_INIT);
	handle_exception(DB_VECTOR, NULL);
	return store_seen;
}

/* A broken hypervisor loses TF or a #DB that is due, or gives two for one instruction. */
TEST(step_exits, .on = EACH_CPU, .needs = VMX,
     .about =
	     "when L2 single-steps, an intercepted #DB exits after each instruction, across a migration in L1")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	write_dr6(DR6_INIT);
	vmx_intercept_exception(l2, DB_VECTOR, true);
	for (int step = 0; step < STEPS; step++) {
		if (step == 2 && broken("step"))
			continue;
		check_db_exit(l2, DR6_BS, steps[step], "a step");
		check_field(l2, GUEST_RFLAGS, X86_EFLAGS_TF, step < STEPS - 1 ? X86_EFLAGS_TF : 0,
			    "a step");
		/* An exit clears this field (28.3.4), but not in the intel lab (docs/labs.md). */
		vmx_set(l2, GUEST_PENDING_DBG_EXCEPTIONS, 0);
		if (step == 2)
			migrate_quiet();
	}
	report(read_dr6() == DR6_INIT, "DR6 is 0x%lx after the exits, was 0x%x", read_dr6(),
	       DR6_INIT);
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	event_l2_free(l2);
}

TEST(step_moved_in_handler, .on = EACH_CPU, .needs = VMX,
     .about =
	     "when L2 single-steps, it gets #DB after each instruction, across a migration in its handler")
{
	step_in_l2(MIGRATED_IN_HANDLER);
}

TEST(step_moved_anywhere, .on = EACH_CPU, .needs = VMX,
     .about =
	     "when L2 single-steps, it gets #DB after each instruction that it executes during a migration")
{
	step_in_l2(MIGRATED_ANYWHERE);
}

/* ======== faults in the delivery of events ======== */

/* An event whose gate is not present, and what should happen. */
struct collision {
	const char *name;
	u32 event, error_code;
	bool np_exits, df_exits;
	/* The exit reason. If it is VMCALL, L2 gets an event with this vector and error code. */
	u64 reason;
	u32 vector, code;
	u32 vectoring; /* the IDT vectoring; there is none for a double fault (28.2.4) */
};

/* #NP's error code: the gate, bit 1 for the IDT, and bit 0 for an external event (6.13). */
#define GATE_CODE(vector) ((vector) << 3 | 3)

/* Table 6-5 of 6.15. An exception that exits does so before it can become a double fault (26.2). */
static const struct collision collisions[] = {
	{ "an interrupt, then #NP", INTR_TYPE_EXT_INTR | HIGH_VECTOR, 0, false, false,
	  EXIT_REASON_VMCALL, NP_VECTOR, GATE_CODE(HIGH_VECTOR), 0 },
	{ "an interrupt, then #NP that exits", INTR_TYPE_EXT_INTR | HIGH_VECTOR, 0, true, false,
	  EXIT_REASON_EXCEPTION_NMI, NP_VECTOR, GATE_CODE(HIGH_VECTOR),
	  INTR_TYPE_EXT_INTR | HIGH_VECTOR },
	{ "#UD, then #NP", HARD(UD_VECTOR), 0, false, false, EXIT_REASON_VMCALL, NP_VECTOR,
	  GATE_CODE(UD_VECTOR), 0 },
	{ "#GP, then #NP, a #DF", HARD_WITH_CODE(GP_VECTOR), 0x5a8, false, false,
	  EXIT_REASON_VMCALL, DF_VECTOR, 0, 0 },
	{ "#GP, then #NP, a #DF that exits", HARD_WITH_CODE(GP_VECTOR), 0x5a8, false, true,
	  EXIT_REASON_EXCEPTION_NMI, DF_VECTOR, 0, 0 },
	{ "#GP, then #NP that exits", HARD_WITH_CODE(GP_VECTOR), 0x5a8, true, true,
	  EXIT_REASON_EXCEPTION_NMI, NP_VECTOR, GATE_CODE(GP_VECTOR), HARD_WITH_CODE(GP_VECTOR) },
	{ "#PF, then #NP, a #DF", HARD_WITH_CODE(PF_VECTOR), 2, false, false, EXIT_REASON_VMCALL,
	  DF_VECTOR, 0, 0 },
	{ "#DF, then #NP, a triple fault", HARD_WITH_CODE(DF_VECTOR), 0, false, false,
	  EXIT_REASON_TRIPLE_FAULT, 0, 0, 0 },
};

#define GATE_PRESENT 0x80

static void check_collision(struct l2 *l2, const struct collision *row)
{
	idt_entry_t *gate = &event_l2_idt()[row->event & INTR_INFO_VECTOR_MASK];

	report_prefix_push(row->name);
	if (!broken("gate"))
		gate->type_attributes &= ~GATE_PRESENT;
	if (row->reason == EXIT_REASON_VMCALL)
		expect_event(l2, row->vector, row->code, (u64)nops_and_call, "in L2");
	else
		expect_exit(l2, row->reason, "exits");
	if (row->reason == EXIT_REASON_EXCEPTION_NMI) {
		check_field(l2, VM_EXIT_INTR_INFO, INTR_INFO_DEFINED,
			    INTR_INFO_VALID_MASK | HARD_WITH_CODE(row->vector), "exits");
		check_field(l2, VM_EXIT_INTR_ERROR_CODE, ~0ul, row->code, "exits");
		check_field(l2, IDT_VECTORING_INFO_FIELD,
			    row->vectoring ? INTR_INFO_DEFINED : INTR_INFO_VALID_MASK,
			    row->vectoring ? INTR_INFO_VALID_MASK | row->vectoring : 0, "exits");
		if (row->vectoring & INTR_INFO_DELIVER_CODE_MASK)
			check_field(l2, IDT_VECTORING_ERROR_CODE, ~0ul, row->error_code, "exits");
		check_rip(l2, nops_and_call, "exits");
	}
	gate->type_attributes |= GATE_PRESENT;
	if (row->reason != EXIT_REASON_TRIPLE_FAULT)
		expect_call(l2, 1, "once");
	report_prefix_pop();
}

/* A broken hypervisor delivers the first event as well, or reports the wrong one. */
TEST(collisions, .on = EACH_CPU, .needs = VMX,
     .about =
	     "events injected before a migration that fault in delivery become #NP, #DF, a triple fault or an exit, once")
{
	struct l2 *l2[ARRAY_SIZE(collisions)];

	for (size_t i = 0; i < ARRAY_SIZE(collisions); i++) {
		l2[i] = new_target();
		vmx_set(l2[i], GUEST_RFLAGS, vmx_get(l2[i], GUEST_RFLAGS) | X86_EFLAGS_IF);
		vmx_intercept_exception(l2[i], NP_VECTOR, collisions[i].np_exits);
		vmx_intercept_exception(l2[i], DF_VECTOR, collisions[i].df_exits);
		vmx_inject(l2[i], collisions[i].event, collisions[i].error_code);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(collisions); i++)
		check_collision(l2[i], &collisions[i]);
	for (size_t i = 0; i < ARRAY_SIZE(collisions); i++)
		event_l2_free(l2[i]);
}
