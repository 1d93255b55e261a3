// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exits by the bitmaps of ports and MSRs (Intel SDM volume 3, 25.6.4, 25.6.9 and 26.1.3).
 * vmx_exit.c says what is tested and how, and what break= does.
 */
#include "processor.h"
#include "x86/vmx_exit/vmx_exit.h"

#define PORT_ROW(label, stub, port, bytes, qualification)                                          \
	{                                                                                          \
		.name = label, .run = run_##stub, .at = at_##stub, .after = after_##stub,          \
		.exit = EXIT_REASON_IO_INSTRUCTION,                                                \
		.information = (qualification) | IO_PORT(port), .number = port, .size = bytes      \
	}

/* No port but 0x80 has a device. Two bitmaps meet at 0x8000. */
static const struct row ports[] = {
	PORT_ROW("OUT to 0x80", out8, 0x80, 1, IO_SIZE_1),
	PORT_ROW("IN from 0x81", in8, 0x81, 1, IO_SIZE_1 | IO_IN),
	PORT_ROW("16-bit IN from 0x5670", in16, 0x5670, 2, IO_SIZE_2 | IO_IN),
	PORT_ROW("32-bit IN from 0x5674", in32, 0x5674, 4, IO_SIZE_4 | IO_IN),
	PORT_ROW("IN from 0x7fff", in8, 0x7fff, 1, IO_SIZE_1 | IO_IN),
	PORT_ROW("16-bit IN from 0x7fff", in16, 0x7fff, 2, IO_SIZE_2 | IO_IN),
	PORT_ROW("IN from 0x8000", in8, 0x8000, 1, IO_SIZE_1 | IO_IN),
	PORT_ROW("IN from 0xfffe", in8, 0xfffe, 1, IO_SIZE_1 | IO_IN),
};

/* Sets the bits of some ports. An access exits if the bit of any of its ports is set (25.6.4). */
static void want_ports(struct l2 *l2, const u16 *set, int count)
{
	for (int i = 0; i < row_count; i++)
		for (u32 port = rows[i].number; port < rows[i].number + rows[i].size; port++)
			l2_intercept_port(l2, port, false);
	for (int n = 0; n < count; n++)
		l2_intercept_port(l2, set[n], true);
	for (int i = 0; i < row_count; i++) {
		wanted[i] = false;
		for (int n = 0; n < count; n++)
			wanted[i] |=
				set[n] >= rows[i].number && set[n] < rows[i].number + rows[i].size;
	}
}

TEST(ports, .on = EACH_CPU, .needs = VMX_IO_BITMAPS,
     .about =
	     "port accesses exit if L1's bitmaps have any of their ports, before and after migrations")
{
	static const u16 every[] = { 0x80, 0x81, 0x5670, 0x5674, 0x7fff, 0x8000, 0xfffe };
	static const u16 some[] = { 0x80, 0x5671, 0x8000 };
	static const u16 others[] = { 0x81, 0x5677, 0x7fff, 0xfffe };
	struct l2 *l2 = begin(ports, ARRAY_SIZE(ports));

	want_ports(l2, every, ARRAY_SIZE(every));
	if (!turn(l2, "all, before the migration") ||
	    !migrated_turn(l2, "all, after a migration in L2"))
		goto out;
	want_ports(l2, NULL, 0);
	if (!migrated_turn(l2, "none, after a migration in L2"))
		goto out;
	want_ports(l2, some, ARRAY_SIZE(some));
	if (!turn_after_migration(l2, "some, after a migration in L1"))
		goto out;
	want_ports(l2, others, ARRAY_SIZE(others));
	if (!migrated_turn(l2, "the others, after a migration in L2"))
		goto out;
	/* With bitmaps, unconditional I/O exiting has no effect. */
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_UNCOND_IO_EXITING);
	migrated_turn(l2, "the others, with unconditional I/O exiting as well");
out:
	end(l2);
}

#define MSR_ROW(label, stub, msr, writes)                                                          \
	{                                                                                          \
		.name = label, .run = run_##stub, .at = at_##stub, .after = after_##stub,          \
		.exit = (writes) ? EXIT_REASON_MSR_WRITE : EXIT_REASON_MSR_READ,                   \
		.always = (msr) == OUTSIDE_RANGES, .number = msr, .write = writes                  \
	}
#define MSR_ROWS(label, msr)                                                                       \
	MSR_ROW("RDMSR of " label, rdmsr, msr, false), MSR_ROW("WRMSR to " label, wrmsr, msr, true)

/* This MSR is in no range of the bitmap, and always exits. */
#define OUTSIDE_RANGES 0x40000000
static const struct row msrs[] = {
	MSR_ROWS("SYSENTER_CS", MSR_IA32_SYSENTER_CS),
	MSR_ROWS("SYSENTER_EIP", MSR_IA32_SYSENTER_EIP),
	MSR_ROWS("PAT", MSR_IA32_CR_PAT),
	MSR_ROWS("STAR", MSR_STAR),
	MSR_ROWS("LSTAR", MSR_LSTAR),
	MSR_ROWS("FS.base", MSR_FS_BASE),
	MSR_ROWS("KernelGsBase", MSR_KERNEL_GS_BASE),
	MSR_ROWS("0x1fff, which does not exist,", 0x1fff),
	MSR_ROWS("0x40000000, outside the ranges,", OUTSIDE_RANGES),
};

static bool every_other_msr(int place, int first)
{
	return (place / 2 + place) % 2 == first;
}

TEST(msrs, .on = EACH_CPU, .needs = VMX_MSR_BITMAPS,
     .about =
	     "RDMSR and WRMSR exit by L1's bitmap, and always without a bitmap, before and after migrations")
{
	struct l2 *l2 = begin(msrs, ARRAY_SIZE(msrs));

	want_msrs(l2, all, 0);
	if (!turn(l2, "all, before the migration") ||
	    !migrated_turn(l2, "all, after a migration in L2"))
		goto out;
	want_msrs(l2, none, 0);
	if (!migrated_turn(l2, "none, after a migration in L2"))
		goto out;
	want_msrs(l2, every_other, 0);
	if (!turn_after_migration(l2, "reads, after a migration in L1"))
		goto out;
	want_msrs(l2, every_other_msr, 0);
	if (!migrated_turn(l2, "every other, after a migration in L2"))
		goto out;
	want_msrs(l2, every_other_msr, 1);
	if (!turn(l2, "the others, after the migration"))
		goto out;
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_MSR_BITMAPS);
	for (int i = 0; i < row_count; i++)
		wanted[i] = true;
	if (!broken("lost"))
		migrated_turn(l2, "without a bitmap, after a migration in L2");
out:
	end(l2);
}
