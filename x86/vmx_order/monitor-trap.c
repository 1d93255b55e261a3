// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor trap flag of nested guests on VMX while they are moved; a part of vmx_order.
 *
 * The truth: Intel SDM volume 3: 26.5.2 (after which instruction boundary the exit is pending),
 * 27.6.2 (an entry that injects a pending exit), 27.7.8 (an entry before which one is pending).
 *
 * A broken hypervisor forgets the exit that is due behind an instruction that it carries out
 * itself: an access to a port ends in its userspace, where the machine may be saved before L1 has
 * had the exit (KVM_STATE_NESTED_MTF_PENDING of the KVM API is for that). Or it gives the exit one
 * instruction early, counts an injected event for an instruction, or forgets on the other side
 * that the flag was set.
 *
 * How the tests see it: L1 compares L2's RIP at each exit with the boundary that has to come next,
 * so that an exit that is missing and one too many show at once. An exit that is lost at the very
 * moment of a move shows only if the move comes there: trap_moved_anywhere asks for the move while
 * L2 does little else than access a port.
 *
 * On the command line, as in vmx_order: break=step skips a boundary, break=lost sets no flag and
 * injects nothing.
 */
#include "libcflat.h"
#include "nested/vmx/vmx-event.h"

/* 25.8.3: "other event", with vector 0. */
#define PENDING_MTF_EXIT (7u << 8)

/* IN is carried out by the hypervisor, in userspace. VMCALL is for an L2 that is not trapped. */
L2_CODE(trapped, (void),
	"	nop\n"
	"trapped_1:\n"
	"	mov $0x3fd, %edx\n"
	"trapped_2:\n"
	"	in %dx, %al\n"
	"trapped_3:\n"
	"	jmp trapped_4\n"
	"	ud2\n"
	"trapped_4:\n"
	"	in %dx, %al\n"
	"trapped_5:\n"
	"	vmcall\n");
extern char trapped_1[], trapped_2[], trapped_3[], trapped_4[], trapped_5[];

static const char *const boundaries[] = { trapped_1, trapped_2, trapped_3, trapped_4, trapped_5 };
#define BOUNDARIES ARRAY_SIZE(boundaries)

static void set_trap(struct l2 *l2)
{
	if (!broken("lost"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_MONITOR_TRAP_FLAG);
}

static struct l2 *new_target(void)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)trapped);
	l2_irq_off(l2);
	return l2;
}

/* L2 goes on, and what comes next is a trap here. */
static bool expect_trap(struct l2 *l2, const void *boundary, const char *when)
{
	return expect_exit(l2, EXIT_REASON_MONITOR_TRAP_FLAG, when) &&
	       check_rip(l2, boundary, when);
}

TEST(trap_exits, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about = "the monitor trap flag: an exit behind each instruction, moved before one that the "
	      "hypervisor carries out and behind it")
{
	struct l2 *l2 = new_target();

	set_trap(l2);
	for (size_t i = 0; i < BOUNDARIES; i++) {
		if (i == 2 || i == 3)
			migrate_quiet();
		if (i == 3 && broken("step"))
			continue;
		if (!expect_trap(l2, boundaries[i], "a step"))
			break;
	}
	event_l2_free(l2);
}

/* An entry that injects an event ends before the first instruction of its handler. */
TEST(trap_behind_exception, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about =
	     "the monitor trap flag: behind an injected exception, moved before, the exit is where "
	     "its handler begins")
{
	struct l2 *l2 = new_target();

	set_trap(l2);
	vmx_inject(l2, INTR_TYPE_HARD_EXCEPTION | UD_VECTOR, 0);
	migrate_quiet();
	expect_exit(l2, EXIT_REASON_MONITOR_TRAP_FLAG, "injected");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_MONITOR_TRAP_FLAG);
	expect_event(l2, UD_VECTOR, NO_CODE, (u64)trapped, "then its handler");
	event_l2_free(l2);
}

static void inject_trap(bool set)
{
	struct l2 *l2 = new_target();

	if (set)
		set_trap(l2);
	if (!broken("lost"))
		vmx_inject(l2, PENDING_MTF_EXIT, 0);
	migrate_quiet();
	if (expect_trap(l2, trapped, "injected")) {
		set_trap(l2);
		expect_trap(l2, trapped_1, "then a step");
	}
	event_l2_free(l2);
}

TEST(trap_injected, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about = "a pending exit that the entry injects, moved before, comes before L2 runs")
{
	inject_trap(true);
}

TEST(trap_injected_alone, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about = "the same of an L2 without the flag")
{
	inject_trap(false);
}

/* Steps of one L2, until the first that is wrong. */
struct steps {
	struct l2 *l2;
	u64 done;
	char failed[200];
};

static void one_step(void *data)
{
	struct steps *steps = data;
	const char *boundary = boundaries[steps->done % BOUNDARIES];
	struct l2 *l2 = steps->l2;

	if (steps->failed[0])
		return;
	if (boundary == boundaries[0])
		vmx_set(l2, GUEST_RIP, (u64)trapped);
	l2_enter(l2);
	if (l2->exit_reason != EXIT_REASON_MONITOR_TRAP_FLAG ||
	    vmx_get(l2, GUEST_RIP) != (u64)boundary)
		snprintf(steps->failed, sizeof(steps->failed), "instead of a trap at %p: %s",
			 boundary, what_came(l2));
	steps->done += 1 + (steps->done == 2 && broken("step"));
}

TEST(trap_moved_anywhere, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about = "the monitor trap flag: an exit behind each instruction of an L2 that goes on while "
	      "it is moved")
{
	struct steps steps = { .l2 = new_target() };

	set_trap(steps.l2);
	move_during(one_step, &steps);
	/* What was in flight when the move was over. */
	for (size_t i = 0; i < BOUNDARIES; i++)
		one_step(&steps);
	report(!steps.failed[0], "%lu steps while it was moved%s%s", steps.done,
	       steps.failed[0] ? ": " : "", steps.failed);
	event_l2_free(steps.l2);
}
