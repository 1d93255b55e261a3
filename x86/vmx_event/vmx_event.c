// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of nested guests on VMX across a migration: an event that was being delivered, pending or
 * held back is delivered exactly once. This file has injection; the other files of this folder
 * have vectoring, windows, NMIs and interrupts.
 *
 * Intel SDM volume 3: 25.4.2 (interruptibility and activity state, pending debug exceptions),
 * 25.8.3 (VM-entry interruption information), 26.2 and 26.3 (what exits and what is blocked), 27.6
 * (event injection), 27.7 (windows and pending debug exceptions at VM entry), 28.2 (exit
 * information, IDT vectoring), 28.3.4 (what an exit saves), 6.9 (priority of events).
 *
 * A broken hypervisor forgets an event that was pending when it saved the guest, or delivers it a
 * second time after it was restored. It lets in an event that was blocked by RFLAGS.IF, STI, MOV
 * SS, the task priority or a running NMI handler. It opens an interrupt window too early, too late
 * or never. It delivers to L1 what is L2's, or the other way round. Or it delivers a wrong vector,
 * error code, instruction length or return address.
 *
 * The tests see it because every event in L2 is an exit (nested/l2-event.h), so that the order of
 * L2's exits is the order of events.
 *
 * The tests cannot tell an event of an interrupt controller that comes some instructions late from
 * one that is in time, since no specification says how fast it is. Windows, blocking and single
 * steps have to be exact to the instruction.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * lost    L1 injects nothing, and sends nothing
 * twice   L1 injects the event again after it was delivered
 * code    L1 injects another error code
 * length  L1 injects another instruction length
 */
#include "libcflat.h"
#include "isr.h"
#include "processor.h"
#include "x86/vmx_event/vmx_event.h"

/* All types of events but INT1. Any instruction length is allowed (25.8.3). */
const struct injection injections[INJECTIONS] = {
	[INJECT_INTERRUPT] = { "an interrupt", INTR_TYPE_EXT_INTR | HIGH_VECTOR, 0, 0 },
	[INJECT_NMI] = { "an NMI", INTR_TYPE_NMI_INTR | NMI_VECTOR, 0, 0 },
	[INJECT_UD] = { "#UD", HARD(UD_VECTOR), 0, 0 },
	[INJECT_GP] = { "#GP", HARD_WITH_CODE(GP_VECTOR), 0x5a8, 0 },
	[INJECT_PF] = { "#PF", HARD_WITH_CODE(PF_VECTOR), PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
			0 },
	[INJECT_DB] = { "#DB", HARD(DB_VECTOR), 0, 0 },
	[INJECT_SOFTWARE_INTERRUPT] = { "a software interrupt", INTR_TYPE_SOFT_INTR | LOW_VECTOR, 0,
					2 },
	[INJECT_LONG_SOFTWARE_INTERRUPT] = { "a long software interrupt",
					     INTR_TYPE_SOFT_INTR | HIGH_VECTOR, 0, 15 },
	[INJECT_INT3] = { "INT3", INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR, 0, 1 },
	[INJECT_INTO] = { "INTO", INTR_TYPE_SOFT_EXCEPTION | OF_VECTOR, 0, 3 },
};

const struct injection int1[1] = {
	{ "INT1", INTR_TYPE_PRIV_SW_EXCEPTION | DB_VECTOR, 0, 1 },
};

static u32 type_of(const struct injection *row)
{
	return row->event & INTR_INFO_INTR_TYPE_MASK;
}

bool has_length(const struct injection *row)
{
	return type_of(row) == INTR_TYPE_SOFT_INTR || type_of(row) == INTR_TYPE_SOFT_EXCEPTION ||
	       type_of(row) == INTR_TYPE_PRIV_SW_EXCEPTION;
}

int vector_of(const struct injection *row)
{
	return row->event & INTR_INFO_VECTOR_MASK;
}

void inject(struct l2 *l2, const struct injection *row)
{
	if (broken("lost"))
		return;
	vmx_inject(l2, row->event, row->error_code + broken("code"));
	vmx_set(l2, VM_ENTRY_INSTRUCTION_LEN, row->length + broken("length"));
}

L2_CODE(injection_point, (void),
	"	.globl injection_point\n"
	"	.fill 16, 1, 0x90\n"
	"	mov $1, %eax\n"
	"	vmcall\n");

struct l2 *new_target(const struct injection *row)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)injection_point);
	if (type_of(row) != INTR_TYPE_EXT_INTR)
		l2_irq_off(l2);
	return l2;
}

static u64 return_address(const struct injection *row)
{
	return (u64)injection_point + (has_length(row) ? row->length : 0);
}

#define CR2_VALUE 0x123456789000ul

void check_delivery(struct l2 *l2, const struct injection *row)
{
	u64 rsp = vmx_get(l2, GUEST_RSP);
	bool nmi = type_of(row) == INTR_TYPE_NMI_INTR;

	report_prefix_push(row->name);
	write_cr2(CR2_VALUE);
	if (expect_event(l2, vector_of(row), row->error_code, return_address(row), "delivered"))
		report_if_failed(last_event_frame()->rsp == rsp,
				 "rsp on the stack is 0x%lx, was 0x%lx", last_event_frame()->rsp,
				 rsp);
	report_if_failed(read_cr2() == CR2_VALUE, "CR2 is 0x%lx, was set to 0x%lx", read_cr2(),
			 CR2_VALUE);
	report_if_failed(!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
			 "VM_ENTRY_INTR_INFO_FIELD is still valid: 0x%lx",
			 vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
	report_if_failed(!(vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_VALID_MASK) &&
				 !(vmx_get(l2, VM_EXIT_INTR_INFO) & INTR_INFO_VALID_MASK),
			 "the exit should have no event: IDT vectoring 0x%lx, interruption 0x%lx",
			 vmx_get(l2, IDT_VECTORING_INFO_FIELD), vmx_get(l2, VM_EXIT_INTR_INFO));
	report_if_failed(vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO) ==
				 (nmi ? GUEST_INTR_STATE_NMI : 0),
			 "GUEST_INTERRUPTIBILITY_INFO is 0x%lx in the handler",
			 vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO));
	if (broken("twice"))
		inject(l2, row);
	expect_call(l2, 1, "and then");
	report_prefix_pop();
}

/*
 * A broken hypervisor loses the injected event in the migration, or when the first delivery on the
 * destination meets an IDT or a stack that is not mapped yet; it delivers the event twice; or it
 * takes the return address from elsewhere.
 */
static void inject_across_migration(const struct injection *rows, size_t count)
{
	struct l2 *l2[INJECTIONS];

	for (size_t i = 0; i < count; i++) {
		l2[i] = new_target(&rows[i]);
		inject(l2[i], &rows[i]);
	}
	migrate_quiet();
	for (size_t i = 0; i < count; i++)
		check_delivery(l2[i], &rows[i]);
	for (size_t i = 0; i < count; i++)
		event_l2_free(l2[i]);
}

TEST(inject, .on = EACH_CPU, .needs = VMX,
     .about =
	     "events of all types that L1 injects before a migration are delivered once after it, unchanged")
{
	inject_across_migration(injections, ARRAY_SIZE(injections));
}

TEST(inject_int1, .on = EACH_CPU, .needs = VMX,
     .about = "INT1 that L1 injects before a migration is delivered once after it, unchanged")
{
	inject_across_migration(int1, ARRAY_SIZE(int1));
}

TEST(inject_zero_length, .on = EACH_CPU, .needs = VMX_ZERO_LEN_INS,
     .about = "software events injected with length 0 before a migration return to where L2 was")
{
	static const struct injection rows[] = {
		{ "a software interrupt", INTR_TYPE_SOFT_INTR | LOW_VECTOR, 0, 0 },
		{ "INT3", INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR, 0, 0 },
	};

	inject_across_migration(rows, ARRAY_SIZE(rows));
}

/* ======== migrated in L2's handler ======== */

struct handled handled;

void be_moved_in_handler(struct ex_regs *regs)
{
	if (handled.count++)
		return;
	handled.rip = regs->rip;
	handled.error_code = regs->error_code;
	migrate_quiet();
}

/* A broken hypervisor delivers the event again, since it takes it for one not delivered yet. */
static void move_in_handler(const struct injection *row)
{
	struct l2 *l2 = new_target(row);

	handled.count = 0;
	if (vector_of(row) < 32)
		handle_exception(vector_of(row), be_moved_in_handler);
	else
		handle_irq_any(vector_of(row), be_moved_in_handler);
	event_give_l2_handler(vector_of(row));
	inject(l2, row);
	expect_call(l2, 1, "migration in the handler");
	report(handled.count == 1 && handled.rip == return_address(row) &&
		       handled.error_code == row->error_code,
	       "the handler ran %u times, for rip 0x%lx and error code 0x%lx, expected once, 0x%lx and 0x%x",
	       handled.count, handled.rip, handled.error_code, return_address(row),
	       row->error_code);
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, 0, "after the handler");
	if (vector_of(row) < 32)
		handle_exception(vector_of(row), NULL);
	event_l2_free(l2);
}

#define MOVE_IN_HANDLER(id, row, what)                                                             \
	TEST(moved_in_handler_##id, .on = EACH_CPU, .needs = VMX,                                  \
	     .about = what " that L1 injects comes once, even if L2 is migrated in its handler")   \
	{                                                                                          \
		move_in_handler(&injections[row]);                                                 \
	}

MOVE_IN_HANDLER(interrupt, INJECT_INTERRUPT, "an interrupt")
MOVE_IN_HANDLER(nmi, INJECT_NMI, "an NMI")
MOVE_IN_HANDLER(exception, INJECT_GP, "#GP")
MOVE_IN_HANDLER(software_interrupt, INJECT_SOFTWARE_INTERRUPT, "INT n")
MOVE_IN_HANDLER(software_exception, INJECT_INT3, "INT3")
