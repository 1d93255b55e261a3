// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smm: the handler of SMIs, where each CPU finds it, and what a CPU does that is interrupted by
 * one. A part of the program smm: see smm.c.
 */
#include "apic.h"
#include "cpuid.h"
#include "efi/efi-runtime.h"
#include "processor.h"
#include "x86/smm/smm.h"

/* An SMI begins at SMBASE + 0x8000 in a mode like real mode, with CS at SMBASE. */
#define HANDLER_OFFSET 0x8000
#define AREA_OFFSET    0x8100
#define SIZE_OF_SMRAM  0x10000
/*
 * The end of the save area. In the format of AMD64, which KVM and QEMU use for every 64-bit CPU,
 * SMBASE is at 0xff00 (AMD APM volume 2, "SMM State-Save Area"). The revision identifier is at
 * 0xfefc in every format.
 */
#define REVISION_OFFSET 0xfefc
#define SMBASE_OFFSET	0xff00
#define REVISION_AMD64	0x64

/* Where SMBASE is after a reset, and where else there is room for a save area and a handler. */
#define BASE_AFTER_RESET 0x30000
#define SECOND_BASE	 0x50000

/* See struct smm_area. EBX is the area, ECX the number of turns. RSM restores all registers. */
extern char smm_handler[], smm_handler_end[];
asm(".pushsection .rodata\n"
    ".code16\n"
    "smm_handler:\n"
    "	movw	%cs, %ax\n"
    "	movzwl	%ax, %ebx\n"
    "	shll	$4, %ebx\n"
    "	addl	$0x8100, %ebx\n"
    "	movl	4(%ebx), %ecx\n"
    "	lock incl (%ebx)\n"
    "1:	cmpl	%ecx, 4(%ebx)\n"
    "	je	2f\n"
    "	incl	8(%ebx)\n"
    "	movl	4(%ebx), %ecx\n"
    "2:	incl	%ecx\n"
    "	incl	4(%ebx)\n"
    "	pause\n"
    "	cmpl	$0, 12(%ebx)\n"
    "	jne	1b\n"
    "	movl	16(%ebx), %eax\n"
    "	testl	%eax, %eax\n"
    "	jz	3f\n"
    "	movl	%eax, 0x7e00(%ebx)\n" /* SMBASE_OFFSET - AREA_OFFSET */
    "3:	rsm\n"
    "smm_handler_end:\n"
    ".code64\n"
    ".popsection");

_Static_assert(SMBASE_OFFSET - AREA_OFFSET == 0x7e00, "the handler's code has this number");

static u64 set_up_in_boot;
static PER_CPU(u32, base);

static volatile struct smm_area *smm_area_at(u32 smbase)
{
	return (volatile struct smm_area *)(u64)(smbase + AREA_OFFSET);
}

u32 smm_base(int cpu)
{
	return *cpu_ptr(base, cpu);
}

volatile struct smm_area *smm_area(int cpu)
{
	return smm_area_at(smm_base(cpu));
}

static void install(u32 smbase)
{
	memset((void *)(u64)(smbase + HANDLER_OFFSET), 0, SIZE_OF_SMRAM - HANDLER_OFFSET);
	memcpy((void *)(u64)(smbase + HANDLER_OFFSET), smm_handler, smm_handler_end - smm_handler);
}

void send_smi(int cpu)
{
	apic_icr_write(APIC_DM_SMI | APIC_INT_ASSERT, cpu_apic_id(cpu));
}

bool enter_smm(int cpu, bool stay)
{
	volatile struct smm_area *area = smm_area(cpu);
	u32 before = area->entries;

	area->stay = stay;
	send_smi(cpu);
	return wait_until(area->entries != before, SMI_MS);
}

void leave_smm(int cpu)
{
	smm_area(cpu)->stay = 0;
}

static bool goes_up(const volatile u32 *count)
{
	u32 before = *count;

	return wait_until(*count != before, SMI_MS);
}

bool runs_in_smm(int cpu)
{
	return goes_up(&smm_area(cpu)->turns);
}

/* Makes the CPU's next SMI begin at `to`. */
static bool move_base(int cpu, u32 to)
{
	volatile struct smm_area *area = smm_area(cpu);
	u32 revision;
	bool left;

	if (!report_if_failed(enter_smm(cpu, true), "no SMI comes to CPU %d", cpu))
		return false;
	revision = *(volatile u32 *)(u64)(smm_base(cpu) + REVISION_OFFSET);
	if ((u16)revision != REVISION_AMD64) {
		leave_smm(cpu);
		report_skip("the save area has another format than AMD64's (revision 0x%x)",
			    revision);
		return false;
	}
	area->new_base = to;
	leave_smm(cpu);
	*cpu_ptr(base, cpu) = to;
	left = enter_smm(cpu, false);
	return report(
		left,
		"an SMI to CPU %d begins at SMBASE 0x%x, which the handler has written to the save area",
		cpu, to);
}

bool smm_set_up(void)
{
	int last = cpu_count() - 1;

	if (efi_runtime()) {
		report_skip("firmware keeps SMM for itself");
		return false;
	}
	if (set_up_in_boot == current_boot())
		return true;
	install(BASE_AFTER_RESET);
	install(SECOND_BASE);
	*cpu_ptr(base, 0) = *cpu_ptr(base, last) = BASE_AFTER_RESET;
	if (!move_base(last, SECOND_BASE))
		return false;
	memset((void *)smm_area_at(BASE_AFTER_RESET), 0, sizeof(struct smm_area));
	if (!report_if_failed(enter_smm(0, false), "no SMI comes to CPU 0"))
		return false;
	set_up_in_boot = current_boot();
	return true;
}

void smm_set_up_anew(void)
{
	set_up_in_boot = 0;
}

/* ---- what is interrupted ---- */

#define PATTERN 0x1122334455667788ul

/*
 * busy_loop(busy, pattern) counts, and meanwhile keeps `pattern`, rotated left by the register's
 * number, in each register that it does not need. Returns a bit for each register that differs.
 */
u64 busy_loop(struct busy *busy, u64 pattern);
asm(".pushsection .text\n"
    "busy_loop:\n"
    "	push	%rbx\n"
    "	push	%rbp\n"
    "	push	%r12\n"
    "	push	%r13\n"
    "	push	%r14\n"
    "	push	%r15\n"
    ".macro each_register what\n"
    "	\\what	%rbx, 3\n"
    "	\\what	%rbp, 5\n"
    "	\\what	%rdx, 2\n"
    "	\\what	%r8, 8\n"
    "	\\what	%r9, 9\n"
    "	\\what	%r10, 10\n"
    "	\\what	%r11, 11\n"
    "	\\what	%r12, 12\n"
    "	\\what	%r13, 13\n"
    "	\\what	%r14, 14\n"
    "	\\what	%r15, 15\n"
    ".endm\n"
    ".macro fill register, number\n"
    "	mov	%rsi, \\register\n"
    "	rol	$\\number, \\register\n"
    ".endm\n"
    ".macro check register, number\n"
    "	mov	%rsi, %rcx\n"
    "	rol	$\\number, %rcx\n"
    "	cmp	%rcx, \\register\n"
    "	je	9f\n"
    "	or	$1 << \\number, %rax\n"
    "9:\n"
    ".endm\n"
    "	each_register fill\n"
    "1:	incl	(%rdi)\n"
    "	pause\n"
    "	testl	$1, 4(%rdi)\n"
    "	jz	1b\n"
    "	xor	%eax, %eax\n"
    "	each_register check\n"
    "	pop	%r15\n"
    "	pop	%r14\n"
    "	pop	%r13\n"
    "	pop	%r12\n"
    "	pop	%rbp\n"
    "	pop	%rbx\n"
    "	ret\n"
    ".purgem each_register\n"
    ".purgem fill\n"
    ".purgem check\n"
    ".popsection");

void be_busy(void *data)
{
	struct busy *busy = data;

	busy->differ = busy_loop(busy, PATTERN);
}

bool goes_on(const struct busy *busy)
{
	return goes_up(&busy->rounds);
}

void check_still_in_smm(int cpu, const struct busy *busy, u32 rounds)
{
	bool runs = runs_in_smm(cpu);
	bool resumed = READ_ONCE(busy->rounds) != rounds;

	report(runs, "CPU %d is still in its SMI handler", cpu);
	report(!resumed, "what the SMI has interrupted does not run yet");
	if (!runs && !resumed)
		report_abort(
			"CPU %d is lost: it runs neither its SMI handler nor what the SMI has interrupted",
			cpu);
}

void end_busy(int cpu, struct busy *busy)
{
	WRITE_ONCE(busy->stop, 1);
	on_cpu_wait(cpu);
	report(!busy->differ,
	       "CPU %d has its registers from before SMM (a bit for each that differs, by number: 0x%lx)",
	       cpu, busy->differ);
}
