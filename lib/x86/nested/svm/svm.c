// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes an L2 on SVM, enters it, and reads and writes its state (AMD APM volume 2, chapter 15). See
 * svm.h.
 */
#include "nested/svm/svm.h"
#include "alloc_page.h"
#include "memory.h"
#include "percpu.h"
#include "processor.h"

#define IOPM_ORDER  2
#define MSRPM_ORDER 1

#define FOUR_GIB  (1ul << 32)
#define NPT_ENTRY (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)

void svm_vmrun(phys_addr_t vmcb, struct l2_registers *registers, phys_addr_t own);
extern char svm_l2_begin[];

/*
 * VMRUN saves most of L1's state in host_save. It does not save FS, GS, TR, LDTR and the MSRs of
 * SYSCALL, SYSENTER and SWAPGS. svm-entry.S saves these in own_vmcb with VMSAVE.
 */
static PER_CPU(void *, host_save);
static PER_CPU(struct vmcb *, own_vmcb);
static PER_CPU(u32, last_asid);

/* ---- features ---- */

u32 svm_features(void)
{
	return cpuid(0x8000000a).d;
}

u32 svm_asids(void)
{
	return cpuid(0x8000000a).b;
}

/* Every CPU with SVM has the features that l2.h declares. */
#define SVM_TEXT "SVM (CPUID Fn8000_0001_ECX bit 2, and VM_CR.SVMDIS clear)"
#define L2_FEATURE(id)                                                                             \
	FEATURE(id, SVM_TEXT)                                                                      \
	{                                                                                          \
		return SVM_present();                                                              \
	}

FEATURE(SVM, SVM_TEXT)
{
	return this_cpu_has(X86_FEATURE_SVM) && !(rdmsr(MSR_VM_CR) & SVM_VM_CR_SVM_DIS);
}

L2_FEATURE(L2)
L2_FEATURE(L2_OWN_EFER)
L2_FEATURE(L2_TSC_OFFSET)

#define SVM_FEATURE(id, bit, text)                                                                 \
	FEATURE(id, text " (CPUID Fn8000_000A_EDX bit " #bit ")")                                  \
	{                                                                                          \
		return SVM_present() && svm_features() >> (bit)&1;                                 \
	}

SVM_FEATURE(SVM_NPT, 0, "nested paging")
SVM_FEATURE(SVM_LBRV, 1, "LBR virtualization")
SVM_FEATURE(SVM_LOCK, 2, "SVM lock")
SVM_FEATURE(SVM_NRIPS, 3, "next-RIP save")
SVM_FEATURE(SVM_TSC_RATE, 4, "TSC_RATIO")
SVM_FEATURE(SVM_FLUSH_BY_ASID, 6, "flush by ASID")
SVM_FEATURE(SVM_DECODE_ASSISTS, 7, "decode assists")
SVM_FEATURE(SVM_PAUSE_FILTER, 10, "the pause filter")
SVM_FEATURE(SVM_VGIF, 16, "virtual GIF")
SVM_FEATURE(SVM_VNMI, 25, "virtual NMI")

/* ---- on and off ---- */

void svm_enable(void)
{
	if (rdmsr(MSR_EFER) & EFER_SVME)
		return;
	if (!this_cpu(host_save)) {
		this_cpu(host_save) = alloc_page();
		this_cpu(own_vmcb) = alloc_page();
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(this_cpu(host_save)));
}

void svm_disable(void)
{
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

/* ---- making an L2 ---- */

/* What this selector loads from the library's GDT (desc.c): base 0, limit 4 GiB. */
static struct vmcb_segment flat_segment(u16 selector, bool code)
{
	return (struct vmcb_segment){
		.selector = selector,
		.attributes = code ? 0xa9b : 0xc93,
		.limit = 0xffffffff,
	};
}

static void copy_own_state(struct vmcb *vmcb)
{
	struct descriptor_table_ptr gdtr, idtr;
	struct vmcb_save_area *save = &vmcb->save;

	vmsave(virt_to_phys(vmcb));
	sgdt(&gdtr);
	sidt(&idtr);
	save->cs = flat_segment(read_cs(), true);
	save->ss = flat_segment(read_ss(), false);
	save->ds = flat_segment(read_ds(), false);
	save->es = flat_segment(read_es(), false);
	save->gdtr = (struct vmcb_segment){ .limit = gdtr.limit, .base = gdtr.base };
	save->idtr = (struct vmcb_segment){ .limit = idtr.limit, .base = idtr.base };
	save->efer = rdmsr(MSR_EFER);
	save->cr0 = read_cr0();
	save->cr3 = read_cr3();
	save->cr4 = read_cr4();
	save->dr6 = read_dr6();
	save->dr7 = read_dr7();
	save->g_pat = rdmsr(MSR_IA32_CR_PAT);
	save->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
}

void l2_start(struct l2 *l2, void (*code)(void *data), void *data)
{
	struct vmcb_save_area *save = &l2->vmcb->save;

	l2->registers = (struct l2_registers){ .rbx = (u64)code, .rdi = (u64)data };
	save->rip = (u64)svm_l2_begin;
	save->rsp = l2_stack_top(l2);
	l2->vmcb->control.interrupt_shadow = 0;
}

static u32 next_asid(void)
{
	if (++this_cpu(last_asid) >= svm_asids())
		this_cpu(last_asid) = 1;
	return this_cpu(last_asid);
}

struct l2 *l2_new(void (*code)(void *data), void *data)
{
	struct l2 *l2 = calloc(1, sizeof(*l2));
	struct vmcb_control_area *control;

	svm_enable();
	l2->vmcb = alloc_page();
	l2->iopm = alloc_pages(IOPM_ORDER);
	l2->msrpm = alloc_pages(MSRPM_ORDER);
	l2_new_stack(l2);
	control = &l2->vmcb->control;
	control->iopm_base_pa = virt_to_phys(l2->iopm);
	control->msrpm_base_pa = virt_to_phys(l2->msrpm);
	control->guest_asid = next_asid();
	/* The TLB may still hold the translations of another L2 that had this ASID. */
	control->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	svm_set_intercept(l2, INTERCEPT_VMRUN);
	svm_set_intercept(l2, INTERCEPT_VMMCALL);
	svm_set_intercept(l2, INTERCEPT_SHUTDOWN);
	copy_own_state(l2->vmcb);
	l2_start(l2, code, data);
	return l2;
}

void l2_free(struct l2 *l2)
{
	if (l2->npt)
		l2_free_page_tables(l2->npt, 4);
	l2_free_stack(l2);
	free_pages(l2->msrpm);
	free_pages(l2->iopm);
	free_page(l2->vmcb);
	free(l2);
}

/* ---- nested paging ---- */

void svm_use_npt(struct l2 *l2)
{
	u64 end = FOUR_GIB;

	for (int i = 0; i < memory_regions; i++)
		end = MAX(end, memory_region[i].end);
	l2->npt = new_page_table();
	map_range_in(l2->npt, NULL, 0, ALIGN(end, 2ul << 20), NPT_ENTRY);
	l2->vmcb->control.np_enable |= SVM_NESTED_CTL_NP_ENABLE;
	l2->vmcb->control.n_cr3 = virt_to_phys(l2->npt);
}

pteval_t *svm_npt_entry(struct l2 *l2, phys_addr_t address)
{
	return get_pte(l2->npt, (void *)address);
}

/* ---- running an L2 ---- */

u64 svm_enter_gif_clear(struct l2 *l2)
{
	struct vmcb_control_area *control = &l2->vmcb->control;
	void *own;

	own = l2_before_entry(l2);
	svm_vmrun(virt_to_phys(l2->vmcb), &l2->registers, virt_to_phys(this_cpu(own_vmcb)));
	l2_after_entry(l2, own);
	control->tlb_control = TLB_CONTROL_DO_NOTHING;
	control->eventinj = 0;
	return control->exitcode;
}

u64 l2_enter(struct l2 *l2)
{
	u64 exitcode;

	clgi();
	exitcode = svm_enter_gif_clear(l2);
	stgi();
	return exitcode;
}

#define VMMCALL_LENGTH 3

u64 l2_exit(const struct l2 *l2)
{
	return l2->vmcb->control.exitcode;
}

bool l2_is_any_call(const struct l2 *l2)
{
	return l2_exit(l2) == SVM_EXIT_VMMCALL;
}

void l2_skip_call(struct l2 *l2)
{
	svm_skip(l2, VMMCALL_LENGTH);
}

void svm_skip(struct l2 *l2, unsigned length)
{
	l2_go_on_at(l2, l2_rip(l2) + length);
}

void svm_inject(struct l2 *l2, u64 event)
{
	l2->vmcb->control.eventinj = event | SVM_EVTINJ_VALID;
}

void svm_virtual_irq(struct l2 *l2, u8 vector)
{
	struct vmcb_control_area *control = &l2->vmcb->control;

	control->v_intr &= ~(V_INTR_PRIO_MASK | 0xfful << V_INTR_VECTOR_SHIFT);
	control->v_intr |= V_IRQ_MASK | (u64)(vector >> 4) << V_INTR_PRIO_SHIFT |
			   (u64)vector << V_INTR_VECTOR_SHIFT;
}

void l2_set_tsc_offset(struct l2 *l2, u64 offset)
{
	l2->vmcb->control.tsc_offset = offset;
}

/* On SVM, L2's RDMSR and WRMSR exit only if L1 wants them to. So there is nothing to carry out. */
u64 l2_enter_with_msrs(struct l2 *l2)
{
	return l2_enter(l2);
}

struct l2_registers *l2_registers(struct l2 *l2)
{
	return &l2->registers;
}

u64 l2_rip(const struct l2 *l2)
{
	return l2->vmcb->save.rip;
}

void l2_set_rip(struct l2 *l2, u64 rip)
{
	l2->vmcb->save.rip = rip;
}

void l2_go_on_at(struct l2 *l2, u64 rip)
{
	l2_set_rip(l2, rip);
	l2->vmcb->control.interrupt_shadow &= ~SVM_INTERRUPT_SHADOW_MASK;
}

u64 l2_rax(const struct l2 *l2)
{
	return l2->vmcb->save.rax;
}

void l2_set_rax(struct l2 *l2, u64 rax)
{
	l2->vmcb->save.rax = rax;
}

u64 l2_rsp(const struct l2 *l2)
{
	return l2->vmcb->save.rsp;
}

void l2_set_rsp(struct l2 *l2, u64 rsp)
{
	l2->vmcb->save.rsp = rsp;
}

u64 l2_rflags(const struct l2 *l2)
{
	return l2->vmcb->save.rflags;
}

void l2_set_rflags(struct l2 *l2, u64 rflags)
{
	l2->vmcb->save.rflags = rflags;
}

u64 l2_dr6(const struct l2 *l2)
{
	return l2->vmcb->save.dr6;
}

void l2_set_dr6(struct l2 *l2, u64 dr6)
{
	l2->vmcb->save.dr6 = dr6;
}

void l2_set_idtr(struct l2 *l2, u64 base, u16 limit)
{
	l2->vmcb->save.idtr.base = base;
	l2->vmcb->save.idtr.limit = limit;
}

void l2_call(u64 number)
{
	asm volatile("vmmcall" : "+a"(number) : : "memory");
}
