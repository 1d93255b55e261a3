// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smm: CPUs that an SMI has interrupted in another mode than 64-bit mode (lib/x86/legacy-mode.h),
 * or with a PCID in CR3. A part of the program smm: see smm.c.
 *
 * KVM writes the CPU's registers and segments to the save area, and its emulator of RSM brings them
 * back. A broken one does so in an order that does not work in every mode, loses a segment's
 * hidden part, or comes back in another mode.
 *
 * QEMU's TCG sets accessed bits in the PDPTEs of PAE paging, and a KVM that runs on it then refuses
 * them at RSM (docs/labs.md).
 */
#include "legacy-mode.h"
#include "migrate.h"
#include "processor.h"
#include "x86/smm/smm.h"

static void be_interrupted_in(const struct legacy_mode *mode)
{
	int cpu = cpu_count() - 1;
	u32 turns;

	if (mode == &legacy_pae && is_tcg()) {
		report_skip("this emulated CPU sets reserved bits in PDPTEs");
		return;
	}
	if (!smm_set_up())
		return;
	legacy_mode_begin(cpu, mode);
	if (report(enter_smm(cpu, true), "an SMI interrupts CPU %d", cpu)) {
		turns = *legacy_mode_turns();
		migrate_quiet();
		report(runs_in_smm(cpu), "CPU %d is still in its SMI handler", cpu);
		report(*legacy_mode_turns() == turns,
		       "the code that the SMI has interrupted does not run yet");
	}
	leave_smm(cpu);
	legacy_mode_end(cpu, mode);
}

#define INTERRUPTED_TEST(id, more, text)                                                           \
	TEST(in_##id, .needs = ALL_OF(SMP, LEGACY_MODES, WHOLE_CPU, more),                         \
	     .about = "RSM takes a CPU back to " text " after an action, with its segments")       \
	{                                                                                          \
		be_interrupted_in(&legacy_##id);                                                   \
	}

INTERRUPTED_TEST(protected, SMP, "protected mode without paging")
INTERRUPTED_TEST(paged, SMP, "protected mode with 32-bit page tables")
INTERRUPTED_TEST(pae, SMP, "protected mode with PAE paging")
INTERRUPTED_TEST(code16, SMP, "16-bit protected mode")
INTERRUPTED_TEST(real, SMP, "real mode")
INTERRUPTED_TEST(compatibility, SMP, "compatibility mode")

/* ---- PCIDs ---- */

FEATURE(PCID, "a CPU with PCIDs")
{
	return this_cpu_has(X86_FEATURE_PCID);
}

#define PCID_VALUE 0x5a5ul

static struct busy busy;
static u64 cr3_after;

static void be_busy_with_pcid(void *data)
{
	u64 cr3 = read_cr3(), cr4 = read_cr4();

	write_cr4(cr4 | X86_CR4_PCIDE);
	write_cr3(cr3 | PCID_VALUE);
	be_busy(data);
	cr3_after = read_cr3() ^ cr3;
	write_cr3(cr3);
	write_cr4(cr4);
}

TEST(in_code_with_pcid, .needs = ALL_OF(SMP, PCID),
     .about = "RSM takes a CPU back to code with a PCID in CR3 after an action")
{
	int cpu = cpu_count() - 1;

	if (!smm_set_up())
		return;
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, be_busy_with_pcid, &busy);
	report(goes_on(&busy), "CPU %d is busy", cpu);
	if (report(enter_smm(cpu, true), "an SMI interrupts CPU %d", cpu)) {
		migrate_quiet();
		report(runs_in_smm(cpu), "CPU %d is still in its SMI handler", cpu);
	}
	leave_smm(cpu);
	report(goes_on(&busy), "after RSM CPU %d goes on", cpu);
	end_busy(cpu, &busy);
	report(cr3_after == PCID_VALUE, "the PCID is 0x%lx, should be 0x%lx", cr3_after,
	       PCID_VALUE);
}
