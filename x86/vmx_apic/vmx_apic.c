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
#include "isr.h"
#include "processor.h"
#include "vmalloc.h"
#include "nested/vmx/vmx.h"

#define HERE	   1
#define MOST_STEPS 40
#define NEVER	   MOST_STEPS

#define X2APIC(offset) (APIC_BASE_MSR + ((offset) >> 4))

/* ======== accesses of L2, with RIP before and behind ======== */

#define ACCESS(name, setup, instruction)                                                           \
	u64 name(u64 where, u64 value);                                                            \
	extern const char name##_at[], name##_after[];                                             \
	asm(".pushsection .text\n" #name ": xor %eax, %eax\n" setup "\n" #name "_at: " instruction \
	    "\n" #name "_after: ret\n"                                                             \
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

enum op { LOAD_8, LOAD_32, LOAD_64, STORE_8, STORE_32, LOAD_CR8, STORE_CR8, RDMSR, WRMSR };

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

struct step {
	enum op op;
	u64 where; /* offset into the page, or MSR */
	u64 value; /* to be stored; of a load that does not exit: expected */
	u32 exit;  /* or 0 */
	u64 qualification;
};

#define PASSES(op, where, value)                                                                   \
	{                                                                                          \
		op, where, value, 0, 0                                                             \
	}
/* Stores that exit behind the instruction (30.1.2, 30.4.3.2). */
#define BELOW(op, where, value)                                                                    \
	{                                                                                          \
		op, where, value, EXIT_REASON_TPR_BELOW_THRESHOLD, 0                               \
	}
#define WRITTEN(op, offset, value)                                                                 \
	{                                                                                          \
		op, offset, value, EXIT_REASON_APIC_WRITE, offset                                  \
	}
/* Accesses that exit before it. */
#define EXITS(op, offset, type)                                                                    \
	{                                                                                          \
		op, offset, 0, EXIT_REASON_APIC_ACCESS, (offset) | TYPE_LINEAR_APIC_##type         \
	}

struct outcome {
	unsigned exits;
	u64 reason, qualification, rip; /* of the first */
	u64 read;
};

/* One CPU runs a test at a time, and these are its. */
static u8 *virtual_apic; /* the page; VTPR and so on */
static u8 *access_page, *other_page, *window, *other_window;

static struct round {
	const struct step *steps;
	unsigned count, move_at;
	volatile unsigned at;
	struct outcome outcomes[MOST_STEPS];
} round;

static u32 *apic_register(u32 offset)
{
	return (u32 *)(virtual_apic + offset);
}

static u32 vtpr(void)
{
	return READ_ONCE(*apic_register(APIC_TASKPRI));
}

static void spoil_cr8(void)
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

static struct l2 *begin_with(void (*code)(void *data), void *data, bool ept, u32 secondary)
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

static struct l2 *begin(bool ept, u32 primary, u32 secondary)
{
	struct l2 *l2 = begin_with(steps_in_l2, NULL, ept, secondary);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, primary);
	return l2;
}

static void end(struct l2 *l2)
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
static void check_steps(struct l2 *l2, const struct step *steps, unsigned count, unsigned middle,
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

/* ======== the TPR shadow ======== */

/* L1's own TPR: a class that no interrupt here has. */
#define OWN_CR8 1

static void check_own_cr8(void)
{
	report(read_cr8() == OWN_CR8 && apic_get_tpr() == OWN_CR8 << 4,
	       "L1's CR8 is 0x%lx and its APIC's TPR 0x%x, expected 0x%x and 0x%x", read_cr8(),
	       apic_get_tpr(), OWN_CR8, OWN_CR8 << 4);
}

/* Begun with VTPR 0xcf: the lower half is not in CR8, and goes at the first write. */
static const struct step cr8_steps[] = {
	PASSES(LOAD_CR8, 0, 12),
	PASSES(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 15),
	PASSES(LOAD_CR8, 0, 15),
	PASSES(STORE_CR8, 0, 9),
	/* moved */
	PASSES(LOAD_CR8, 0, 9),
	PASSES(STORE_CR8, 0, 3),
	PASSES(LOAD_CR8, 0, 3),
	PASSES(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 7),
};

TEST(tpr_shadow, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "CR8 of L2 is VTPR in the virtual-APIC page, without exits, and L1's TPR its own")
{
	struct l2 *l2 = begin(false, CPU_BASED_TPR_SHADOW, 0);

	write_cr8(OWN_CR8);
	check_steps(l2, cr8_steps, ARRAY_SIZE(cr8_steps), 6, 0, 0xcf);
	report(vtpr() == 0x70, "VTPR is 0x%x, L2 wrote 0x70", vtpr());
	check_own_cr8();
	write_cr8(0);
	end(l2);
}

static struct meanwhile {
	u64 count, wrong, first_wrong, first_read;
} meanwhile;

static void write_and_read_cr8(void)
{
	u64 value = ++meanwhile.count & 0xf, read;

	write_cr8(value);
	read = read_cr8();
	if (read != value && !meanwhile.wrong++) {
		meanwhile.first_wrong = value;
		meanwhile.first_read = read;
	}
}

static void write_cr8_through_move(void *unused)
{
	write_and_read_cr8();
	migrate_quiet_while(write_and_read_cr8);
	meanwhile.wrong += read_cr8() != (meanwhile.count & 0xf);
	spoil_cr8();
}

/* The page is written to past all page tables while its last copy may be on its way. */
TEST(tpr_shadow_meanwhile, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "VTPR, which L2 writes by CR8 while it is moved, is what was written last")
{
	struct l2 *l2 = begin_with(write_cr8_through_move, NULL, false, 0);

	meanwhile = (struct meanwhile){ 0 };
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	l2_expect_return(l2);
	report(!meanwhile.wrong,
	       "of %lu values %lu were read as another, the first as 0x%lx and not 0x%lx",
	       meanwhile.count, meanwhile.wrong, meanwhile.first_read, meanwhile.first_wrong);
	report(vtpr() == (meanwhile.count & 0xf) << 4, "VTPR is 0x%x, L2 wrote 0x%lx last", vtpr(),
	       (meanwhile.count & 0xf) << 4);
	end(l2);
}

/* ======== the TPR threshold ======== */

/* Begun with VTPR 0xf0 and the threshold 6; behind each exit the threshold is VTPR's class. */
static const struct step threshold_steps[] = {
	PASSES(STORE_CR8, 0, 6),
	PASSES(STORE_CR8, 0, 8),
	PASSES(STORE_CR8, 0, 6),
	BELOW(STORE_CR8, 0, 5),
	PASSES(LOAD_CR8, 0, 5),
	PASSES(STORE_CR8, 0, 14),
	/* moved */
	PASSES(STORE_CR8, 0, 5),
	BELOW(STORE_CR8, 0, 3),
	PASSES(STORE_CR8, 0, 4),
	PASSES(STORE_CR8, 0, 3),
	BELOW(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 1),
	PASSES(STORE_CR8, 0, 0),
};

TEST(tpr_threshold, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "MOV to CR8 exits behind itself when it brings VTPR below the threshold, and only "
	      "then")
{
	struct l2 *l2 = begin(false, CPU_BASED_TPR_SHADOW, 0);

	check_steps(l2, threshold_steps, ARRAY_SIZE(threshold_steps), 6, 6, 0xf0);
	end(l2);
}

static void call_in_l2(void *data)
{
	for (;;)
		l2_call(HERE);
}

/* 27.2.1.1: without virtualized APIC accesses such an entry is refused. */
TEST(tpr_threshold_refused, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "an entry with VTPR below the threshold is refused, by what they are after a move")
{
	struct l2 *l2 = begin_with(call_in_l2, NULL, false, 0);
	u64 reason;

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	vmx_set(l2, TPR_THRESHOLD, 4);
	*apic_register(APIC_TASKPRI) = 0x4f;
	l2_expect_call(l2, HERE);
	*apic_register(APIC_TASKPRI) = broken("refused") ? 0x40 : 0x3f;
	migrate_quiet();
	reason = l2_enter(l2);
	report(reason == L2_NOT_ENTERED &&
		       vmx_get(l2, VM_INSTRUCTION_ERROR) == VMXERR_ENTRY_INVALID_CONTROL_FIELD,
	       "VTPR 0x3f, threshold 4: exit %s; expected no entry, with error %d",
	       l2_exit_text(l2), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
	*apic_register(APIC_TASKPRI) = 0x40;
	l2_expect_call(l2, HERE);
	end(l2);
}

/* 27.7.7: with them it is an exit at once. */
TEST(tpr_threshold_at_entry, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES),
     .about = "an entry with VTPR below the threshold exits before L2 does anything, also after a "
	      "move")
{
	struct l2 *l2 =
		begin_with(call_in_l2, NULL, false, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	for (int moved = 0; moved < 2; moved++) {
		u64 rip = vmx_get(l2, GUEST_RIP);

		vmx_set(l2, TPR_THRESHOLD, 4);
		*apic_register(APIC_TASKPRI) = broken("refused") ? 0x40 : 0x3f;
		if (moved)
			migrate_quiet();
		l2_expect(l2, EXIT_REASON_TPR_BELOW_THRESHOLD, "VTPR 0x3f, threshold 4");
		report(vmx_get(l2, GUEST_RIP) == rip, "L2's RIP is 0x%lx, was 0x%lx",
		       vmx_get(l2, GUEST_RIP), rip);
		*apic_register(APIC_TASKPRI) = 0x40;
		l2_expect_call(l2, HERE);
	}
	end(l2);
}

/* ======== the APIC-access page ======== */

/* Table 28-6. */
static const struct step access_steps[] = {
	EXITS(LOAD_32, APIC_ID, INST_READ),
	EXITS(STORE_32, APIC_EOI, INST_WRITE),
	EXITS(LOAD_32, APIC_TASKPRI, INST_READ),
	EXITS(STORE_32, APIC_TASKPRI, INST_WRITE),
	EXITS(LOAD_8, 0xfff, INST_READ),
	/* moved */
	EXITS(LOAD_32, APIC_LVR, INST_READ),
	EXITS(STORE_32, APIC_ICR, INST_WRITE),
	EXITS(LOAD_8, APIC_TASKPRI, INST_READ),
	EXITS(LOAD_64, APIC_IRR, INST_READ),
	EXITS(STORE_8, 0, INST_WRITE),
	EXITS(LOAD_32, APIC_TMCCT, INST_READ),
};

static void check_accesses(bool ept)
{
	struct l2 *l2 = begin(ept, 0, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	check_steps(l2, access_steps, ARRAY_SIZE(access_steps), 6, 0, 0);
	end(l2);
}

TEST(apic_accesses, .on = EACH_CPU, .needs = VMX_APIC_ACCESSES,
     .about = "loads from and stores to the APIC-access page exit with offset and type")
{
	check_accesses(false);
}

TEST(apic_accesses_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_APIC_ACCESSES, VMX_EPT),
     .about = "the same with EPT")
{
	check_accesses(true);
}

/* What L2 finds in two pages, one after the other, or that it exits. */
static struct look {
	u32 read[2];
	unsigned exits[2];
	volatile int at;
} look;

static void look_in_l2(void *unused)
{
	for (;;) {
		look.at = 0;
		look.read[0] = load_32((u64)window + APIC_LVR, 0);
		look.at = 1;
		look.read[1] = load_32((u64)other_window + APIC_LVR, 0);
		l2_call(HERE);
	}
}

static void expect_look(struct l2 *l2, bool first, bool second, const char *when)
{
	look = (struct look){ 0 };
	if (l2->ept)
		invept(VMX_EPT_EXTENT_GLOBAL, 0);
	while (l2_enter(l2) == EXIT_REASON_APIC_ACCESS && look.exits[look.at]++ == 0)
		vmx_skip(l2);
	report(look.exits[0] == first && look.exits[1] == second &&
		       (first || look.read[0] == 0x1111) && (second || look.read[1] == 0x2222),
	       "%s: the first page: %u exits, read 0x%x; the second: %u exits, read 0x%x; expected "
	       "%d and %d exits, else 0x1111 and 0x2222",
	       when, look.exits[0], look.read[0], look.exits[1], look.read[1], first, second);
	if (report_if_failed(l2_is_call(l2, HERE), "%s: L2 should have looked at both: exit %s",
			     when, l2_exit_text(l2)))
		vmx_skip(l2);
}

static void check_changed(bool ept)
{
	struct l2 *l2 = begin_with(look_in_l2, NULL, ept, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	*(u32 *)(access_page + APIC_LVR) = 0x1111;
	*(u32 *)(other_page + APIC_LVR) = 0x2222;
	expect_look(l2, true, false, "before the move");
	migrate_quiet();
	vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(broken("access") ? access_page : other_page));
	expect_look(l2, false, true, "the second page behind a move");
	vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(access_page));
	migrate_quiet();
	expect_look(l2, true, false, "the first page again before a move");
	vmx_clear_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);
	expect_look(l2, false, false, "none");
	end(l2);
}

TEST(apic_access_page_changed, .on = EACH_CPU, .needs = VMX_APIC_ACCESSES,
     .about = "of two pages that one is the APIC-access page that L1 has chosen, before a move or "
	      "after it")
{
	check_changed(false);
}

TEST(apic_access_page_changed_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_APIC_ACCESSES, VMX_EPT),
     .about = "the same with EPT")
{
	check_changed(true);
}

/* With the TPR shadow offset 80h is VTPR (30.4.2, 30.4.3). Begun with VTPR 0xf3, threshold 5. */
static const struct step page_steps[] = {
	PASSES(LOAD_32, APIC_TASKPRI, 0xf3),
	PASSES(LOAD_8, APIC_TASKPRI, 0xf3),
	PASSES(STORE_32, APIC_TASKPRI, 0x5a),
	PASSES(LOAD_CR8, 0, 5),
	EXITS(LOAD_32, APIC_PROCPRI, INST_READ),
	BELOW(STORE_32, APIC_TASKPRI, 0x4c),
	/* moved */
	PASSES(LOAD_32, APIC_TASKPRI, 0x4c),
	PASSES(STORE_CR8, 0, 12),
	PASSES(LOAD_32, APIC_TASKPRI, 0xc0),
	BELOW(STORE_8, APIC_TASKPRI, 0x21),
	EXITS(LOAD_64, APIC_TASKPRI, INST_READ),
	EXITS(LOAD_8, APIC_TASKPRI + 4, INST_READ),
	EXITS(STORE_32, APIC_EOI, INST_WRITE),
	PASSES(STORE_32, APIC_TASKPRI, 0x77),
};

static void check_tpr_in_page(bool ept)
{
	struct l2 *l2 = begin(ept, CPU_BASED_TPR_SHADOW, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	check_steps(l2, page_steps, ARRAY_SIZE(page_steps), 6, 5, 0xf3);
	report(vtpr() == 0x77 && *(u32 *)(access_page + APIC_TASKPRI) == 0,
	       "VTPR is 0x%x, L2 wrote 0x77; the APIC-access page itself has 0x%x there", vtpr(),
	       *(u32 *)(access_page + APIC_TASKPRI));
	end(l2);
}

TEST(tpr_in_page, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES),
     .about = "with the TPR shadow offset 80h of the APIC-access page is VTPR, and the rest exits")
{
	check_tpr_in_page(false);
}

TEST(tpr_in_page_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES, VMX_EPT),
     .about = "the same with EPT")
{
	check_tpr_in_page(true);
}

/* ======== x2APIC mode ======== */

/* Begun with VTPR 0xf3, threshold 5. */
static const struct step x2apic_steps[] = {
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xf3),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x5a),
	PASSES(LOAD_CR8, 0, 5),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x5a),
	BELOW(WRMSR, X2APIC(APIC_TASKPRI), 0x4c),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0xff),
	/* moved */
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xff),
	PASSES(STORE_CR8, 0, 12),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xc0),
	BELOW(WRMSR, X2APIC(APIC_TASKPRI), 0x21),
	BELOW(STORE_CR8, 0, 1),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x10),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x88),
};

TEST(x2apic_tpr, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE),
     .about = "with x2APIC mode virtualized MSR 808h is VTPR, without exits but by the threshold")
{
	struct l2 *l2 = begin(false, CPU_BASED_TPR_SHADOW, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);

	write_cr8(OWN_CR8);
	check_steps(l2, x2apic_steps, ARRAY_SIZE(x2apic_steps), 6, 5, 0xf3);
	report(vtpr() == 0x88, "VTPR is 0x%x, L2 wrote 0x88", vtpr());
	check_own_cr8();
	write_cr8(0);
	end(l2);
}

struct faults {
	int high_bits, upper_half, off;
};

static int vector_of_tpr_write(u64 value)
{
	wrmsr_safe(X2APIC(APIC_TASKPRI), value);
	return exception_vector();
}

static void fault_in_l2(void *data)
{
	struct faults *faults = data;

	migrate_quiet();
	faults->high_bits = vector_of_tpr_write(broken("vtpr") ? 0x10 : 0x100);
	faults->upper_half = vector_of_tpr_write(BIT(32));
	l2_call(HERE);
	faults->off = vector_of_tpr_write(0);
}

/* L1's own APIC is in xAPIC mode, and so has no such MSR. */
TEST(x2apic_tpr_faults, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE),
     .about = "a TPR beyond 8 bits raises #GP, and so does any when x2APIC mode is no longer "
	      "virtualized")
{
	struct faults faults = { 0 };
	struct l2 *l2 =
		begin_with(fault_in_l2, &faults, false, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);

	if (is_x2apic_enabled()) {
		report_skip("needs an APIC in xAPIC mode");
		end(l2);
		return;
	}
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	*apic_register(APIC_TASKPRI) = 0x55;
	l2_expect_call(l2, HERE);
	report(faults.high_bits == GP_VECTOR && faults.upper_half == GP_VECTOR && vtpr() == 0x55,
	       "WRMSR of bit 8: %s, of bit 32: %s, expected #GP; VTPR is 0x%x, was 0x55",
	       exception_mnemonic(faults.high_bits), exception_mnemonic(faults.upper_half), vtpr());
	vmx_clear_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);
	l2_expect_return(l2);
	report(faults.off == GP_VECTOR, "WRMSR of 0 without the control: %s, expected #GP",
	       exception_mnemonic(faults.off));
	end(l2);
}

/* ======== APIC-register virtualization ======== */

#define PATTERN(offset) (0x5a000000 | (offset) << 8)

/* In the page, but for VTPR, stands PATTERN of each register's offset. */
static void fill_registers(void)
{
	for (u32 offset = 0; offset < 0x400; offset += 0x10)
		*apic_register(offset) = PATTERN(offset);
}

static const struct step register_steps[] = {
	PASSES(LOAD_32, APIC_ID, PATTERN(APIC_ID)),
	PASSES(LOAD_32, APIC_LVTERR, PATTERN(APIC_LVTERR)),
	PASSES(LOAD_8, APIC_LVR + 1, APIC_LVR),
	EXITS(LOAD_32, APIC_TMCCT, INST_READ),
	EXITS(LOAD_32, 0x400, INST_READ),
	WRITTEN(STORE_32, APIC_SPIV, 0x1ff),
	/* moved */
	PASSES(LOAD_32, APIC_SPIV, 0x1ff),
	PASSES(LOAD_32, APIC_LVTERR, PATTERN(APIC_LVTERR)),
	WRITTEN(STORE_32, APIC_LVT0, 0x10700),
	PASSES(LOAD_32, APIC_LVT0, 0x10700),
	WRITTEN(STORE_32, APIC_TMICT, 12345),
	EXITS(STORE_32, APIC_LVR, INST_WRITE),
	EXITS(STORE_32, APIC_IRR, INST_WRITE),
	PASSES(LOAD_32, APIC_IRR + 0x70, PATTERN(APIC_IRR + 0x70)),
};

/* Only a part exits for the MSRs (30.5): reads are all from the page. */
static const struct step x2apic_register_steps[] = {
	PASSES(RDMSR, X2APIC(APIC_ID), PATTERN(APIC_ID)),
	PASSES(RDMSR, X2APIC(APIC_LVTERR), PATTERN(APIC_LVTERR)),
	PASSES(RDMSR, X2APIC(APIC_TMCCT), PATTERN(APIC_TMCCT)),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x66),
	/* moved */
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x66),
	PASSES(RDMSR, X2APIC(APIC_LVTERR), PATTERN(APIC_LVTERR)),
	PASSES(RDMSR, X2APIC(APIC_IRR) + 7, PATTERN(APIC_IRR + 0x70)),
};

TEST(apic_registers, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES, VMX_APIC_REGISTER_VIRT),
     .about =
	     "registers of the APIC are read from the virtual-APIC page, and what is written exits "
	     "behind it")
{
	struct l2 *l2 =
		begin(false, CPU_BASED_TPR_SHADOW,
		      SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES | SECONDARY_EXEC_APIC_REGISTER_VIRT);

	fill_registers();
	check_steps(l2, register_steps, ARRAY_SIZE(register_steps), 6, 0, 0);
	report(*apic_register(APIC_TMICT) == 12345 && *apic_register(APIC_LVR) == PATTERN(APIC_LVR),
	       "initial count and version are 0x%x and 0x%x, expected 0x%x and 0x%x",
	       *apic_register(APIC_TMICT), *apic_register(APIC_LVR), 12345, PATTERN(APIC_LVR));
	end(l2);
}

TEST(x2apic_registers, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_APIC_REGISTER_VIRT),
     .about = "the x2APIC's MSRs are read from the virtual-APIC page")
{
	struct l2 *l2 =
		begin(false, CPU_BASED_TPR_SHADOW,
		      SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | SECONDARY_EXEC_APIC_REGISTER_VIRT);

	fill_registers();
	check_steps(l2, x2apic_register_steps, ARRAY_SIZE(x2apic_register_steps), 4, 0, 0);
	end(l2);
}

/* ======== virtual-interrupt delivery ======== */

/* By falling priority; the first two are of one class. */
#define FIRST_VECTOR  0x63
#define SECOND_VECTOR 0x62
#define THIRD_VECTOR  0x51
#define SELF_VECTOR   0x74
#define IN_HANDLER    2
#define MOST_TAKEN    8

/* GUEST_INTR_STATUS (25.4.2): the vectors that are requested and in service. */
#define RVI(vector) ((u64)(vector))
#define SVI(vector) ((u64)(vector) << 8)

/* What L2 took, and how many at certain points of its way. */
static struct taken {
	volatile unsigned count;
	u8 vectors[MOST_TAKEN];
	unsigned at[4];
	bool call; /* the first handler calls L1, is moved, and calls L1 again */
} taken;

static bool apic_bit(u32 reg, u8 vector)
{
	return *apic_register(reg + vector / 32 * 0x10) >> vector % 32 & 1;
}

static void set_apic_bit(u32 reg, u8 vector, bool value)
{
	u32 *word = apic_register(reg + vector / 32 * 0x10);

	*word = (*word & ~(1u << vector % 32)) | (u32)value << vector % 32;
}

static void virtual_eoi(void)
{
	wrmsr(X2APIC(APIC_EOI), 0);
}

static void on_virtual_interrupt(isr_regs_t *regs)
{
	if (taken.count < MOST_TAKEN)
		taken.vectors[taken.count] = regs->vector;
	taken.count++;
	if (taken.call) {
		taken.call = false;
		migrate_quiet();
		l2_call(IN_HANDLER);
	}
	virtual_eoi();
}

static const u8 vectors[] = { FIRST_VECTOR, SECOND_VECTOR, THIRD_VECTOR, SELF_VECTOR };

static struct l2 *begin_delivery(void (*code)(void *data))
{
	struct l2 *l2 = begin_with(code, NULL, false,
				   SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |
					   SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	vmx_set(l2, EOI_EXIT_BITMAP0, 0);
	vmx_set(l2, EOI_EXIT_BITMAP1, 0);
	vmx_set(l2, EOI_EXIT_BITMAP2, 0);
	vmx_set(l2, EOI_EXIT_BITMAP3, 0);
	vmx_set(l2, GUEST_INTR_STATUS, 0);
	taken = (struct taken){ 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		handle_irq(vectors[i], on_virtual_interrupt);
	return l2;
}

/* The three are requested, as an L1 does it: in VIRR, and the highest in RVI. */
static void request_three(struct l2 *l2)
{
	set_apic_bit(APIC_IRR, FIRST_VECTOR, true);
	set_apic_bit(APIC_IRR, SECOND_VECTOR, true);
	set_apic_bit(APIC_IRR, THIRD_VECTOR, !broken("interrupt"));
	vmx_set(l2, GUEST_INTR_STATUS, RVI(FIRST_VECTOR));
}

static void end_delivery(struct l2 *l2)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		unhandle_irq(vectors[i]);
	end(l2);
}

/* L1's own interrupts make L2 exit. */
static u64 enter_beside_interrupts(struct l2 *l2)
{
	while (l2_enter(l2) == EXIT_REASON_EXTERNAL_INTERRUPT)
		;
	return l2->exit_reason;
}

static void expect_call_beside_interrupts(struct l2 *l2, u64 number)
{
	enter_beside_interrupts(l2);
	report(l2_is_call(l2, number), "L2 came to its call %lu: exit %s", number,
	       l2_exit_text(l2));
	if (l2_is_call(l2, number) && number != L2_RETURNED)
		vmx_skip(l2);
}

static void check_taken(unsigned count, const u8 *expected)
{
	report(taken.count == count && !memcmp(taken.vectors, expected, count),
	       "L2 took %u interrupts, 0x%x 0x%x 0x%x; expected %u, 0x%x 0x%x 0x%x", taken.count,
	       taken.vectors[0], taken.vectors[1], taken.vectors[2], count, expected[0],
	       expected[1], count > 2 ? expected[2] : 0);
}

/* Nothing is requested, nothing is in service. */
static void check_idle(struct l2 *l2)
{
	bool any = false;

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		any |= apic_bit(APIC_IRR, vectors[i]) || apic_bit(APIC_ISR, vectors[i]);
	report(!any && vmx_get(l2, GUEST_INTR_STATUS) == 0,
	       "%s in VIRR or VISR; the guest interrupt status is 0x%lx, expected 0",
	       any ? "there is something" : "nothing", vmx_get(l2, GUEST_INTR_STATUS));
}

static void lower_priority(void *unused)
{
	irq_disable();
	migrate_quiet();
	irq_enable();
	taken.at[0] = taken.count;
	write_cr8(6);
	taken.at[1] = taken.count;
	write_cr8(5);
	taken.at[2] = taken.count;
	write_cr8(0);
	taken.at[3] = taken.count;
}

/* Begun with VTPR 0xf0; moved with all three pending. */
TEST(interrupts_pending, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "virtual interrupts that are pending in a move are delivered by priority, and not "
	      "before VTPR lets them")
{
	struct l2 *l2 = begin_delivery(lower_priority);

	*apic_register(APIC_TASKPRI) = 0xf0;
	request_three(l2);
	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(3, vectors);
	report(taken.at[0] == 0 && taken.at[1] == 0 && taken.at[2] == 2 && taken.at[3] == 3,
	       "with CR8 15, 6, 5 and 0 it had taken %u, %u, %u and %u; expected 0, 0, 2 and 3",
	       taken.at[0], taken.at[1], taken.at[2], taken.at[3]);
	check_idle(l2);
	end_delivery(l2);
}

static void wait_for_nothing(void *unused)
{
	irq_disable();
	irq_enable();
	asm volatile("nop");
	taken.at[0] = taken.count;
}

/* The first is in service: nothing else may come, and RVI is the second. */
TEST(interrupts_in_service, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "a virtual interrupt that is in service in a move stays so, and the others wait for "
	      "its EOI")
{
	struct l2 *l2 = begin_delivery(wait_for_nothing);
	u64 expected = RVI(SECOND_VECTOR) | SVI(FIRST_VECTOR);

	taken.call = true;
	request_three(l2);
	expect_call_beside_interrupts(l2, IN_HANDLER);
	report(vmx_get(l2, GUEST_INTR_STATUS) == expected && apic_bit(APIC_ISR, FIRST_VECTOR) &&
		       !apic_bit(APIC_IRR, FIRST_VECTOR) &&
		       *apic_register(APIC_PROCPRI) == (FIRST_VECTOR & 0xf0),
	       "the guest interrupt status is 0x%lx, expected 0x%lx; in service: %d, requested: "
	       "%d; VPPR is 0x%x, expected 0x%x",
	       vmx_get(l2, GUEST_INTR_STATUS), expected, apic_bit(APIC_ISR, FIRST_VECTOR),
	       apic_bit(APIC_IRR, FIRST_VECTOR), *apic_register(APIC_PROCPRI), FIRST_VECTOR & 0xf0);
	report(taken.count == 1, "it had taken %u, expected 1", taken.count);
	migrate_quiet();
	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(3, vectors);
	check_idle(l2);
	end_delivery(l2);
}

/* An exit behind the WRMSR, for vectors that are in the bit map (30.1.4). */
TEST(eoi_exits, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "the EOI of a vector in the EOI-exit bit map exits with it, moved before and in L1, "
	      "and of no other")
{
	struct l2 *l2 = begin_delivery(lower_priority);
	unsigned eois = 0;

	*apic_register(APIC_TASKPRI) = 0xf0;
	request_three(l2);
	vmx_set(l2, EOI_EXIT_BITMAP0 + 2 * (SECOND_VECTOR / 64), BIT(SECOND_VECTOR % 64));
	while (enter_beside_interrupts(l2) == EXIT_REASON_EOI_INDUCED && !eois++) {
		report(vmx_get(l2, EXIT_QUALIFICATION) == SECOND_VECTOR && taken.count == 2,
		       "the EOI of vector 0x%lx exits, after %u interrupts; expected 0x%x, 2",
		       vmx_get(l2, EXIT_QUALIFICATION), taken.count, SECOND_VECTOR);
		migrate_quiet();
	}
	report(l2_is_call(l2, L2_RETURNED) && eois == 1,
	       "L2 came to its end after %u EOI exits, expected 1: exit %s", eois,
	       l2_exit_text(l2));
	check_taken(3, vectors);
	check_idle(l2);
	end_delivery(l2);
}

static void send_to_self(void *unused)
{
	wrmsr(X2APIC(APIC_SELF_IPI), THIRD_VECTOR);
	taken.at[0] = taken.count;
	irq_disable();
	wrmsr(X2APIC(APIC_SELF_IPI), broken("interrupt") ? THIRD_VECTOR : SELF_VECTOR);
	migrate_quiet();
	taken.at[1] = taken.count;
	irq_enable();
	asm volatile("nop");
	taken.at[2] = taken.count;
}

TEST(self_ipi, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "a self-IPI of L2 comes without an exit, at once or when IF is set behind a move")
{
	static const u8 expected[] = { THIRD_VECTOR, SELF_VECTOR };
	struct l2 *l2 = begin_delivery(send_to_self);

	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(2, expected);
	report(taken.at[0] == 1 && taken.at[1] == 1 && taken.at[2] == 2,
	       "it had taken %u, with IF off %u, with IF on %u; expected 1, 1 and 2", taken.at[0],
	       taken.at[1], taken.at[2]);
	check_idle(l2);
	end_delivery(l2);
}

/* ======== posted interrupts ======== */

/* 30.6: 256 requests, the bit for an outstanding notification; 64 bytes. */
struct posted_interrupts {
	u64 requests[4];
	u64 outstanding;
	u64 reserved[3];
} __attribute__((aligned(64)));

#define NOTIFICATION_VECTOR 0x71
#define DEADLINE_MS	    5000

/* L2 has L1's own APIC for what is not virtualized, and so can notify itself. */
static void notify(void *unused)
{
	migrate_quiet();
	apic_send_self_ipi(NOTIFICATION_VECTOR);
	wait_until(taken.count == 3, DEADLINE_MS);
}

TEST(posted_interrupts, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY, VMX_POSTED_INTR),
     .about = "interrupts that were posted before a move in L2 are delivered at the notification "
	      "after it")
{
	static struct posted_interrupts descriptor;
	struct l2 *l2 = begin_delivery(notify);

	descriptor = (struct posted_interrupts){ .outstanding = 1 };
	for (int i = 0; i < 3; i++)
		if (!(i == 2 && broken("interrupt")))
			descriptor.requests[vectors[i] / 64] |= BIT(vectors[i] % 64);
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_POSTED_INTR);
	vmx_set_controls(l2, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT);
	vmx_set(l2, POSTED_INTR_NV, NOTIFICATION_VECTOR);
	vmx_set(l2, POSTED_INTR_DESC_ADDR, virt_to_phys(&descriptor));
	/* An interrupt of L1's that has made L2 exit is acknowledged, and in service. */
	if (l2_enter(l2) == EXIT_REASON_EXTERNAL_INTERRUPT)
		eoi();
	report(l2_is_call(l2, L2_RETURNED), "L2 came to its end: exit %s", l2_exit_text(l2));
	check_taken(3, vectors);
	report(!descriptor.requests[1] && !(descriptor.outstanding & 1),
	       "requests are 0x%lx, outstanding is 0x%lx; expected 0", descriptor.requests[1],
	       descriptor.outstanding);
	check_idle(l2);
	end_delivery(l2);
}

/* ======== entries that are refused ======== */

/* Each for itself is wrong, the rest being as it should: 27.2.1.1. */
static const struct wrong {
	const char *what;
	u32 primary, secondary;
	enum vmcs_field field;
	u64 change; /* bits of the field that are the other way round */
} wrongs[] = {
	{ "a virtual-APIC page at an odd address", CPU_BASED_TPR_SHADOW, 0, VIRTUAL_APIC_PAGE_ADDR,
	  16 },
	{ "a TPR threshold above 15", CPU_BASED_TPR_SHADOW, 0, TPR_THRESHOLD, 16 },
	{ "an APIC-access page at an odd address", 0, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,
	  APIC_ACCESS_ADDR, 16 },
	{ "x2APIC mode without the TPR shadow", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW },
	{ "x2APIC mode and APIC accesses", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, SECONDARY_VM_EXEC_CONTROL,
	  SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES },
	{ "APIC registers without the TPR shadow", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_APIC_REGISTER_VIRT, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW },
	{ "virtual-interrupt delivery without external-interrupt exiting", CPU_BASED_TPR_SHADOW, 0,
	  SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY },
};

#define WRONGS ARRAY_SIZE(wrongs)

static bool is_possible(const struct wrong *wrong)
{
	u32 secondary = wrong->secondary;

	if (wrong->field == SECONDARY_VM_EXEC_CONTROL)
		secondary |= wrong->change;
	return vmx_may_set(SECONDARY_VM_EXEC_CONTROL, secondary);
}

static void change(struct l2 *l2, const struct wrong *wrong)
{
	if (!broken("refused"))
		vmx_set(l2, wrong->field, vmx_get(l2, wrong->field) ^ wrong->change);
}

TEST(refused, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "what L1 has set wrong about the virtual APIC before a move is refused after it")
{
	struct l2 *first = begin_with(call_in_l2, NULL, false, 0), *l2s[WRONGS] = { NULL };

	for (unsigned i = 0; i < WRONGS; i++) {
		if (!is_possible(&wrongs[i]))
			continue;
		l2s[i] = l2_new(call_in_l2, NULL);
		vmx_set(l2s[i], VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(virtual_apic));
		vmx_set(l2s[i], APIC_ACCESS_ADDR, virt_to_phys(access_page));
		vmx_set(l2s[i], TPR_THRESHOLD, 0);
		vmx_set_controls(l2s[i], CPU_BASED_VM_EXEC_CONTROL, wrongs[i].primary);
		vmx_set_controls(l2s[i], SECONDARY_VM_EXEC_CONTROL, wrongs[i].secondary);
		vmx_clear(l2s[i]);
		change(l2s[i], &wrongs[i]);
	}
	migrate_quiet();
	for (unsigned i = 0; i < WRONGS; i++) {
		u64 reason;

		if (!l2s[i])
			continue;
		reason = l2_enter(l2s[i]);
		report(reason == L2_NOT_ENTERED && vmx_get(l2s[i], VM_INSTRUCTION_ERROR) ==
							   VMXERR_ENTRY_INVALID_CONTROL_FIELD,
		       "%s: exit %s; expected no entry, with error %d", wrongs[i].what,
		       l2_exit_text(l2s[i]), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
		change(l2s[i], &wrongs[i]);
		l2_expect_call(l2s[i], HERE);
		l2_free(l2s[i]);
	}
	end(first);
}
