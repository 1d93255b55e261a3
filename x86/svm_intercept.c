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
 * An L2 executes one instruction of each kind, one after the other. Each has a label before
 * and one behind it, so that L1 knows by RIP which one it was, checks the exit and lets L2 go
 * on behind it. Whether an instruction should exit is always read off L1's VMCB and bit maps.
 * What does not exit has to do in L2 what it does in L1, where all of them are executed
 * first: it comes to its end, or raises the same exception.
 *
 * What this cannot tell apart: an intercept that was lost in the move, and one that was lost
 * in an entry afterwards that the move has made necessary. "before the move" in the text of a
 * failure means that the move is not to blame.
 *
 * Not here: INTR, NMI, SMI, INIT and VINTR; TASK_SWITCH, which long mode does not have;
 * RSM and SKINIT; #TS and #AC, which need legacy mode or CPL 3; NPF; VM_CR's LOCK and SVMDIS, which
 * nothing but a reset takes back for sure.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "desc.h"
#include "io.h"
#include "isr.h"
#include "migrate.h"
#include "processor.h"
#include "svm.h"
#include "vm.h"
#include "xsave.h"

#define SWINT_VECTOR  0x51
#define WAKEUP_VECTOR 0x52

/* In the GDT, free for tests: a TSS like this CPU's own that is not busy, and a stack that is
 * not present. The assembly below knows the numbers. */
#define TSS_SPARE      0x50
#define NP_STACK       0x60
#define BEYOND_GDT     0xfff8
#define INVLPG_ADDRESS 0x5000
#define UNMAPPED       0x123
#define VMRUN_LENGTH   3
#define PAUSE_LENGTH   2
#define MOV_CR_LENGTH  3
#define PUSHF_LENGTH   1
#define NOT_KNOWN      (-2)
#define TSS_BUSY       BIT(41)
#define MANY_EXITS     1000000

/* ======== rows: one instruction each ======== */

struct row {
	const char *name;
	void (*run)(void);
	const char *at, *after; /* the instruction, and where L2 goes on */
	u64 exitcode;		/* which is the number of the intercept's bit, too */
	u64 decoded;		/* EXITINFO1 with decode assists */
	bool (*there)(void);	/* whether this CPU has it; NULL: each has */
	s8 alone;		/* not to be run in L1: its exception if it does not exit */
	bool traps;		/* RIP of the exit is behind it */
	u8 vector;
	u32 error;
	u64 address;
	/* Port or MSR. */
	u32 number;
	u8 size;
	u64 info; /* EXITINFO1 without the port */
	bool write;
};

#define NOT_DECODED (~0ul)
/* EXITINFO1 of a MOV from or to a control register, and its GPR (15.8.1). */
#define MOV_CR(gpr) (BIT(63) | (gpr))

/*
 * run_ID() executes one instruction at at_ID; behind it lies after_ID. Whatever the instruction
 * does to the stack, or would have done, makes no difference.
 */
#define STUB(id, setup, instruction, cleanup)                                                      \
	void run_##id(void);                                                                       \
	extern const char at_##id[], after_##id[];                                                 \
	asm(".pushsection .text\n"                                                                 \
	    "run_" #id ":\n"                                                                       \
	    "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"                   \
	    "mov %rsp, %rbp\n" setup "\n"                                                          \
	    "at_" #id ": " instruction "\n"                                                        \
	    "after_" #id ": " cleanup "\n"                                                         \
	    "mov %rbp, %rsp\n"                                                                     \
	    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"                         \
	    "ret\n"                                                                                \
	    ".popsection");

/* What the instructions use. L1 fills it in. */
u64 operand_cr[9], operand_dr[8], operand_xcr0, operand_spare, operand_tss, operand_ecx;
u64 operand_value, operand_read, operand_port, operand_invpcid[2];
struct descriptor_table_ptr operand_gdtr, operand_idtr, operand_scratch;
u8 operand_buffer[64];

static bool has_monitor(void)
{
	return this_cpu_has(X86_CPU_FEATURE(1, 0, ECX, 3));
}

static bool has_rdtscp(void)
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

static bool has_xsave(void)
{
	return this_cpu_has(X86_FEATURE_XSAVE);
}

static bool has_rdpru(void)
{
	return this_cpu_has(X86_CPU_FEATURE(0x80000008, 0, EBX, 4));
}

static bool has_invpcid(void)
{
	return this_cpu_has(X86_CPU_FEATURE(7, 0, EBX, 10));
}

void raise_wakeup(void);

/* HLT and MWAIT wait for an interrupt: one that is pending, held off until they are reached. */
void raise_wakeup(void)
{
	irq_disable();
	apic_send_self_ipi(WAKEUP_VECTOR);
}

#define ALWAYS	  NULL, NOT_KNOWN
#define IF(there) there, NOT_KNOWN

/*
 * Name, EXITCODE, EXITINFO1 with decode assists, whether the CPU has it; instructions before,
 * none of which can be intercepted; the instruction.
 */
#define INSTRUCTIONS(X)                                                                            \
	X(cr0_read, SVM_EXIT_READ_CR0, MOV_CR(1), ALWAYS, "", "mov %cr0, %rcx")                    \
	X(cr2_read, SVM_EXIT_READ_CR2, MOV_CR(2), ALWAYS, "", "mov %cr2, %rdx")                    \
	X(cr3_read, SVM_EXIT_READ_CR3, MOV_CR(6), ALWAYS, "", "mov %cr3, %rsi")                    \
	X(cr4_read, SVM_EXIT_READ_CR4, MOV_CR(7), ALWAYS, "", "mov %cr4, %rdi")                    \
	X(cr8_read, SVM_EXIT_READ_CR8, MOV_CR(11), ALWAYS, "", "mov %cr8, %r11")                   \
	X(cr0_write, SVM_EXIT_WRITE_CR0, MOV_CR(6), ALWAYS, "mov operand_cr, %rsi",                \
	  "mov %rsi, %cr0")                                                                        \
	X(cr2_write, SVM_EXIT_WRITE_CR2, MOV_CR(7), ALWAYS, "mov operand_cr+16, %rdi",             \
	  "mov %rdi, %cr2")                                                                        \
	X(cr3_write, SVM_EXIT_WRITE_CR3, MOV_CR(8), ALWAYS, "mov operand_cr+24, %r8",              \
	  "mov %r8, %cr3")                                                                         \
	X(cr4_write, SVM_EXIT_WRITE_CR4, MOV_CR(9), ALWAYS, "mov operand_cr+32, %r9",              \
	  "mov %r9, %cr4")                                                                         \
	X(cr8_write, SVM_EXIT_WRITE_CR8, MOV_CR(10), ALWAYS, "mov operand_cr+64, %r10",            \
	  "mov %r10, %cr8")                                                                        \
	X(dr0_read, SVM_EXIT_READ_DR0, 1, ALWAYS, "", "mov %dr0, %rcx")                            \
	X(dr1_read, SVM_EXIT_READ_DR0 + 1, 2, ALWAYS, "", "mov %dr1, %rdx")                        \
	X(dr2_read, SVM_EXIT_READ_DR0 + 2, 6, ALWAYS, "", "mov %dr2, %rsi")                        \
	X(dr3_read, SVM_EXIT_READ_DR0 + 3, 7, ALWAYS, "", "mov %dr3, %rdi")                        \
	/* With CR4.DE clear these are DR6 and DR7, but have intercepts of their own. */           \
	X(dr4_read, SVM_EXIT_READ_DR0 + 4, 1, ALWAYS, "", "mov %dr4, %rcx")                        \
	X(dr5_read, SVM_EXIT_READ_DR0 + 5, 2, ALWAYS, "", "mov %dr5, %rdx")                        \
	X(dr4_write, SVM_EXIT_WRITE_DR0 + 4, 2, ALWAYS, "mov operand_dr+48, %rdx",                 \
	  "mov %rdx, %dr4")                                                                        \
	X(dr5_write, SVM_EXIT_WRITE_DR0 + 5, 1, ALWAYS, "mov operand_dr+56, %rcx",                 \
	  "mov %rcx, %dr5")                                                                        \
	X(dr6_read, SVM_EXIT_READ_DR0 + 6, 8, ALWAYS, "", "mov %dr6, %r8")                         \
	X(dr7_read, SVM_EXIT_READ_DR0 + 7, 9, ALWAYS, "", "mov %dr7, %r9")                         \
	X(dr0_write, SVM_EXIT_WRITE_DR0, 9, ALWAYS, "mov operand_dr, %r9", "mov %r9, %dr0")        \
	X(dr1_write, SVM_EXIT_WRITE_DR0 + 1, 8, ALWAYS, "mov operand_dr+8, %r8", "mov %r8, %dr1")  \
	X(dr2_write, SVM_EXIT_WRITE_DR0 + 2, 7, ALWAYS, "mov operand_dr+16, %rdi",                 \
	  "mov %rdi, %dr2")                                                                        \
	X(dr3_write, SVM_EXIT_WRITE_DR0 + 3, 6, ALWAYS, "mov operand_dr+24, %rsi",                 \
	  "mov %rsi, %dr3")                                                                        \
	X(dr6_write, SVM_EXIT_WRITE_DR0 + 6, 2, ALWAYS, "mov operand_dr+48, %rdx",                 \
	  "mov %rdx, %dr6")                                                                        \
	X(dr7_write, SVM_EXIT_WRITE_DR0 + 7, 1, ALWAYS, "mov operand_dr+56, %rcx",                 \
	  "mov %rcx, %dr7")                                                                        \
	X(sidt, SVM_EXIT_IDTR_READ, NOT_DECODED, ALWAYS, "", "sidt operand_scratch")               \
	X(sgdt, SVM_EXIT_GDTR_READ, NOT_DECODED, ALWAYS, "", "sgdt operand_scratch")               \
	X(sldt, SVM_EXIT_LDTR_READ, NOT_DECODED, ALWAYS, "", "sldt %eax")                          \
	X(str, SVM_EXIT_TR_READ, NOT_DECODED, ALWAYS, "", "str %eax")                              \
	X(lidt, SVM_EXIT_IDTR_WRITE, NOT_DECODED, ALWAYS, "", "lidt operand_idtr")                 \
	X(lgdt, SVM_EXIT_GDTR_WRITE, NOT_DECODED, ALWAYS, "", "lgdt operand_gdtr")                 \
	X(lldt, SVM_EXIT_LDTR_WRITE, NOT_DECODED, ALWAYS, "xor %eax, %eax", "lldt %ax")            \
	X(ltr, SVM_EXIT_TR_WRITE, NOT_DECODED, ALWAYS,                                             \
	  "mov operand_tss, %rax; andb $0xfd, 5(%rax); mov $0x50, %eax", "ltr %ax")                \
	X(rdtsc, SVM_EXIT_RDTSC, NOT_DECODED, ALWAYS, "", "rdtsc")                                 \
	X(rdpmc, SVM_EXIT_RDPMC, NOT_DECODED, ALWAYS, "xor %ecx, %ecx", "rdpmc")                   \
	X(pushf, SVM_EXIT_PUSHF, NOT_DECODED, ALWAYS, "", "pushf")                                 \
	X(popf, SVM_EXIT_POPF, NOT_DECODED, ALWAYS, "push $0x202", "popf")                         \
	X(cpuid, SVM_EXIT_CPUID, NOT_DECODED, ALWAYS, "xor %eax, %eax", "cpuid")                   \
	X(iret, SVM_EXIT_IRET, NOT_DECODED, ALWAYS,                                                \
	  "mov %ss, %eax; push %rax; push %rbp; push $0x202; mov %cs, %eax; push %rax; "           \
	  "push $after_iret",                                                                      \
	  "iretq")                                                                                 \
	X(swint, SVM_EXIT_SWINT, SWINT_VECTOR, ALWAYS, "", "int $0x51")                            \
	X(wbinvd, SVM_EXIT_WBINVD, NOT_DECODED, ALWAYS, "", "wbinvd")                              \
	X(pause, SVM_EXIT_PAUSE, NOT_DECODED, ALWAYS, "", "pause")                                 \
	X(hlt, SVM_EXIT_HLT, NOT_DECODED, ALWAYS, "call raise_wakeup; sti", "hlt")                 \
	X(invlpg, SVM_EXIT_INVLPG, INVLPG_ADDRESS, ALWAYS, "mov $0x5000, %eax", "invlpg (%rax)")   \
	X(invlpga, SVM_EXIT_INVLPGA, NOT_DECODED, ALWAYS, "mov $0x5000, %eax; mov $1, %ecx",       \
	  "invlpga %rax, %ecx")                                                                    \
	X(monitor, SVM_EXIT_MONITOR, NOT_DECODED, IF(has_monitor),                                 \
	  "mov $operand_buffer, %eax; xor %ecx, %ecx; xor %edx, %edx", "monitor")                  \
	X(mwait, SVM_EXIT_MWAIT, NOT_DECODED, IF(has_monitor),                                     \
	  "call raise_wakeup; xor %eax, %eax; xor %ecx, %ecx; sti", "mwait")                       \
	X(rdpru, SVM_EXIT_RDPRU, NOT_DECODED, IF(has_rdpru), "xor %ecx, %ecx",                     \
	  ".byte 0x0f, 0x01, 0xfd")                                                                \
	X(invpcid, SVM_EXIT_INVPCID, NOT_DECODED, IF(has_invpcid), "mov $2, %eax",                 \
	  "invpcid operand_invpcid, %rax")                                                         \
	X(vmsave, SVM_EXIT_VMSAVE, NOT_DECODED, ALWAYS, "mov operand_spare, %rax", "vmsave %rax")  \
	X(vmload, SVM_EXIT_VMLOAD, NOT_DECODED, ALWAYS, "mov operand_spare, %rax", "vmload %rax")  \
	X(clgi, SVM_EXIT_CLGI, NOT_DECODED, ALWAYS, "", "clgi")                                    \
	X(stgi, SVM_EXIT_STGI, NOT_DECODED, ALWAYS, "", "stgi")                                    \
	/* Its intercept is always on. */                                                          \
	X(vmrun, SVM_EXIT_VMRUN, NOT_DECODED, NULL, NO_EXCEPTION, "mov operand_spare, %rax",       \
	  "vmrun %rax")

/* Each has a test of its own, since there are CPUs and hypervisors that get it wrong. */
#define FURTHER_INSTRUCTIONS(X)                                                                    \
	X(rdtscp, SVM_EXIT_RDTSCP, NOT_DECODED, IF(has_rdtscp), "", "rdtscp")                      \
	X(invd, SVM_EXIT_INVD, NOT_DECODED, ALWAYS, "", "invd")                                    \
	X(icebp, SVM_EXIT_ICEBP, NOT_DECODED, ALWAYS, "", ".byte 0xf1")                            \
	X(xsetbv, SVM_EXIT_XSETBV, NOT_DECODED, IF(has_xsave),                                     \
	  "mov operand_xcr0, %eax; mov operand_xcr0+4, %edx; xor %ecx, %ecx", "xsetbv")            \
	X(vmmcall, SVM_EXIT_VMMCALL, NOT_DECODED, NULL, UD_VECTOR, "mov $1, %eax", "vmmcall")

#define INSTRUCTION_STUB(id, code, info, there, alone, setup, instruction)                         \
	STUB(id, setup, instruction, "")
#define INSTRUCTION_ROW(id, code, info, has, natural, setup, instruction)                          \
	{ .name = #id,                                                                             \
	  .run = run_##id,                                                                         \
	  .at = at_##id,                                                                           \
	  .after = after_##id,                                                                     \
	  .exitcode = code,                                                                        \
	  .decoded = info,                                                                         \
	  .there = has,                                                                            \
	  .alone = natural },

/* ALWAYS and IF() are two arguments. */
#define STUB_OF(...) INSTRUCTION_STUB(__VA_ARGS__)
#define ROW_OF(...)  INSTRUCTION_ROW(__VA_ARGS__)

INSTRUCTIONS(STUB_OF)
FURTHER_INSTRUCTIONS(STUB_OF)

static const struct row instructions[] = { INSTRUCTIONS(ROW_OF) };
static const struct row further_instructions[] = { FURTHER_INSTRUCTIONS(ROW_OF) };
enum { RDTSCP, INVD, ICEBP, XSETBV, VMMCALL };

/* ======== running rows ======== */

#define MOST_ROWS 64

/* What has become of a row. */
struct outcome {
	u32 exits, passed, exceptions;
	bool wrong; /* an exit was not as it should be */
	int vector;
	u32 error;
	u64 rip, cr2;
};

/* The tests run on one CPU at a time, and these are its. */
static const struct row *rows;
static int row_count;
static volatile int current = -1;
static struct outcome outcomes[MOST_ROWS];
static bool is_there[MOST_ROWS];
static int natural[MOST_ROWS];	    /* the exception of each row in L1 */
static u64 natural_read[MOST_ROWS]; /* what it read there, for MSRs */
static volatile bool move_inside;
static volatile u32 software_interrupts;

static bool has_nrips, has_decode_assists;
static bool (*should_exit)(const struct l2 *l2, const struct row *row);
static bool (*check_exit)(const struct l2 *l2, const struct row *row, const char *when);
static void (*before_row)(int index);
static u64 other_exitcode; /* instead of what the rows say, or 0 */

/* An exception in L2 (or in L1, when the rows are run there). The table goes on behind it. */
static void note_exception(struct ex_regs *regs)
{
	const struct row *row = current < 0 ? NULL : &rows[current];
	struct outcome *outcome;

	if (!row || regs->rip < (u64)row->at || regs->rip > (u64)row->after)
		unhandled_exception(regs);
	outcome = &outcomes[current];
	outcome->exceptions++;
	outcome->vector = regs->vector;
	outcome->error = regs->error_code;
	outcome->rip = regs->rip;
	outcome->cr2 = regs->vector == PF_VECTOR ? read_cr2() : 0;
	regs->rip = (u64)row->after;
	regs->rflags &= ~X86_EFLAGS_TF;
}

static void note_software_interrupt(isr_regs_t *regs)
{
	software_interrupts++;
}

static void note_wakeup(isr_regs_t *regs)
{
}

static void run_row(int index)
{
	current = index;
	if (before_row)
		before_row(index);
	rows[index].run();
	outcomes[index].passed++;
	current = -1;
}

extern const char turn_end[];

static void in_l2(void *unused)
{
	for (;;) {
		if (move_inside) {
			move_inside = false;
			migrate_quiet();
		}
		for (int i = 0; i < row_count; i++)
			if (is_there[i])
				run_row(i);
		/* The one exit that no L1 can do without. */
		asm volatile("turn_end: vmrun" : : "a"(operand_spare) : "memory");
	}
}

static void clear_outcomes(void)
{
	for (int i = 0; i < row_count; i++)
		outcomes[i] = (struct outcome){ .vector = NO_EXCEPTION };
	software_interrupts = 0;
}

static void restore_tr(void)
{
	this_gdt()[TSS_MAIN / 8] &= ~TSS_BUSY;
	ltr(TSS_MAIN);
}

static const u8 handled_vectors[] = {
	DE_VECTOR, DB_VECTOR, BP_VECTOR, OF_VECTOR, BR_VECTOR, UD_VECTOR, NM_VECTOR,
	NP_VECTOR, SS_VECTOR, GP_VECTOR, PF_VECTOR, MF_VECTOR, XM_VECTOR,
};

/* Runs all rows in L1, where nothing is intercepted, and keeps what came of it. */
static void run_in_l1(void)
{
	clear_outcomes();
	for (int i = 0; i < row_count; i++) {
		natural[i] = rows[i].alone;
		if (!is_there[i] || rows[i].alone != NOT_KNOWN)
			continue;
		run_row(i);
		natural[i] = outcomes[i].vector;
		natural_read[i] = operand_read;
	}
	restore_tr();
}

static bool vmcb_says(const struct l2 *l2, const struct row *row)
{
	return l2_intercepts(l2, row->exitcode);
}

static void begin(const struct row *table, int count)
{
	u64 *gdt = this_gdt();

	assert(count <= MOST_ROWS);
	rows = table;
	row_count = count;
	/* Asked now: L2's CPUID may be intercepted. */
	for (int i = 0; i < count; i++)
		is_there[i] = !table[i].there || table[i].there();
	should_exit = vmcb_says;
	check_exit = NULL;
	before_row = NULL;
	other_exitcode = 0;
	move_inside = false;
	has_nrips = feature_SVM_NRIPS.present();
	has_decode_assists = feature_SVM_DECODE_ASSISTS.present();
	svm_enable();
	operand_xcr0 = xsave_enable();
	operand_cr[0] = read_cr0();
	operand_cr[2] = 0x123456789;
	operand_cr[3] = read_cr3();
	operand_cr[4] = read_cr4();
	operand_cr[8] = read_cr8();
	operand_dr[0] = read_dr0();
	operand_dr[1] = read_dr1();
	operand_dr[2] = read_dr2();
	operand_dr[3] = read_dr3();
	operand_dr[6] = read_dr6();
	operand_dr[7] = read_dr7();
	sgdt(&operand_gdtr);
	sidt(&operand_idtr);
	operand_spare = virt_to_phys(alloc_page());
	vmsave(operand_spare);
	gdt[TSS_SPARE / 8] = gdt[TSS_MAIN / 8] & ~TSS_BUSY;
	gdt[TSS_SPARE / 8 + 1] = gdt[TSS_MAIN / 8 + 1];
	gdt[NP_STACK / 8] = gdt[KERNEL_DS / 8] & ~BIT(47);
	operand_tss = (u64)&gdt[TSS_SPARE / 8];
	for (unsigned i = 0; i < ARRAY_SIZE(handled_vectors); i++)
		handle_exception(handled_vectors[i], note_exception);
	handle_irq(SWINT_VECTOR, note_software_interrupt);
	handle_irq_eoi(WAKEUP_VECTOR, note_wakeup);
}

static void end(void)
{
	u64 *gdt = this_gdt();

	for (unsigned i = 0; i < ARRAY_SIZE(handled_vectors); i++)
		handle_exception(handled_vectors[i], NULL);
	unhandle_irq(SWINT_VECTOR);
	unhandle_irq(WAKEUP_VECTOR);
	gdt[TSS_SPARE / 8] = gdt[TSS_SPARE / 8 + 1] = gdt[NP_STACK / 8] = 0;
	free_page(phys_to_virt(operand_spare));
	current = -1;
}

/* ---- L1's side ---- */

static void go_on_at(struct l2 *l2, u64 rip)
{
	l2->vmcb->save.rip = rip;
	l2_skip(l2, 0);
}

/*
 * What L2 does between the rows, in the library, is intercepted like the rows themselves. L1
 * does it for L2. True if it was such an exit.
 */
static bool carry_out(struct l2 *l2)
{
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 *stack = (u64 *)save->rsp;

	switch (l2->vmcb->control.exitcode) {
	case SVM_EXIT_PAUSE:
		l2_skip(l2, PAUSE_LENGTH);
		return true;
	case SVM_EXIT_PUSHF:
		stack[-1] = save->rflags;
		save->rsp -= 8;
		l2_skip(l2, PUSHF_LENGTH);
		return true;
	case SVM_EXIT_POPF:
		save->rflags = stack[0] | X86_EFLAGS_FIXED;
		save->rsp += 8;
		l2_skip(l2, PUSHF_LENGTH);
		return true;
	case SVM_EXIT_IRET:
		/* From a handler, in 64-bit mode. */
		save->rflags = stack[2] | X86_EFLAGS_FIXED;
		save->rsp = stack[3];
		go_on_at(l2, stack[0]);
		return true;
	case SVM_EXIT_WRITE_CR0:
		/* MOV from RAX, behind an instruction that changes it. */
		save->cr0 = save->rax;
		l2_skip(l2, MOV_CR_LENGTH);
		return true;
	}
	return false;
}

#define SOFTWARE_EXCEPTIONS (BIT(BP_VECTOR) | BIT(OF_VECTOR) | BIT(BR_VECTOR))

static bool is_exception(const struct row *row)
{
	return row->exitcode >= SVM_EXIT_EXCP_BASE && row->exitcode <= SVM_EXIT_LAST_EXCP;
}

static bool check_info(const struct l2 *l2, const struct row *row, const char *when)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	bool saves_nrip = !is_exception(row) || SOFTWARE_EXCEPTIONS >> row->vector & 1;
	u64 code = other_exitcode ? other_exitcode : row->exitcode;
	bool good = true;

	good &= report_if_failed(control->exitcode == code, "%s: %s: exit %s and not %s", when,
				 row->name, l2_exit_text(l2), svm_exit_name(code));
	good &= report_if_failed(!(control->exitintinfo & SVM_EVTINJ_VALID),
				 "%s: %s: EXITINTINFO tells of an event: %s", when, row->name,
				 l2_exit_text(l2));
	if (saves_nrip && has_nrips)
		good &= report_if_failed(control->nrip == (u64)row->after,
					 "%s: %s: nRIP 0x%lx and not 0x%lx: %s", when, row->name,
					 control->nrip, (u64)row->after, l2_exit_text(l2));
	return good && (!check_exit || check_exit(l2, row, when));
}

/* An exit of the row that L2 is at? Then L2 goes on behind it. */
static bool note_exit(struct l2 *l2, const char *when)
{
	const struct row *row = current < 0 ? NULL : &rows[current];

	if (!row || l2->vmcb->save.rip != (u64)(row->traps ? row->after : row->at))
		return false;
	outcomes[current].wrong |= !check_info(l2, row, when);
	outcomes[current].exits++;
	l2->vmcb->save.rflags &= ~X86_EFLAGS_TF;
	go_on_at(l2, (u64)row->after);
	return true;
}

/* Whether what the row did in L2 is what it does in L1, or nothing if it has exited. */
static bool judge(const struct l2 *l2, int index, const char *when)
{
	const struct row *row = &rows[index];
	const struct outcome *outcome = &outcomes[index];
	bool exits = should_exit(l2, row);
	int vector = exits ? NO_EXCEPTION : natural[index];
	bool good = !outcome->wrong;

	if (!report_if_failed(outcome->exits == exits, "%s: %s (bit %lu of the intercepts%s): %s",
			      when, row->name, row->exitcode, exits ? ", on" : ", off",
			      !exits		? "L1 got an exit that it did not ask for"
			      : !outcome->exits ? "did not exit, L2 executed it"
						: "exited more than once"))
		return false;
	good &= report_if_failed(outcome->vector == vector && outcome->exceptions <= 1,
				 "%s: %s%s: L2 got %s (%u times) instead of %s", when, row->name,
				 exits ? ", after its exit" : "",
				 exception_mnemonic(outcome->vector), outcome->exceptions,
				 exception_mnemonic(vector));
	good &= report_if_failed(outcome->passed == 1, "%s: %s: L2 came past it %u times", when,
				 row->name, outcome->passed);
	if (row->exitcode == SVM_EXIT_SWINT)
		good &= report_if_failed(software_interrupts == !exits,
					 "%s: %s: L2's handler ran %u times", when, row->name,
					 software_interrupts);
	return good;
}

/* L2 executes all rows; each must exit if and only if L1 wants it to. Says only what failed. */
static bool quiet_turn(struct l2 *l2, const char *when)
{
	bool good = true;

	clear_outcomes();
	for (u64 count = 0;; count++) {
		if (l2_enter(l2) == SVM_EXIT_VMRUN && l2->vmcb->save.rip == (u64)turn_end)
			break;
		if (count < MANY_EXITS && (note_exit(l2, when) || carry_out(l2)))
			continue;
		report_fail("%s: at or before %s: exit %s%s", when,
			    current < 0 ? "no instruction of the test" : rows[current].name,
			    l2_exit_text(l2),
			    count < MANY_EXITS ? ", for which there was no reason"
					       : ", after a million others");
		current = -1;
		return false;
	}
	l2_skip(l2, VMRUN_LENGTH);
	for (int i = 0; i < row_count; i++)
		if (is_there[i])
			good &= judge(l2, i, when);
	return good;
}

static bool turn(struct l2 *l2, const char *when)
{
	int there = 0, exits = 0;

	if (!quiet_turn(l2, when))
		return false;
	for (int i = 0; i < row_count; i++) {
		there += is_there[i];
		exits += outcomes[i].exits;
	}
	report_pass("%s: %d instructions, %d of them exited", when, there, exits);
	return true;
}

/* The same, and before it L2 asks to be moved. */
static bool moved_turn(struct l2 *l2, const char *when)
{
	bool good;

	move_inside = true;
	good = turn(l2, when);
	return report_if_failed(!move_inside, "%s: L2 has not asked to be moved", when) && good;
}

/* L1 is moved with GIF clear, and then runs L2. */
static bool turn_after_move(struct l2 *l2, const char *when)
{
	clgi();
	migrate_quiet();
	return turn(l2, when);
}

/* Those whose place in the table is `first`, `first` + `step` and so on; no others. */
static void intercept_every(struct l2 *l2, int first, int step)
{
	for (int i = 0; i < row_count; i++) {
		if (rows[i].exitcode == SVM_EXIT_VMRUN)
			continue;
		if (is_there[i] && i >= first && (i - first) % step == 0)
			l2_intercept(l2, rows[i].exitcode);
		else
			l2_pass(l2, rows[i].exitcode);
	}
}

/* Whether a place in a table is in one of the patterns by its bits. */
#define PATTERNS 12
_Static_assert(1 << PATTERNS / 2 >= MOST_ROWS, "no two places are in the same patterns");

static bool in_pattern(int place, int pattern)
{
	return (place >> pattern / 2 & 1) != pattern % 2;
}

#define ALL	      0, 1
#define NONE	      MOST_ROWS, 1
#define EVERY_OTHER   0, 2
#define ALL_THE_OTHER 1, 2

/* ======== instructions ======== */

static bool check_decoded(const struct l2 *l2, const struct row *row, const char *when)
{
	return row->decoded == NOT_DECODED || !has_decode_assists ||
	       report_if_failed(l2->vmcb->control.exitinfo1 == row->decoded,
				"%s: %s: EXITINFO1 0x%lx and not 0x%lx", when, row->name,
				l2->vmcb->control.exitinfo1, row->decoded);
}

static struct l2 *begin_with(const struct row *table, int count)
{
	begin(table, count);
	check_exit = check_decoded;
	run_in_l1();
	return l2_new(in_l2, NULL);
}

static struct l2 *begin_instructions(void)
{
	return begin_with(instructions, ARRAY_SIZE(instructions));
}

static void end_with(struct l2 *l2)
{
	l2_free(l2);
	end();
}

/* A hypervisor that forgets intercepts when it makes L2's VMCB anew on the other side. */
TEST(instructions_all, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every instruction that L1 intercepts still exits, as before")
{
	struct l2 *l2 = begin_instructions();

	intercept_every(l2, ALL);
	if (turn(l2, "all, before the move"))
		moved_turn(l2, "all, moved inside L2");
	end_with(l2);
}

/* A hypervisor that hands L1 what it intercepts for itself. */
TEST(instructions_none, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, no instruction exits that L1 does not intercept")
{
	struct l2 *l2 = begin_instructions();

	intercept_every(l2, NONE);
	if (turn(l2, "none, before the move"))
		moved_turn(l2, "none, moved inside L2");
	end_with(l2);
}

/* A hypervisor that shifts the words of the intercepts, or takes one for its neighbour. */
TEST(instructions_alternate, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every other intercept on: these exit, and the others do not")
{
	struct l2 *l2 = begin_instructions();

	intercept_every(l2, EVERY_OTHER);
	if (moved_turn(l2, "every other, moved inside L2")) {
		intercept_every(l2, ALL_THE_OTHER);
		turn(l2, "the others, set after the move");
	}
	end_with(l2);
}

/* A hypervisor that keeps L2's intercepts from one entry to the next and loses them on the way. */
TEST(instructions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear, right before VMRUN: L2's intercepts are L1's wishes")
{
	struct l2 *l2 = begin_instructions();

	intercept_every(l2, EVERY_OTHER);
	if (turn(l2, "every other, before the move")) {
		intercept_every(l2, ALL_THE_OTHER);
		if (turn_after_move(l2, "the others, moved in L1"))
			turn(l2, "the others again");
	}
	end_with(l2);
}

/* A hypervisor that goes on with the intercepts of the entry before the move. */
TEST(instructions_changed, .on = EACH_CPU, .needs = SVM,
     .about = "what L1 changes between two entries counts from the next on, the move between")
{
	struct l2 *l2 = begin_instructions();

	intercept_every(l2, ALL);
	if (moved_turn(l2, "all, moved inside L2")) {
		intercept_every(l2, NONE);
		if (turn(l2, "none, changed after the move")) {
			intercept_every(l2, ALL);
			turn(l2, "all again");
		}
	}
	end_with(l2);
}

/*
 * By the bits of the place in the table, and their complements: of any two rows there is a pattern
 * that has the one on and the other off, so that no intercept works thanks to another.
 */
TEST(instructions_patterns, .on = EACH_CPU, .needs = SVM,
     .about =
	     "moved inside L2: in patterns that tell any two apart, what is on exits, nothing else")
{
	struct l2 *l2 = begin_instructions();
	bool good = true;
	int pattern;

	move_inside = true;
	for (pattern = 0; good && pattern < PATTERNS; pattern++) {
		report_prefix_pushf("pattern %d", pattern);
		for (int i = 0; i < row_count; i++) {
			if (rows[i].exitcode == SVM_EXIT_VMRUN)
				continue;
			if (is_there[i] && in_pattern(i, pattern))
				l2_intercept(l2, rows[i].exitcode);
			else
				l2_pass(l2, rows[i].exitcode);
		}
		good = quiet_turn(l2, "moved inside L2");
		report_prefix_pop();
	}
	report(good, "%d instructions in %d patterns", row_count, pattern);
	end_with(l2);
}

static void one_instruction(int index)
{
	struct l2 *l2 = begin_with(&further_instructions[index], 1);

	intercept_every(l2, NONE);
	if (turn(l2, "off, before the move")) {
		intercept_every(l2, ALL);
		if (turn(l2, "on, before the move") && moved_turn(l2, "on, moved inside L2")) {
			intercept_every(l2, NONE);
			turn(l2, "off again");
		}
	}
	end_with(l2);
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

/*
 * The vector, the error code, CR2; whether RIP of the exit is behind the instruction (a trap);
 * instructions before; the instruction that raises it; instructions behind.
 *
 * #DB is a single step's: RFLAGS.TF set by POPF counts for the instruction behind it.
 */
#define EXCEPTIONS(X)                                                                              \
	X(de, DE_VECTOR, 0, 0, false, "xor %edx, %edx; mov $1, %eax; xor %ecx, %ecx", "div %ecx",  \
	  "")                                                                                      \
	X(db, DB_VECTOR, 0, 0, true, "push $0x302; popf", "nop", "")                               \
	X(ud, UD_VECTOR, 0, 0, false, "", "ud2", "")                                               \
	X(nm, NM_VECTOR, 0, 0, false, "mov %cr0, %rax; or $8, %rax; mov %rax, %cr0", "fld1",       \
	  "clts")                                                                                  \
	X(np, NP_VECTOR, NP_SEL, 0, false, "mov $0x18, %eax", "mov %eax, %es", "")                 \
	X(ss, SS_VECTOR, NP_STACK, 0, false, "mov $0x60, %eax", "mov %eax, %ss", "")               \
	X(gp, GP_VECTOR, BEYOND_GDT, 0, false, "mov $0xfff8, %eax", "mov %eax, %es", "")           \
	X(gp_zero, GP_VECTOR, 0, 0, false, "mov $1, %eax; shl $62, %rax", "mov (%rax), %ecx", "")  \
	X(pf_read, PF_VECTOR, 0, UNMAPPED, false, "mov $0x123, %eax", "mov (%rax), %ecx", "")      \
	X(pf_write, PF_VECTOR, PFERR_WRITE_MASK, UNMAPPED, false, "mov $0x123, %eax",              \
	  "mov %ecx, (%rax)", "")                                                                  \
	X(pf_protection, PF_VECTOR, PFERR_WRITE_MASK | PFERR_PRESENT_MASK, (u64)read_only, false,  \
	  "lea read_only(%rip), %rax", "movb $1, (%rax)", "")                                      \
	X(mf, MF_VECTOR, 0, 0, false,                                                              \
	  "fninit; movl $0x37b, operand_buffer; fldcw operand_buffer; fld1; fldz; fdivrp",         \
	  "fwait", "fninit")

/* One that the instruction means to raise (INT3, INTO, BOUND), or that not every CPU raises. */
#define FURTHER_EXCEPTIONS(X)                                                                      \
	X(bp, BP_VECTOR, 0, 0, false, "", "int3", "")                                              \
	X(of, OF_VECTOR, 0, 0, false, TO_32_BITS "mov $0x7fffffff, %eax; inc %eax", "into",        \
	  TO_64_BITS)                                                                              \
	X(br, BR_VECTOR, 0, 0, false,                                                              \
	  TO_32_BITS "movl $0, operand_buffer; movl $1, operand_buffer+4; mov $5, %eax",           \
	  "bound %eax, operand_buffer", TO_64_BITS)                                                \
	X(xm, XM_VECTOR, 0, 0, false,                                                              \
	  "movl $0x1d80, operand_buffer; ldmxcsr operand_buffer; xorps %xmm1, %xmm1; "             \
	  "mov $0x3f800000, %eax; movd %eax, %xmm0",                                               \
	  "divss %xmm1, %xmm0", "movl $0x1f80, operand_buffer; ldmxcsr operand_buffer")

/* INTO and BOUND are no instructions of 64-bit mode. All memory is below 4 GiB. */
#define TO_32_BITS "push $0x20; push $1f; lretq; .code32; 1: "
#define TO_64_BITS "ljmp $0x08, $2f; .code64; 2: "

extern const char read_only[];
asm(".pushsection .rodata; read_only: .byte 0; .popsection");

#define EXCEPTION_STUB(id, number, code, cr2, trap, setup, instruction, cleanup)                   \
	STUB(id, setup, instruction, cleanup)
#define EXCEPTION_ROW(id, number, code, cr2, trap, setup, instruction, cleanup)                    \
	{ .name = #id,                                                                             \
	  .run = run_##id,                                                                         \
	  .at = at_##id,                                                                           \
	  .after = after_##id,                                                                     \
	  .exitcode = SVM_EXIT_EXCP_BASE + number,                                                 \
	  .alone = NOT_KNOWN,                                                                      \
	  .traps = trap,                                                                           \
	  .vector = number,                                                                        \
	  .error = code,                                                                           \
	  .address = cr2 },

EXCEPTIONS(EXCEPTION_STUB)
FURTHER_EXCEPTIONS(EXCEPTION_STUB)

static const struct row exceptions[] = { EXCEPTIONS(EXCEPTION_ROW) };
static const struct row further_exceptions[] = { FURTHER_EXCEPTIONS(EXCEPTION_ROW) };
enum { BP, OF, BR, XM };

#define EXCEPTIONS_WITH_ERROR                                                                      \
	(BIT(TS_VECTOR) | BIT(NP_VECTOR) | BIT(SS_VECTOR) | BIT(GP_VECTOR) | BIT(PF_VECTOR))

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

/* What a handler in L1 or in L2 was told: it must be the same in both. */
static void check_handler(int index, const char *when)
{
	const struct row *row = &rows[index];
	const struct outcome *outcome = &outcomes[index];
	bool behind = row->traps || row->vector == BP_VECTOR || row->vector == OF_VECTOR;
	u64 rip = (u64)(behind ? row->after : row->at);

	report_if_failed(
		outcome->vector == row->vector && outcome->error == row->error &&
			outcome->rip == rip && outcome->cr2 == row->address,
		"%s: %s: the handler got %s, error code 0x%x, RIP 0x%lx, CR2 0x%lx and not "
		"%s, 0x%x, 0x%lx, 0x%lx",
		when, row->name, exception_mnemonic(outcome->vector), outcome->error, outcome->rip,
		outcome->cr2, exception_mnemonic(row->vector), row->error, rip, row->address);
}

static struct l2 *begin_exceptions(const struct row *table, int count)
{
	begin(table, count);
	check_exit = check_exception;
	run_in_l1();
	for (int i = 0; i < count; i++)
		check_handler(i, "in L1");
	return l2_new(in_l2, NULL);
}

static bool exception_turn(struct l2 *l2, bool move, const char *when)
{
	bool good = move ? moved_turn(l2, when) : turn(l2, when);

	for (int i = 0; good && i < row_count; i++)
		if (!should_exit(l2, &rows[i]))
			check_handler(i, when);
	return good;
}

/* All #PF or #GP rows share an intercept. */
static void intercept_vectors(struct l2 *l2, u64 vectors)
{
	for (int i = 0; i < row_count; i++) {
		if (vectors >> rows[i].vector & 1)
			l2_intercept(l2, rows[i].exitcode);
		else
			l2_pass(l2, rows[i].exitcode);
	}
}

#define ALL_VECTORS  0xfffffffful
#define EVEN_VECTORS 0x55555555ul
#define ODD_VECTORS  0xaaaaaaaaul

/* A hypervisor that forgets them, or that keeps #PF, #UD or #GP for itself. */
TEST(exceptions_all, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every exception that L1 intercepts exits with its error code")
{
	struct l2 *l2 = begin_exceptions(exceptions, ARRAY_SIZE(exceptions));

	intercept_vectors(l2, ALL_VECTORS);
	if (exception_turn(l2, false, "all, before the move"))
		exception_turn(l2, true, "all, moved inside L2");
	end_with(l2);
}

TEST(exceptions_none, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, exceptions that L1 does not intercept are L2's own")
{
	struct l2 *l2 = begin_exceptions(exceptions, ARRAY_SIZE(exceptions));

	intercept_vectors(l2, 0);
	if (exception_turn(l2, false, "none, before the move"))
		exception_turn(l2, true, "none, moved inside L2");
	end_with(l2);
}

TEST(exceptions_alternate, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2 with every other vector intercepted; then L1 turns them around")
{
	struct l2 *l2 = begin_exceptions(exceptions, ARRAY_SIZE(exceptions));

	intercept_vectors(l2, EVEN_VECTORS);
	if (exception_turn(l2, true, "even vectors, moved inside L2")) {
		intercept_vectors(l2, ODD_VECTORS);
		exception_turn(l2, false, "odd vectors, set after the move");
	}
	end_with(l2);
}

TEST(exceptions_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear, right before VMRUN: odd vectors exit, even ones do not")
{
	struct l2 *l2 = begin_exceptions(exceptions, ARRAY_SIZE(exceptions));

	intercept_vectors(l2, EVEN_VECTORS);
	if (exception_turn(l2, false, "even vectors, before the move")) {
		intercept_vectors(l2, ODD_VECTORS);
		turn_after_move(l2, "odd vectors, moved in L1");
	}
	end_with(l2);
}

static void one_exception(int index)
{
	const struct row *row = &further_exceptions[index];
	struct l2 *l2;

	begin(row, 1);
	check_exit = check_exception;
	run_in_l1();
	if (natural[0] == NO_EXCEPTION) {
		report_skip("this CPU raises no %s", exception_mnemonic(row->vector));
		end();
		return;
	}
	check_handler(0, "in L1");
	l2 = l2_new(in_l2, NULL);
	intercept_vectors(l2, 0);
	if (exception_turn(l2, false, "off, before the move")) {
		intercept_vectors(l2, ALL_VECTORS);
		if (exception_turn(l2, false, "on, before the move") &&
		    exception_turn(l2, true, "on, moved inside L2")) {
			intercept_vectors(l2, 0);
			exception_turn(l2, false, "off again");
		}
	}
	end_with(l2);
}

/*
 * RIP in the VMCB is the INT3's, and nRIP is what is behind it (15.7.1), whereas the handler in L2
 * finds RIP behind the instruction; and the same for INTO.
 */
TEST(exception_bp, .on = EACH_CPU, .needs = SVM,
     .about = "#BP of INT3 exits at the INT3 if it is intercepted, before and after a move")
{
	one_exception(BP);
}

TEST(exception_of, .on = EACH_CPU, .needs = SVM,
     .about = "#OF of INTO exits at the INTO if it is intercepted, before and after a move")
{
	one_exception(OF);
}

TEST(exception_br, .on = EACH_CPU, .needs = SVM,
     .about = "#BR of BOUND exits at the BOUND if it is intercepted, before and after a move")
{
	one_exception(BR);
}

TEST(exception_xm, .on = EACH_CPU, .needs = SVM,
     .about = "#XM of SSE exits if it is intercepted, before and after a move")
{
	one_exception(XM);
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
	{ .name = #id,                                                                             \
	  .run = run_##id,                                                                         \
	  .at = at_##id,                                                                           \
	  .after = after_##id,                                                                     \
	  .exitcode = SVM_EXIT_CR0_SEL_WRITE,                                                      \
	  .alone = NOT_KNOWN,                                                                      \
	  .write = selected },

CR0_WRITES(CR0_STUB)
LMSW(CR0_STUB)

static const struct row cr0_writes[] = { CR0_WRITES(CR0_ROW) };
static const struct row lmsw[] = { LMSW(CR0_ROW) };

static bool cr0_should_exit(const struct l2 *l2, const struct row *row)
{
	return l2_intercepts(l2, INTERCEPT_CR0_WRITE) ||
	       (l2_intercepts(l2, INTERCEPT_CR0_SEL_WRITE) && row->write);
}

static void check_cr0_writes(const struct row *table, int count)
{
	struct l2 *l2;

	begin(table, count);
	should_exit = cr0_should_exit;
	run_in_l1();
	l2 = l2_new(in_l2, NULL);
	l2_intercept(l2, INTERCEPT_CR0_SEL_WRITE);
	if (turn(l2, "selective, before the move") &&
	    moved_turn(l2, "selective, moved inside L2")) {
		/* The intercept of all writes goes before the selective one. */
		l2_intercept(l2, INTERCEPT_CR0_WRITE);
		other_exitcode = SVM_EXIT_WRITE_CR0;
		turn(l2, "both");
		l2_pass(l2, INTERCEPT_CR0_SEL_WRITE);
		turn(l2, "all writes");
		l2_pass(l2, INTERCEPT_CR0_WRITE);
		turn(l2, "neither");
	}
	end_with(l2);
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

/* ======== ports ======== */

#define PORT_ACCESSES(X)                                                                           \
	X(in8, 1, SVM_IOIO_IN | SVM_IOIO_SZ8, "inb %dx, %al")                                      \
	X(in16, 2, SVM_IOIO_IN | SVM_IOIO_SZ16, "inw %dx, %ax")                                    \
	X(in32, 4, SVM_IOIO_IN | SVM_IOIO_SZ32, "inl %dx, %eax")                                   \
	X(out8, 1, SVM_IOIO_SZ8, "outb %al, %dx")                                                  \
	X(out16, 2, SVM_IOIO_SZ16, "outw %ax, %dx")                                                \
	X(out32, 4, SVM_IOIO_SZ32, "outl %eax, %dx")                                               \
	X(ins8, 1, SVM_IOIO_IN | SVM_IOIO_SZ8 | SVM_IOIO_STR | SVM_IOIO_A64, "insb")               \
	X(ins16, 2, SVM_IOIO_IN | SVM_IOIO_SZ16 | SVM_IOIO_STR | SVM_IOIO_A64, "insw")             \
	X(ins32, 4, SVM_IOIO_IN | SVM_IOIO_SZ32 | SVM_IOIO_STR | SVM_IOIO_A64, "insl")             \
	X(outs8, 1, SVM_IOIO_SZ8 | SVM_IOIO_STR | SVM_IOIO_A64, "outsb")                           \
	X(outs16, 2, SVM_IOIO_SZ16 | SVM_IOIO_STR | SVM_IOIO_A64, "outsw")                         \
	X(outs32, 4, SVM_IOIO_SZ32 | SVM_IOIO_STR | SVM_IOIO_A64, "outsl")                         \
	X(rep_ins8, 1, SVM_IOIO_IN | SVM_IOIO_SZ8 | SVM_IOIO_STR | SVM_IOIO_REP | SVM_IOIO_A64,    \
	  "rep insb")                                                                              \
	X(rep_ins32, 4, SVM_IOIO_IN | SVM_IOIO_SZ32 | SVM_IOIO_STR | SVM_IOIO_REP | SVM_IOIO_A64,  \
	  "rep insl")                                                                              \
	X(rep_outs8, 1, SVM_IOIO_SZ8 | SVM_IOIO_STR | SVM_IOIO_REP | SVM_IOIO_A64, "rep outsb")    \
	X(rep_outs16, 2, SVM_IOIO_SZ16 | SVM_IOIO_STR | SVM_IOIO_REP | SVM_IOIO_A64, "rep outsw")  \
	X(ins8_a32, 1, SVM_IOIO_IN | SVM_IOIO_SZ8 | SVM_IOIO_STR | SVM_IOIO_A32, "addr32 insb")    \
	X(rep_outs32_a32, 4, SVM_IOIO_SZ32 | SVM_IOIO_STR | SVM_IOIO_REP | SVM_IOIO_A32,           \
	  "addr32 rep outsl")

#define PORT_STUB(id, bytes, info, instruction)                                                    \
	STUB(id,                                                                                   \
	     "mov operand_port, %edx; xor %eax, %eax; mov $2, %ecx; "                              \
	     "mov $operand_buffer, %esi; mov $operand_buffer, %edi",                               \
	     instruction, "")
#define PORT_ROW(id, bytes, exitinfo1, instruction)                                                \
	{ .name = #id,                                                                             \
	  .run = run_##id,                                                                         \
	  .at = at_##id,                                                                           \
	  .after = after_##id,                                                                     \
	  .exitcode = SVM_EXIT_IOIO,                                                               \
	  .alone = NOT_KNOWN,                                                                      \
	  .size = bytes,                                                                           \
	  .info = exitinfo1 },

PORT_ACCESSES(PORT_STUB)

static const struct row port_accesses[] = { PORT_ACCESSES(PORT_ROW) };

#define ADDRESS_SIZES (SVM_IOIO_A16 | SVM_IOIO_A32 | SVM_IOIO_A64)
/* Segment of a string's address, with decode assists: DS or ES, in the order of the encoding. */
#define IOIO_SEGMENT GENMASK(12, 10)
/* Nobody is at these. The accesses to the first go over the end of a byte of the map. */
#define SPARE_PORT 0xe5
#define LAST_PORT  0xffff

static u64 ignored_info; /* bits of EXITINFO1 */

static bool iopm_bit(const struct l2 *l2, u32 bit)
{
	return l2->iopm[bit / 8] >> bit % 8 & 1;
}

/* The map has bits for 64 Ki ports and three more, for accesses that go over the last (15.10.1). */
static void set_iopm_bit(struct l2 *l2, u32 bit, bool on)
{
	l2->iopm[bit / 8] = (l2->iopm[bit / 8] & ~(1u << bit % 8)) | on << bit % 8;
}

static bool port_should_exit(const struct l2 *l2, const struct row *row)
{
	bool any = false;

	for (u32 i = 0; i < row->size; i++)
		any |= iopm_bit(l2, operand_port + i);
	return any && l2_intercepts(l2, INTERCEPT_IOIO_PROT);
}

static bool check_port(const struct l2 *l2, const struct row *row, const char *when)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	u64 info = row->info | operand_port << 16;

	bool good = report_if_failed(((control->exitinfo1 ^ info) & ~ignored_info) == 0,
				     "%s: %s, port 0x%lx: EXITINFO1 is 0x%lx and not 0x%lx", when,
				     row->name, operand_port, control->exitinfo1, info);
	return report_if_failed(
		       control->exitinfo2 == (u64)row->after,
		       "%s: %s, port 0x%lx: EXITINFO2 is 0x%lx and not the next RIP, 0x%lx", when,
		       row->name, operand_port, control->exitinfo2, (u64)row->after) &&
	       good;
}

static struct l2 *begin_ports(void)
{
	struct l2 *l2;

	begin(port_accesses, ARRAY_SIZE(port_accesses));
	should_exit = port_should_exit;
	check_exit = check_port;
	/* The manual gives the address size a meaning for strings, and they have a test. */
	ignored_info = ADDRESS_SIZES | IOIO_SEGMENT;
	operand_port = SPARE_PORT;
	run_in_l1();
	l2 = l2_new(in_l2, NULL);
	l2_intercept(l2, INTERCEPT_IOIO_PROT);
	return l2;
}

/* One bit after the other, from the port before to the port behind the widest access. */
static bool port_by_port(struct l2 *l2, u32 port, const char *when)
{
	bool good = true;
	u32 bit;

	operand_port = port;
	for (bit = port - 1; good && bit <= port + 4; bit++) {
		if (bit > LAST_PORT + 3)
			break;
		report_prefix_pushf("port 0x%x, bit 0x%x set", port, bit);
		set_iopm_bit(l2, bit, true);
		good = quiet_turn(l2, when);
		set_iopm_bit(l2, bit, false);
		report_prefix_pop();
	}
	return report(good,
		      "%s: %d accesses to port 0x%x, for each bit of the map from 0x%x to 0x%x",
		      when, row_count, port, port - 1, bit - 1);
}

/*
 * A hypervisor that looks at the bit of the first port only, at one byte of the map, or at the
 * neighbour's; or whose own map comes into the way after the move.
 */
TEST(ports_by_bit, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: an access exits if the map has a bit set for any of its ports")
{
	struct l2 *l2 = begin_ports();

	if (port_by_port(l2, SPARE_PORT, "before the move")) {
		move_inside = true;
		port_by_port(l2, SPARE_PORT, "moved inside L2");
		port_by_port(l2, SPARE_PORT + 3, "after the move");
	}
	end_with(l2);
}

/* A hypervisor whose map ends with the last port, though accesses go over it. */
TEST(ports_last, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: the last ports, and the three bits behind them")
{
	struct l2 *l2 = begin_ports();

	move_inside = true;
	for (u32 port = LAST_PORT - 3; port <= LAST_PORT; port++)
		port_by_port(l2, port, "moved inside L2");
	end_with(l2);
}

static void set_all_ports(struct l2 *l2, u8 byte)
{
	/* But for those of the bits that do not count, and of the console and the time source. */
	memset(l2->iopm + SPARE_PORT / 8, byte, 2);
	memset(l2->iopm + LAST_PORT / 8, byte, 2);
}

/* A hypervisor that looks at the map though L1 does not intercept ports at all. */
TEST(ports_off, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: without IOIO_PROT the map means nothing; with it, it does at once")
{
	struct l2 *l2 = begin_ports();

	memset(l2->iopm, 0xff, LAST_PORT / 8 + 2);
	l2_pass(l2, INTERCEPT_IOIO_PROT);
	if (moved_turn(l2, "all bits but not IOIO_PROT, moved inside L2")) {
		l2_intercept(l2, INTERCEPT_IOIO_PROT);
		turn(l2, "all bits and IOIO_PROT");
	}
	end_with(l2);
}

/* A hypervisor that keeps a copy of the map of the entry before. */
TEST(ports_changed, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear: bits that L1 changes in memory count from then on")
{
	struct l2 *l2 = begin_ports();

	set_all_ports(l2, 0xff);
	if (turn(l2, "intercepted, before the move")) {
		set_all_ports(l2, 0);
		if (turn_after_move(l2, "not any more, moved in L1")) {
			set_all_ports(l2, 0xff);
			turn(l2, "intercepted again");
		}
	}
	end_with(l2);
}

/* Its own test, since an emulated CPU may not tell these. */
TEST(ports_string_address, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: EXITINFO1 of string I/O has the size of the address")
{
	struct l2 *l2 = begin_ports();

	/* The strings. */
	rows += 6;
	row_count -= 6;
	ignored_info = IOIO_SEGMENT;
	set_all_ports(l2, 0xff);
	moved_turn(l2, "moved inside L2");
	end_with(l2);
}

/* ======== MSRs ======== */

STUB(rdmsr, "mov operand_ecx, %ecx; xor %eax, %eax; xor %edx, %edx", "rdmsr",
     "mov %eax, operand_read; mov %edx, operand_read+4")
STUB(wrmsr, "mov operand_ecx, %ecx; mov operand_value, %eax; mov operand_value+4, %edx", "wrmsr",
     "")

/*
 * The first and the last of the map's three ranges; neighbours that hypervisors let L2 have
 * directly; outside of the ranges.
 */
static const u32 msrs[] = {
	0x0,
	MSR_IA32_SYSENTER_CS,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT,
	0x1fff,
	0xc0000000,
	MSR_EFER,
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SYSCALL_MASK,
	MSR_FS_BASE,
	MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,
	0xc0001fff,
	0xc0010000,
	MSR_K7_HWCR,
	MSR_VM_CR,
	MSR_VM_HSAVE_PA,
	0xc0011fff,
	0x2000,
	0x40000000,
	0xbfffffff,
	0xc0002000,
	0xc000ffff,
	0xc0012000,
	0xffffffff,
};

static struct row msr_rows[2 * ARRAY_SIZE(msrs)];
static char msr_names[2 * ARRAY_SIZE(msrs)][24];

/* The bit of the map for reads, that for writes is the next; -1 outside of its ranges (15.11). */
static int msrpm_bit(u32 index)
{
	switch (index & ~0x1fffu) {
	case 0:
		return 2 * index;
	case 0xc0000000:
		return 8 * 0x800 + 2 * (index & 0x1fff);
	case 0xc0010000:
		return 8 * 0x1000 + 2 * (index & 0x1fff);
	}
	return -1;
}

static bool msr_should_exit(const struct l2 *l2, const struct row *row)
{
	int bit = msrpm_bit(row->number) + row->write;

	return l2_intercepts(l2, INTERCEPT_MSR_PROT) &&
	       (msrpm_bit(row->number) < 0 || l2->msrpm[bit / 8] >> bit % 8 & 1);
}

static bool check_msr(const struct l2 *l2, const struct row *row, const char *when)
{
	return report_if_failed(l2->vmcb->control.exitinfo1 == row->write,
				"%s: %s: EXITINFO1 is %lu and not %u", when, row->name,
				l2->vmcb->control.exitinfo1, row->write);
}

/* What is written is what was read in L1. */
static void choose_msr(int index)
{
	operand_ecx = rows[index].number;
	operand_value = index ? natural_read[index - 1] : 0;
}

static struct l2 *begin_msrs(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		bool write = i % 2;
		u32 msr = msrs[i / 2];

		snprintf(msr_names[i], sizeof(msr_names[i]), "%s 0x%x", write ? "WRMSR" : "RDMSR",
			 msr);
		msr_rows[i] = (struct row){
			.name = msr_names[i],
			.run = write ? run_wrmsr : run_rdmsr,
			.at = write ? at_wrmsr : at_rdmsr,
			.after = write ? after_wrmsr : after_rdmsr,
			.exitcode = SVM_EXIT_MSR,
			.alone = NOT_KNOWN,
			.number = msr,
			.write = write,
		};
	}
	begin(msr_rows, ARRAY_SIZE(msr_rows));
	should_exit = msr_should_exit;
	check_exit = check_msr;
	before_row = choose_msr;
	run_in_l1();
	return l2_new(in_l2, NULL);
}

static void intercept_msr(struct l2 *l2, const struct row *row)
{
	int bit = msrpm_bit(row->number);

	/* Those in no range always exit. */
	if (bit >= 0)
		l2_intercept_msr(l2, row->number,
				 row->write ? l2->msrpm[bit / 8] >> bit % 8 & 1 : true,
				 row->write ? true : l2->msrpm[bit / 8] >> (bit % 8 + 1) & 1);
}

/* Those whose place in the table is `first`, `first` + `step` and so on. */
static void intercept_msrs(struct l2 *l2, int first, int step)
{
	l2_intercept(l2, INTERCEPT_MSR_PROT);
	memset(l2->msrpm, 0, 2 * PAGE_SIZE);
	for (int i = first; i < row_count; i += step)
		intercept_msr(l2, &rows[i]);
}

/*
 * A hypervisor that takes reads for writes, an MSR for its neighbour or one range for another;
 * whose own map lets through what L1 wants to see; that hands #GP for an MSR which does not exist
 * to L2 instead of the exit to L1.
 */
TEST(msrs_patterns, .on = EACH_CPU, .needs = SVM,
     .about =
	     "moved inside L2: in patterns that tell any two bits of the map apart, the right exit")
{
	struct l2 *l2 = begin_msrs();
	bool good = true;
	int pattern;

	move_inside = true;
	for (pattern = 0; good && pattern < PATTERNS; pattern++) {
		report_prefix_pushf("pattern %d", pattern);
		intercept_msrs(l2, NONE);
		for (int i = 0; i < row_count; i++)
			if (in_pattern(i, pattern))
				intercept_msr(l2, &rows[i]);
		good = quiet_turn(l2, "moved inside L2");
		report_prefix_pop();
	}
	report(good, "%d reads and writes in %d patterns", row_count, pattern);
	end_with(l2);
}

TEST(msrs_all, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, every MSR that L1 intercepts still exits")
{
	struct l2 *l2 = begin_msrs();

	intercept_msrs(l2, ALL);
	if (turn(l2, "all, before the move"))
		moved_turn(l2, "all, moved inside L2");
	end_with(l2);
}

/* A hypervisor that looks at the map though L1 does not intercept MSRs at all. */
TEST(msrs_off, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2: without MSR_PROT the map means nothing; with it, it does at once")
{
	struct l2 *l2 = begin_msrs();

	intercept_msrs(l2, ALL);
	l2_pass(l2, INTERCEPT_MSR_PROT);
	if (moved_turn(l2, "all bits but not MSR_PROT, moved inside L2")) {
		l2_intercept(l2, INTERCEPT_MSR_PROT);
		turn(l2, "all bits and MSR_PROT");
	}
	end_with(l2);
}

/* A hypervisor that merges the maps once for an L2, and not at every entry. */
TEST(msrs_changed, .on = EACH_CPU, .needs = SVM,
     .about = "bits that L1 changes in memory count from the next entry on, the move inside L2 "
	      "before")
{
	struct l2 *l2 = begin_msrs();

	intercept_msrs(l2, EVERY_OTHER);
	if (moved_turn(l2, "reads, moved inside L2")) {
		intercept_msrs(l2, ALL_THE_OTHER);
		if (turn(l2, "writes, changed after the move")) {
			intercept_msrs(l2, NONE);
			turn(l2, "neither");
		}
	}
	end_with(l2);
}

TEST(msrs_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L1 with GIF clear, right before VMRUN: the map counts as it is then")
{
	struct l2 *l2 = begin_msrs();

	intercept_msrs(l2, ALL_THE_OTHER);
	if (turn(l2, "writes, before the move")) {
		intercept_msrs(l2, EVERY_OTHER);
		turn_after_move(l2, "reads, moved in L1");
	}
	end_with(l2);
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
	l2_intercept(l2, INTERCEPT_PAUSE);
	l2_expect(l2, SVM_EXIT_PAUSE, "filter of 1000");
	report_info("after %lu PAUSEs", pauses);
	l2->vmcb->control.pause_filter_count = 0;
	for (u64 before = pauses, i = 0; i < 3; i++) {
		l2_skip(l2, PAUSE_LENGTH);
		l2_expect(l2, SVM_EXIT_PAUSE, "no filter, PAUSE %lu", i);
		report(pauses == before + i + 1, "%lu PAUSEs further", pauses - before);
	}
	l2_free(l2);
}

/* ======== VMCBs that VMRUN refuses ======== */

static u32 physical_bits(void)
{
	return cpuid(0x80000008).a & 0xff;
}

static void no_svme(struct vmcb *vmcb)
{
	vmcb->save.efer &= ~EFER_SVME;
}

static void nw_without_cd(struct vmcb *vmcb)
{
	vmcb->save.cr0 = (vmcb->save.cr0 & ~X86_CR0_CD) | X86_CR0_NW;
}

static void cr0_upper(struct vmcb *vmcb)
{
	vmcb->save.cr0 |= BIT(32);
}

static void cr3_upper(struct vmcb *vmcb)
{
	vmcb->save.cr3 |= BIT(MIN(physical_bits(), 52u));
}

static void cr4_upper(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(32);
}

static void cr4_reserved(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(15);
}

static void dr6_upper(struct vmcb *vmcb)
{
	vmcb->save.dr6 |= BIT(32);
}

static void dr7_upper(struct vmcb *vmcb)
{
	vmcb->save.dr7 |= BIT(63);
}

static void efer_upper(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(63);
}

static void efer_reserved(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(9);
}

static void long_mode_without_pae(struct vmcb *vmcb)
{
	vmcb->save.cr4 &= ~X86_CR4_PAE;
}

static void long_mode_without_pe(struct vmcb *vmcb)
{
	vmcb->save.cr0 &= ~X86_CR0_PE;
}

/* D is bit 10 of the attributes. */
static void cs_long_and_32_bit(struct vmcb *vmcb)
{
	vmcb->save.cs.attributes |= SVM_SELECTOR_L | BIT(10);
}

static void no_vmrun_intercept(struct vmcb *vmcb)
{
	vmcb->control.intercepts[INTERCEPT_VMRUN / 32] &= ~(1u << INTERCEPT_VMRUN % 32);
}

static void asid_0(struct vmcb *vmcb)
{
	vmcb->control.guest_asid = 0;
}

static void iopm_too_high(struct vmcb *vmcb)
{
	vmcb->control.iopm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void msrpm_too_high(struct vmcb *vmcb)
{
	vmcb->control.msrpm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void eventinj_type(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | 1ul << 8 | 0x40;
}

static void eventinj_vector(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | 0x40;
}

static void eventinj_nmi_as_exception(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | NMI_VECTOR;
}

struct spoiled {
	const char *name;
	void (*spoil)(struct vmcb *vmcb);
};

/* 15.5.1, "Canonicalization and Consistency Checks". */
static const struct spoiled invalid_states[] = {
	{ "EFER.SVME 0", no_svme },
	{ "CR0.NW without CD", nw_without_cd },
	{ "CR0 bit 32", cr0_upper },
	{ "CR3 above the physical addresses", cr3_upper },
	{ "CR4 bit 32", cr4_upper },
	{ "CR4 bit 15", cr4_reserved },
	{ "DR6 bit 32", dr6_upper },
	{ "DR7 bit 63", dr7_upper },
	{ "EFER bit 63", efer_upper },
	{ "EFER bit 9", efer_reserved },
	{ "long mode without CR4.PAE", long_mode_without_pae },
	{ "long mode without CR0.PE", long_mode_without_pe },
	{ "CS.L and CS.D", cs_long_and_32_bit },
};

static const struct spoiled invalid_controls[] = {
	{ "no VMRUN intercept", no_vmrun_intercept },
	{ "ASID 0", asid_0 },
	{ "IOPM above the physical addresses", iopm_too_high },
	{ "MSRPM above the physical addresses", msrpm_too_high },
};

static const struct spoiled invalid_events[] = {
	{ "EVENTINJ of type 1", eventinj_type },
	{ "EVENTINJ of exception 64", eventinj_vector },
	{ "EVENTINJ of NMI as an exception", eventinj_nmi_as_exception },
};

/* What VMRUN may not change in L1 if it refuses. */
struct own_state {
	u64 cr0, cr2, cr3, cr4, dr7, efer, rflags, pat, gs_base, hsave;
};

static void read_own_state(struct own_state *own)
{
	*own = (struct own_state){
		.cr0 = read_cr0(),
		.cr2 = read_cr2(),
		.cr3 = read_cr3(),
		.cr4 = read_cr4(),
		.dr7 = read_dr7(),
		.efer = rdmsr(MSR_EFER),
		.rflags = read_rflags() & (X86_EFLAGS_IF | X86_EFLAGS_DF),
		.pat = rdmsr(MSR_IA32_CR_PAT),
		.gs_base = rdmsr(MSR_GS_BASE),
		.hsave = rdmsr(MSR_VM_HSAVE_PA),
	};
}

static void count_calls(void *unused)
{
	migrate_quiet();
	for (u64 call = 1;; call++)
		l2_call(call);
}

static void check_refused(const struct spoiled *spoiled, int count)
{
	struct l2 *l2 = l2_new(count_calls, NULL);
	struct vmcb *good = alloc_page();
	struct own_state before, after;
	u64 call = 1;

	/* The filler of a structure is compared, too. */
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	if (!l2_expect_call(l2, call))
		goto out;
	for (int i = 0; i < count; i++) {
		*good = *l2->vmcb;
		spoiled[i].spoil(l2->vmcb);
		read_own_state(&before);
		l2_expect(l2, SVM_EXIT_INVALID, "%s", spoiled[i].name);
		read_own_state(&after);
		report(!memcmp(&before, &after, sizeof(before)),
		       "%s: L1 as before: CR0 0x%lx, CR3 0x%lx, CR4 0x%lx, EFER 0x%lx",
		       spoiled[i].name, after.cr0, after.cr3, after.cr4, after.efer);
		*l2->vmcb = *good;
		/* If it was not refused, L2 may have run already. */
		l2_enter(l2);
		if (l2->vmcb->control.exitcode != SVM_EXIT_VMMCALL ||
		    l2->vmcb->save.rax != ++call) {
			report_fail("%s: L2 with its VMCB repaired should have come to its call "
				    "%lu: exit %s",
				    spoiled[i].name, call, l2_exit_text(l2));
			break;
		}
		l2_skip(l2, MOV_CR_LENGTH);
	}
out:
	free_page(good);
	l2_free(l2);
}

/*
 * A hypervisor that runs what it should refuse hands L2 a state that no processor has; one that
 * refuses and forgets to come back to L1 loses L1's own registers. After the move it has made its
 * VMCBs anew.
 */
TEST(invalid_state, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses what is wrong in the state save area, and only "
	      "it")
{
	check_refused(invalid_states, ARRAY_SIZE(invalid_states));
}

TEST(invalid_control, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses what is wrong in the control area, and only it")
{
	check_refused(invalid_controls, ARRAY_SIZE(invalid_controls));
}

TEST(invalid_eventinj, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses events that there are not")
{
	check_refused(invalid_events, ARRAY_SIZE(invalid_events));
}

/* ======== SVM's own instructions and MSRs, in L1 ======== */

static bool has_skinit_or_lock(void)
{
	return this_cpu_has(X86_CPU_FEATURE(0x80000001, 0, ECX, 12)) ||
	       this_cpu_has(X86_CPU_FEATURE(0x8000000a, 0, EDX, 2));
}

static void expect_vector(int vector, int expected, const char *what, const char *when)
{
	report(vector == expected, "%s: %s gives %s (should be %s)", when, what,
	       exception_mnemonic(vector), exception_mnemonic(expected));
}

/* wrmsr_safe() in the words of asm_safe(). */
static int try_wrmsr(u32 index, u64 value)
{
	int vector = wrmsr_safe(index, value);

	return vector ? vector : NO_EXCEPTION;
}

static void check_disabled(phys_addr_t page, const char *when)
{
	report(!(rdmsr(MSR_EFER) & EFER_SVME), "%s: EFER.SVME is clear: EFER 0x%lx", when,
	       rdmsr(MSR_EFER));
	expect_vector(asm_safe("vmsave %%rax", "a"(page)), UD_VECTOR, "VMSAVE", when);
	expect_vector(asm_safe("vmload %%rax", "a"(page)), UD_VECTOR, "VMLOAD", when);
	expect_vector(asm_safe("vmrun %%rax", "a"(page)), UD_VECTOR, "VMRUN", when);
	expect_vector(asm_safe("invlpga %%rax, %%ecx", "a"(INVLPG_ADDRESS), "c"(1)), UD_VECTOR,
		      "INVLPGA", when);
}

static void check_gif_disabled(phys_addr_t page, const char *when)
{
	expect_vector(asm_safe("clgi", ), UD_VECTOR, "CLGI", when);
	/* SKINIT leaves GIF clear, whatever SVME is. */
	if (!has_skinit_or_lock())
		expect_vector(asm_safe("stgi", ), UD_VECTOR, "STGI", when);
}

static void nothing(void *unused)
{
}

static void with_svm_disabled(void (*check)(phys_addr_t page, const char *when))
{
	phys_addr_t page;
	struct l2 *l2;

	svm_enable();
	page = virt_to_phys(alloc_page());
	vmsave(page);
	svm_disable();
	check(page, "before the move");
	migrate_quiet();
	check(page, "after the move");
	l2 = l2_new(nothing, NULL);
	/* CLGI may have worked. */
	stgi();
	l2_expect_return(l2);
	l2_free(l2);
	free_page(phys_to_virt(page));
}

/*
 * A hypervisor that turns SVM on in the move since it was on at another time, or lets the
 * processor's own SVM through.
 */
TEST(disabled, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear SVM's instructions raise #UD, before and after a move")
{
	with_svm_disabled(check_disabled);
}

TEST(disabled_gif, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear CLGI and STGI raise #UD, before and after a move")
{
	with_svm_disabled(check_gif_disabled);
}

#define VMCB_SAVE_OFFSET offsetof(struct vmcb, save)
#define VMCB_SAVE_SIZE	 0x280

/*
 * A processor that takes the address as it is loads FS, GS and TR from it; so the right ones are
 * there as well, in the upper half of the page, and the right address is loaded afterwards.
 */
static void check_addresses(phys_addr_t page, phys_addr_t bad, const char *when)
{
	expect_vector(asm_safe("vmsave %%rax", "a"(bad)), GP_VECTOR, "VMSAVE", when);
	expect_vector(asm_safe("vmload %%rax; mov %1, %%rax; vmload %%rax", "a"(bad), "r"(page)),
		      GP_VECTOR, "VMLOAD", when);
	expect_vector(asm_safe("vmrun %%rax; stgi", "a"(bad)), GP_VECTOR, "VMRUN", when);
}

TEST(unaligned_address, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN, VMLOAD and VMSAVE of an address that is not a page's raise #GP after a move")
{
	u8 *page = alloc_pages(1);
	phys_addr_t address = virt_to_phys(page);

	svm_enable();
	vmsave(address);
	memcpy(page + PAGE_SIZE / 2 + VMCB_SAVE_OFFSET, page + VMCB_SAVE_OFFSET, VMCB_SAVE_SIZE);
	migrate_quiet();
	check_addresses(address, address + PAGE_SIZE / 2, "in the middle of a page");
	free_pages(page);
}

TEST(address_too_high, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN, VMLOAD and VMSAVE above the physical addresses raise #GP after a move")
{
	u8 *page = alloc_page();
	phys_addr_t address = virt_to_phys(page);

	svm_enable();
	vmsave(address);
	migrate_quiet();
	check_addresses(address, BIT(physical_bits()), "above the physical addresses");
	free_page(page);
}

static void check_hsave(u64 value, const char *when)
{
	report(rdmsr(MSR_VM_HSAVE_PA) == value, "%s: VM_HSAVE_PA reads 0x%lx (should be 0x%lx)",
	       when, rdmsr(MSR_VM_HSAVE_PA), value);
	report(rdmsr(MSR_EFER) & EFER_SVME, "%s: EFER.SVME is set: EFER 0x%lx", when,
	       rdmsr(MSR_EFER));
}

/* A hypervisor that does not save VM_HSAVE_PA refuses, or crashes at, the next VMRUN. */
TEST(hsave, .on = EACH_CPU, .needs = SVM,
     .about = "VM_HSAVE_PA and EFER.SVME outlive a move; what is no page's address raises #GP")
{
	void *page = alloc_page();
	u64 mine = virt_to_phys(page), before;
	struct l2 *l2;

	svm_enable();
	before = rdmsr(MSR_VM_HSAVE_PA);
	wrmsr(MSR_VM_HSAVE_PA, mine);
	check_hsave(mine, "before the move");
	migrate_quiet();
	check_hsave(mine, "after the move");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, mine + 8), GP_VECTOR, "an unaligned VM_HSAVE_PA",
		      "after the move");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, BIT(physical_bits())), GP_VECTOR,
		      "VM_HSAVE_PA above the physical addresses", "after the move");
	check_hsave(mine, "after what was refused");
	l2 = l2_new(nothing, NULL);
	l2_expect_return(l2);
	l2_free(l2);
	wrmsr(MSR_VM_HSAVE_PA, before);
	free_page(page);
}

/*
 * R_INIT turns INIT into an exception, and nobody sends one here; so it can be set, and put back.
 * SVMDIS and LOCK cannot be taken back by all, and are not touched.
 */
TEST(vm_cr, .on = EACH_CPU, .needs = SVM,
     .about =
	     "VM_CR.R_INIT reads back as written, before and after a move; reserved bits raise #GP")
{
	u64 before = rdmsr(MSR_VM_CR), value;

	expect_vector(try_wrmsr(MSR_VM_CR, before | BIT(32)), GP_VECTOR, "bit 32 of VM_CR",
		      "before the move");
	wrmsr(MSR_VM_CR, before | SVM_VM_CR_R_INIT);
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT), "VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	migrate_quiet();
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT),
	       "after the move: VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	wrmsr(MSR_VM_CR, before);
	value = rdmsr(MSR_VM_CR);
	report(value == before, "put back: VM_CR reads 0x%lx (should be 0x%lx)", value, before);
}

/* ======== the end of an L2 ======== */

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

	l2_intercept(l2, INTERCEPT_EXCEPTION + DF_VECTOR);
	if (l2_expect(l2, SVM_EXIT_EXCP_BASE + DF_VECTOR, "#GP without an IDT"))
		report(!l2->vmcb->control.exitinfo1, "error code 0x%lx (should be 0)",
		       l2->vmcb->control.exitinfo1);
	l2_free(l2);
}

/* ======== the first access to an MSR after the move ======== */

/*
 * An exit between the move and the access would let the next VMRUN merge the maps anew. These
 * MSRs are ones that a hypervisor likes to leave to its guests.
 */
static void read_at_once(void *data)
{
	migrate_quiet();
	rdmsr(MSR_LSTAR);
}

static void write_at_once(void *data)
{
	migrate_quiet();
	wrmsr(MSR_KERNEL_GS_BASE, 0x5000);
}

static void check_first_msr(void (*code)(void *data), u32 index, bool write)
{
	struct l2 *l2 = l2_new(code, NULL);

	l2_intercept_msr(l2, index, !write, write);
	l2_expect(l2, SVM_EXIT_MSR, "MSR 0x%x, first after the move", index);
	report(l2->vmcb->control.exitinfo1 == write && (u32)l2->registers.rcx == index,
	       "EXITINFO1 is %lu, RCX 0x%lx", l2->vmcb->control.exitinfo1, l2->registers.rcx);
	l2_free(l2);
}

TEST(msr_read_first, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, an intercepted RDMSR exits if it is the first thing that L2 does")
{
	check_first_msr(read_at_once, MSR_LSTAR, false);
}

TEST(msr_write_first, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, an intercepted WRMSR exits if it is the first thing that L2 does")
{
	check_first_msr(write_at_once, MSR_KERNEL_GS_BASE, true);
}
