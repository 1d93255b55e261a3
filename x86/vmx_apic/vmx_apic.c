// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's virtual APIC across a move (Intel SDM volume 3: 25.6.8 the controls for APIC
 * virtualization, chapter 30 "APIC Virtualization and Virtual Interrupts", 27.2.1.1 and 27.7.7
 * the TPR threshold at entries, 28.2.1 the qualifications, 30.6 posted interrupts).
 *
 * L2's APIC is a page of L1's memory, which the processor writes to by its physical address:
 * past a hypervisor's tables, and so past what it knows of pages that are written while the
 * machine is moved. What is not in the page is in the VMCS: the TPR threshold, the addresses of
 * two pages, RVI and SVI. A broken hypervisor loses the last TPR, or takes L1's for L2's; it
 * forgets the threshold or compares with another; it maps other pages on the other side, so that
 * an access does not exit, or one does that should not; or it loses a virtual interrupt that is
 * pending or in service, and delivers one that the priority should hold back.
 *
 * L2 goes through tables of steps: accesses to CR8, MSRs and the APIC-access page. Each step says
 * whether it exits, with which reason and qualification, and what is read, so that an exit too
 * many is seen as well. RIP tells an exit that comes before the instruction from one that comes
 * behind it. Of an interrupt, the handler notes which and when.
 *
 * Not here: instructions in the APIC-access page, at which Bochs 2.7 ends; accesses to it in the
 * delivery of events.
 *
 * What cannot be told apart: a page that was not sent after its last write, and one that the
 * entry after the move has written to.
 *
 * On the command line: break=WHAT, to spoil the test on purpose:
 *
 * vtpr       after each move VTPR is another
 * threshold  where it is moved, the TPR threshold is 0
 * access     where it is moved, the APIC-access page is another
 * registers  where it is moved, a register in the virtual-APIC page is another
 * interrupt  of the virtual interrupts that are pending when L2 is moved, one is not
 * refused    what an entry should be refused for is not there
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "processor.h"
#include "vmalloc.h"
#include "x86/vmx_apic/vmx_apic.h"

#define MOST_STEPS 40
#define NEVER	   MOST_STEPS

/* ======== accesses of L2, with RIP before and behind ======== */

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
	u64 reason, qualification, rip; /* of the first */
	u64 read;
};

/* One CPU runs a test at a time, and these are its. */
u8 *virtual_apic; /* the page; VTPR and so on */
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

/* A page of the APIC's own, 4 KiB wide wherever it is mapped (30.4.5). */
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
		/* Entries of their own for both pages. */
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

/* Behind an exit: where L2 goes on. */
static void go_on(struct l2 *l2, const struct step *step)
{
	if (step->exit == EXIT_REASON_TPR_BELOW_THRESHOLD) {
		/* Or the next entry would fail, or exit. */
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

	if (!report_if_failed(outcome->exits == !!step->exit,
			      "%s: step %u, %s 0x%lx: %u exits, the first %s, qualification 0x%lx; "
			      "expected %s",
			      when, number, name, step->where, outcome->exits,
			      outcome->exits ? l2_exit_name(outcome->reason) : "none",
			      outcome->qualification,
			      step->exit ? l2_exit_name(step->exit) : "none"))
		return false;
	if (step->exit)
		return report_if_failed(outcome->reason == step->exit &&
						outcome->qualification == step->qualification &&
						outcome->rip == expected_rip(step),
					"%s: step %u, %s 0x%lx: exit %s, qualification 0x%lx, RIP "
					"0x%lx; expected %u, 0x%lx, 0x%lx",
					when, number, name, step->where,
					l2_exit_name(outcome->reason), outcome->qualification,
					outcome->rip, step->exit, step->qualification,
					expected_rip(step));
	return !is_load(step->op) ||
	       report_if_failed(outcome->read == step->value,
				"%s: step %u, %s 0x%lx gave 0x%lx, expected 0x%lx", when, number,
				name, step->where, outcome->read, step->value);
}

/* L2 goes once through the steps, moved before the one at MOVE_AT. */
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
				 "%s: L2 should have made %u steps; in step %u: exit %s", when,
				 count, round.at + 1, l2_exit_text(l2));
	report(good, "%s: %u steps of L2", when, count);
	if (l2_is_call(l2, HERE))
		vmx_skip(l2);
}

/* All steps in one go, with a move in the middle, and behind a move of L1. */
void check_steps(struct l2 *l2, const struct step *steps, unsigned count, unsigned middle,
		 u64 threshold, u32 priority)
{
	for (int i = 0; i < 3; i++) {
		static const char *const when[] = { "not moved", "moved in L2", "moved in L1" };

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

void call_in_l2(void *data)
{
	for (;;)
		l2_call(HERE);
}

void check_own_cr8(void)
{
	report(read_cr8() == OWN_CR8 && apic_get_tpr() == OWN_CR8 << 4,
	       "L1's CR8 is 0x%lx and its APIC's TPR 0x%x, expected 0x%x and 0x%x", read_cr8(),
	       apic_get_tpr(), OWN_CR8, OWN_CR8 << 4);
}
