// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of a nested guest and of the guest that runs it, across a move (AMD APM
 * volume 2: 15.5 VMRUN, 15.6 #VMEXIT, 15.7.1 state saved on exit, appendix B VMCB,
 * 15.23 LBR virtualization; 4.5 segment registers; 13.1 debug registers).
 *
 * A vCPU that is in L2 has two states: L2's own, and L1's, which VMRUN has put away
 * and #VMEXIT brings back. A broken hypervisor saves one of them in the place of the
 * other, forgets a register of either, or takes L2's controls anew from the VMCB in
 * L1's memory, which L1 may have changed since. Registers of both are filled with
 * values that occur nowhere else, L2 is moved, and every one is read: by L2 before the
 * move and after, by L1 in the VMCB after the exit, and L1's own after the exit.
 *
 * Not told apart: a register that is lost in the move from one that is lost at the
 * entry or exit, but for plan none, where there is no move. What the processor keeps of
 * L1 in VM_HSAVE_PA is seen by what it restores, and not by its layout, which is its own.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "x86/nested/state.h"
#include "processor.h"
#include "nested/svm/svm.h"
#include "xsave.h"

/* ---- registers, as L2 and L1 see them ---- */

#define REGISTER(label, accessors, field, pattern)                                                 \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = offsetof(struct vmcb, save.field), .value = pattern                       \
	}

struct state_register registers[] = {
	REGISTER("CR0", cr0, cr0, 0),
	REGISTER("CR2", cr2, cr2, NOWHERE(1)),
	REGISTER("CR3", cr3, cr3, 0),
	REGISTER("CR4", cr4, cr4, 0),
	REGISTER("EFER", efer, efer, 0),
	REGISTER("DR6", dr6, dr6, 0xffff0ff0 | BIT(1) | BIT(3)),
	/* Four execution breakpoints, at what is in DR0 to DR3. */
	REGISTER("DR7", dr7, dr7, 0x455),
	REGISTER("STAR", star, star, 0x00230010aabbccdd),
	REGISTER("LSTAR", lstar, lstar, NOWHERE(2)),
	REGISTER("CSTAR", cstar, cstar, NOWHERE(3)),
	REGISTER("SFMASK", sfmask, sfmask, 0x00015a5a),
	REGISTER("KernelGsBase", kernel_gs_base, kernel_gs_base, NOWHERE(4)),
	REGISTER("SYSENTER_CS", sysenter_cs, sysenter_cs, 0x2b10),
	/* AMD's are 32 bits wide in long mode too. */
	REGISTER("SYSENTER_ESP", sysenter_esp, sysenter_esp, 0x7a5a1230),
	REGISTER("SYSENTER_EIP", sysenter_eip, sysenter_eip, 0x6b4b5670),
	REGISTER("FS.base", fs_base, fs.base, NOWHERE(7)),
	REGISTER("GDTR.base", gdt_base, gdtr.base, 0),
	REGISTER("IDTR.base", idt_base, idtr.base, 0),
};

const unsigned register_count = ARRAY_SIZE(registers);

static u64 vmcb_value(const struct vmcb *vmcb, const struct state_register *reg)
{
	return *(const u64 *)((const char *)vmcb + reg->guest);
}

static void set_vmcb_value(struct vmcb *vmcb, const struct state_register *reg, u64 value)
{
	*(u64 *)((char *)vmcb + reg->guest) = value;
}

/* ---- L2's state, from the VMCB and back ---- */

static void check_vmcb(const struct vmcb *vmcb)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];

		report_if_failed(vmcb_value(vmcb, reg) == reg->value,
				 "%s in the VMCB after the exit is 0x%lx, and was 0x%lx in L2",
				 reg->name, vmcb_value(vmcb, reg), reg->value);
	}
	report(true, "%u registers of L2 in the VMCB after the exit", register_count);
}

/* L1's DR0 to DR3, which VMRUN leaves as they are. */
static void fill_breakpoint_addresses(u64 seed)
{
	write_dr0(NOWHERE(seed));
	write_dr1(NOWHERE(seed + 1));
	write_dr2(NOWHERE(seed + 2));
	write_dr3(NOWHERE(seed + 3));
}

static bool breakpoint_addresses_are(u64 seed)
{
	return read_dr0() == NOWHERE(seed) && read_dr1() == NOWHERE(seed + 1) &&
	       read_dr2() == NOWHERE(seed + 2) && read_dr3() == NOWHERE(seed + 3);
}

/* CR2 and DR6 are not restored, and DR7 becomes 0x400 (15.6). */
static bool comes_back(const struct state_register *reg)
{
	return reg->read != read_cr2 && reg->read != read_dr6 && reg->read != read_dr7;
}

static void check_own(const u64 *before)
{
	u64 now[MOST_REGISTERS];

	read_registers(now);
	for (unsigned i = 0; i < register_count; i++)
		if (comes_back(&registers[i]))
			report_if_failed(now[i] == before[i],
					 "L1's %s after the exit is 0x%lx and was 0x%lx",
					 registers[i].name, now[i], before[i]);
	report(true, "L1's registers after the exit");
}

static void check_state(bool nested_paging, bool write)
{
	struct reading reading = { .write = write };
	struct l2 *l2 = l2_new(state_in_l2, &reading);
	struct tables tables = fill_values();
	u64 cr2 = read_cr2(), dr6 = read_dr6(), dr7 = read_dr7();
	u64 own[MOST_REGISTERS];

	if (nested_paging)
		svm_use_npt(l2);
	for (unsigned i = 0; i < register_count && !write; i++)
		set_vmcb_value(l2->vmcb, &registers[i], registers[i].value);
	fill_breakpoint_addresses(20);
	read_registers(own);
	if (l2_expect_call(l2, 1)) {
		check_own(own);
		report(read_dr7() == 0x400, "L1's DR7 after the exit is 0x%lx, should be 0x400",
		       read_dr7());
		report(breakpoint_addresses_are(20), "DR0 to DR3, which L1 and L2 share");
		check_reading(reading.values[0], "before the move");
		check_reading(reading.values[1], "after the move");
		check_vmcb(l2->vmcb);
		l2_expect_return(l2);
		check_reading(reading.values[0], "after another exit and entry");
		check_own(own);
	}
	write_dr6(dr6);
	write_dr7(dr7);
	write_cr2(cr2);
	l2_free(l2);
	free_tables(&tables);
}

TEST(registers_from_vmcb, .on = EACH_CPU, .needs = SVM,
     .about = "control, debug, system call registers of L2 and L1, set in the VMCB, moved in L2")
{
	check_state(false, false);
}

TEST(registers_from_vmcb_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the same with nested paging")
{
	check_state(true, false);
}

TEST(registers_written_in_l2, .on = EACH_CPU, .needs = SVM,
     .about = "registers that L2 itself has written survive a move and come out in the VMCB")
{
	check_state(false, true);
}

TEST(registers_written_in_l2_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the same with nested paging")
{
	check_state(true, true);
}

/* ---- segments: what only the VMCB shows ---- */

static void moved_in_l2(void *data)
{
	migrate_quiet();
}

static void check_segment(const char *name, const struct vmcb_segment *now,
			  const struct vmcb_segment *before)
{
	report(!memcmp(now, before, sizeof(*now)),
	       "%s is %04x, attributes %03x, limit %x, base %lx; was %04x, %03x, %x, %lx", name,
	       now->selector, now->attributes, now->limit, now->base, before->selector,
	       before->attributes, before->limit, before->base);
}

TEST(segments, .on = EACH_CPU, .needs = SVM,
     .about = "selectors, attributes, limits and bases of L2's segments survive a move in L2")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;
	struct vmcb_segment gdtr, idtr;

	/*
	 * Those that 64-bit code does not look at. The granularity bit has to go with the
	 * limit: processors may derive it.
	 */
	save->es = (struct vmcb_segment){ KERNEL_DS, 0xc93, 0x12345fff, 0x11223344 };
	save->fs = (struct vmcb_segment){ USER_DS, 0xcf3, 0xabcdefff, NOWHERE(1) };
	save->gs.selector = KERNEL_DS16;
	save->gs.attributes = 0x093;
	save->gs.limit = 0xffff;
	save->ldtr = (struct vmcb_segment){ FIRST_SPARE_SEL, 0x082, 0x77, NOWHERE(2) };
	save->tr.limit = 0x2067;
	save->tr.attributes = 0x08b;
	save->gdtr.limit = 0x8f;
	save->idtr.limit = 0xfef;
	gdtr = save->gdtr;
	idtr = save->idtr;

	{
		const struct vmcb_save_area before = *save;

		l2_expect_return(l2);
		check_segment("CS", &save->cs, &before.cs);
		check_segment("SS", &save->ss, &before.ss);
		check_segment("DS", &save->ds, &before.ds);
		check_segment("ES", &save->es, &before.es);
		check_segment("FS", &save->fs, &before.fs);
		check_segment("GS", &save->gs, &before.gs);
		check_segment("LDTR", &save->ldtr, &before.ldtr);
		check_segment("TR", &save->tr, &before.tr);
		report(save->cpl == before.cpl, "CPL is %d, was %d", save->cpl, before.cpl);
	}
	report(save->gdtr.limit == gdtr.limit && save->gdtr.base == gdtr.base,
	       "GDTR is %lx, limit %x; was %lx, limit %x", save->gdtr.base, save->gdtr.limit,
	       gdtr.base, gdtr.limit);
	report(save->idtr.limit == idtr.limit && save->idtr.base == idtr.base,
	       "IDTR is %lx, limit %x; was %lx, limit %x", save->idtr.base, save->idtr.limit,
	       idtr.base, idtr.limit);
	l2_free(l2);
}

/* ======== what x86/nested/state.c needs ======== */

HOLD_ENDS("vmmcall");

/* SVM lets L2 write it. */
void let_l2_write_xcr0(struct l2 *l2)
{
}

/* ---- L1 ---- */

struct flow {
	u64 rflags, cs, ds, es, ss;
};

static void read_flow(struct flow *flow)
{
	*flow = (struct flow){ read_rflags(), read_cs(), read_ds(), read_es(), read_ss() };
}

TEST(l1_flags_and_segments, .on = EACH_CPU, .needs = SVM,
     .about = "L1's RFLAGS and segment selectors come back after L2, which had others, was moved")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	struct flow before, after;
	u16 ds = read_ds(), es = read_es();

	l2->vmcb->save.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_OF | X86_EFLAGS_SF;
	l2->vmcb->save.es.selector = 0;
	write_es(USER_DS);
	write_rflags(read_rflags() | X86_EFLAGS_ID | X86_EFLAGS_AC);
	read_flow(&before);
	l2_enter(l2);
	read_flow(&after);
	write_rflags(after.rflags & ~(X86_EFLAGS_ID | X86_EFLAGS_AC));
	write_ds(ds);
	write_es(es);
	report(l2->vmcb->control.exitcode == SVM_EXIT_VMMCALL, "L2 came to its end: exit %s",
	       l2_exit_text(l2));
	report(!((after.rflags ^ before.rflags) &
		 (X86_EFLAGS_ID | X86_EFLAGS_AC | X86_EFLAGS_IF | X86_EFLAGS_IOPL | X86_EFLAGS_DF |
		  X86_EFLAGS_TF)),
	       "L1's RFLAGS is 0x%lx, was 0x%lx", after.rflags, before.rflags);
	report(after.cs == before.cs && after.ss == before.ss && after.ds == before.ds &&
		       after.es == before.es,
	       "L1's CS %lx, SS %lx, DS %lx, ES %lx; were %lx, %lx, %lx, %lx", after.cs, after.ss,
	       after.ds, after.es, before.cs, before.ss, before.ds, before.es);
	report(irqs_enabled(), "interrupts are on in L1 after the exit");
	l2_free(l2);
}

/* What VMLOAD loads is not brought back by #VMEXIT: it is L2's until L1 loads its own. */
TEST(vmload_state_passes_exit, .on = EACH_CPU, .needs = SVM,
     .about = "VMLOAD and VMSAVE carry the same state before and after a move in L1 between them")
{
	struct vmcb *own = alloc_page(), *other = alloc_page(), *after = alloc_page();
	struct vmcb_save_area *save = &other->save;
	u64 flags;

	svm_enable();
	flags = irq_save();
	vmsave(virt_to_phys(own));
	*other = *own;
	save->star = 0x001b0010deadbeef;
	save->lstar = NOWHERE(31);
	save->cstar = NOWHERE(32);
	save->sfmask = 0x3456;
	save->kernel_gs_base = NOWHERE(33);
	save->sysenter_cs = 0x1234;
	save->sysenter_esp = 0x5c3c1230;
	save->sysenter_eip = 0x4d2d5670;
	save->fs = (struct vmcb_segment){ USER_DS, 0xcf3, 0x4567ffff, NOWHERE(36) };
	save->ldtr = (struct vmcb_segment){ FIRST_SPARE_SEL, 0x082, 0x3f, NOWHERE(37) };
	vmload(virt_to_phys(other));
	migrate_quiet();
	vmsave(virt_to_phys(after));
	vmload(virt_to_phys(own));
	irq_restore(flags);

	check_segment("FS", &after->save.fs, &save->fs);
	check_segment("LDTR", &after->save.ldtr, &save->ldtr);
	report(after->save.star == save->star && after->save.lstar == save->lstar &&
		       after->save.cstar == save->cstar && after->save.sfmask == save->sfmask,
	       "STAR %lx, LSTAR %lx, CSTAR %lx, SFMASK %lx; were %lx, %lx, %lx, %lx",
	       after->save.star, after->save.lstar, after->save.cstar, after->save.sfmask,
	       save->star, save->lstar, save->cstar, save->sfmask);
	report(after->save.kernel_gs_base == save->kernel_gs_base &&
		       after->save.sysenter_cs == save->sysenter_cs &&
		       after->save.sysenter_esp == save->sysenter_esp &&
		       after->save.sysenter_eip == save->sysenter_eip,
	       "KernelGsBase %lx, SYSENTER_CS %lx, _ESP %lx, _EIP %lx; were %lx, %lx, %lx, %lx",
	       after->save.kernel_gs_base, after->save.sysenter_cs, after->save.sysenter_esp,
	       after->save.sysenter_eip, save->kernel_gs_base, save->sysenter_cs,
	       save->sysenter_esp, save->sysenter_eip);
	free_page(own);
	free_page(other);
	free_page(after);
}

/* ---- the VMCB in memory, while L2 runs ---- */

/*
 * The processor reads the VMCB at VMRUN (15.5.1) and writes it at #VMEXIT. What is in memory
 * in between concerns nobody. L2 sees L1's memory, and changes it itself.
 */
struct rewrite {
	struct l2 *l2;
	u64 tsc_before, tsc_after;
	bool done;
};

#define FAR_AWAY (1ul << 60)

static void rewrite_in_l2(void *data)
{
	struct rewrite *rewrite = data;
	struct vmcb_control_area *control = &rewrite->l2->vmcb->control;
	struct vmcb_save_area *save = &rewrite->l2->vmcb->save;

	/* Controls that would stop L2 at once, or send it elsewhere. */
	svm_set_intercept(rewrite->l2, INTERCEPT_CPUID);
	svm_set_intercept(rewrite->l2, INTERCEPT_RDTSC);
	svm_set_intercept(rewrite->l2, INTERCEPT_PAUSE);
	svm_set_intercept(rewrite->l2, INTERCEPT_EXCEPTION + UD_VECTOR);
	control->tsc_offset = FAR_AWAY;
	control->eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR;
	save->rip = NOWHERE(1);
	save->rsp = NOWHERE(2);
	save->cr3 = 0;
	save->efer = 0;
	save->rax = 0x1111;
	/* It runs on as it began, moved or not. */
	rewrite->tsc_before = rdtsc();
	migrate_quiet();
	rewrite->tsc_after = rdtsc();
	raw_cpuid(0, 0);
	pause();
	asm_safe("ud2", "i"(0));
	rewrite->done = exception_vector() == UD_VECTOR;
	l2_call(3);
	raw_cpuid(0, 0);
}

TEST(vmcb_changed_while_l2_runs, .on = EACH_CPU, .needs = SVM,
     .about =
	     "what L1 changes in its VMCB while L2 runs takes effect at the next VMRUN, not before")
{
	struct rewrite rewrite = { 0 };
	struct l2 *l2 = l2_new(rewrite_in_l2, &rewrite);
	struct vmcb_control_area *control = &l2->vmcb->control;
	u64 efer = l2->vmcb->save.efer, cr3 = l2->vmcb->save.cr3;
	u64 tsc = rdtsc();

	rewrite.l2 = l2;
	if (l2_expect_call(l2, 3)) {
		report(rewrite.done, "L2 ran on as it had begun");
		report(rewrite.tsc_after - rewrite.tsc_before < FAR_AWAY / 2 &&
			       rewrite.tsc_before - tsc < FAR_AWAY / 2,
		       "the TSC offset is that of the last VMRUN: TSC in L1 %lx, in L2 %lx, then "
		       "%lx",
		       tsc, rewrite.tsc_before, rewrite.tsc_after);
		report(l2->vmcb->save.efer == efer && l2->vmcb->save.cr3 == cr3,
		       "the exit writes L2's own state: EFER 0x%lx, was 0x%lx; CR3 0x%lx, was "
		       "0x%lx",
		       l2->vmcb->save.efer, efer, l2->vmcb->save.cr3, cr3);
		report(control->tsc_offset == FAR_AWAY && svm_intercepts(l2, INTERCEPT_CPUID),
		       "the exit leaves controls as L1 has changed them: TSC_OFFSET 0x%lx",
		       control->tsc_offset);
		control->tsc_offset = 0;
		l2_expect(l2, SVM_EXIT_CPUID, "the new intercept, at the next VMRUN");
	}
	l2_free(l2);
}

TEST(vmcb_of_another_page, .on = EACH_CPU, .needs = SVM,
     .about = "two VMCBs that are entered in turn, with a move between, keep each its own state")
{
	struct reading unused;
	struct l2 *first = l2_new(moved_in_l2, &unused), *second = l2_new(moved_in_l2, &unused);

	first->vmcb->save.cr2 = NOWHERE(1);
	second->vmcb->save.cr2 = NOWHERE(2);
	first->vmcb->save.lstar = NOWHERE(3);
	second->vmcb->save.lstar = NOWHERE(4);
	l2_expect_return(first);
	migrate_quiet();
	l2_expect_return(second);
	report(first->vmcb->save.cr2 == NOWHERE(1) && first->vmcb->save.lstar == NOWHERE(3),
	       "the first VMCB: CR2 %lx, LSTAR %lx", first->vmcb->save.cr2,
	       first->vmcb->save.lstar);
	report(second->vmcb->save.cr2 == NOWHERE(2) && second->vmcb->save.lstar == NOWHERE(4),
	       "the second VMCB: CR2 %lx, LSTAR %lx", second->vmcb->save.cr2,
	       second->vmcb->save.lstar);
	l2_free(first);
	l2_free(second);
}

/* ---- SVM's own registers, and being between guests ---- */

TEST(svm_registers, .on = EACH_CPU, .needs = SVM,
     .about = "EFER.SVME, VM_HSAVE_PA and VM_CR keep their values through a move in L1")
{
	void *page = alloc_page();
	u64 efer, hsave, vm_cr;

	svm_enable();
	hsave = rdmsr(MSR_VM_HSAVE_PA);
	vm_cr = rdmsr(MSR_VM_CR);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(page));
	efer = rdmsr(MSR_EFER);
	migrate_quiet();
	report(rdmsr(MSR_EFER) == efer && efer & EFER_SVME, "EFER is 0x%lx, was 0x%lx",
	       rdmsr(MSR_EFER), efer);
	report(rdmsr(MSR_VM_HSAVE_PA) == virt_to_phys(page), "VM_HSAVE_PA is 0x%lx, was 0x%lx",
	       rdmsr(MSR_VM_HSAVE_PA), virt_to_phys(page));
	report(rdmsr(MSR_VM_CR) == vm_cr, "VM_CR is 0x%lx, was 0x%lx", rdmsr(MSR_VM_CR), vm_cr);
	wrmsr(MSR_VM_HSAVE_PA, hsave);
	free_page(page);
}

TEST(off_and_on, .on = EACH_CPU, .needs = SVM,
     .about = "SVM that is turned off stays off through a move, and can be turned on again")
{
	struct l2 *l2;

	svm_enable();
	svm_disable();
	migrate_quiet();
	report(!(rdmsr(MSR_EFER) & EFER_SVME), "EFER.SVME is off after the move: EFER 0x%lx",
	       rdmsr(MSR_EFER));
	l2 = l2_new(moved_in_l2, NULL);
	l2_expect_return(l2);
	l2_free(l2);
}

/* ---- last branches ---- */

static void branch_in_l2(void *data)
{
	u64 *record = data;

	wrmsr(MSR_IA32_DEBUGCTLMSR, DEBUGCTLMSR_LBR);
	asm volatile("jmp 1f; 1: nop" : : : "memory");
	wrmsr(MSR_IA32_DEBUGCTLMSR, 0);
	record[0] = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	record[1] = rdmsr(MSR_IA32_LASTBRANCHTOIP);
	migrate_quiet();
	record[2] = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	record[3] = rdmsr(MSR_IA32_LASTBRANCHTOIP);
}

static void check_last_branch(bool separate)
{
	u64 record[4] = { 0 }, from, to;
	struct l2 *l2 = l2_new(branch_in_l2, record);

	if (separate)
		l2->vmcb->control.lbr_virtualization_enable = LBR_CTL_ENABLE_MASK;
	wrmsr(MSR_IA32_DEBUGCTLMSR, DEBUGCTLMSR_LBR);
	asm volatile("jmp 1f; 1: nop" : : : "memory");
	wrmsr(MSR_IA32_DEBUGCTLMSR, 0);
	from = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	to = rdmsr(MSR_IA32_LASTBRANCHTOIP);
	l2_expect_return(l2);
	report(record[0] && record[0] == record[2] && record[1] == record[3],
	       "L2's last branch is %lx to %lx after the move, was %lx to %lx", record[2],
	       record[3], record[0], record[1]);
	if (separate) {
		report(l2->vmcb->save.br_from == record[0] && l2->vmcb->save.br_to == record[1],
		       "the VMCB has L2's: %lx to %lx", l2->vmcb->save.br_from,
		       l2->vmcb->save.br_to);
		report(rdmsr(MSR_IA32_LASTBRANCHFROMIP) == from &&
			       rdmsr(MSR_IA32_LASTBRANCHTOIP) == to,
		       "L1 has its own: %lx to %lx, was %lx to %lx",
		       rdmsr(MSR_IA32_LASTBRANCHFROMIP), rdmsr(MSR_IA32_LASTBRANCHTOIP), from, to);
	} else {
		report(rdmsr(MSR_IA32_LASTBRANCHFROMIP) == record[0] &&
			       rdmsr(MSR_IA32_LASTBRANCHTOIP) == record[1],
		       "L1 sees L2's, which it shares: %lx to %lx",
		       rdmsr(MSR_IA32_LASTBRANCHFROMIP), rdmsr(MSR_IA32_LASTBRANCHTOIP));
	}
	l2_free(l2);
}

TEST(last_branch_separate, .on = EACH_CPU, .needs = SVM_LBRV,
     .about = "with LBR virtualization L1 and L2 have each its last branch, through a move in L2")
{
	check_last_branch(true);
}

TEST(last_branch_shared, .on = EACH_CPU, .needs = SVM_LBRV,
     .about = "without it they share one, through a move in L2")
{
	check_last_branch(false);
}
