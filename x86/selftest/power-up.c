// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: what the CPUs' registers hold after power-up and after a reset (lib/x86/power-up.c,
 * with the manuals). A part of the program selftest: see selftest.c.
 *
 * This is about the machine. A broken VMM or hypervisor begins with another value, or leaves in a
 * reset what the last boot has set. The runner compares the registers of all boots
 * (machine-state.c), and does not see what is wrong at the first one, too. Registers that firmware
 * may set are not looked at.
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

/* Under plan reset the second boot checks them again. */
TEST(power_up_registers, .on = EACH_CPU, .needs = NO_UEFI,
     .about = "registers that no firmware sets hold at boot what the manuals say of a reset")
{
	migrate_quiet();
	power_up_check();
}
