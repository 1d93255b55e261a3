// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers of L2 and L1 across a migration in L2 (Intel SDM volume 3, 27.3.2 "Loading Guest
 * State", 28.3 "Saving Guest State", 28.5 "Loading Host State").
 *
 * A broken hypervisor saves L1's register in place of L2's, or restores L2's from the VMCS, where
 * it is older.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

MSR_ACCESS(static, pat, MSR_IA32_CR_PAT)
MSR_ACCESS(static, tsc_aux, MSR_TSC_AUX)

static bool has_pat_control(void)
{
	return VMX_LOAD_PAT[0]->present();
}

static bool has_efer_control(void)
{
	return VMX_LOAD_EFER[0]->present();
}

static bool has_rdtscp(void)
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

#define IN_VMCS(label, accessors, suffix, pattern, condition_)                                     \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = GUEST_##suffix, .host = HOST_##suffix, .value = pattern,                  \
		.condition = condition_                                                            \
	}
/* The host-state field has another name, or there is none. */
#define IN_VMCS_AS(label, accessors, guest_field, host_field, pattern)                             \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = guest_field, .host = host_field, .value = pattern                         \
	}
#define IN_CPU(label, accessors, pattern, condition_)                                              \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = SHARED, .host = SHARED, .value = pattern, .condition = condition_         \
	}

struct state_register registers[] = {
	IN_VMCS("CR0", cr0, CR0, 0, NULL),
	IN_VMCS("CR3", cr3, CR3, 0, NULL),
	IN_VMCS("CR4", cr4, CR4, 0, NULL),
	IN_VMCS("EFER", efer, IA32_EFER, 0, has_efer_control),
	/* Only the first four entries are in use. */
	IN_VMCS("PAT", pat, IA32_PAT, 0x0105040600070406, has_pat_control),
	IN_VMCS_AS("SYSENTER_CS", sysenter_cs, GUEST_SYSENTER_CS, HOST_IA32_SYSENTER_CS, 0x2b10),
	IN_VMCS_AS("SYSENTER_ESP", sysenter_esp, GUEST_SYSENTER_ESP, HOST_IA32_SYSENTER_ESP,
		   NOWHERE(5)),
	IN_VMCS_AS("SYSENTER_EIP", sysenter_eip, GUEST_SYSENTER_EIP, HOST_IA32_SYSENTER_EIP,
		   NOWHERE(6)),
	IN_VMCS("FS.base", fs_base, FS_BASE, NOWHERE(7), NULL),
	IN_VMCS("GDTR.base", gdt_base, GDTR_BASE, 0, NULL),
	IN_VMCS("IDTR.base", idt_base, IDTR_BASE, 0, NULL),
	IN_CPU("DR0", dr0, NOWHERE(20), NULL),
	IN_CPU("DR1", dr1, NOWHERE(21), NULL),
	IN_CPU("DR2", dr2, NOWHERE(22), NULL),
	IN_CPU("DR3", dr3, NOWHERE(23), NULL),
	IN_CPU("DR6", dr6, 0xffff0ff0 | BIT(1) | BIT(3), NULL),
	/* Four execution breakpoints, at the addresses in DR0 to DR3. An exit sets DR7 to 0x400. */
	IN_VMCS_AS("DR7", dr7, GUEST_DR7, SHARED, 0x455),
	IN_CPU("CR2", cr2, NOWHERE(1), NULL),
	/* This is below the class of every vector in use. */
	IN_CPU("CR8", cr8, 1, NULL),
	IN_CPU("STAR", star, 0x00230010aabbccdd, NULL),
	IN_CPU("LSTAR", lstar, NOWHERE(2), NULL),
	IN_CPU("CSTAR", cstar, NOWHERE(3), NULL),
	IN_CPU("SFMASK", sfmask, 0x00015a5a, NULL),
	IN_CPU("KernelGsBase", kernel_gs_base, NOWHERE(4), NULL),
	IN_CPU("TSC_AUX", tsc_aux, 0x5a0ff1ce, has_rdtscp),
};

const unsigned register_count = ARRAY_SIZE(registers);

static bool is_shared(const struct state_register *reg)
{
	return reg->guest == SHARED;
}

static void check_vmcs(const struct l2 *l2)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];

		if (reg->there && !is_shared(reg))
			report_if_failed(vmx_get(l2, reg->guest) == reg->value,
					 "%s after the exit is 0x%lx, and was 0x%lx in L2",
					 vmcs_field_name(reg->guest), vmx_get(l2, reg->guest),
					 reg->value);
	}
	report(true, "L2's registers are in the VMCS after the exit");
}

/* L1 should have the host state of the VMCS, and shared registers as L2 has left them. */
static void check_own(const u64 *now, bool shared_too)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];
		u64 expected = is_shared(reg) ? reg->value : reg->own;

		if (!reg->there || (is_shared(reg) && !shared_too))
			continue;
		if (!is_shared(reg) && reg->host == SHARED)
			expected = DR7_AFTER_EXIT;
		report_if_failed(now[i] == expected,
				 "L1's %s after the exit is 0x%lx, expected 0x%lx", reg->name,
				 now[i], expected);
	}
	report(true, "L1 has its registers after the exit");
}

static void check_state(bool ept, bool write)
{
	struct reading reading = { .write = write };
	struct l2 *l2 = l2_new(state_in_l2, &reading);
	struct tables tables = fill_values();
	u64 now[2][MOST_REGISTERS];
	bool called;

	if (ept)
		vmx_use_ept(l2);
	for (unsigned i = 0; i < register_count && !write; i++)
		if (!registers[i].there)
			continue;
		else if (is_shared(&registers[i]))
			registers[i].write(registers[i].value);
		else
			vmx_set(l2, registers[i].guest, registers[i].value);
	l2_enter(l2);
	read_registers(now[0]);
	called = l2_is_call(l2, 1);
	report(called, "L2 should make its call: exit %s", l2_exit_text(l2));
	if (called) {
		check_vmcs(l2);
		vmx_skip(l2);
		check_reading(reading.values[0], "before the migration");
		check_reading(reading.values[1], "after the migration");
		check_own(now[0], true);
		l2_enter(l2);
		read_registers(now[1]);
		report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
		check_reading(reading.values[0], "after another exit and entry");
		check_own(now[1], false);
	}
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there)
			registers[i].write(registers[i].own);
	l2_free(l2);
	free_tables(&tables);
}

TEST(registers_from_vmcs, .on = EACH_CPU, .needs = VMX,
     .about =
	     "L2's control, debug and system-call registers, set in the VMCS, survive a migration in L2")
{
	check_state(false, false);
}

TEST(registers_from_vmcs_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "with EPT, L2's registers that are set in the VMCS survive a migration in L2")
{
	check_state(true, false);
}

TEST(registers_written_in_l2, .on = EACH_CPU, .needs = VMX,
     .about =
	     "registers that L2 writes survive a migration in L2, and are in the VMCS after the exit")
{
	check_state(false, true);
}

TEST(registers_written_in_l2_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "with EPT, registers that L2 writes survive a migration in L2, and are in the VMCS")
{
	check_state(true, true);
}
