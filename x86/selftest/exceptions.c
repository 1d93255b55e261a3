// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: exceptions, and each CPU's own registers (Intel SDM volume 3, "Interrupt and
 * Exception Handling" and "Paging"). A part of the program selftest: see selftest.c.
 */
#include "apic.h"
#include "backtrace.h"
#include "barrier.h"
#include "boot.h"
#include "desc.h"
#include "processor.h"
#include "setjmp.h"
#include "smp.h"
#include "stacks.h"
#include "vm.h"
#include "vmalloc.h"
#include "x86/selftest/selftest.h"

TEST(fixups, .on = EACH_CPU,
     .about = "a fault in a chosen instruction is caught, with its vector, error code and address")
{
	volatile u64 *nowhere = (u64 *)0xffffa00000001238;
	u64 value;
	int vector;

	report(asm_safe("nop") == NO_EXCEPTION, "no exception, none seen");
	report(asm_safe("ud2") == UD_VECTOR, "#UD");
	vector = asm_safe_out2("divl %2", "=a"(value), "=d"(value), "r"(0), "0"(1), "1"(0));
	report(vector == DE_VECTOR, "#DE");
	vector = asm_safe("mov %0, %%fs", "r"(0xfff8));
	report(vector == GP_VECTOR && exception_error_code() == 0xfff8,
	       "#GP with the selector as error code 0x%x", exception_error_code());
	vector = asm_safe_out1("movq (%1), %0", "=r"(value), "r"(0x8000000000000000));
	report(vector == GP_VECTOR && exception_error_code() == 0,
	       "#GP at an address that is not canonical");
	vector = asm_safe("movq $1, (%0)", "r"(nowhere));
	report(vector == PF_VECTOR && exception_cr2() == (u64)nowhere &&
		       exception_error_code() == PFERR_WRITE_MASK,
	       "#PF at %lx, error code 0x%x", exception_cr2(), exception_error_code());
	report(asm_safe("nop") == NO_EXCEPTION && exception_vector() == NO_EXCEPTION,
	       "no exception afterwards");
}

TEST(safe_msrs, .about = "rdmsr_safe() and wrmsr_safe() tell whether there was a #GP")
{
	u64 efer, value = 1;
	int vector;

	vector = rdmsr_safe(MSR_EFER, &efer);
	report(!vector && efer & EFER_LMA && efer == rdmsr(MSR_EFER), "EFER is %lx", efer);
	report(!wrmsr_safe(MSR_EFER, efer), "EFER can be written back");
	/* A hypervisor may also let a guest read an MSR that does not exist, as 0. */
	vector = rdmsr_safe(0xdeadbeef, &value);
	report((vector == GP_VECTOR || !vector) && !value, "MSR 0xdeadbeef: %s",
	       vector ? exception_mnemonic(vector) : "read as 0");
}

static __noinline void raise_ud(void *data)
{
	*(int *)data += 1;
	asm volatile("ud2");
	*(int *)data += 100;
}

static void catch_inner(void *data)
{
	int vector = catch_exception(raise_ud, data);

	report(vector == UD_VECTOR, "inner catch: %s", exception_mnemonic(vector));
	asm volatile("mov %0, %%fs" : : "r"(0xfff0));
}

TEST(catching, .on = EACH_CPU,
     .about = "catch_exception() returns when an exception comes anywhere below it")
{
	int done = 0;
	int vector = catch_exception(catch_inner, &done);

	report(vector == GP_VECTOR && done == 1, "outer catch: %s", exception_mnemonic(vector));
	report(irqs_enabled(), "interrupts are on again");
}

static int handled;

static void skip_ud2(struct ex_regs *regs)
{
	handled++;
	/* UD2 is two bytes long. */
	regs->rip += 2;
}

TEST(exception_handlers, .on = EACH_CPU,
     .about = "an exception handler runs, and may change where to go on")
{
	handler before = handle_exception(UD_VECTOR, skip_ud2);

	handled = 0;
	asm volatile("ud2");
	report(handled == 1 && !before, "the handler ran once");
	report(handle_exception(UD_VECTOR, before) == skip_ud2,
	       "handle_exception() returns the handler that was in place");
}

/*
 * A broken hypervisor that emulates paging lets the access happen, or gives wrong bits in the error
 * code.
 */
TEST(page_protection, .on = EACH_CPU,
     .about = "read-only and no-execute pages fault with the right error code")
{
	static const u8 ret = 0xc3;
	u8 *page = vmalloc(PAGE_SIZE);
	int vector;

	*page = ret;
	report(catch_exception((void (*)(void *))page, NULL) == PF_VECTOR &&
		       exception_cr2() == (u64)page &&
		       exception_error_code() == (PFERR_FETCH_MASK | PFERR_PRESENT_MASK),
	       "executing data faults: error code 0x%x", exception_error_code());
	protect_pages(page, 1, PAGE_TEXT);
	report(catch_exception((void (*)(void *))page, NULL) == NO_EXCEPTION,
	       "it can be executed once it is text");
	vector = asm_safe("movb $0, (%0)", "r"(page));
	report(vector == PF_VECTOR &&
		       exception_error_code() == (PFERR_WRITE_MASK | PFERR_PRESENT_MASK) &&
		       *page == ret,
	       "writing to text faults: error code 0x%x", exception_error_code());
	protect_pages(page, 1, PAGE_DATA);
	vector = asm_safe("movb $0, (%0)", "r"(page));
	report(vector == NO_EXCEPTION && !*page, "it can be written once it is data");
	vfree(page);

	vector = asm_safe("movb $0, (%0)", "r"(_text));
	report(vector == PF_VECTOR, "the image's text is read-only");
	vector = asm_safe("movb $0, (%0)", "r"(&ret));
	report(vector == PF_VECTOR, "so are its constants");
	report(faults_on_read((void *)8), "there is nothing at a null pointer");
}

static __noinline u64 recurse(u64 depth)
{
	volatile u64 frame[64];

	frame[depth % 64] = depth;
	return depth < 1ul << 32 ? recurse(depth + 1) + frame[depth % 64] : 0;
}

static void run_out_of_stack(void *data)
{
	*(u64 *)data = recurse(0);
}

/*
 * The #PF for the guard page has no stack to be pushed on, so it becomes a #DF, which has a
 * stack of its own (IST). If the IST does not work, this test does not fail but ends in a triple
 * fault.
 */
TEST(stack_overflow, .on = EACH_CPU,
     .about = "running out of stack is a #DF, and the address tells whose stack it was")
{
	u64 depth = 1;
	u64 bottom = stack_bottom(smp_id());

	report(!is_mapped((void *)(bottom - 1)) && is_mapped((void *)bottom) &&
		       read_rsp() >= bottom && read_rsp() < bottom + STACK_PAGES * PAGE_SIZE,
	       "this stack has a guard page");
	report(catch_exception(run_out_of_stack, &depth) == DF_VECTOR && depth == 1,
	       "#DF at the end of the stack");
	report(stack_guard_owner(exception_cr2()) == smp_id(), "cr2 %lx is in the guard page",
	       exception_cr2());
	report(catch_exception(run_out_of_stack, &depth) == DF_VECTOR, "#DF a second time");
}

static u64 walked[8];
static int walked_count;
static u64 return_addresses[2];

static __noinline void walk_here(void)
{
	return_addresses[0] = (u64)__builtin_return_address(0);
	walked_count = backtrace_walk((u64)__builtin_frame_address(0), walked, ARRAY_SIZE(walked));
}

static __noinline void walk_from(void)
{
	return_addresses[1] = (u64)__builtin_return_address(0);
	walk_here();
	barrier();
}

static void walk_in_handler(struct ex_regs *regs)
{
	skip_ud2(regs);
	walk_here();
}

static __noinline u64 fault_and_walk(void)
{
	asm volatile("ud2");
	return (u64)__builtin_return_address(0);
}

TEST(backtrace, .on = EACH_CPU, .about = "a backtrace names the callers, also through an exception")
{
	u64 caller;
	bool found = false;
	handler before;

	walk_from();
	report(walked_count > 3 && walked[0] == return_addresses[0] &&
		       walked[1] == return_addresses[1],
	       "the backtrace names two callers, of %d", walked_count);
	before = handle_exception(UD_VECTOR, walk_in_handler);
	caller = fault_and_walk();
	handle_exception(UD_VECTOR, before);
	for (int i = 0; i < walked_count; i++)
		found |= walked[i] == caller;
	report(found, "the backtrace goes through an exception");
	report(backtrace_walk(0xffffa00000000000, walked, 8) == 0 &&
		       backtrace_walk(3, walked, 8) == 0,
	       "a wild frame pointer ends the backtrace");
}

/* ---- the CPU's own registers ---- */

TEST(cpu_setup, .on = EACH_CPU,
     .about = "every CPU has its own descriptor tables and GS base, and SSE works")
{
	struct descriptor_table_ptr gdt, idt;
	u64 in[2] = { 0x0123456789abcdef, ~0ul }, out[2] = { 0 };

	sgdt(&gdt);
	sidt(&idt);
	report(gdt.base == (u64)this_gdt() && str() == TSS_MAIN && read_cs() == KERNEL_CS &&
		       read_ss() == KERNEL_DS && idt.limit == 256 * 16 - 1,
	       "GDT, IDT, TR and segments");
	report(rdmsr(MSR_GS_BASE) == this_cpu_offset() &&
		       this_cpu_offset() == percpu_offsets[smp_id()],
	       "GS base");
	report(cpu_apic_id(smp_id()) == apic_id(), "APIC id %u", apic_id());
	asm volatile("movdqu %1, %%xmm7; movdqu %%xmm7, %0" : "=m"(out) : "m"(in) : "memory");
	report(!memcmp(in, out, sizeof(in)), "an SSE register keeps 16 bytes");
	write_dr0(0x123456789000);
	report(read_dr0() == 0x123456789000, "a debug register keeps its value");
	write_dr0(0);
	report(read_cr0() & X86_CR0_WP && read_cr4() & X86_CR4_PAE && !read_cr8(),
	       "cr0 %lx, cr4 %lx, cr8 %lx", read_cr0(), read_cr4(), read_cr8());
}
