// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that goes wrong under each plan, and images of memory (--keep-ram).
 *
 * filtering-qemu damages one page that the guest checks. The verdict has to name that page, what it
 * held, what it may hold, and who writes it.
 */
#include "faults.h"

#define DAMAGED_MEMORY_BY(plan, how, run)                                                          \
	.name = plan "-memory-" how,                                                               \
	.arguments = "run dirty --plan " plan " --moves 8 --arg test=dense "                       \
		     "--qemu @BUILD@/tests/filtering-qemu",                                        \
	.status = 1, .verdict = "FAIL", .vmm_has_child = TRUE,                                     \
	.wrapper = run "cat @DIR@/logs/dirty/" plan "/stderr; exit $status"

#define DAMAGED_MEMORY(plan, how)                                                                  \
	DAMAGED_MEMORY_BY(plan, how, "FERRY_DAMAGE=" how " \"$@\"; status=$?; ")

/*
 * QEMU 7.2 sometimes crashes in a recovery (docs/findings.md), which is an XFAIL. Then the row runs
 * ferry again.
 */
#define DAMAGED_MEMORY_UNLESS_CRASHED(plan, how)                                                   \
	DAMAGED_MEMORY_BY(plan, how,                                                               \
			  "for try in 1 2 3 4 5 6 7 8; do "                                        \
			  "FERRY_DAMAGE=" how " \"$@\" >@DIR@/try 2>&1; status=$?; "               \
			  "grep -q ^XFAIL @DIR@/try || break; done; cat @DIR@/try; ")

#define DAMAGED_PAGE(plan, held, damage)                                                           \
	"^FAIL  dirty/" plan ": dense: (CPU 1's page \\d+), 0x[0-9a-f]+ "                          \
	"\\(physical (0x[0-9a-f]+)[0-9a-f]{3}\\): " held                                           \
	"; the writer is at generation \\d+, page \\d+ of(.*\n)+.*"                                \
	"filtering-qemu: page \\g{2}000 of RAM, \\1, .*; now " damage

/*
 * The reported failure comes from the CPU that sees the damage first: the writer, which checks the
 * whole page, or the boot CPU.
 */
#define OTHER_GENERATION                                                                           \
	"(held 0x[0-9a-f]+ \\(.*\\), not 0x[0-9a-f]+ of generation \\d+|"                          \
	"begins 0x[0-9a-f]+, ends 0x[0-9a-f]+, not 0x[0-9a-f]+ to .* \\(generation \\d+, by .*, "  \
	"to \\d+\\))"
#define CHANGED_BYTE                                                                               \
	"held 0x[0-9a-f]+ \\(no stamp of this page\\), not 0x[0-9a-f]+ of generation \\d+"

static const struct fault rows[] = {
	{ DAMAGED_MEMORY("precopy", "change"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("precopy", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("precopy", "drop"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("precopy", OTHER_GENERATION, "it (stays|is never sent)") },
	{ DAMAGED_MEMORY("precopy", "older"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("precopy", OTHER_GENERATION, "it is sent with generation \\d+$") },
	{ DAMAGED_MEMORY("storm", "older"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("storm", OTHER_GENERATION, "it is sent with generation \\d+$") },
	{ DAMAGED_MEMORY("srckill", "drop"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("srckill", OTHER_GENERATION, "it (stays|is never sent)") },
	{ DAMAGED_MEMORY("postcopy", "change"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("postcopy", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("postcopy", "drop"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("postcopy", OTHER_GENERATION, "it is never sent$") },
	{ DAMAGED_MEMORY_UNLESS_CRASHED("postcopy-recover", "change"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("postcopy-recover", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("cancel-precopy", "older"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("cancel-precopy", OTHER_GENERATION,
				"it is sent with generation \\d+$") },
	{ DAMAGED_MEMORY("precopy-pause", "older"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("precopy-pause", OTHER_GENERATION,
				"it is sent with generation \\d+$") },
	{ DAMAGED_MEMORY("mixed", "change"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("mixed", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("snapshot", "change"),
	  .words = DAMAGED_PAGE("snapshot", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("snapshot", "drop"),
	  .words = DAMAGED_PAGE("snapshot", OTHER_GENERATION, "it is never sent$") },
	{ DAMAGED_MEMORY("bgsnapshot", "change"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("bgsnapshot", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("bgsnapshot", "newer"), .on_kvm = TRUE,
	  /* The guest may first notice another page, which does not match the damaged one. */
	  .words =
		  "^FAIL  dirty/bgsnapshot: dense: CPU 1's page (\\d+), 0x[0-9a-f]+ \\(physical 0x[0-9a-f]+\\): (held .*|begins .* \\(generation \\d+, by (the notes|page (\\d+)), to \\d+\\)); the writer is at generation (.*\n)+filtering-qemu: .*, CPU 1's page (\\1|\\4), .*; now it is sent with" },
	{ DAMAGED_MEMORY("cancel", "migrate_cancel"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("cancel", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("dstkill", "query-yank"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("dstkill", CHANGED_BYTE, "byte 4080 is changed$") },
	{ DAMAGED_MEMORY("pause", "cont"), .on_kvm = TRUE,
	  .words = DAMAGED_PAGE("pause", CHANGED_BYTE, "byte 4080 is changed$") },

	/* Guests of a fast host write more memory, but have no more of it. */
	{ .name = "fast-host",
	  .arguments = "run dirty/none --arg full-speed=1 --arg test=f*",
	  .status = 0,
	  .verdict = "PASS",
	  .on_kvm = TRUE,
	  .words = "^PASS  dirty/none \\(2 tests, " },

	/* --keep-ram: images of memory that differ, are the same, or cannot be made. */
	{ .name = "keep-ram-differ",
	  .arguments =
		  "run dirty --plan precopy --keep-ram --arg test=dense --qemu @BUILD@/tests/filtering-qemu",
	  .status = 1,
	  .verdict = "FAIL",
	  .on_kvm = TRUE,
	  .vmm_has_child = TRUE,
	  .wrapper =
		  "FERRY_DAMAGE=change \"$@\"; status=$?; cd @DIR@/logs/dirty/precopy; cmp -l ram-source ram-destination; rm ram-*; cat stderr; exit $status",
	  .words =
		  "^FAIL  dirty/precopy: dense: .*\n"
		  " +memory: source and destination differed in \\d of \\d actions?; images of action \\d, 1 page not the same: .*/ram-source .*/ram-destination\n(.*\n)* +memory: action \\d, page (0x[0-9a-f]+), first at offset 0xff0: source( [0-9a-f]{2}){16}, destination( [0-9a-f]{2}){16}\n(.*\n)+ *\\d+ +[0-7]+ +[0-7]+\n"
		  "filtering-qemu: page \\g{2} of RAM, .*; now byte 4080 is changed" },
	{ .name = "keep-ram-equal",
	  .arguments = "run dirty --plan snapshot --keep-ram --arg test=staircase",
	  .status = 0,
	  .verdict = "PASS",
	  .wrapper = "\"$@\"; status=$?; ls @DIR@/logs/dirty/snapshot; exit $status",
	  .words =
		  "^PASS  dirty/snapshot .*\n +memory: source and destination held the same in 2 actions\n(?!(.*\n)*ram-)" },
	{ "keep-ram-moves-on", "run selftest/precopy --keep-ram", "refuses-pmemsave", 0, "PASS",
	  "^PASS  selftest/precopy .* 1 migration, .*\n +memory: there are no images: QMP command 'pmemsave' failed: Could not open the file$" },
	{ "keep-ram-destination-dies", "run selftest/precopy --keep-ram", "dies-in-pmemsave", 1,
	  "ERROR",
	  "^ERROR selftest/precopy: the destination died before the guest went on \\(killed by signal 9 \\(Killed\\)\\)" },
	{ "keep-ram-cannot-be", "run selftest/postcopy --plan postcopy --keep-ram", "", 0, "PASS",
	  "^PASS  selftest/postcopy .*\n +memory: there are no images: the guest runs while its memory comes$" },
};

const struct fault_table damaged_memory_faults = { rows, G_N_ELEMENTS(rows) };
