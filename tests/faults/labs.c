// SPDX-License-Identifier: GPL-2.0-or-later
/* The runner as it runs inside a lab (--stream), where it starts QEMU by forking a prepared one. */
#include "faults.h"

static const struct fault rows[] = {
	{ "in-a-lab", "run selftest --plan precopy --host local --stream", "", 0, "PASS",
	  "\"verdict\":\"PASS\"" },
	{ "in-a-lab-dies", "run selftest/none --host local --stream", "dies-at-start", 1, "ERROR",
	  "qemu did not start \\(exit status 1: fake-qemu: -machine: no machine today" },
	/* Plan cancel starts a destination each time, and the guest stays at the source. */
	{ "in-a-lab-real", "run console --plan pause,cancel --host local --stream", NULL, 0, "PASS",
	  "\"verdict\":\"PASS\"", .cases = 2 },
	{ "in-a-lab-real-kvm", "run console --plan precopy,storm --host local --stream", NULL, 0,
	  "PASS", "\"verdict\":\"PASS\"", .cases = 2, .on_kvm = TRUE },
};

const struct fault_table lab_faults = { rows, G_N_ELEMENTS(rows) };
