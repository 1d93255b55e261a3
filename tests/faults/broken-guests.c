// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guests that on purpose break what their own test checks (test argument `break=`). The test has to
 * notice it, and to say what it found.
 */
#include "faults.h"

/* The guest itself spoils its memory without the test's knowledge. */
#define BROKEN_MEMORY(test, how)                                                                   \
	{                                                                                          \
		.name = "dirty-" how "-" test,                                                     \
		.arguments = "run dirty/none --arg test=" test " --arg break=" how, .status = 1,   \
		.verdict = "FAIL",                                                                 \
		.words = "^FAIL  dirty/none: " test ": CPU 1's page \\d+, 0x[0-9a-f]+ "            \
			 "\\(physical 0x[0-9a-f]+\\): ",                                           \
	}

/* A guest that changes what a device has written, or its disk, without the test's knowledge. */
#define BROKEN_DMA(test, how, expected)                                                            \
	{                                                                                          \
		.name = "dma-" how "-" test,                                                       \
		.arguments = "run dma/none --arg test=" test " --arg break=" how, .status = 1,     \
		.verdict = "FAIL", .words = "^FAIL  dma/none: " test ": " expected,                \
		.kind = "check",                                                                   \
	}

static const struct fault rows[] = {
	BROKEN_MEMORY("staircase", "stale"),
	BROKEN_MEMORY("staircase", "torn"),
	BROKEN_MEMORY("dense", "stale"),
	BROKEN_MEMORY("dense", "torn"),
	BROKEN_MEMORY("dense", "late"),
	BROKEN_MEMORY("sparse", "stale"),
	BROKEN_MEMORY("flood", "stale"),
	BROKEN_MEMORY("two_mappings", "stale"),
	BROKEN_MEMORY("crossing", "torn"),
	BROKEN_MEMORY("code", "late"),
	BROKEN_MEMORY("zero", "stale"),
	BROKEN_MEMORY("no_change", "stale"),
	BROKEN_MEMORY("no_change", "unlocked"),
	BROKEN_MEMORY("walks", "stale"),
	BROKEN_MEMORY("large_walks", "stale"),
	{ .name = "dirty-clean-no_change_is_write",
	  .arguments = "run dirty/none --arg test=no_change_is_write --arg break=clean",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  dirty/none: no_change_is_write: cpu 0: .*: after the second action: the entry is 0x[0-9a-f]+ without A or D" },
	BROKEN_DMA(
		"blk_modern_polled", "buffer",
		"virtio-blk 02.0 \\(modern, polled\\) queue 1: sector \\d+, word 63 \\(physical 0x[0-9a-f]+\\): held 0xdead[0-9a-f]+ \\(the poison of request \\d+: nothing was written here\\), may hold only 0x"),
	BROKEN_DMA(
		"blk_legacy_msix", "sector",
		"virtio-blk 02.0 \\(legacy, MSI-X\\) queue 1: sector \\d+, word 2 \\(physical 0x[0-9a-f]+\\): held 0x[0-9a-f]+ \\(generation \\d+ of sector \\d+, whole\\), may hold only 0x[0-9a-f]+, of generation \\d+"),
	BROKEN_DMA(
		"blk_modern_msix", "twice",
		"virtio-blk 02.0 \\(modern, MSI-X\\) queue 1: used element \\d+ \\(physical 0x[0-9a-f]+\\) returns descriptor \\d+, which the device does not have"),
	BROKEN_DMA(
		"blk_one_at_a_time_intx", "interrupt",
		"virtio-blk 02.0 \\(legacy, INTx\\) queue 0: not returned \\(the IOAPIC's Remote IRR is [01]\\): avail idx (\\d+), used idx \\1 \\(physical 0x[0-9a-f]+\\), of which \\d+ were seen; it was, and"),
	BROKEN_DMA(
		"rng_modern_msix", "buffer",
		"virtio-rng 03.0 \\(modern, MSI-X\\) queue 0: word \\d+ of \\d+ that were filled \\(physical 0x[0-9a-f]+\\) held 0xdead[0-9a-f]+, its poison: it was not written"),
	BROKEN_DMA(
		"blk_modern_polled", "disk",
		"virtio-blk 02.0 \\(modern, polled\\): the host finds 8 sectors of the image wrong, the first 8 .*; and the disk's sector 8 holds generation \\d+ of sector 8, and may hold only generation \\d+, which the guest has flushed; 8 sectors are wrong"),
	{ .name = "dirty-stale-kvm_pages",
	  .arguments = "run dirty/none --arg test=kvm_pages --arg break=stale",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  dirty/none: kvm_pages: CPU 1's page 0, ",
	  .on_kvm = TRUE },

	/*
	 * HLT is executed with no interrupt pending. The case may be known to fail, since QEMU's
	 * TCG fails the test for another reason.
	 */
	{ .name = "svm-asleep",
	  .arguments = "run svm_intercept/none --arg test=instructions_none --arg break=asleep",
	  .wrapper = "\"$@\"; cat @DIR@/logs/svm_intercept/none/console",
	  .status = 0,
	  .verdict = "FAIL or XFAIL",
	  .words =
		  "^FAIL: instructions_none: cpu 0: in L1: hlt: the interrupt that was pending did not wake the CPU, only the APIC timer did\n" },

	/* A kvmclock with a wrong reader, a wrong page address, or a wrong time of the host. */
	{ .name = "kvmclock-broken-reader",
	  .arguments = "run kvmclock/none --arg test=reader_* --arg break=reader",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  kvmclock/none: reader_arithmetic: ",
	  .on_kvm = TRUE },
	{ .name = "kvmclock-broken-page",
	  .arguments = "run kvmclock/none --arg test=enable_* --arg break=page",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  kvmclock/none: enable_\\w+: ",
	  .on_kvm = TRUE },
	{ .name = "kvmclock-broken-host",
	  .arguments = "run kvmclock/none --arg test=wall_clock_* --arg break=host",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  kvmclock/none: wall_clock_\\w+: ",
	  .on_kvm = TRUE },
};

const struct fault_table broken_guest_faults = { rows, G_N_ELEMENTS(rows) };
