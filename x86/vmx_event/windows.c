// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When L2 can take an interrupt: interrupt windows, and blocking by STI and by MOV SS (Intel SDM
 * volume 3, 25.4.2 "Guest Non-Register State", 26.2 "Other Causes of VM Exits").
 *
 * The exits' RIPs tell at which instruction a window opens.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_event/vmx_event.h"

/* Three ways to set IF: STI blocks interrupts for one more instruction, POPF and IRET do not. */
L2_CODE(open_windows, (void),
	"	.globl open_windows, behind_sti, behind_popf, behind_iret\n"
	"	sti\n"
	"	nop\n"
	"behind_sti:\n"
	"	nop\n"
	"	pushf\n"
	"	orq $0x200, (%rsp)\n"
	"	popf\n"
	"behind_popf:\n"
	"	nop\n"
	"	mov %rsp, %rax\n"
	"	mov %ss, %ecx\n"
	"	push %rcx\n"
	"	push %rax\n"
	"	pushf\n"
	"	orq $0x200, (%rsp)\n"
	"	mov %cs, %ecx\n"
	"	push %rcx\n"
	"	lea behind_iret(%rip), %rcx\n"
	"	push %rcx\n"
	"	iretq\n"
	"behind_iret:\n"
	"	nop\n");

static void move_then_open(void *data)
{
	irq_disable();
	/* There is no exit in between: L1's next VM entry would repair what the migration lost. */
	migrate_quiet();
	open_windows();
	l2_call(2);
}

void check_window(struct l2 *l2, u64 reason, const void *rip, const char *when)
{
	if (!expect_exit(l2, reason, when))
		return;
	check_rip(l2, rip, when);
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, 0, when);
}

/* A broken hypervisor loses the window in the migration, or takes L1's IF for L2's. */
TEST(interrupt_window, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an interrupt window survives a migration in L2: it opens after STI's shadow, POPF and IRET")
{
	struct l2 *l2 = event_l2_new(move_then_open, NULL);

	l2_irq_off(l2);
	if (!broken("lost"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_sti, "STI");
	l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_popf, "POPF");
	l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_iret, "IRET");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	vmx_inject(l2, INTR_TYPE_EXT_INTR | LOW_VECTOR, 0);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_iret, "what L1 was waiting to inject");
	expect_call(l2, 2, "the window is off");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor opens the window once, and not at each VM entry. */
TEST(interrupt_window_open, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an open interrupt window exits at each VM entry before L2 runs, also after a migration")
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)injection_point);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "before the migration");
	migrate_quiet();
	if (broken("lost"))
		l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "after the migration");
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "once more");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	expect_call(l2, 1, "the window is off");
	event_l2_free(l2);
}

/* A broken hypervisor does not load the blocking, or loses it in the migration. */
TEST(blocking_at_entry, .on = EACH_CPU, .needs = VMX,
     .about =
	     "blocking by STI and by MOV SS that L1 sets before a migration lasts one instruction after it")
{
	static const u32 blocking[] = { GUEST_INTR_STATE_STI, GUEST_INTR_STATE_MOV_SS };
	struct l2 *l2[ARRAY_SIZE(blocking)];

	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++) {
		l2[i] = event_l2_new(NULL, NULL);
		vmx_set(l2[i], GUEST_RIP, (u64)injection_point);
		vmx_set(l2[i], GUEST_INTERRUPTIBILITY_INFO, broken("lost") ? 0 : blocking[i]);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++) {
		check_window(l2[i], EXIT_REASON_INTERRUPT_WINDOW, (char *)injection_point + 1,
			     i ? "MOV SS" : "STI");
		event_l2_free(l2[i]);
	}
}

L2_CODE(sti_rdtsc, (void),
	"	cli\n"
	"	sti\n"
	"in_sti_shadow:\n"
	"	rdtsc\n"
	"behind_sti_shadow:\n"
	"	nop\n");
extern char in_sti_shadow[], behind_sti_shadow[];

L2_CODE(mov_ss_rdtsc, (void),
	"	mov %ss, %eax\n"
	"	mov %eax, %ss\n"
	"in_mov_ss_shadow:\n"
	"	rdtsc\n"
	"behind_mov_ss_shadow:\n"
	"	nop\n");
extern char in_mov_ss_shadow[], behind_mov_ss_shadow[];

static void in_shadow(void *data)
{
	void (*code)(void) = data;

	code();
	l2_call(1);
}

/* A broken hypervisor does not save the blocking at an exit, or ends it by exits of its own. */
TEST(blocking_at_exit, .on = EACH_CPU, .needs = VMX,
     .about = "blocking by STI and by MOV SS is saved at an exit, and survives a migration in L1")
{
	static const struct {
		void (*code)(void);
		const char *inside, *behind, *name;
		u32 blocking;
	} rows[] = {
		{ sti_rdtsc, in_sti_shadow, behind_sti_shadow, "STI", GUEST_INTR_STATE_STI },
		{ mov_ss_rdtsc, in_mov_ss_shadow, behind_mov_ss_shadow, "MOV SS",
		  GUEST_INTR_STATE_MOV_SS },
	};
	struct l2 *l2[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		l2[i] = event_l2_new(in_shadow, rows[i].code);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
		expect_exit(l2[i], EXIT_REASON_RDTSC, rows[i].name);
		check_rip(l2[i], rows[i].inside, rows[i].name);
		check_field(l2[i], GUEST_INTERRUPTIBILITY_INFO, ~0ul, rows[i].blocking,
			    rows[i].name);
		vmx_clear_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (broken("lost"))
			vmx_set(l2[i], GUEST_INTERRUPTIBILITY_INFO, 0);
		check_window(l2[i], EXIT_REASON_INTERRUPT_WINDOW, rows[i].behind, rows[i].name);
		event_l2_free(l2[i]);
	}
}
