// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SVM's intercepts across a move: AMD APM volume 2, 15.7 to 15.14 (what exits, with which
 * EXITCODE, EXITINFO1, EXITINFO2 and nRIP), 15.5.1 (which VMCBs VMRUN refuses) and 15.30
 * (the MSRs of SVM itself).
 *
 * L1 writes its wishes into a VMCB. A hypervisor runs L2 on a VMCB of its own, which has to
 * intercept what L1 wants and what the hypervisor needs for itself, and gives L1 the first
 * kind only. When the machine is moved while L2 runs, that second VMCB stays behind and
 * is made anew on the other side. A broken hypervisor forgets some wish there, so that L2
 * executes what L1 wanted to see; or it keeps one that L1 has taken back; or it hands L1 an
 * exit that is its own business; or it fills in another exit code, register or RIP.
 *
 * An L2 executes one instruction of each kind, one after the other, as l2-instructions.h says.
 * Whether an instruction should exit is always read off L1's VMCB and bit maps. These, and what
 * VMRUN and other instructions refuse, are in svm-intercept-*.c.
 *
 * What this cannot tell apart: an intercept that was lost in the move, and one that was lost
 * in an entry afterwards that the move has made necessary. "before the move" in the text of a
 * failure means that the move is not to blame.
 *
 * Not here: INTR, NMI, SMI, INIT and VINTR; TASK_SWITCH, which long mode does not have;
 * RSM and SKINIT; #TS and #AC, which need legacy mode or CPL 3; NPF; VM_CR's LOCK and SVMDIS, which
 * nothing but a reset takes back for sure.
 *
 * On the command line: break=WHAT, to spoil what L2 executes one after the other:
 *
 * lost         after the first move in each test L1 no longer wants HLT, selective CR0 writes,
 *              #UD, #PF, one MSR, the ports of the test
 * gained       after it L1 wants PAUSE, RDTSC, #DE and #PF, which the test does not know
 * information  after it another EXITCODE is expected
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

/* A VMCB, by its physical address. */
u64 operand_spare;

/* As INSTRUCTIONS in l2-instructions.h. */
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
	/* With CR4.DE clear these are DR6 and DR7, but have intercepts of their own. */           \
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

/* The EXITCODE is the number of the intercept's bit, too. EXITINFO1 is that with decode assists. */
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

/* Each has a test of its own, since there are CPUs and hypervisors that get it wrong. */
static const struct row further_instructions[] = {
	ROW(rdtscp, SVM_EXIT_RDTSCP, NO, .there = has_rdtscp),
	ROW(invd, SVM_EXIT_INVD, NO),
	ROW(icebp, SVM_EXIT_ICEBP, NO),
	ROW(xsetbv, SVM_EXIT_XSETBV, NO, .there = has_xsave),
	ROW(vmmcall, SVM_EXIT_VMMCALL, NO, .only_in_l2 = true),
};
enum { RDTSCP, INVD, ICEBP, XSETBV, VMMCALL };

/* ======== what l2-instructions.c needs ======== */

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

bool turn_after_move_with_gif_clear(struct l2 *l2, const char *when)
{
	clgi();
	return turn_after_move(l2, when);
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

/* What changes nothing but TS and MP exits by the intercept of all writes alone. */
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
	if (was_moved)
		spoil(l2);
}

extern const char turn_end[];

/* The one exit that no L1 can do without. */
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
		/* From a handler, in 64-bit mode. */
		save->rflags = stack[2] | X86_EFLAGS_FIXED;
		save->rsp = stack[3];
		l2_go_on_at(l2, stack[0]);
		return true;
	case SVM_EXIT_WRITE_CR0:
		/* MOV from RAX, behind an instruction that changes it. */
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

/* The intercept of all writes to CR0 goes before the selective one. */
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
	u64 code = exit_code(l2, row) + (was_moved && broken("information"));
	bool good = true;

	good &= report_if_failed(control->exitcode == code, "%s: %s: exit %s and not %s", when,
				 row->name, l2_exit_text(l2), l2_exit_name(code));
	good &= report_if_failed(!(control->exitintinfo & SVM_EVTINJ_VALID),
				 "%s: %s: EXITINTINFO tells of an event: %s", when, row->name,
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

/* ======== instructions ======== */

/* A hypervisor that shifts the words of the intercepts, or takes one for its neighbour. */
TEST(instructions_alternate, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every other intercept on: these exit, and the others do not")
{
	struct l2 *l2 = begin_instructions();

	want(l2, every_other, 0);
	if (moved_turn(l2, "every other, moved inside L2")) {
		want(l2, every_other, 1);
		turn(l2, "the others, set after the move");
	}
	end(l2);
}

/* A hypervisor that keeps L2's intercepts from one entry to the next and loses them on the way. */
TEST(instructions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear, right before VMRUN: L2's intercepts are L1's wishes")
{
	struct l2 *l2 = begin_instructions();

	want(l2, every_other, 0);
	if (turn(l2, "every other, before the move")) {
		want(l2, every_other, 1);
		if (turn_after_move_with_gif_clear(l2, "the others, moved in L1"))
			turn(l2, "the others again");
	}
	end(l2);
}

/* A hypervisor that goes on with the intercepts of the entry before the move. */
TEST(instructions_changed, .on = EACH_CPU, .needs = SVM,
     .about = "what L1 changes between two entries counts from the next on, the move between")
{
	struct l2 *l2 = begin_instructions();

	want(l2, all, 0);
	if (moved_turn(l2, "all, moved inside L2")) {
		want(l2, none, 0);
		if (turn(l2, "none, changed after the move")) {
			want(l2, all, 0);
			turn(l2, "all again");
		}
	}
	end(l2);
}

static void one_instruction(int index)
{
	struct l2 *l2 = begin(&further_instructions[index], 1);

	want(l2, none, 0);
	if (turn(l2, "off, before the move")) {
		want(l2, all, 0);
		if (turn(l2, "on, before the move") && moved_turn(l2, "on, moved inside L2")) {
			want(l2, none, 0);
			turn(l2, "off again");
		}
	}
	end(l2);
}

FEATURE(RDTSCP_INSTRUCTION, "RDTSCP (CPUID Fn8000_0001_EDX bit 27)")
{
	return has_rdtscp();
}

TEST(instruction_rdtscp, .on = EACH_CPU, .needs = ALL_OF(SVM, RDTSCP_INSTRUCTION),
     .about = "RDTSCP exits by its own intercept, before and after a move")
{
	one_instruction(RDTSCP);
}

TEST(instruction_invd, .on = EACH_CPU, .needs = SVM,
     .about = "INVD exits if it is intercepted, before and after a move")
{
	one_instruction(INVD);
}

/* Where it does not exit it raises #DB; so this is the order of the two, as well (15.12.2). */
TEST(instruction_icebp, .on = EACH_CPU, .needs = SVM,
     .about = "ICEBP exits if it is intercepted and raises #DB if not, before and after a move")
{
	one_instruction(ICEBP);
}

FEATURE(XSETBV_INSTRUCTION, "XSAVE (CPUID Fn0000_0001_ECX bit 26)")
{
	return has_xsave();
}

TEST(instruction_xsetbv, .on = EACH_CPU, .needs = ALL_OF(SVM, XSETBV_INSTRUCTION),
     .about = "XSETBV exits if it is intercepted, before and after a move")
{
	one_instruction(XSETBV);
}

/* "A non-intercepted VMMCALL unconditionally raises a #UD exception" (APM volume 3). */
TEST(instruction_vmmcall, .on = EACH_CPU, .needs = SVM,
     .about = "VMMCALL exits if it is intercepted and raises #UD if not, before and after a move")
{
	one_instruction(VMMCALL);
}

/* ======== exceptions ======== */

#define EVEN_VECTORS 0x55555555
#define ODD_VECTORS  0xaaaaaaaa

/* A hypervisor that forgets them, or that keeps #PF, #UD or #GP for itself. */
TEST(exceptions_all, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every exception that L1 intercepts exits with its error code")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, ALL_VECTORS);
	if (turn(l2, "all, before the move"))
		moved_turn(l2, "all, moved inside L2");
	end(l2);
}

TEST(exceptions_none, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, exceptions that L1 does not intercept are L2's own")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, 0);
	if (turn(l2, "none, before the move"))
		moved_turn(l2, "none, moved inside L2");
	end(l2);
}

TEST(exceptions_alternate, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2 with every other vector intercepted; then L1 turns them around")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, EVEN_VECTORS);
	if (moved_turn(l2, "even vectors, moved inside L2")) {
		want_vectors(l2, ODD_VECTORS);
		turn(l2, "odd vectors, set after the move");
	}
	end(l2);
}

TEST(exceptions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear, right before VMRUN: odd vectors exit, even ones do not")
{
	struct l2 *l2 = begin(exceptions, USUAL_EXCEPTIONS);

	want_vectors(l2, EVEN_VECTORS);
	if (turn(l2, "even vectors, before the move")) {
		want_vectors(l2, ODD_VECTORS);
		turn_after_move_with_gif_clear(l2, "odd vectors, moved in L1");
	}
	end(l2);
}

static void one_exception(int index)
{
	const struct row *row = &exceptions[index];
	struct l2 *l2 = begin(row, 1);

	if (natural[0].vector == NO_EXCEPTION) {
		report_skip("this CPU raises no %s", exception_mnemonic(row->vector));
		goto out;
	}
	want_vectors(l2, 0);
	if (turn(l2, "off, before the move")) {
		want_vectors(l2, ALL_VECTORS);
		if (turn(l2, "on, before the move") && moved_turn(l2, "on, moved inside L2")) {
			want_vectors(l2, 0);
			turn(l2, "off again");
		}
	}
out:
	end(l2);
}

/*
 * RIP in the VMCB is the INT3's, and nRIP is what is behind it (15.7.1), whereas the handler in L2
 * finds RIP behind the instruction; and the same for INTO.
 */
TEST(exception_bp, .on = EACH_CPU, .needs = SVM,
     .about = "#BP of INT3 exits at the INT3 if it is intercepted, before and after a move")
{
	one_exception(INT3_EXCEPTION);
}

TEST(exception_of, .on = EACH_CPU, .needs = SVM,
     .about = "#OF of INTO exits at the INTO if it is intercepted, before and after a move")
{
	one_exception(INTO_EXCEPTION);
}

TEST(exception_br, .on = EACH_CPU, .needs = SVM,
     .about = "#BR of BOUND exits at the BOUND if it is intercepted, before and after a move")
{
	one_exception(BOUND_EXCEPTION);
}

TEST(exception_xm, .on = EACH_CPU, .needs = SVM,
     .about = "#XM of SSE exits if it is intercepted, before and after a move")
{
	one_exception(SSE_EXCEPTION);
}

/* ======== selective CR0 writes ======== */

/*
 * What changes nothing but TS and MP does not exit; LMSW always does, CLTS never (15.9). RAX is
 * CR0 as it was, which the cleanup writes.
 */
#define CR0_WRITES(X)                                                                              \
	X(cr0_same, false, "mov %rax, %rcx", "mov %rcx, %cr0")                                     \
	X(cr0_ts, false, "mov %rax, %rcx; xor $8, %rcx", "mov %rcx, %cr0")                         \
	X(cr0_mp, false, "mov %rax, %rcx; xor $2, %rcx", "mov %rcx, %cr0")                         \
	X(cr0_am, true, "mov %rax, %rcx; xor $0x40000, %rcx", "mov %rcx, %cr0")                    \
	X(cr0_ne, true, "mov %rax, %rcx; xor $0x20, %rcx", "mov %rcx, %cr0")                       \
	X(cr0_am_ts, true, "mov %rax, %rcx; xor $0x40008, %rcx", "mov %rcx, %cr0")                 \
	X(clts, false, "", "clts")

/* Has a test of its own, since there are CPUs that get it wrong. */
#define LMSW(X) X(lmsw_ts, true, "mov %eax, %ecx; xor $8, %ecx", "lmsw %cx")

#define CR0_STUB(id, selected, setup, instruction)                                                 \
	STUB(id, "mov operand_cr, %rax; " setup, instruction,                                      \
	     "mov operand_cr, %rax; mov %rax, %cr0")
#define CR0_ROW(id, selected, setup, instruction)                                                  \
	{ INSTRUCTION(id), .exit = SVM_EXIT_CR0_SEL_WRITE, .information = NOT_CHECKED,             \
	  .write = selected },

CR0_WRITES(CR0_STUB)
LMSW(CR0_STUB)

static const struct row cr0_writes[] = { CR0_WRITES(CR0_ROW) };
static const struct row lmsw[] = { LMSW(CR0_ROW) };

static void check_cr0_writes(const struct row *table, int count)
{
	struct l2 *l2 = begin(table, count);

	svm_set_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
	if (turn(l2, "selective, before the move") &&
	    moved_turn(l2, "selective, moved inside L2")) {
		/* The intercept of all writes goes before the selective one. */
		svm_set_intercept(l2, INTERCEPT_CR0_WRITE);
		turn(l2, "both");
		svm_clear_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
		turn(l2, "all writes");
		svm_clear_intercept(l2, INTERCEPT_CR0_WRITE);
		turn(l2, "neither");
	}
	end(l2);
}

/* A hypervisor that takes one of the two for the other, or forgets which bits matter. */
TEST(cr0_selective, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: selective CR0 writes exit if they change more than TS and MP")
{
	check_cr0_writes(cr0_writes, ARRAY_SIZE(cr0_writes));
}

TEST(cr0_selective_lmsw, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: LMSW exits by the selective intercept, whatever it writes")
{
	check_cr0_writes(lmsw, ARRAY_SIZE(lmsw));
}

/* ======== the pause filter ======== */

static volatile u64 pauses;

static void pause_for_long(void *unused)
{
	migrate_quiet();
	l2_call(1);
	for (pauses = 0; pauses < 16ul << 16; pauses++)
		pause();
}

/*
 * A hypervisor may use the filter itself, so that L2's counter is loaded anew more often than L1
 * enters it, or with another value. What remains is that a long row of PAUSEs exits at some time,
 * and each one without a filter.
 */
TEST(pause_filter, .on = EACH_CPU, .needs = SVM_PAUSE_FILTER,
     .about = "moved inside L2: PAUSE exits when the filter has counted down, at once without one")
{
	struct l2 *l2 = l2_new(pause_for_long, NULL);

	l2->vmcb->control.pause_filter_count = 1000;
	l2_expect_call(l2, 1);
	svm_set_intercept(l2, INTERCEPT_PAUSE);
	l2_expect(l2, SVM_EXIT_PAUSE, "filter of 1000");
	report_info("after %lu PAUSEs", pauses);
	l2->vmcb->control.pause_filter_count = 0;
	for (u64 before = pauses, i = 0; i < 3; i++) {
		svm_skip(l2, PAUSE_LENGTH);
		l2_expect(l2, SVM_EXIT_PAUSE, "no filter, PAUSE %lu", i);
		report(pauses == before + i + 1, "%lu PAUSEs further", pauses - before);
	}
	l2_free(l2);
}

/* ======== the end of an L2 ======== */

void nothing(void *unused)
{
}

static void shut_down(void *unused)
{
	static const struct descriptor_table_ptr no_idt;

	migrate_quiet();
	lidt(&no_idt);
	asm volatile("ud2");
}

/* A hypervisor that takes L2's shutdown for the machine's ends or resets it. */
TEST(shutdown, .on = EACH_CPU, .needs = SVM,
     .about = "a triple fault of an L2 that was moved is L1's exit, and L1 runs another L2")
{
	struct l2 *l2 = l2_new(shut_down, NULL), *next;
	struct descriptor_table_ptr idtr;

	l2_expect(l2, SVM_EXIT_SHUTDOWN, "an L2 without an IDT");
	next = l2_new(nothing, NULL);
	l2_expect_return(next);
	l2_free(next);
	l2_start(l2, nothing, NULL);
	sidt(&idtr);
	l2->vmcb->save.idtr.limit = idtr.limit;
	l2->vmcb->save.idtr.base = idtr.base;
	l2_expect_return(l2);
	l2_free(l2);
}

/* #GP for want of a gate in the delivery of #GP. */
static void double_fault(void *unused)
{
	static const struct descriptor_table_ptr no_idt;
	u64 nowhere = BIT(62);

	migrate_quiet();
	lidt(&no_idt);
	asm volatile("mov (%0), %%eax" : : "r"(nowhere) : "eax");
}

/* A hypervisor that knows #DF only where it delivers it itself. */
TEST(double_fault, .on = EACH_CPU, .needs = SVM,
     .about = "a double fault of an L2 that was moved exits if L1 intercepts #DF, before the "
	      "shutdown")
{
	struct l2 *l2 = l2_new(double_fault, NULL);

	svm_set_intercept(l2, INTERCEPT_EXCEPTION + DF_VECTOR);
	if (l2_expect(l2, SVM_EXIT_EXCP_BASE + DF_VECTOR, "#GP without an IDT"))
		report(!l2->vmcb->control.exitinfo1, "error code 0x%lx (should be 0)",
		       l2->vmcb->control.exitinfo1);
	l2_free(l2);
}
