// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: rings 1 to 3, 64-bit and 32-bit code, data segments and null segments in SS (Intel SDM
 * volume 3, "Protection", and volume 2, IRET: in 64-bit mode SS may be null outside of ring 3). A
 * part of the program modes: see modes.c.
 *
 * The CPU stays in the outer ring while another one requests the migration, and comes back to ring
 * 0 by UD2. A hypervisor that forgets the descriptor of a null SS forgets the privilege level with
 * it: hardware then refuses the entry, or the code goes on in another ring, which its selectors
 * show.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define DEADLINE_MS   20000
#define RING1_CS      (FIRST_SPARE_SEL | 1)
#define RING1_DS      ((FIRST_SPARE_SEL + 0x08) | 1)
#define RING2_CS      ((FIRST_SPARE_SEL + 0x10) | 2)
#define RING2_DS      ((FIRST_SPARE_SEL + 0x18) | 2)
#define NULL_SEL(rpl) (rpl)

/* A code segment of 64 bits, and a data segment, without their DPL. */
#define CODE64 0x00af9b000000ffff
#define DATA   0x00cf93000000ffff
#define DPL(n) ((u64)(n) << 45)

/* What an IRETQ takes. */
struct frame {
	u64 rip, cs, rflags, rsp, ss;
};

/* Where CPUs leave ring 0's stack. */
static PER_CPU(u64, ring0_rsp);
/* The registers at the #UD that ends the stay in the outer ring, and how many there were. */
static PER_CPU(struct ex_regs, seen);
static PER_CPU(int, came_back);
static PER_CPU(bool, refused);

/*
 * Says by the first word of the page at RDI that it runs, and stays until the second word is not 0.
 * Each instruction means the same in 64-bit and in 32-bit code.
 */
extern char ring_code[];
asm(".pushsection .text\n"
    ".balign 4096\n"
    "ring_code:\n"
    "	incl	(%rdi)\n"
    "	pause\n"
    "	testl	$1, 4(%rdi)\n"
    "	jz	ring_code\n"
    "	ud2\n"
    ".balign 4096\n"
    ".popsection");

/*
 * enter_ring(frame, rdi, &ring0_rsp) returns when the handler has gone to ring_left, or at once if
 * IRETQ faults.
 */
void enter_ring(const struct frame *frame, u64 rdi, u64 *rsp);
extern char ring_left[];
asm(".pushsection .text\n"
    "enter_ring:\n"
    "	push	%rbx\n"
    "	push	%rbp\n"
    "	push	%r12\n"
    "	push	%r13\n"
    "	push	%r14\n"
    "	push	%r15\n"
    "	mov	%rsp, (%rdx)\n"
    "	pushq	32(%rdi)\n"
    "	pushq	24(%rdi)\n"
    "	pushq	16(%rdi)\n"
    "	pushq	8(%rdi)\n"
    "	pushq	(%rdi)\n"
    "	mov	%rsi, %rdi\n"
    "1:	iretq\n"
    ".pushsection .exceptions, \"a\"\n"
    "	.quad	1b, 2f\n"
    ".popsection\n"
    "2:	mov	(%rdx), %rsp\n"
    "ring_left:\n"
    "	pop	%r15\n"
    "	pop	%r14\n"
    "	pop	%r13\n"
    "	pop	%r12\n"
    "	pop	%rbp\n"
    "	pop	%rbx\n"
    "	ret\n"
    ".popsection");

static void come_back(struct ex_regs *regs)
{
	this_cpu(seen) = *regs;
	this_cpu(came_back)++;
	regs->rip = (u64)ring_left;
	regs->cs = KERNEL_CS;
	regs->ss = KERNEL_DS;
	regs->rsp = this_cpu(ring0_rsp);
	regs->rflags = X86_EFLAGS_FIXED;
}

struct place {
	const char *name;
	u16 cs, ss;
};

/* The page that the outer ring reads and writes. */
struct shared {
	u32 rounds, go_on;
};

static void be_migrated(void *data)
{
	struct shared *shared = data;

	wait_for(READ_ONCE(shared->rounds), DEADLINE_MS, "the code in the outer ring to run");
	migrate_quiet();
	WRITE_ONCE(shared->go_on, 1);
}

static void set_up_descriptors(void)
{
	u64 *gdt = this_gdt();

	gdt[RING1_CS / 8] = CODE64 | DPL(1);
	gdt[RING1_DS / 8] = DATA | DPL(1);
	gdt[RING2_CS / 8] = CODE64 | DPL(2);
	gdt[RING2_DS / 8] = DATA | DPL(2);
}

static void check_return(const struct place *place, const struct frame *frame)
{
	const struct ex_regs *regs = &this_cpu(seen);

	/* An emulated IRETQ may not know a null SS. */
	if (this_cpu(refused)) {
		report_skip("%s: IRETQ refuses to go there", place->name);
		return;
	}
	report(this_cpu(came_back) == 1 && regs->cs == place->cs && regs->ss == place->ss &&
		       regs->rsp == (u32)frame->rsp && regs->rflags & X86_EFLAGS_IF,
	       "%s: it came back %d times, with CS:RIP 0x%lx:0x%lx, SS:RSP 0x%lx:0x%lx, RFLAGS 0x%lx; CS was 0x%x, SS 0x%x, RSP 0x%lx, RFLAGS 0x%lx",
	       place->name, this_cpu(came_back), regs->cs, regs->rip, regs->ss, regs->rsp,
	       regs->rflags, place->cs, place->ss, frame->rsp, frame->rflags);
}

static void run_in(const struct place *place)
{
	u8 *data = alloc_page(), *stack0 = alloc_pages(1);
	u64 rsp0 = this_tss()->rsp[0];
	handler before;
	struct frame frame = {
		.rip = (u64)ring_code,
		.cs = place->cs,
		.ss = place->ss,
		.rsp = (u64)data + PAGE_SIZE - 64,
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF,
	};

	set_up_descriptors();
	this_tss()->rsp[0] = (u64)stack0 + 2 * PAGE_SIZE;
	this_cpu(came_back) = 0;
	protect_pages(ring_code, 1, PAGE_TEXT | PT_USER_MASK);
	protect_pages(data, 1, PAGE_DATA | PT_USER_MASK);
	before = handle_exception(UD_VECTOR, come_back);

	on_cpu_async(other_cpu(), be_migrated, data);
	irq_disable();
	exception_clear();
	enter_ring(&frame, (u64)data, &this_cpu(ring0_rsp));
	this_cpu(refused) = exception_vector() != NO_EXCEPTION;
	/* The other CPU waits for a sign. */
	if (this_cpu(refused))
		*(u32 *)data = 1;
	write_ds(KERNEL_DS);
	write_es(KERNEL_DS);
	irq_enable();
	on_cpu_wait(other_cpu());

	check_return(place, &frame);
	handle_exception(UD_VECTOR, before);
	protect_pages(data, 1, PAGE_DATA);
	protect_pages(ring_code, 1, PAGE_TEXT);
	this_tss()->rsp[0] = rsp0;
	free_page(data);
	free_pages(stack0);
}

#define RING_TEST(id, code, stack, text)                                                           \
	TEST(id, .on = EACH_CPU, .needs = SMP,                                                     \
	     .about = text " goes on in the same ring after an action")                            \
	{                                                                                          \
		static const struct place place = { text, code, stack };                           \
                                                                                                   \
		run_in(&place);                                                                    \
	}

RING_TEST(ring3_code64, USER_CS64, USER_DS, "64-bit code in ring 3")
RING_TEST(ring3_code32, USER_CS32, USER_DS, "32-bit code in ring 3")
RING_TEST(ring1_data_ss, RING1_CS, RING1_DS, "code in ring 1 with a data segment in SS")
RING_TEST(ring2_data_ss, RING2_CS, RING2_DS, "code in ring 2 with a data segment in SS")
RING_TEST(ring1_null_ss, RING1_CS, NULL_SEL(1), "code in ring 1 with a null SS")
RING_TEST(ring2_null_ss, RING2_CS, NULL_SEL(2), "code in ring 2 with a null SS")
RING_TEST(ring0_null_ss, KERNEL_CS, NULL_SEL(0), "code in ring 0 with a null SS")
