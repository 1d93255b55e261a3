// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's registers after an exit, which are the host state of the VMCS (Intel SDM volume 3, 28.5
 * "Loading Host State").
 *
 * A broken hypervisor gives L1 the registers that it had at the VM entry, or those that L2 had.
 */
#include "libcflat.h"
#include "desc.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

#define TABLE_LIMIT_AFTER_EXIT 0xffff

/* What an exit sets to fixed values, and does not take from the VMCS (28.5). */
struct flow {
	u64 rflags, cs, ss, ds, es, fs, gs, tr, ldtr, gdt_limit, idt_limit, debugctl;
};

static struct flow read_flow(const struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	return (struct flow){
		l2->exit_rflags, read_cs(),  read_ss(),	 read_ds(),
		read_es(),	 read_fs(),  read_gs(),	 str(),
		sldt(),		 gdtr.limit, idtr.limit, rdmsr(MSR_IA32_DEBUGCTLMSR)
	};
}

/*
 * L1 makes the host state differ from its registers, so that it gets registers that it never had. A
 * broken hypervisor gives back the registers that L1 had at the entry.
 */
TEST(host_state, .on = EACH_CPU, .needs = VMX,
     .about =
	     "after a migration in L2 an exit gives L1 the host state of the VMCS, not its older registers")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	struct tables tables = fill_values();
	u64 now[MOST_REGISTERS], gs_base = rdmsr(MSR_GS_BASE), es = read_es(), ds = read_ds(), dr7;
	struct flow flow;

	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED && !broken("host"))
			vmx_set(l2, registers[i].host, registers[i].value);
	vmx_set(l2, HOST_ES_SELECTOR, KERNEL_DS16);
	vmx_set(l2, HOST_DS_SELECTOR, 0);
	/* These breakpoints are never reached. The exit turns them off. */
	write_dr7(find_register("DR7")->value);
	l2_enter(l2);
	if (broken("host"))
		write_dr7(find_register("DR7")->value);
	dr7 = read_dr7();
	flow = read_flow(l2);
	read_registers(now);
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED)
			registers[i].write(registers[i].own);
	write_ds(ds);
	write_es(es);
	report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED)
			report(now[i] == registers[i].value,
			       "L1's %s is 0x%lx; expected what %s has, 0x%lx, and not the older 0x%lx",
			       registers[i].name, now[i], vmcs_field_name(registers[i].host),
			       registers[i].value, registers[i].own);
	report(flow.rflags == X86_EFLAGS_FIXED, "L1's RFLAGS is 0x%lx, expected 0x2", flow.rflags);
	report(flow.cs == KERNEL_CS && flow.ss == KERNEL_DS && !flow.ds && flow.es == KERNEL_DS16 &&
		       !flow.fs && !flow.gs && flow.tr == TSS_MAIN && !flow.ldtr,
	       "L1's CS %lx, SS %lx, DS %lx, ES %lx, FS %lx, GS %lx, TR %lx, LDTR %lx; expected %x, %x, 0, %x, 0, 0, %x, 0",
	       flow.cs, flow.ss, flow.ds, flow.es, flow.fs, flow.gs, flow.tr, flow.ldtr, KERNEL_CS,
	       KERNEL_DS, KERNEL_DS16, TSS_MAIN);
	report(flow.gdt_limit == TABLE_LIMIT_AFTER_EXIT && flow.idt_limit == TABLE_LIMIT_AFTER_EXIT,
	       "the limits of L1's GDTR and IDTR are 0x%lx and 0x%lx, expected 0xffff",
	       flow.gdt_limit, flow.idt_limit);
	report(dr7 == DR7_AFTER_EXIT && !flow.debugctl,
	       "L1's DR7 is 0x%lx, expected 0x400; IA32_DEBUGCTL 0x%lx, expected 0", dr7,
	       flow.debugctl);
	report(rdmsr(MSR_GS_BASE) == gs_base, "L1's GS base is 0x%lx, was 0x%lx",
	       rdmsr(MSR_GS_BASE), gs_base);
	report(irqs_enabled(), "interrupts should be on again in L1");
	l2_free(l2);
	free_tables(&tables);
}
