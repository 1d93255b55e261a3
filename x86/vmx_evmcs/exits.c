// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an exit leaves in an enlightened VMCS: its reason, qualification and the rest (TLFS "Nested
 * Virtualization": "Enlightened VMCS"; Intel SDM volume 3, 28.2 for the values).
 *
 * A broken hypervisor does not write an exit's information into the page after a migration in L2,
 * or overwrites it in a migration in L1.
 */
#include "libcflat.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

#define ROW_PORT 0x81
/* OUT of one byte to a port in an immediate (28.2.1, "Exit Qualification for I/O Instructions"). */
#define OUT_QUALIFICATION ((u64)ROW_PORT << 16 | BIT(6))

/* L2 exits in this order. */
static const struct exit_row {
	const char *name;
	u32 reason;
	u64 qualification;
	u32 length;
	u32 interruption;
} exit_rows[] = {
	{ "CPUID", EXIT_REASON_CPUID, 0, 2, 0 },
	{ "OUT", EXIT_REASON_IO_INSTRUCTION, OUT_QUALIFICATION, 2, 0 },
	{ "INVLPG", EXIT_REASON_INVLPG, 0x5555000, 3, 0 },
	{ "INT3", EXIT_REASON_EXCEPTION_NMI, 0, 1,
	  INTR_INFO_VALID_MASK | INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR },
	{ "VMCALL", EXIT_REASON_VMCALL, 0, 3, 0 },
};

struct exit_story {
	/* RIP and RSP at each row's instruction, as L2 notes them. */
	u64 rip, rsp;
	bool move;
};

#define MARKED(story, instruction, inputs...)                                                        \
	asm volatile(                                                                                \
		"lea 1f(%%rip), %%r8\n\tmov %%r8, (%[rip])\n\tmov %%rsp, (%[rsp])\n1:\t" instruction \
		:                                                                                    \
		: [rip] "S"(&(story)->rip), [rsp] "D"(&(story)->rsp), ##inputs                       \
		: "rbx", "rcx", "rdx", "r8", "memory")

static void be_moved_if_asked(struct exit_story *story)
{
	if (story->move)
		migrate_quiet();
}

static void exit_by_rows(void *data)
{
	struct exit_story *story = data;
	u32 eax = 0;

	for (;;) {
		be_moved_if_asked(story);
		MARKED(story, "cpuid", "a"(eax));
		be_moved_if_asked(story);
		MARKED(story, "outb %%al, %[port]", "a"(eax), [port] "N"(ROW_PORT));
		be_moved_if_asked(story);
		MARKED(story, "invlpg (%%rax)", "a"(0x5555000ul));
		be_moved_if_asked(story);
		MARKED(story, "int3", "a"(eax));
		be_moved_if_asked(story);
		MARKED(story, "vmcall", "a"(eax));
	}
}

static void check_exit(const struct l2 *l2, const struct exit_story *story,
		       const struct exit_row *row, const char *when)
{
	report(l2->exit_reason == row->reason && vmx_get(l2, VM_EXIT_REASON) == row->reason &&
		       vmx_get(l2, EXIT_QUALIFICATION) == row->qualification &&
		       vmx_get(l2, VM_EXIT_INSTRUCTION_LEN) == row->length &&
		       vmx_get(l2, VM_EXIT_INTR_INFO) == row->interruption &&
		       !(vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_VALID_MASK) &&
		       vmx_get(l2, GUEST_RIP) == story->rip && vmx_get(l2, GUEST_RSP) == story->rsp,
	       "%s %s: exit %s, rsp 0x%lx; expected %s at 0x%lx, rsp 0x%lx, qualification 0x%lx, length %u, interruption 0x%x",
	       row->name, when, l2_exit_text(l2), vmx_get(l2, GUEST_RSP), l2_exit_name(row->reason),
	       story->rip, story->rsp, row->qualification, row->length, row->interruption);
}

/*
 * L2 asks for a migration before two of the exits. One exit is checked again after a migration in
 * L1.
 */
TEST(exit_information, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "an exit's information is in the enlightened VMCS after a migration in L2, and survives one in L1")
{
	struct exit_story story = { 0 };
	struct l2 *l2 = vmx_new_enlightened(exit_by_rows, &story);

	l2_intercept_port(l2, ROW_PORT, true);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INVLPG_EXITING);
	vmx_intercept_exception(l2, BP_VECTOR, true);
	for (size_t i = 0; i < ARRAY_SIZE(exit_rows); i++) {
		const struct exit_row *row = &exit_rows[i];

		story.move = row->reason == EXIT_REASON_IO_INSTRUCTION ||
			     row->reason == EXIT_REASON_EXCEPTION_NMI;
		l2_enter(l2);
		if (broken("exit"))
			vmx_set(l2, VM_EXIT_INSTRUCTION_LEN, 9);
		check_exit(l2, &story, row,
			   story.move ? "after a migration in L2" : "without a migration");
		if (l2->exit_reason != row->reason)
			break;
		if (row->reason == EXIT_REASON_INVLPG) {
			migrate_quiet();
			check_exit(l2, &story, row, "after a migration in L1");
		}
		vmx_skip(l2);
	}
	l2_free(l2);
}
