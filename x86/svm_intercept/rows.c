// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rows of instructions with SVM's intercepts, and what x86/nested/instructions-turns.c needs:
 * how L1 sets an intercept, and what an exit reports (15.9 to 15.12).
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"
#include "vm.h"

#define VMRUN_LENGTH  3
#define PAUSE_LENGTH  2
#define MOV_CR_LENGTH 3
#define PUSHF_LENGTH  1

/* ======== rows ======== */

/* EXITINFO1 of a MOV from or to a control register, and its GPR (15.8.1). */
#define MOV_CR(gpr) (BIT(63) | (gpr))

/* The physical address of a VMCB. */
u64 operand_spare;

/* See INSTRUCTIONS in x86/nested/instructions.h. */
#define SVM_INSTRUCTIONS(X)                                                                        \
	X(cr0_read, "", "mov %cr0, %rcx", "")                                                      \
	X(cr2_read, "", "mov %cr2, %rdx", "")                                                      \
	X(cr4_read, "", "mov %cr4, %rdi", "")                                                      \
	X(cr0_write, "mov operand_cr, %rsi", "mov %rsi, %cr0", "")                                 \
	X(cr2_write, "mov operand_cr+16, %rdi", "mov %rdi, %cr2", "")                              \
	X(cr4_write, "mov operand_cr+32, %r9", "mov %r9, %cr4", "")                                \
	X(dr0_read, "", "mov %dr0, %rcx", "")                                                      \
	X(dr2_read, "", "mov %dr2, %rsi", "")                                                      \
	X(dr3_read, "", "mov %dr3, %rdi", "")                                                      \
	/* With CR4.DE clear these access DR6 and DR7, but they have intercepts of their own. */   \
	X(dr4_read, "", "mov %dr4, %rcx", "")                                                      \
	X(dr5_read, "", "mov %dr5, %rdx", "")                                                      \
	X(dr4_write, "mov operand_dr+48, %rdx", "mov %rdx, %dr4", "")                              \
	X(dr5_write, "mov operand_dr+56, %rcx", "mov %rcx, %dr5", "")                              \
	X(dr1_write, "mov operand_dr+8, %r8", "mov %r8, %dr1", "")                                 \
	X(dr2_write, "mov operand_dr+16, %rdi", "mov %rdi, %dr2", "")                              \
	X(dr6_write, "mov operand_dr+48, %rdx", "mov %rdx, %dr6", "")                              \
	X(pushf, "", "pushf", "")                                                                  \
	X(popf, "push $0x202", "popf", "")                                                         \
	X(iret,                                                                                    \
	  "mov %ss, %eax; push %rax; push %rbp; push $0x202; mov %cs, %eax; push %rax; "           \
	  "push $after_iret",                                                                      \
	  "iretq", "")                                                                             \
	X(invlpga, "mov $0x5000, %eax; mov $1, %ecx", "invlpga %rax, %ecx", "")                    \
	X(rdpru, "xor %ecx, %ecx", ".byte 0x0f, 0x01, 0xfd", "")                                   \
	X(vmsave, "mov operand_spare, %rax", "vmsave %rax", "")                                    \
	X(vmload, "mov operand_spare, %rax", "vmload %rax", "")                                    \
	X(clgi, "", "clgi", "")                                                                    \
	X(stgi, "", "stgi", "")                                                                    \
	X(vmrun, "mov operand_spare, %rax", "vmrun %rax", "")                                      \
	X(icebp, "", ".byte 0xf1", "")                                                             \
	X(vmmcall, "mov $1, %eax", "vmmcall", "")

SVM_INSTRUCTIONS(STUB)

static bool has_rdpru(void)
{
	return this_cpu_has(X86_CPU_FEATURE(0x80000008, 0, EBX, 4));
}

/* The EXITCODE is also the number of the intercept's bit. EXITINFO1 is as with decode assists. */
#define ROW(id, code, exitinfo1, ...)                                                              \
	{                                                                                          \
		INSTRUCTION(id), .exit = code, .information = exitinfo1, .control = code,          \
				 ##__VA_ARGS__                                                     \
	}
#define NO NOT_CHECKED

static const struct row instructions[] = {
	ROW(cr0_read, SVM_EXIT_READ_CR0, MOV_CR(1)),
	ROW(cr2_read, SVM_EXIT_READ_CR2, MOV_CR(2)),
	ROW(cr3_read, SVM_EXIT_READ_CR3, MOV_CR(6)),
	ROW(cr4_read, SVM_EXIT_READ_CR4, MOV_CR(7)),
	ROW(cr8_read, SVM_EXIT_READ_CR8, MOV_CR(11)),
	ROW(cr0_write, SVM_EXIT_WRITE_CR0, MOV_CR(6)),
	ROW(cr2_write, SVM_EXIT_WRITE_CR2, MOV_CR(7)),
	ROW(cr3_write, SVM_EXIT_WRITE_CR3, MOV_CR(8)),
	ROW(cr4_write, SVM_EXIT_WRITE_CR4, MOV_CR(9)),
	ROW(cr8_write, SVM_EXIT_WRITE_CR8, MOV_CR(10)),
	ROW(dr0_read, SVM_EXIT_READ_DR0, 1),
	ROW(dr1_read, SVM_EXIT_READ_DR0 + 1, 2),
	ROW(dr2_read, SVM_EXIT_READ_DR0 + 2, 6),
	ROW(dr3_read, SVM_EXIT_READ_DR0 + 3, 7),
	ROW(dr4_read, SVM_EXIT_READ_DR0 + 4, 1),
	ROW(dr5_read, SVM_EXIT_READ_DR0 + 5, 2),
	ROW(dr4_write, SVM_EXIT_WRITE_DR0 + 4, 2),
	ROW(dr5_write, SVM_EXIT_WRITE_DR0 + 5, 1),
	ROW(dr6_read, SVM_EXIT_READ_DR0 + 6, 12),
	ROW(dr7_read, SVM_EXIT_READ_DR0 + 7, 15),
	ROW(dr0_write, SVM_EXIT_WRITE_DR0, 9),
	ROW(dr1_write, SVM_EXIT_WRITE_DR0 + 1, 8),
	ROW(dr2_write, SVM_EXIT_WRITE_DR0 + 2, 7),
	ROW(dr3_write, SVM_EXIT_WRITE_DR0 + 3, 6),
	ROW(dr6_write, SVM_EXIT_WRITE_DR0 + 6, 2),
	ROW(dr7_write, SVM_EXIT_WRITE_DR0 + 7, 1),
	ROW(sidt, SVM_EXIT_IDTR_READ, NO),
	ROW(sgdt, SVM_EXIT_GDTR_READ, NO),
	ROW(sldt, SVM_EXIT_LDTR_READ, NO),
	ROW(str, SVM_EXIT_TR_READ, NO),
	ROW(lidt, SVM_EXIT_IDTR_WRITE, NO),
	ROW(lgdt, SVM_EXIT_GDTR_WRITE, NO),
	ROW(lldt, SVM_EXIT_LDTR_WRITE, NO),
	ROW(ltr, SVM_EXIT_TR_WRITE, NO),
	ROW(rdtsc, SVM_EXIT_RDTSC, NO),
	ROW(rdpmc, SVM_EXIT_RDPMC, NO),
	ROW(pushf, SVM_EXIT_PUSHF, NO),
	ROW(popf, SVM_EXIT_POPF, NO),
	ROW(cpuid, SVM_EXIT_CPUID, NO),
	ROW(iret, SVM_EXIT_IRET, NO),
	ROW(swint, SVM_EXIT_SWINT, SWINT_VECTOR),
	ROW(wbinvd, SVM_EXIT_WBINVD, NO),
	ROW(pause, SVM_EXIT_PAUSE, NO),
	ROW(hlt, SVM_EXIT_HLT, NO),
	ROW(invlpg, SVM_EXIT_INVLPG, INVLPG_ADDRESS),
	ROW(invlpga, SVM_EXIT_INVLPGA, NO),
	ROW(monitor, SVM_EXIT_MONITOR, NO, .there = has_monitor),
	ROW(mwait, SVM_EXIT_MWAIT, NO, .there = has_monitor),
	ROW(rdpru, SVM_EXIT_RDPRU, NO, .there = has_rdpru),
	ROW(invpcid, SVM_EXIT_INVPCID, NO, .there = has_invpcid),
	ROW(vmsave, SVM_EXIT_VMSAVE, NO),
	ROW(vmload, SVM_EXIT_VMLOAD, NO),
	ROW(clgi, SVM_EXIT_CLGI, NO),
	ROW(stgi, SVM_EXIT_STGI, NO),
	/* Its intercept is always on. */
	ROW(vmrun, SVM_EXIT_VMRUN, NO, .always = true, .only_in_l2 = true),
};

const struct row further_instructions[] = {
	ROW(rdtscp, SVM_EXIT_RDTSCP, NO, .there = has_rdtscp),
	ROW(invd, SVM_EXIT_INVD, NO),
	ROW(icebp, SVM_EXIT_ICEBP, NO),
	ROW(xsetbv, SVM_EXIT_XSETBV, NO, .there = has_xsave),
	ROW(vmmcall, SVM_EXIT_VMMCALL, NO, .only_in_l2 = true),
};

/* ======== what x86/nested/instructions-turns.c needs ======== */

static bool has_nrips, has_decode_assists;

struct l2 *begin(const struct row *table, int count)
{
	has_nrips = feature_SVM_NRIPS.present();
	has_decode_assists = feature_SVM_DECODE_ASSISTS.present();
	svm_enable();
	operand_spare = virt_to_phys(alloc_page());
	vmsave(operand_spare);
	return begin_rows(table, count);
}

void end(struct l2 *l2)
{
	end_rows(l2);
	free_page(phys_to_virt(operand_spare));
}

struct l2 *begin_instructions(void)
{
	return begin(instructions, ARRAY_SIZE(instructions));
}

bool turn_after_migration_with_gif_clear(struct l2 *l2, const char *when)
{
	clgi();
	return turn_after_migration(l2, when);
}

static unsigned intercept_of(const struct row *row)
{
	if (row->raises)
		return INTERCEPT_EXCEPTION + row->vector;
	return row->exit;
}

void set_control(struct l2 *l2, const struct row *row, bool on)
{
	if (on)
		svm_set_intercept(l2, intercept_of(row));
	else
		svm_clear_intercept(l2, intercept_of(row));
}

/* A write that only changes TS and MP exits only by the intercept of all writes. */
static bool cr0_should_exit(const struct l2 *l2, const struct row *row)
{
	return svm_intercepts(l2, INTERCEPT_CR0_WRITE) ||
	       (svm_intercepts(l2, INTERCEPT_CR0_SEL_WRITE) && row->write);
}

static bool should_exit(const struct l2 *l2, const struct row *row)
{
	switch (row->exit) {
	case SVM_EXIT_CR0_SEL_WRITE:
		return cr0_should_exit(l2, row);
	case SVM_EXIT_IOIO:
		return port_should_exit(l2, row);
	case SVM_EXIT_MSR:
		return msr_should_exit(l2, row);
	default:
		return svm_intercepts(l2, intercept_of(row));
	}
}

static void spoil(struct l2 *l2)
{
	if (broken("lost")) {
		svm_clear_intercept(l2, INTERCEPT_HLT);
		svm_clear_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
		svm_clear_intercept(l2, INTERCEPT_EXCEPTION + UD_VECTOR);
		svm_clear_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
		if (svm_intercepts(l2, INTERCEPT_MSR_PROT))
			l2_intercept_msr(l2, MSR_IA32_SYSENTER_CS, false, false);
		for (u32 i = 0; i < sizeof(u32); i++)
			l2_set_map_bit(l2->iopm, base_port + i, false);
	}
	if (broken("gained")) {
		svm_set_intercept(l2, INTERCEPT_PAUSE);
		svm_set_intercept(l2, INTERCEPT_RDTSC);
		svm_set_intercept(l2, INTERCEPT_EXCEPTION + DE_VECTOR);
		svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	}
}

void before_turn(struct l2 *l2)
{
	for (int i = 0; i < row_count; i++)
		wanted[i] = should_exit(l2, &rows[i]);
	if (was_migrated)
		spoil(l2);
}

extern const char turn_end[];

/* VMRUN is the one instruction that L1 has to intercept. */
void end_turn(void)
{
	asm volatile("turn_end: vmrun" : : "a"(operand_spare) : "memory");
}

bool skip_turn_end(struct l2 *l2)
{
	if (l2->vmcb->control.exitcode != SVM_EXIT_VMRUN || l2_rip(l2) != (u64)turn_end)
		return false;
	svm_skip(l2, VMRUN_LENGTH);
	return true;
}

void go_on_behind(struct l2 *l2, const struct row *row)
{
	l2->vmcb->save.rflags &= ~X86_EFLAGS_TF;
	l2_go_on_at(l2, (u64)row->after);
}

bool carry_out(struct l2 *l2)
{
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 *stack = (u64 *)save->rsp;

	switch (l2->vmcb->control.exitcode) {
	case SVM_EXIT_PAUSE:
		svm_skip(l2, PAUSE_LENGTH);
		return true;
	case SVM_EXIT_PUSHF:
		stack[-1] = save->rflags;
		save->rsp -= 8;
		svm_skip(l2, PUSHF_LENGTH);
		return true;
	case SVM_EXIT_POPF:
		save->rflags = stack[0] | X86_EFLAGS_FIXED;
		save->rsp += 8;
		svm_skip(l2, PUSHF_LENGTH);
		return true;
	case SVM_EXIT_IRET:
		/* L2 executed IRET in a handler, in 64-bit mode. */
		save->rflags = stack[2] | X86_EFLAGS_FIXED;
		save->rsp = stack[3];
		l2_go_on_at(l2, stack[0]);
		return true;
	case SVM_EXIT_WRITE_CR0:
		/* MOV from RAX, after an instruction that changes it. */
		save->cr0 = save->rax;
		svm_skip(l2, MOV_CR_LENGTH);
		return true;
	}
	return false;
}

const char *row_text(int index)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s (bit %u of the intercepts%s)", rows[index].name,
		 intercept_of(&rows[index]), wanted[index] ? ", on" : ", off");
	return text;
}

/* ---- what an exit says ---- */

static bool check_decoded(const struct l2 *l2, const struct row *row, const char *when)
{
	return row->information == NOT_CHECKED || !has_decode_assists ||
	       report_if_failed(l2->vmcb->control.exitinfo1 == row->information,
				"%s: %s: EXITINFO1 0x%lx and not 0x%lx", when, row->name,
				l2->vmcb->control.exitinfo1, row->information);
}

static bool check_exception(const struct l2 *l2, const struct row *row, const char *when)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	u64 length = row->after - row->at;
	bool good = true;

	if (EXCEPTIONS_WITH_ERROR >> row->vector & 1)
		good &= report_if_failed(control->exitinfo1 == row->error,
					 "%s: %s: EXITINFO1, the error code, is 0x%lx and not 0x%x",
					 when, row->name, control->exitinfo1, row->error);
	if (row->vector != PF_VECTOR)
		return good;
	good &= report_if_failed(control->exitinfo2 == row->address,
				 "%s: %s: EXITINFO2, the address, is 0x%lx and not 0x%lx", when,
				 row->name, control->exitinfo2, row->address);
	if (has_decode_assists)
		good &= report_if_failed(
			control->number_of_bytes_fetched >= length &&
				!memcmp(control->guest_instruction_bytes, row->at, length),
			"%s: %s: the %u instruction bytes are not those at RIP", when, row->name,
			control->number_of_bytes_fetched);
	return good;
}

/* The intercept of all writes to CR0 has priority over the selective one. */
static u64 exit_code(const struct l2 *l2, const struct row *row)
{
	if (row->exit == SVM_EXIT_CR0_SEL_WRITE && svm_intercepts(l2, INTERCEPT_CR0_WRITE))
		return SVM_EXIT_WRITE_CR0;
	return intercept_of(row);
}

#define SOFTWARE_EXCEPTIONS (BIT(BP_VECTOR) | BIT(OF_VECTOR) | BIT(BR_VECTOR))

bool check_information(const struct l2 *l2, const struct row *row, const char *when)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	bool saves_nrip = !row->raises || SOFTWARE_EXCEPTIONS >> row->vector & 1;
	u64 code = exit_code(l2, row) + (was_migrated && broken("information"));
	bool good = true;

	good &= report_if_failed(control->exitcode == code, "%s: %s: exit %s and not %s", when,
				 row->name, l2_exit_text(l2), l2_exit_name(code));
	good &= report_if_failed(!(control->exitintinfo & SVM_EVTINJ_VALID),
				 "%s: %s: EXITINTINFO has an event: %s", when, row->name,
				 l2_exit_text(l2));
	if (saves_nrip && has_nrips)
		good &= report_if_failed(control->nrip == (u64)row->after,
					 "%s: %s: nRIP 0x%lx and not 0x%lx: %s", when, row->name,
					 control->nrip, (u64)row->after, l2_exit_text(l2));
	if (!good)
		return false;
	if (row->raises)
		return check_exception(l2, row, when);
	switch (row->exit) {
	case SVM_EXIT_IOIO:
		return check_port(l2, row, when);
	case SVM_EXIT_MSR:
		return check_msr(l2, row, when);
	default:
		return check_decoded(l2, row, when);
	}
}
