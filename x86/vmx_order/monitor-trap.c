// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor trap flag of nested guests on VMX across a migration.
 *
 * Intel SDM volume 3: 26.5.2 (after which instruction the exit is pending), 27.6.2 (a VM entry
 * that injects a pending exit), 27.7.8 (a pending exit at a VM entry).
 *
 * A broken hypervisor loses the exit that is due after an instruction that it carries out itself.
 * An access to a port ends in the VMM's userspace, where the machine may be saved before L1 has
 * had the exit; KVM has KVM_STATE_NESTED_MTF_PENDING for that. Or the exit comes one instruction
 * early, or an injected event counts as an instruction, or the flag is lost in the migration.
 *
 * At each exit L1 compares L2's RIP with the next instruction boundary, so that a missing or extra
 * exit shows at once.
 *
 * An exit that is lost at the moment of a migration shows only if the migration comes at that
 * moment. trap_moved_anywhere asks for the migration while L2 does little else than access a port.
 *
 * break=step on the command line skips a boundary, break=lost sets no flag and injects nothing.
 */
#include "libcflat.h"
#include "nested/vmx/vmx-event.h"

/* The interruption type "other event" with vector 0 (25.8.3). */
#define PENDING_MTF_EXIT (7u << 8)

/* The VMM carries out IN, in userspace. L2 reaches VMCALL only if the traps are missing. */
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

/* L2 goes on, and its next exit should be a trap at BOUNDARY. */
static bool expect_trap(struct l2 *l2, const void *boundary, const char *when)
{
	return expect_exit(l2, EXIT_REASON_MONITOR_TRAP_FLAG, when) &&
	       check_rip(l2, boundary, when);
}

TEST(trap_exits, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about =
	     "with the monitor trap flag L2 exits after each instruction, across migrations around an access to a port")
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

/* If a VM entry injects an event, the exit comes before the handler's first instruction. */
TEST(trap_behind_exception, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about =
	     "with the monitor trap flag L2 exits where its handler begins, after an exception injected before a migration")
{
	struct l2 *l2 = new_target();

	set_trap(l2);
	vmx_inject(l2, INTR_TYPE_HARD_EXCEPTION | UD_VECTOR, 0);
	migrate_quiet();
	expect_exit(l2, EXIT_REASON_MONITOR_TRAP_FLAG, "injected");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_MONITOR_TRAP_FLAG);
	expect_event(l2, UD_VECTOR, NO_CODE, (u64)trapped, "the handler after that");
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
		expect_trap(l2, trapped_1, "a step after that");
	}
	event_l2_free(l2);
}

TEST(trap_injected, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about =
	     "with the monitor trap flag set, a pending MTF exit injected before a migration comes before L2 runs")
{
	inject_trap(true);
}

TEST(trap_injected_alone, .on = EACH_CPU, .needs = VMX_MONITOR_TRAP_FLAG,
     .about =
	     "a pending MTF exit injected before a migration comes even if the monitor trap flag is not set")
{
	inject_trap(false);
}

/* Steps of one L2, until the first wrong one. */
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
     .about =
	     "with the monitor trap flag L2 exits after each instruction that it executes during a migration")
{
	struct steps steps = { .l2 = new_target() };

	set_trap(steps.l2);
	move_during(one_step, &steps);
	/* A few more steps follow, in case the end of the migration has hit one. */
	for (size_t i = 0; i < BOUNDARIES; i++)
		one_step(&steps);
	report(!steps.failed[0], "%lu steps of L2 during a migration%s%s", steps.done,
	       steps.failed[0] ? ": " : "", steps.failed);
	event_l2_free(steps.l2);
}
