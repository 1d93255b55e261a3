// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's segments in the VMCB, L1's RFLAGS and selectors after #VMEXIT (15.6), and the registers that
 * VMLOAD and VMSAVE carry (15.5.2). See svm_state.c.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_state/svm_state.h"

/* ---- segments: what only the VMCB shows ---- */

static void check_segment(const char *name, const struct vmcb_segment *now,
			  const struct vmcb_segment *before)
{
	report(!memcmp(now, before, sizeof(*now)),
	       "%s is %04x, attributes %03x, limit %x, base %lx; was %04x, %03x, %x, %lx", name,
	       now->selector, now->attributes, now->limit, now->base, before->selector,
	       before->attributes, before->limit, before->base);
}

TEST(segments, .on = EACH_CPU, .needs = SVM,
     .about = "selectors, attributes, limits and bases of L2's segments survive a migration in L2")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;
	struct vmcb_segment gdtr, idtr;

	/*
	 * 64-bit code does not use these. The granularity bit has to match the limit, from which a
	 * processor may derive it.
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

/* ---- L1 ---- */

struct flow {
	u64 rflags, cs, ds, es, ss;
};

static void read_flow(struct flow *flow)
{
	*flow = (struct flow){ read_rflags(), read_cs(), read_ds(), read_es(), read_ss() };
}

TEST(l1_flags_and_segments, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's RFLAGS and segment selectors are restored after a migration in L2, which had others")
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

/* #VMEXIT does not restore what VMLOAD has loaded: it is L2's until L1 loads its own. */
TEST(vmload_state_passes_exit, .on = EACH_CPU, .needs = SVM,
     .about =
	     "the registers that VMLOAD has loaded survive a migration in L1 and are stored by VMSAVE")
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
