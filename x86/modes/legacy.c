// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: CPUs that are not in 64-bit mode at all (lib/x86/legacy-mode.h, with the manuals). A part
 * of the program modes: see modes.c.
 *
 * Firmware, boot loaders and old operating systems run in these modes, and a guest is in one of
 * them for as long as it is started. A broken hypervisor takes the page tables for those of another
 * mode, forgets the PDPTEs of PAE paging, a segment's base, limit or size, the LDT, or that the CPU
 * is in real mode. Where a segment still has the base and limit that it had in
 * protected mode, it computes the base from the selector.
 *
 * A CPU runs a loop in the mode while another one asks for an action. Then it reads through all its
 * segments, and tells its registers. What goes wrong before that ends in a reset of the machine,
 * which is a failure of its own kind. The test does not see limits that have become too large.
 */
#include "legacy-mode.h"
#include "migrate.h"
#include "smp.h"

static void be_migrated_in(const struct legacy_mode *mode)
{
	int cpu = cpu_count() - 1;

	/* Without an action first, so that a CPU that cannot do it is told. */
	legacy_mode_begin(cpu, mode);
	legacy_mode_end(cpu, mode);
	legacy_mode_begin(cpu, mode);
	migrate_quiet();
	legacy_mode_end(cpu, mode);
}

#define LEGACY_TEST(id, more, text)                                                                \
	TEST(id, .needs = ALL_OF(SMP, LEGACY_MODES, more),                                         \
	     .about =                                                                              \
		     "a CPU in " text " goes on after an action, with its segments and registers") \
	{                                                                                          \
		be_migrated_in(&legacy_##id);                                                      \
	}

LEGACY_TEST(protected, SMP, "protected mode without paging")
LEGACY_TEST(paged, WHOLE_CPU, "protected mode with 32-bit page tables")
LEGACY_TEST(pae, WHOLE_CPU, "protected mode with PAE paging")
LEGACY_TEST(code16, SMP, "16-bit protected mode")
LEGACY_TEST(real, SMP, "real mode, with segments of protected mode,")
LEGACY_TEST(compatibility, SMP, "compatibility mode, with segments that have bases,")
