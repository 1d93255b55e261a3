// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's registers that neither VMCB nor VMCS holds: general registers, x87, SSE and AVX. They stay
 * in the CPU during a migration. See svm_state.c and vmx_state.c for the manuals.
 *
 * A hypervisor saves these registers from the CPU, whichever side is running. A broken one restores
 * L1's, or those that an earlier exit has left in a buffer.
 *
 * On the command line: with break=registers or break=vectors, L2 finds other values after the
 * migration.
 */
#include "libcflat.h"
#include "apic.h"
#include "isr.h"
#include "x86/nested/state.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "xsave.h"
#include "xsave-image.h"

#define ASK_VECTOR  0x61
#define DEADLINE_MS 20000

/* ---- held ---- */

/*
 * L2 says that it runs, and keeps all its registers until it may go on. The last comparison has set
 * its flags.
 */
struct holder {
	u8 there;
	u8 go_on;
};

static PER_CPU(struct holder, holder);

extern char hold_registers[];
asm(".pushsection .text\n"
    "hold_registers:\n"
    "	movb	$1, %gs:holder\n"
    "1:	pause\n"
    "	testb	$1, %gs:holder+1\n"
    "	jz	1b\n"
    "	jmp	hold_ends\n"
    ".popsection");

static void ask_for_migration(void *data)
{
	struct holder *held = data;

	wait_for(READ_ONCE(held->there), DEADLINE_MS, "L2 to hold its registers");
	migrate_quiet();
	WRITE_ONCE(held->go_on, 1);
}

/*
 * With one CPU, an interrupt in L2 asks for the migration, while L2's registers are on its stack.
 */
static void asked_by_interrupt(isr_regs_t *regs)
{
	eoi();
	WRITE_ONCE(this_cpu(holder).there, 1);
	ask_for_migration(&this_cpu(holder));
	if (broken("registers"))
		regs->r11 ^= 1;
	if (broken("vectors"))
		asm volatile("fninit; xorps %%xmm3, %%xmm3" : : : "memory");
}

void hold_through_migration(struct l2 *l2)
{
	struct holder *mine = &this_cpu(holder);
	int other = other_cpu();

	*mine = (struct holder){ 0 };
	l2_set_rip(l2, (u64)hold_registers);
	if (other != smp_id()) {
		on_cpu_async(other, ask_for_migration, mine);
		l2_enter(l2);
		on_cpu_wait(other);
		return;
	}
	handle_irq(ASK_VECTOR, asked_by_interrupt);
	irq_disable();
	apic_send_ipi(smp_id(), ASK_VECTOR);
	l2_enter(l2);
	irq_enable();
	unhandle_irq(ASK_VECTOR);
}

/* ---- general registers ---- */

#define PATTERN(n) (0x0101010101010101ul * (n) ^ 0xa5005a00c3003c00ul)

TEST(general_registers, .on = EACH_CPU, .needs = L2,
     .about =
	     "all of L2's general registers and its flags, held in the CPU, survive a migration in L2")
{
	static const char *const names[] = { "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "R8",
					     "R9",  "R10", "R11", "R12", "R13", "R14", "R15" };
	const u64 flags =
		X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_ID | X86_EFLAGS_AC | X86_EFLAGS_NT;
	struct l2 *l2 = l2_new(NULL, NULL);
	const u64 rsp = l2_rsp(l2) - 1040;
	u64 *pattern = (u64 *)l2_registers(l2);

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		pattern[i] = PATTERN(i + 1);
	l2_set_rax(l2, PATTERN(20));
	l2_set_rsp(l2, rsp);
	l2_set_rflags(l2, flags);
	hold_through_migration(l2);
	report(l2_rip(l2) == (u64)hold_ends, "L2 came to its call: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		report(pattern[i] == PATTERN(i + 1), "%s is 0x%lx, was 0x%lx", names[i], pattern[i],
		       PATTERN(i + 1));
	report(l2_rax(l2) == PATTERN(20), "RAX is 0x%lx, was 0x%lx", l2_rax(l2), PATTERN(20));
	report(l2_rsp(l2) == rsp, "RSP is 0x%lx, was 0x%lx", l2_rsp(l2), rsp);
	report((l2_rflags(l2) & flags) == flags &&
		       !(l2_rflags(l2) & (X86_EFLAGS_DF | X86_EFLAGS_TF | X86_EFLAGS_IOPL)),
	       "RFLAGS is 0x%lx, was 0x%lx", l2_rflags(l2), flags);
	l2_free(l2);
}

/* ---- x87, SSE, AVX ---- */

struct vector_state {
	u64 mask;
	u8 *filled, *before, *after;
};

static void vectors_in_l2(void *data)
{
	struct vector_state *state = data;

	xrstor(state->filled, state->mask);
	xsave(state->before, state->mask);
	migrate_quiet();
	if (broken("vectors"))
		asm volatile("fninit; xorps %%xmm3, %%xmm3" : : : "memory");
	xsave(state->after, state->mask);
}

TEST(vector_registers, .on = EACH_CPU, .needs = L2,
     .about = "x87, SSE and AVX registers of L2, and L1's own, survive a migration in L2")
{
	struct vector_state state = { .mask = xsave_enable() };
	u8 *l1_filled = xsave_alloc(), *l1_after = xsave_alloc(), *untouched = xsave_alloc();
	u8 *area = xsave_alloc();
	struct l2 *l2;

	state.filled = xsave_alloc();
	state.before = xsave_alloc();
	state.after = xsave_alloc();
	l2 = l2_new(vectors_in_l2, &state);
	l2_set_xsave(l2, area, state.mask);
	xsave(untouched, state.mask);
	xsave_fill_image(l1_filled, state.mask, 0x11);
	xsave_fill_image(state.filled, state.mask, 0x80);
	xsave_fill_image(area, state.mask, 0x44);
	xrstor(l1_filled, state.mask);
	l2_expect_return(l2);
	xsave(l1_after, state.mask);
	xrstor(untouched, state.mask);

	xsave_report_image(state.before, state.filled, state.mask, "L2 before the migration");
	xsave_report_image(state.after, state.filled, state.mask, "L2 after the migration");
	xsave_report_image(area, state.filled, state.mask, "L2 after the exit");
	xsave_report_image(l1_after, l1_filled, state.mask, "L1 after the exit");

	xsave_free(area);
	l2_free(l2);
	xsave_free(state.filled);
	xsave_free(state.before);
	xsave_free(state.after);
	xsave_free(l1_filled);
	xsave_free(l1_after);
	xsave_free(untouched);
}

TEST(vector_registers_held, .on = EACH_CPU, .needs = L2,
     .about =
	     "x87, SSE and AVX registers, held in the CPU by an L2 that does nothing else, survive a migration in L2")
{
	u64 mask = xsave_enable();
	u8 *filled = xsave_alloc(), *after = xsave_alloc(), *untouched = xsave_alloc();
	struct l2 *l2 = l2_new(NULL, NULL);

	xsave(untouched, mask);
	xsave_fill_image(filled, mask, 0x33);
	xrstor(filled, mask);
	hold_through_migration(l2);
	xsave(after, mask);
	xrstor(untouched, mask);
	xsave_report_image(after, filled, mask, "shared by L1 and L2");
	l2_free(l2);
	xsave_free(filled);
	xsave_free(after);
	xsave_free(untouched);
}

/* ---- XCR0 ---- */

#define XCR0_PATTERN (XFEATURE_MASK_FP | XFEATURE_MASK_SSE)

static void xcr0_in_l2(void *data)
{
	u64 *after_migration = data;

	write_xcr0(XCR0_PATTERN);
	migrate_quiet();
	*after_migration = read_xcr0();
}

/*
 * A broken hypervisor takes XCR0 for L1's own register, and saves or restores another value while
 * L2 runs.
 */
TEST(xcr0, .on = EACH_CPU, .needs = ALL_OF(L2, AVX),
     .about = "XCR0, which L1 and L2 share, keeps what L2 has written through a migration in L2")
{
	u64 had_osxsave = read_cr4() & X86_CR4_OSXSAVE, xcr0, after_migration = 0;
	struct l2 *l2;

	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	xcr0 = read_xcr0();
	write_xcr0(XCR0_PATTERN | XFEATURE_MASK_YMM);
	l2 = l2_new(xcr0_in_l2, &after_migration);
	let_l2_write_xcr0(l2);
	l2_expect_return(l2);
	report(after_migration == XCR0_PATTERN,
	       "XCR0 in L2 after the migration is 0x%lx, was 0x%lx", after_migration, XCR0_PATTERN);
	report(read_xcr0() == XCR0_PATTERN,
	       "XCR0 in L1 after the exit is 0x%lx, should be L2's 0x%lx", read_xcr0(),
	       XCR0_PATTERN);
	write_xcr0(xcr0);
	if (!had_osxsave)
		write_cr4(read_cr4() & ~X86_CR4_OSXSAVE);
	l2_free(l2);
}
