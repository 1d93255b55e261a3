// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: what the CPUs' registers hold after power-up and after a reset (lib/x86/power-up.c
 * names the manuals). A part of the program selftest: see selftest.c.
 *
 * This test is about the machine, not about the library. A broken VMM or hypervisor starts a CPU
 * with a wrong value in a register, or does not reset what the last boot has set. The runner
 * compares the registers of each boot with those of the first (lib/x86/machine-state.c), so it
 * does not see a value that was wrong in the first boot already. The test leaves out registers that
 * firmware may set.
 */
#include "libcflat.h"
#include "efi/efi.h"
#include "migrate.h"
#include "power-up.h"
#include "test.h"

FEATURE(NO_UEFI, "a start without UEFI firmware, which may set any register")
{
	return !efi_started();
}

/* Under the plan `reset`, the second boot checks the registers again. */
TEST(power_up_registers, .on = EACH_CPU, .needs = NO_UEFI,
     .about = "registers that no firmware sets hold the manuals' reset values at boot")
{
	migrate_quiet();
	power_up_check();
}
