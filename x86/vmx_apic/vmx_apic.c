// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's virtual APIC across a migration (Intel SDM volume 3: 25.6.8 "Controls for APIC
 * Virtualization", chapter 30 "APIC Virtualization and Virtual Interrupts", 27.2.1.1 and 27.7.7 for
 * the TPR threshold at VM entries, 28.2.1 for exit qualifications). This file has what the tests
 * share; the tests are in the other files of this folder.
 *
 * The registers of L2's APIC are in a page of L1's memory, the virtual-APIC page. The processor
 * writes to it by its physical address, so no page table tells the hypervisor that the page has
 * become dirty. The VMCS holds the rest: the TPR threshold, RVI and SVI, and the addresses of the
 * virtual-APIC page and the APIC-access page.
 *
 * A broken hypervisor loses the last write to VTPR, or mixes VTPR up with L1's TPR. It loses the
 * TPR threshold. It maps another page on the destination, so that an access wrongly exits, or
 * wrongly does not. Or it loses a virtual interrupt that is pending or in service, or delivers one
 * that the task priority should hold back.
 *
 * L2 goes through tables of steps: accesses to CR8, to MSRs and to the APIC-access page. Each step
 * says whether it exits, with which reason and qualification, and which value is read, so the test
 * also sees an exit that should not be there. RIP tells whether an exit came before or after the
 * instruction. The handler of the virtual interrupts notes which ones came, and when.
 *
 * Not tested, because Bochs 2.7 ends there: instructions in the APIC-access page, and accesses to
 * it by the delivery of events.
 *
 * The tests cannot tell a page that was not sent after its last write from one that the first VM
 * entry after the migration has written to.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * vtpr       VTPR changes after each migration
 * threshold  the TPR threshold becomes 0 before L2 is migrated
 * access     the APIC-access page becomes another one before L2 is migrated
 * registers  a register in the virtual-APIC page changes before L2 is migrated
 * interrupt  one of the virtual interrupts is not requested
 * refused    VM entries have nothing wrong for which they should be refused
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "processor.h"
#include "vmalloc.h"
#include "x86/vmx_apic/vmx_apic.h"

#define MOST_STEPS 40
#define NEVER	   MOST_STEPS

/* ======== accesses of L2, with the RIP before and after each ======== */

#define ACCESS(name, setup, instruction)                                                           \
	u64 name(u64 where, u64 value);                                                            \
	extern const char name##_at[], name##_after[];                                             \
	asm(".pushsection .text\n.globl " #name "\n" #name ": xor %eax, %eax\n" setup "\n" #name   \
	    "_at: " instruction "\n" #name "_after: ret\n"                                         \
	    ".popsection");

ACCESS(load_8, "", "mov (%rdi), %al")
ACCESS(load_32, "", "mov (%rdi), %eax")
ACCESS(load_64, "", "mov (%rdi), %rax")
ACCESS(store_8, "mov %rsi, %rax", "mov %al, (%rdi)")
ACCESS(store_32, "mov %rsi, %rax", "mov %eax, (%rdi)")
ACCESS(load_cr8, "", "mov %cr8, %rax")
ACCESS(store_cr8, "mov %rsi, %rax", "mov %rax, %cr8")
ACCESS(load_msr, "mov %edi, %ecx", "rdmsr")
ACCESS(store_msr, "mov %edi, %ecx; mov %rsi, %rax; mov %rsi, %rdx; shr $32, %rdx", "wrmsr")

static const struct access {
	const char *name;
	u64 (*run)(u64 where, u64 value);
	const char *at, *after;
} accesses[] = {
#define ACCESS_ROW(name, text)                                                                     \
	{                                                                                          \
		text, name, name##_at, name##_after                                                \
	}
	[LOAD_8] = ACCESS_ROW(load_8, "a load of 8 bits at"),
	[LOAD_32] = ACCESS_ROW(load_32, "a load of 32 bits at"),
	[LOAD_64] = ACCESS_ROW(load_64, "a load of 64 bits at"),
	[STORE_8] = ACCESS_ROW(store_8, "a store of 8 bits at"),
	[STORE_32] = ACCESS_ROW(store_32, "a store of 32 bits at"),
	[LOAD_CR8] = ACCESS_ROW(load_cr8, "MOV from CR8"),
	[STORE_CR8] = ACCESS_ROW(store_cr8, "MOV to CR8"),
	[RDMSR] = ACCESS_ROW(load_msr, "RDMSR of"),
	[WRMSR] = ACCESS_ROW(store_msr, "WRMSR of"),
#undef ACCESS_ROW
};

static bool is_load(enum op op)
{
	return op <= LOAD_64 || op == LOAD_CR8 || op == RDMSR;
}

static bool is_in_page(enum op op)
{
	return op <= STORE_32;
}

/* ======== steps ======== */

struct outcome {
	unsigned exits;
	u64 reason, qualification, rip; /* of the first exit */
	u64 read;
};

u8 *virtual_apic;
u8 *access_page, *other_page, *window, *other_window;

static struct round {
	const struct step *steps;
	unsigned count, move_at;
	volatile unsigned at;
	struct outcome outcomes[MOST_STEPS];
} round;

u32 *apic_register(u32 offset)
{
	return (u32 *)(virtual_apic + offset);
}

u32 vtpr(void)
{
	return READ_ONCE(*apic_register(APIC_TASKPRI));
}

void spoil_cr8(void)
{
	if (broken("vtpr"))
		write_cr8((read_cr8() + 1) & 0xf);
}

static void steps_in_l2(void *unused)
{
	for (;;) {
		for (unsigned i = 0; i < round.count; i++) {
			const struct step *step = &round.steps[i];
			u64 where = step->where;

			if (i == round.move_at) {
				migrate_quiet();
				spoil_cr8();
			}
			round.at = i;
			if (is_in_page(step->op))
				where += (u64)window;
			round.outcomes[i].read = accesses[step->op].run(where, step->value);
		}
		l2_call(HERE);
	}
}

/* Maps a page of 4 KiB: the APIC-access page should not be part of a larger one (30.4.5). */
static u8 *new_window(const u8 *page)
{
	u8 *address = alloc_vpage();

	map_pages(address, virt_to_phys(page), 1, PT_PRESENT_MASK | PT_WRITABLE_MASK);
	return address;
}

struct l2 *new_l2(void (*code)(void *data), void *data, bool ept, u32 secondary)
{
	struct l2 *l2 = l2_new(code, data);

	virtual_apic = alloc_page();
	access_page = alloc_page();
	other_page = alloc_page();
	window = new_window(access_page);
	other_window = new_window(other_page);
	vmx_set(l2, VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(virtual_apic));
	vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(access_page));
	vmx_set(l2, TPR_THRESHOLD, 0);
	if (ept) {
		vmx_use_ept(l2);
		/* Both pages get EPT entries of their own, of 4 KiB. */
		vmx_ept_entry(l2, virt_to_phys(access_page));
		vmx_ept_entry(l2, virt_to_phys(other_page));
	}
	if (secondary)
		vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, secondary);
	return l2;
}

struct l2 *new_l2_for_steps(bool ept, u32 primary, u32 secondary)
{
	struct l2 *l2 = new_l2(steps_in_l2, NULL, ept, secondary);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, primary);
	return l2;
}

void free_l2(struct l2 *l2)
{
	l2_free(l2);
	unmap_pages(window, 1);
	unmap_pages(other_window, 1);
	free_page(virtual_apic);
	free_page(access_page);
	free_page(other_page);
}

/* After an exit, lets L2 go on with its next step. */
static void go_on(struct l2 *l2, const struct step *step)
{
	if (step->exit == EXIT_REASON_TPR_BELOW_THRESHOLD) {
		/* With VTPR below the threshold the next VM entry would fail, or exit at once. */
		vmx_set(l2, TPR_THRESHOLD, vtpr() >> 4);
	} else if (step->exit == EXIT_REASON_APIC_ACCESS) {
		vmx_skip(l2);
	}
}

static void note_exit(struct l2 *l2, struct outcome *outcome)
{
	if (outcome->exits++)
		return;
	outcome->reason = l2->exit_reason;
	outcome->qualification = vmx_get(l2, EXIT_QUALIFICATION);
	outcome->rip = vmx_get(l2, GUEST_RIP);
}

static u64 expected_rip(const struct step *step)
{
	const struct access *access = &accesses[step->op];

	return (u64)(step->exit == EXIT_REASON_APIC_ACCESS ? access->at : access->after);
}

static bool check_step(const struct step *step, const struct outcome *outcome, const char *when)
{
	const char *name = accesses[step->op].name;
	unsigned number = step - round.steps + 1;

	if (!report_if_failed(
		    outcome->exits == !!step->exit,
		    "%s: step %u, %s 0x%lx: %u exits, the first %s, qualification 0x%lx; expected %s",
		    when, number, name, step->where, outcome->exits,
		    outcome->exits ? l2_exit_name(outcome->reason) : "none", outcome->qualification,
		    step->exit ? l2_exit_name(step->exit) : "none"))
		return false;
	if (step->exit)
		return report_if_failed(
			outcome->reason == step->exit &&
				outcome->qualification == step->qualification &&
				outcome->rip == expected_rip(step),
			"%s: step %u, %s 0x%lx: exit %s, qualification 0x%lx, RIP 0x%lx; expected %u, 0x%lx, 0x%lx",
			when, number, name, step->where, l2_exit_name(outcome->reason),
			outcome->qualification, outcome->rip, step->exit, step->qualification,
			expected_rip(step));
	return !is_load(step->op) ||
	       report_if_failed(outcome->read == step->value,
				"%s: step %u, %s 0x%lx gave 0x%lx, expected 0x%lx", when, number,
				name, step->where, outcome->read, step->value);
}

/* L2 goes through the steps once, and asks for a migration before step MOVE_AT. */
static void run_steps(struct l2 *l2, const struct step *steps, unsigned count, unsigned move_at,
		      const char *when)
{
	bool good = true, moved = move_at != NEVER;
	unsigned done;

	assert(count <= MOST_STEPS);
	round = (struct round){ .steps = steps, .count = count, .move_at = move_at };
	if (moved && broken("threshold"))
		vmx_set(l2, TPR_THRESHOLD, 0);
	if (moved && broken("access"))
		vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(other_page));
	if (moved && broken("registers"))
		*apic_register(APIC_LVTERR) ^= 1;
	for (;;) {
		struct outcome *outcome;

		l2_enter(l2);
		outcome = &round.outcomes[round.at];
		if (l2_is_call(l2, HERE) || l2->exit_reason != steps[round.at].exit)
			break;
		note_exit(l2, outcome);
		if (outcome->exits > 1)
			break;
		go_on(l2, &steps[round.at]);
	}
	done = l2_is_call(l2, HERE) ? count : round.at;
	for (unsigned i = 0; i < done; i++)
		good &= check_step(&steps[i], &round.outcomes[i], when);
	good &= report_if_failed(l2_is_call(l2, HERE),
				 "%s: L2 should make %u steps, but left in step %u: exit %s", when,
				 count, round.at + 1, l2_exit_text(l2));
	report(good, "%s: %u steps of L2", when, count);
	if (l2_is_call(l2, HERE))
		vmx_skip(l2);
}

void check_steps(struct l2 *l2, const struct step *steps, unsigned count, unsigned middle,
		 u64 threshold, u32 priority)
{
	for (int i = 0; i < 3; i++) {
		static const char *const when[] = { "no migration", "migration in L2",
						    "migration in L1" };

		vmx_set(l2, TPR_THRESHOLD, threshold);
		*apic_register(APIC_TASKPRI) = priority;
		if (i == 2) {
			migrate_quiet();
			if (broken("vtpr"))
				*apic_register(APIC_TASKPRI) ^= 0x10;
			if (broken("threshold"))
				vmx_set(l2, TPR_THRESHOLD, 0);
		}
		run_steps(l2, steps, count, i == 1 ? middle : NEVER, when[i]);
	}
}

void check_own_cr8(void)
{
	report(read_cr8() == OWN_CR8 && apic_get_tpr() == OWN_CR8 << 4,
	       "L1's CR8 is 0x%lx and its APIC's TPR 0x%x, expected 0x%x and 0x%x", read_cr8(),
	       apic_get_tpr(), OWN_CR8, OWN_CR8 << 4);
}
