// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registers: what registers do (Intel SDM volume 3, "System Architecture Overview", "Debug
 * Registers"; volume 2, SYSCALL, SYSENTER, SWAPGS, RDTSCP). A part of the program registers: see
 * registers.c.
 *
 * The other tests compare what registers hold. A hypervisor keeps some of them twice: once for who
 * reads them, and once where they act, in the CPU, in its own page tables, or in what its emulator
 * goes by. A broken one restores the first and forgets the second. Then a breakpoint does not stop
 * the CPU, SYSCALL goes astray, a write to a read-only page succeeds, or an instruction that is
 * emulated takes a virtual address for a physical one.
 *
 * Each effect is tried before its register is set, when it is set, and after the action. What makes
 * no difference on this CPU is told and left out. The test sees a register without effect. It does
 * not see which of the two places was forgotten.
 */
#include "alloc_page.h"
#include "desc.h"
#include "io.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "registers.h"
#include "report.h"
#include "smp.h"
#include "vm.h"
#include "vmalloc.h"

struct effect {
	const char *name;
	bool (*there)(void); /* NULL: on every CPU */
	void (*begin)(void);
	u64 (*act)(void); /* gives something else after begin() */
	void (*end)(void);
};

/* A page of this test's, and what its entry was. */
static u8 *page;

static u64 vector_or_0(int vector)
{
	return vector == NO_EXCEPTION ? 0 : 0x100 | vector;
}

/* ---- CR0 ---- */

static void clear_wp(void)
{
	write_cr0(read_cr0() & ~X86_CR0_WP);
}

static void set_wp(void)
{
	write_cr0(read_cr0() | X86_CR0_WP);
}

static u64 write_read_only(void)
{
	u64 result;

	protect_pages(page, 1, PAGE_RODATA);
	result = vector_or_0(asm_safe("movb $1, (%0)", "r"(page)));
	protect_pages(page, 1, PAGE_DATA);
	return result;
}

static void set_ts(void)
{
	write_cr0(read_cr0() | X86_CR0_TS);
}

static void clear_ts(void)
{
	write_cr0(read_cr0() & ~X86_CR0_TS);
}

static u64 use_x87(void)
{
	return vector_or_0(asm_safe("fnstcw (%0)", "r"(page)));
}

/* ---- CR4 and EFER ---- */

static void set_cr4(u64 bit)
{
	write_cr4(read_cr4() | bit);
}

static void clear_cr4(u64 bit)
{
	write_cr4(read_cr4() & ~bit);
}

static void set_de(void)
{
	set_cr4(X86_CR4_DE);
}

static void clear_de(void)
{
	clear_cr4(X86_CR4_DE);
}

static u64 read_dr4(void)
{
	u64 value;

	return vector_or_0(asm_safe_out1("mov %%dr4, %0", "=r"(value)));
}

static bool has_fsgsbase(void)
{
	return this_cpu_has(X86_FEATURE_FSGSBASE);
}

static void set_fsgsbase(void)
{
	set_cr4(X86_CR4_FSGSBASE);
}

static void clear_fsgsbase(void)
{
	clear_cr4(X86_CR4_FSGSBASE);
}

static u64 use_rdfsbase(void)
{
	u64 value;

	return vector_or_0(asm_safe_out1("rdfsbase %0", "=r"(value)));
}

static bool has_smep(void)
{
	return this_cpu_has(X86_FEATURE_SMEP);
}

static void set_smep(void)
{
	set_cr4(X86_CR4_SMEP);
}

static void clear_smep(void)
{
	clear_cr4(X86_CR4_SMEP);
}

#define RET 0xc3

static void call_page(void *data)
{
	asm volatile("call *%0" : : "r"(page) : "memory");
}

static u64 execute(u64 bits)
{
	u64 result;

	page[0] = RET;
	protect_pages(page, 1, bits);
	result = vector_or_0(catch_exception(call_page, NULL));
	protect_pages(page, 1, PAGE_DATA);
	return result;
}

static u64 execute_user_page(void)
{
	return execute(PAGE_TEXT | PT_USER_MASK);
}

static bool has_smap(void)
{
	return this_cpu_has(X86_FEATURE_SMAP);
}

static void set_smap(void)
{
	set_cr4(X86_CR4_SMAP);
}

static void clear_smap(void)
{
	clear_cr4(X86_CR4_SMAP);
}

static u64 read_with_bits(u64 bits)
{
	u64 result, value;

	protect_pages(page, 1, bits);
	result = vector_or_0(asm_safe_out1("mov (%1), %0", "=r"(value), "r"(page)));
	protect_pages(page, 1, PAGE_DATA);
	return result;
}

static u64 read_user_page(void)
{
	return read_with_bits(PAGE_DATA | PT_USER_MASK);
}

static bool has_pku(void)
{
	return this_cpu_has(X86_FEATURE_PKU);
}

#define KEY	   5ul
#define KEY_SHIFT  59
#define ACCESS_OFF 1u

static void write_pkru(u32 value)
{
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}

static void set_key(void)
{
	set_cr4(X86_CR4_PKE);
	write_pkru(ACCESS_OFF << 2 * KEY);
}

static void clear_key(void)
{
	write_pkru(0);
	clear_cr4(X86_CR4_PKE);
}

static u64 read_keyed_page(void)
{
	u64 smap = read_cr4() & X86_CR4_SMAP, result;

	clear_cr4(smap);
	result = read_with_bits(PAGE_DATA | PT_USER_MASK | KEY << KEY_SHIFT);
	set_cr4(smap);
	return result;
}

/* ---- system calls ---- */

extern char effects_syscall_landing[], effects_sysenter_landing[];

/* Lands where LSTAR says, with DF cleared by the mask. RCX and R11 are the CPU's. */
static u64 __attribute__((noinline)) use_syscall(void)
{
	u64 flags = 0, landed = 0, cs = 0, ss = 0, saved = irq_save();

	exception_clear();
	asm volatile("std\n"
		     "771:	syscall\n"
		     "772:	jmp	1f\n"
		     ".pushsection .exceptions, \"a\"\n"
		     "	.quad	771b, 772b\n"
		     ".popsection\n"
		     ".globl effects_syscall_landing\n"
		     "effects_syscall_landing:\n"
		     "	mov	$1, %0\n"
		     "	pushfq\n"
		     "	pop	%1\n"
		     "	mov	%%cs, %2\n"
		     "	mov	%%ss, %3\n"
		     "1:	cld\n"
		     : "+r"(landed), "+r"(flags), "+r"(cs), "+r"(ss)
		     :
		     : "rcx", "r11", "memory", "cc");
	irq_restore(saved);
	return landed | cs << 8 | ss << 24 | (flags & X86_EFLAGS_DF) << 32;
}

static PER_CPU(u64, old_star);
static PER_CPU(u64, old_lstar);
static PER_CPU(u64, old_mask);

static void set_syscall(void)
{
	this_cpu(old_star) = rdmsr(MSR_STAR);
	this_cpu(old_lstar) = rdmsr(MSR_LSTAR);
	this_cpu(old_mask) = rdmsr(MSR_SYSCALL_MASK);
	wrmsr(MSR_STAR, (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)effects_syscall_landing);
	wrmsr(MSR_SYSCALL_MASK, X86_EFLAGS_DF | X86_EFLAGS_IF);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

static void clear_syscall(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_SCE);
	wrmsr(MSR_STAR, this_cpu(old_star));
	wrmsr(MSR_LSTAR, this_cpu(old_lstar));
	wrmsr(MSR_SYSCALL_MASK, this_cpu(old_mask));
}

/* AMD's CPUs have none in 64-bit mode. */
static bool has_sysenter(void)
{
	return !is_amd();
}

/* Lands with the stack pointer of IA32_SYSENTER_ESP. */
static u64 __attribute__((noinline)) use_sysenter(void)
{
	u64 stack = 0, saved = irq_save();

	exception_clear();
	asm volatile("mov	%%rsp, %%r12\n"
		     "771:	sysenter\n"
		     "772:	jmp	1f\n"
		     ".pushsection .exceptions, \"a\"\n"
		     "	.quad	771b, 772b\n"
		     ".popsection\n"
		     ".globl effects_sysenter_landing\n"
		     "effects_sysenter_landing:\n"
		     "	mov	%%rsp, %0\n"
		     "	mov	%%r12, %%rsp\n"
		     "1:\n"
		     : "+r"(stack)
		     :
		     : "r12", "memory", "cc");
	irq_restore(saved);
	return stack;
}

static void set_sysenter(void)
{
	wrmsr(MSR_IA32_SYSENTER_CS, KERNEL_CS);
	wrmsr(MSR_IA32_SYSENTER_EIP, (u64)effects_sysenter_landing);
	wrmsr(MSR_IA32_SYSENTER_ESP, (u64)page + 0x300 + 0x10 * smp_id());
}

static void clear_sysenter(void)
{
	wrmsr(MSR_IA32_SYSENTER_CS, 0);
	wrmsr(MSR_IA32_SYSENTER_EIP, 0);
	wrmsr(MSR_IA32_SYSENTER_ESP, 0);
}

static PER_CPU(u64, old_kernel_gs);

static void set_kernel_gs(void)
{
	this_cpu(old_kernel_gs) = rdmsr(MSR_KERNEL_GS_BASE);
	wrmsr(MSR_KERNEL_GS_BASE, (u64)page + 0x40 * smp_id() + 8);
}

static void clear_kernel_gs(void)
{
	wrmsr(MSR_KERNEL_GS_BASE, this_cpu(old_kernel_gs));
}

static u64 use_swapgs(void)
{
	u64 flags = irq_save();
	u32 low, high;

	asm volatile("swapgs\n"
		     "rdmsr\n"
		     "swapgs\n"
		     : "=a"(low), "=d"(high)
		     : "c"(MSR_GS_BASE)
		     : "memory");
	irq_restore(flags);
	return (u64)high << 32 | low;
}

static bool has_rdtscp(void)
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

static PER_CPU(u64, old_aux);

static void set_aux(void)
{
	this_cpu(old_aux) = rdmsr(MSR_TSC_AUX);
	wrmsr(MSR_TSC_AUX, 0x5a5a0000 + smp_id());
}

static void clear_aux(void)
{
	wrmsr(MSR_TSC_AUX, this_cpu(old_aux));
}

static u64 use_rdtscp(void)
{
	u32 low, high, aux;

	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
	return aux;
}

/* ---- LDTR ---- */

#define LDT_SEL	     (FIRST_SPARE_SEL + 0x10) /* of two entries */
#define SEL_IN_LDT   0x0c
#define LDT_TYPE     0x82ul
#define DATA_SEGMENT 0x0040930000000000ul

static void set_ldt(void)
{
	u64 *gdt = this_gdt(), *ldt = (u64 *)(page + 0x800), at = (u64)ldt;

	ldt[SEL_IN_LDT / 8] = DATA_SEGMENT | (0x1234 + smp_id());
	gdt[LDT_SEL / 8] = (at & 0xffffff) << 16 | LDT_TYPE << 40 | (at >> 24 & 0xff) << 56 | 0x1f;
	gdt[LDT_SEL / 8 + 1] = at >> 32;
	lldt(LDT_SEL);
}

static void clear_ldt(void)
{
	lldt(0);
}

/* The limit of the segment, or 0 if there is none. A table that is somewhere else may fault. */
static u64 use_ldt(void)
{
	u32 limit = 0;
	int vector = asm_safe_out1("lsl %1, %0", "+r"(limit), "r"(SEL_IN_LDT));

	return limit | vector_or_0(vector) << 32;
}

/* ---- breakpoints ---- */

extern char effects_breakpoint[];

#define DR7_G0	      BIT(1)
#define DR7_G1	      BIT(3)
#define DR7_WRITES_8B (BIT(20) | BIT(22) | BIT(23)) /* breakpoint 1 */

static PER_CPU(u64, hits);
static PER_CPU(handler, old_db);
static PER_CPU(u64, old_dr7);

static void count_hit(struct ex_regs *regs)
{
	this_cpu(hits) = this_cpu(hits) << 4 | (read_dr6() & 0xf);
	write_dr6(0xffff0ff0);
	regs->rflags |= X86_EFLAGS_RF;
}

/*
 * Where QEMU's TCG emulates the CPU, VMRUN loads DR7 without the breakpoints. Which ones stop the
 * CPU depends on who has written DR7 there before.
 */
static bool has_breakpoints(void)
{
	return !is_tcg();
}

static void set_breakpoints(void)
{
	this_cpu(old_dr7) = read_dr7();
	write_dr0((u64)effects_breakpoint);
	write_dr1((u64)page + 0x700);
	write_dr7(this_cpu(old_dr7) | DR7_G0 | DR7_G1 | DR7_WRITES_8B);
}

static void clear_breakpoints(void)
{
	write_dr7(this_cpu(old_dr7));
}

static u64 __attribute__((noinline)) meet_breakpoints(void)
{
	this_cpu(old_db) = handle_exception(DB_VECTOR, count_hit);
	this_cpu(hits) = 0;
	asm volatile(".globl effects_breakpoint\n"
		     "effects_breakpoint:\n"
		     "	nop\n"
		     "	movq	$1, 0x700(%0)\n"
		     "	nop\n"
		     :
		     : "r"(page)
		     : "memory");
	handle_exception(DB_VECTOR, this_cpu(old_db));
	return this_cpu(hits);
}

/* ---- page tables, for what is emulated ---- */

#define PIC_MASK 0x21
#define ODD_MASK 0xda

static u8 *view;

static void set_mask(void)
{
	outb(ODD_MASK, PIC_MASK);
}

static void clear_mask(void)
{
	outb(0xff, PIC_MASK);
}

/* INS writes what the port reads to an address that is not the physical one. */
static u64 input_string(void)
{
	u8 *to = view + 0x900;

	asm volatile("insb" : "+D"(to) : "d"(PIC_MASK) : "memory");
	return READ_ONCE(page[0x900]);
}

static const struct effect effects[] = {
	/* This comes first, since the others write control registers. */
	{ "CR3, for INS,", NULL, set_mask, input_string, clear_mask },
	{ "CR0.WP", NULL, clear_wp, write_read_only, set_wp },
	{ "CR0.TS", NULL, set_ts, use_x87, clear_ts },
	{ "CR4.DE", NULL, set_de, read_dr4, clear_de },
	{ "CR4.FSGSBASE", has_fsgsbase, set_fsgsbase, use_rdfsbase, clear_fsgsbase },
	{ "CR4.SMEP", has_smep, set_smep, execute_user_page, clear_smep },
	{ "CR4.SMAP", has_smap, set_smap, read_user_page, clear_smap },
	{ "PKRU", has_pku, set_key, read_keyed_page, clear_key },
	{ "EFER.SCE, STAR, LSTAR and SFMASK", NULL, set_syscall, use_syscall, clear_syscall },
	{ "IA32_SYSENTER_CS, EIP and ESP", has_sysenter, set_sysenter, use_sysenter,
	  clear_sysenter },
	{ "KERNEL_GS_BASE", NULL, set_kernel_gs, use_swapgs, clear_kernel_gs },
	{ "TSC_AUX", has_rdtscp, set_aux, use_rdtscp, clear_aux },
	{ "LDTR", NULL, set_ldt, use_ldt, clear_ldt },
	{ "DR0, DR1 and DR7", has_breakpoints, set_breakpoints, meet_breakpoints,
	  clear_breakpoints },
};

#define EFFECTS ARRAY_SIZE(effects)

static void begin_effects(u64 *at_first, u64 *when_set, bool *works)
{
	for (size_t i = 0; i < EFFECTS; i++) {
		works[i] = !effects[i].there || effects[i].there();
		if (!works[i])
			continue;
		at_first[i] = effects[i].act();
		effects[i].begin();
		when_set[i] = effects[i].act();
		if (at_first[i] != when_set[i])
			continue;
		report_info("CPU %d: %s makes no difference here", smp_id(), effects[i].name);
		effects[i].end();
		works[i] = false;
	}
}

static void check_effects(const u64 *at_first, const u64 *when_set, const bool *works)
{
	unsigned good = 0, tried = 0;

	for (size_t i = 0; i < EFFECTS; i++) {
		u64 is;

		if (!works[i])
			continue;
		is = effects[i].act();
		tried++;
		good += report_if_failed(
			is == when_set[i],
			"%s: what it does gave 0x%lx when it was set, and 0x%lx after the action (0x%lx without it)",
			effects[i].name, when_set[i], is, at_first[i]);
	}
	report(good == tried, "%u of %u registers act as before the action", good, tried);
}

TEST(effects, .on = EACH_CPU, .needs = WHOLE_CPU,
     .about =
	     "registers that were set before an action act after it, and do not just read the same")
{
	u64 at_first[EFFECTS] = { 0 }, when_set[EFFECTS] = { 0 };
	bool works[EFFECTS];

	page = alloc_page();
	view = vmap(virt_to_phys(page), PAGE_SIZE);
	/* A CPU's LDTR has no selector after a reset, but a base and a limit. */
	lldt(0);
	begin_effects(at_first, when_set, works);
	migrate_quiet();
	check_effects(at_first, when_set, works);
	for (size_t i = 0; i < EFFECTS; i++)
		if (works[i])
			effects[i].end();
	vunmap(view, PAGE_SIZE);
	free_page(page);
}
