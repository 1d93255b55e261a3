// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exits of VMX across a migration (Intel SDM volume 3: 25.6 for the controls that cause exits, 26.1
 * for instructions, 26.2 for exceptions, 28.2 for exit reason, qualification, instruction length
 * and event information, 27.2 to 27.4 and 27.8 for entries that are refused). This file tests
 * instructions, and has what the other files of this folder share. Those test exceptions, bitmaps,
 * control registers, refused entries, and the first exit after a migration.
 *
 * L1 sets controls in a VMCS. The hypervisor runs L2 on a VMCS of its own, which has to cause the
 * exits that L1 wants and those that the hypervisor itself needs; L1 gets only the first kind. In
 * a migration this second VMCS is left behind, and made anew on the destination.
 *
 * A broken hypervisor loses one of L1's controls there, so that L2 executes what should have
 * exited. It keeps a control that L1 has cleared. It gives L1 an exit that only the hypervisor
 * needs. Or an exit has a wrong reason, qualification, instruction length or RIP.
 *
 * L2 executes one instruction of each kind, one after the other: x86/nested/instructions.h.
 *
 * The tests cannot tell whether a control was lost by the migration, or by a VM entry that only the
 * migration made necessary. "before the migration" in the text of a failure means that the
 * migration is not to blame.
 *
 * Not tested: external interrupts, NMIs, windows, INIT and SIPI; TASK_SWITCH, which long mode does
 * not have; exits that only virtual APICs and EPT cause; the monitor trap flag; GETSEC, RSM,
 * ENCLS; the qualification of MWAIT, which says whether a monitor was armed; and an entry with a
 * RIP that is not canonical, which Bochs 2.7 accepts.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * lost         after a test's first migration L1 clears controls for HLT, I/O, #UD, #PF and one MSR
 * gained       after it L1 sets those for PAUSE, RDTSC, #DE and #PF, unknown to the test
 * information  after it the test expects another qualification and instruction length
 * entry        the VMCS has nothing wrong for which an entry should be refused
 */
#include "libcflat.h"
#include "apic.h"
#include "desc.h"
#include "io.h"
#include "processor.h"
#include "x86/vmx_exit/vmx_exit.h"

#define TURN_END 77

/* ======== rows ======== */

/* Operands: the physical address of a VMCS, and a descriptor for INVEPT and INVVPID. */
u64 operand_vmcs, operand_invept[2];

/* Like INSTRUCTIONS in x86/nested/instructions.h. Memory operands are displacements. */
#define VMX_INSTRUCTIONS(X)                                                                        \
	X(out_immediate, "xor %eax, %eax", "out %al, $0x80", "")                                   \
	X(in_register, "mov $0x5670, %edx", "in %dx, %ax", "")                                     \
	X(out_string, "mov $0x5674, %edx; mov $operand_buffer, %esi", "outsl", "")                 \
	X(in_repeated, "mov $0x5678, %edx; mov $operand_buffer, %edi; mov $3, %ecx", "rep insb",   \
	  "")                                                                                      \
	X(rdrand, "", "rdrand %eax", "")                                                           \
	X(rdseed, "", "rdseed %eax", "")                                                           \
	X(vmcall, "mov $1, %eax", "vmcall", "")                                                    \
	X(vmlaunch, "", "vmlaunch", "")                                                            \
	X(vmresume, "", "vmresume", "")                                                            \
	X(vmxoff, "", "vmxoff", "")                                                                \
	X(vmclear, "", "vmclear operand_vmcs", "")                                                 \
	X(vmptrld, "mov $operand_vmcs-16, %eax", "vmptrld 16(%rax)", "")                           \
	X(vmptrst, "", "vmptrst operand_read", "")                                                 \
	X(vmxon, "", "vmxon operand_vmcs", "")                                                     \
	X(vmread, "mov $0x681e, %eax", "vmread %rax, operand_read", "")                            \
	X(vmwrite, "mov $0x681e, %eax", "vmwrite operand_value, %rax", "")                         \
	X(invept, "mov $2, %eax", "invept operand_invept, %rax", "")                               \
	X(invvpid, "mov $2, %eax", "invvpid operand_invept, %rax", "")

VMX_INSTRUCTIONS(STUB)

static bool has_rdrand(void)
{
	return this_cpu_has(X86_CPU_FEATURE(1, 0, ECX, 30)) &&
	       vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_RDRAND_EXITING);
}

static bool has_rdseed(void)
{
	return this_cpu_has(X86_CPU_FEATURE(7, 0, EBX, 18)) &&
	       vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_RDSEED_EXITING);
}

static bool has_desc(void)
{
	return VMX_DESC_EXITING[0]->present();
}

static bool has_wbinvd(void)
{
	return vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_WBINVD_EXITING);
}

static bool has_invept(void)
{
	return VMX_EPT[0]->present() && rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & VMX_EPT_INVEPT_BIT;
}

static bool has_invvpid(void)
{
	return VMX_VPID[0]->present() && rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & VMX_VPID_INVVPID_BIT;
}

#define CONTROL(field, bit) ((u64)(field) << 32 | (bit))
#define PRIMARY(name)	    CONTROL(CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_##name)
#define SECONDARY(name)	    CONTROL(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_##name)

#define TO_DR(number, gpr)   ((number) | TYPE_MOV_TO_DR | DEBUG_REG_GPR(gpr))
#define FROM_DR(number, gpr) ((number) | TYPE_MOV_FROM_DR | DEBUG_REG_GPR(gpr))

#define ROW(id, reason, qualification, wish, ...)                                                  \
	{                                                                                          \
		INSTRUCTION(id), .exit = EXIT_REASON_##reason, .information = qualification,       \
				 .control = wish, ##__VA_ARGS__                                    \
	}
#define NO NOT_CHECKED
/* These always exit in VMX non-root operation (26.1.2). */
#define ALWAYS 0, .always = true, .only_in_l2 = true

static const struct row instructions[] = {
	ROW(hlt, HLT, 0, PRIMARY(HLT_EXITING)),
	ROW(invlpg, INVLPG, INVLPG_ADDRESS, PRIMARY(INVLPG_EXITING)),
	ROW(invpcid, INVPCID, (u64)operand_invpcid, PRIMARY(INVLPG_EXITING), .there = has_invpcid),
	ROW(monitor, MONITOR_INSTRUCTION, 0, PRIMARY(MONITOR_EXITING), .there = has_monitor),
	ROW(mwait, MWAIT_INSTRUCTION, NO, PRIMARY(MWAIT_EXITING), .there = has_monitor),
	ROW(rdpmc, RDPMC, 0, PRIMARY(RDPMC_EXITING)),
	ROW(rdtsc, RDTSC, 0, PRIMARY(RDTSC_EXITING)),
	ROW(rdtscp, RDTSCP, 0, PRIMARY(RDTSC_EXITING), .there = has_rdtscp),
	ROW(cr3_write, CR_ACCESS, MOV_TO_CR(3, 8), PRIMARY(CR3_LOAD_EXITING)),
	ROW(cr3_read, CR_ACCESS, MOV_FROM_CR(3, 6), PRIMARY(CR3_STORE_EXITING)),
	ROW(cr8_write, CR_ACCESS, MOV_TO_CR(8, 10), PRIMARY(CR8_LOAD_EXITING)),
	ROW(cr8_read, CR_ACCESS, MOV_FROM_CR(8, 11), PRIMARY(CR8_STORE_EXITING)),
	ROW(dr0_write, DR_ACCESS, TO_DR(0, 9), PRIMARY(MOV_DR_EXITING)),
	ROW(dr1_read, DR_ACCESS, FROM_DR(1, 2), PRIMARY(MOV_DR_EXITING)),
	ROW(dr3_write, DR_ACCESS, TO_DR(3, 6), PRIMARY(MOV_DR_EXITING)),
	ROW(dr6_read, DR_ACCESS, FROM_DR(6, 12), PRIMARY(MOV_DR_EXITING)),
	ROW(dr7_write, DR_ACCESS, TO_DR(7, 1), PRIMARY(MOV_DR_EXITING)),
	ROW(dr7_read, DR_ACCESS, FROM_DR(7, 15), PRIMARY(MOV_DR_EXITING)),
	ROW(out_immediate, IO_INSTRUCTION, IO_SIZE_1 | IO_IMMEDIATE | IO_PORT(0x80),
	    PRIMARY(UNCOND_IO_EXITING)),
	ROW(in_register, IO_INSTRUCTION, IO_SIZE_2 | IO_IN | IO_PORT(0x5670),
	    PRIMARY(UNCOND_IO_EXITING)),
	ROW(out_string, IO_INSTRUCTION, IO_SIZE_4 | IO_STRING | IO_PORT(0x5674),
	    PRIMARY(UNCOND_IO_EXITING)),
	ROW(in_repeated, IO_INSTRUCTION, IO_SIZE_1 | IO_IN | IO_STRING | IO_REP | IO_PORT(0x5678),
	    PRIMARY(UNCOND_IO_EXITING)),
	ROW(pause, PAUSE_INSTRUCTION, 0, PRIMARY(PAUSE_EXITING)),
	ROW(sgdt, GDTR_IDTR, (u64)&operand_scratch, SECONDARY(DESC), .there = has_desc),
	ROW(sidt, GDTR_IDTR, SIDT_OFFSET, SECONDARY(DESC), .there = has_desc),
	ROW(lgdt, GDTR_IDTR, (u64)&operand_gdtr, SECONDARY(DESC), .there = has_desc),
	ROW(lidt, GDTR_IDTR, (u64)&operand_idtr, SECONDARY(DESC), .there = has_desc),
	ROW(sldt, LDTR_TR, NO, SECONDARY(DESC), .there = has_desc),
	ROW(str, LDTR_TR, NO, SECONDARY(DESC), .there = has_desc),
	ROW(lldt, LDTR_TR, NO, SECONDARY(DESC), .there = has_desc),
	ROW(ltr, LDTR_TR, NO, SECONDARY(DESC), .there = has_desc),
	ROW(wbinvd, WBINVD, 0, SECONDARY(WBINVD_EXITING), .there = has_wbinvd),
	ROW(rdrand, RDRAND, 0, SECONDARY(RDRAND_EXITING), .there = has_rdrand),
	ROW(rdseed, RDSEED, 0, SECONDARY(RDSEED_EXITING), .there = has_rdseed),
	ROW(cpuid, CPUID, 0, ALWAYS),
	ROW(invd, INVD, 0, ALWAYS),
	ROW(xsetbv, XSETBV, 0, ALWAYS, .there = has_xsave),
	ROW(vmcall, VMCALL, 0, ALWAYS),
	ROW(vmlaunch, VMLAUNCH, 0, ALWAYS),
	ROW(vmresume, VMRESUME, 0, ALWAYS),
	ROW(vmxoff, VMOFF, 0, ALWAYS),
	ROW(vmclear, VMCLEAR, (u64)&operand_vmcs, ALWAYS),
	ROW(vmptrld, VMPTRLD, 16, ALWAYS),
	ROW(vmptrst, VMPTRST, (u64)&operand_read, ALWAYS),
	ROW(vmxon, VMON, (u64)&operand_vmcs, ALWAYS),
	ROW(vmread, VMREAD, (u64)&operand_read, ALWAYS),
	ROW(vmwrite, VMWRITE, (u64)&operand_value, ALWAYS),
	ROW(invept, INVEPT, (u64)operand_invept, ALWAYS, .there = has_invept),
	ROW(invvpid, INVVPID, (u64)operand_invept, ALWAYS, .there = has_invvpid),
};

/* ======== what x86/nested/instructions*.c needs ======== */

struct l2 *begin(const struct row *table, int count)
{
	vmx_enable();
	operand_vmcs = vmxon_region();
	return begin_rows(table, count);
}

struct l2 *begin_instructions(void)
{
	return begin(instructions, ARRAY_SIZE(instructions));
}

/*
 * KVM 6.1 forgets an interrupt that waits for L2's RFLAGS.IF when L2 exits (docs/findings.md; the
 * test intr_taken_behind_exit of vmx_event). A falling task priority makes it look again.
 */
static void take_wakeup(void)
{
	irq_enable();
	apic_write(APIC_TASKPRI, 0xf0);
	apic_write(APIC_TASKPRI, 0);
	wait_for(!apic_read_bit(APIC_IRR, WAKEUP_VECTOR), PATIENCE_MS, "the last wake-up to come");
}

void end(struct l2 *l2)
{
	take_wakeup();
	end_rows(l2);
}

void set_control(struct l2 *l2, const struct row *row, bool on)
{
	if (row->raises)
		vmx_intercept_exception(l2, row->vector, on);
	else if (on)
		vmx_set_controls(l2, row->control >> 32, row->control);
	else
		vmx_clear_controls(l2, row->control >> 32, row->control);
}

void before_turn(struct l2 *l2)
{
	if (!was_migrated)
		return;
	if (broken("lost")) {
		vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
				   CPU_BASED_HLT_EXITING | CPU_BASED_USE_IO_BITMAPS);
		vmx_intercept_exception(l2, UD_VECTOR, false);
		vmx_intercept_exception(l2, PF_VECTOR, false);
		l2_intercept_msr(l2, MSR_IA32_SYSENTER_CS, false, false);
	}
	if (broken("gained")) {
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
				 CPU_BASED_PAUSE_EXITING | CPU_BASED_RDTSC_EXITING);
		vmx_intercept_exception(l2, DE_VECTOR, true);
		vmx_intercept_exception(l2, PF_VECTOR, true);
	}
}

void end_turn(void)
{
	l2_call(TURN_END);
}

bool skip_turn_end(struct l2 *l2)
{
	if (!l2_is_call(l2, TURN_END))
		return false;
	l2_skip_call(l2);
	return true;
}

void go_on_behind(struct l2 *l2, const struct row *row)
{
	vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) & ~X86_EFLAGS_TF);
	vmx_set(l2, GUEST_PENDING_DBG_EXCEPTIONS, 0);
	l2_go_on_at(l2, (u64)row->after);
}

const char *row_text(int index)
{
	return rows[index].name;
}

/*
 * L1 carries out the library's accesses to its console, and to the PM timer, which the library uses
 * to wait.
 */
static bool carry_out_io(struct l2 *l2)
{
	u64 qualification = vmx_get(l2, EXIT_QUALIFICATION);
	u16 port = qualification >> 16;

	switch (qualification & 0xffff & ~IO_IMMEDIATE) {
	case IO_SIZE_1:
		outb(l2->rax, port);
		break;
	case IO_SIZE_1 | IO_STRING | IO_REP:
		for (; l2->registers.rcx; l2->registers.rcx--)
			outb(*(u8 *)l2->registers.rsi++, port);
		break;
	case IO_SIZE_1 | IO_IN:
		l2->rax = (l2->rax & ~0xfful) | inb(port);
		break;
	case IO_SIZE_4 | IO_IN:
		l2->rax = inl(port);
		break;
	default:
		return false;
	}
	vmx_skip(l2);
	return true;
}

bool carry_out(struct l2 *l2)
{
	switch (l2->exit_reason) {
	case EXIT_REASON_PAUSE_INSTRUCTION:
		vmx_skip(l2);
		return true;
	case EXIT_REASON_IO_INSTRUCTION:
		return carry_out_io(l2);
	case EXIT_REASON_CR_ACCESS:
		/* MOV to CR0 from RAX, after an instruction that changes it. */
		if (vmx_get(l2, EXIT_QUALIFICATION) != MOV_TO_CR(0, 0))
			return false;
		vmx_set(l2, GUEST_CR0, l2->rax);
		vmx_skip(l2);
		return true;
	}
	return false;
}

/* ---- what an exit says ---- */

/* The qualification of #DB has the bits of DR6, here BS for a single step (28.2.1). */
#define SINGLE_STEP BIT(14)

static u64 qualification_of(const struct row *row)
{
	if (!row->raises)
		return row->information;
	return row->vector == DB_VECTOR ? SINGLE_STEP : row->address;
}

/* INT3 and INTO raise software exceptions, BOUND does not. */
static bool is_software(const struct row *row)
{
	return row->vector == BP_VECTOR || row->vector == OF_VECTOR;
}

static bool check_exception(const struct l2 *l2, const struct row *row, const char *when)
{
	bool coded = EXCEPTIONS_WITH_ERROR >> row->vector & 1;
	u64 information = INTR_INFO_VALID_MASK | row->vector |
			  (is_software(row) ? INTR_TYPE_SOFT_EXCEPTION : INTR_TYPE_HARD_EXCEPTION) |
			  (coded ? INTR_INFO_DELIVER_CODE_MASK : 0);
	bool good = report_if_failed(
		(vmx_get(l2, VM_EXIT_INTR_INFO) & ~INTR_INFO_UNBLOCK_NMI) == information,
		"%s: %s: the interruption information should be 0x%lx: exit %s", when, row->name,
		information, l2_exit_text(l2));

	if (coded)
		good &= report_if_failed(vmx_get(l2, VM_EXIT_INTR_ERROR_CODE) == row->error,
					 "%s: %s: the error code should be 0x%x: exit %s", when,
					 row->name, row->error, l2_exit_text(l2));
	return good;
}

bool check_information(const struct l2 *l2, const struct row *row, const char *when)
{
	u64 reason = row->raises ? EXIT_REASON_EXCEPTION_NMI : row->exit;
	bool spoiled = was_migrated && broken("information");
	u64 qualification = qualification_of(row) + spoiled;
	u64 length = row->after - row->at + spoiled;
	bool good = true;

	if (!report_if_failed(l2->exit_reason == reason, "%s: %s: exit %s, expected %s", when,
			      row->name, l2_exit_text(l2), l2_exit_name(reason)))
		return false;
	if (qualification_of(row) != NOT_CHECKED)
		good &= report_if_failed(vmx_get(l2, EXIT_QUALIFICATION) == qualification,
					 "%s: %s: the qualification should be 0x%lx: exit %s", when,
					 row->name, qualification, l2_exit_text(l2));
	if (!row->raises || is_software(row))
		good &= report_if_failed(vmx_get(l2, VM_EXIT_INSTRUCTION_LEN) == length,
					 "%s: %s: the instruction length should be %lu: exit %s",
					 when, row->name, length, l2_exit_text(l2));
	good &= report_if_failed(!(vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_VALID_MASK),
				 "%s: %s: no event should be in IDT vectoring: exit %s", when,
				 row->name, l2_exit_text(l2));
	return good && (!row->raises || check_exception(l2, row, when));
}

/* ======== instructions ======== */

/* A broken hypervisor mixes up two controls, or goes on with those from before the migration. */
TEST(instructions_changed, .on = EACH_CPU, .needs = VMX,
     .about =
	     "execution controls that L1 changes before or after a migration take effect at the next entry")
{
	struct l2 *l2 = begin_instructions();

	want(l2, every_other, 0);
	if (turn(l2, "every other, before the migration")) {
		want(l2, every_other, 1);
		if (turn_after_migration(l2, "the others, after a migration in L1")) {
			want(l2, every_other, 0);
			migrated_turn(l2, "every other again, after a migration in L2");
		}
	}
	end(l2);
}

void calls_in_l2(void *data)
{
	for (u64 n = 1;; n++)
		l2_call(n);
}
