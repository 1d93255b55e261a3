// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of a nested guest and of the guest that runs it, across a migration (AMD APM volume 2:
 * 15.5 VMRUN, 15.6 #VMEXIT, 15.7.1 state saved on exit, appendix B VMCB, 15.23 LBR virtualization;
 * 4.5 segment registers; 13.1 debug registers).
 *
 * A vCPU that is in L2 has two states: L2's own, and L1's, which VMRUN has saved and #VMEXIT
 * restores. A broken hypervisor saves one of them in the place of the other; forgets a register of
 * either; or takes L2's controls again from the VMCB in L1's memory, which L1 may have changed
 * since VMRUN.
 *
 * How the tests see it: registers of both sides have values that no other register has. L2 is
 * migrated. L2 reads its registers before and after the migration; after the exit, L1 reads them in
 * the VMCB, and its own.
 *
 * What they cannot tell: whether a register is lost in the migration or at the entry or exit; under
 * plan none there is no migration. The format of L1's state at VM_HSAVE_PA is the processor's own,
 * so the tests only see what is restored from it.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_state/svm_state.h"

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
	/* Four execution breakpoints, at the addresses in DR0 to DR3. */
	REGISTER("DR7", dr7, dr7, 0x455),
	REGISTER("STAR", star, star, 0x00230010aabbccdd),
	REGISTER("LSTAR", lstar, lstar, NOWHERE(2)),
	REGISTER("CSTAR", cstar, cstar, NOWHERE(3)),
	REGISTER("SFMASK", sfmask, sfmask, 0x00015a5a),
	REGISTER("KernelGsBase", kernel_gs_base, kernel_gs_base, NOWHERE(4)),
	REGISTER("SYSENTER_CS", sysenter_cs, sysenter_cs, 0x2b10),
	/* On AMD this register has 32 bits in long mode, too. */
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

HOLD_ENDS("vmmcall");

/* On SVM, L2 writes XCR0 itself. */
void let_l2_write_xcr0(struct l2 *l2)
{
}

void moved_in_l2(void *data)
{
	migrate_quiet();
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

/* DR0 to DR3, which VMRUN does not change. */
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
		check_reading(reading.values[0], "before the migration");
		check_reading(reading.values[1], "after the migration");
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
     .about =
	     "control, debug and system call registers of L2, set in the VMCB, and L1's survive a migration in L2")
{
	check_state(false, false);
}

TEST(registers_from_vmcb_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "control, debug and system call registers of L2, set in the VMCB, and L1's survive a migration in L2 (nested paging)")
{
	check_state(true, false);
}

TEST(registers_written_in_l2, .on = EACH_CPU, .needs = SVM,
     .about =
	     "registers that L2 has written survive a migration in L2, and are in the VMCB after the exit")
{
	check_state(false, true);
}

TEST(registers_written_in_l2_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "registers that L2 has written survive a migration in L2, and are in the VMCB after the exit (nested paging)")
{
	check_state(true, true);
}
