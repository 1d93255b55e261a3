// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registers: the x87, SSE and AVX registers (Intel SDM volume 1, "Managing State Using the XSAVE
 * Feature Set"). A part of the program registers: see registers.c.
 *
 * A broken hypervisor or VMM leaves these registers, or a part of them, as they are in a new VM.
 * This is not noticed at once: programs that compute while they are migrated get wrong results. The
 * test fills the registers on all CPUs, makes the CPUs hold them through an action, and compares.
 * Where XSAVE does not work, it uses FXSAVE and does not see AVX.
 */
#include "libcflat.h"
#include "barrier.h"
#include "deadline.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "xsave-image.h"
#include "xsave.h"

struct images {
	u8 *untouched, *filled, *after;
};

static struct {
	struct rendezvous all_set;
	bool done;
	struct images images[MAX_CPUS];
} everyone;

/*
 * A KVM that emulates every instruction has been seen that announces XSAVE and cannot emulate it.
 * It has no RDTSCP, which every CPU with AVX has.
 */
static u64 enable(void)
{
	if (this_cpu_has(X86_FEATURE_RDTSCP))
		return xsave_enable();
	return XFEATURE_MASK_FP | XFEATURE_MASK_SSE;
}

static void hold_vectors(void *data)
{
	const struct images *images = &everyone.images[smp_id()];
	u64 mask = enable();
	char name[24];

	xsave(images->untouched, mask);
	xsave_fill_image(images->filled, mask, 0x21 + smp_id());
	xrstor(images->filled, mask);
	rendezvous(&everyone.all_set);
	if (!smp_id()) {
		migrate_quiet();
		WRITE_ONCE(everyone.done, true);
	}
	wait_for(READ_ONCE(everyone.done), ANSWER_DEADLINE_MS, "the migration");
	if (broken("registers"))
		xrstor(images->untouched, mask);
	xsave(images->after, mask);
	xrstor(images->untouched, mask);
	snprintf(name, sizeof(name), "CPU %d", smp_id());
	xsave_report_image(images->after, images->filled, mask, name);
}

TEST(vectors, .about = "x87, SSE and AVX registers, which differ on each CPU, survive an action")
{
	int cpu;

	everyone.all_set = (struct rendezvous)RENDEZVOUS(cpu_count());
	everyone.done = false;
	for_each_cpu (cpu)
		everyone.images[cpu] =
			(struct images){ xsave_alloc(), xsave_alloc(), xsave_alloc() };
	on_cpus(hold_vectors, NULL);
	for_each_cpu (cpu) {
		xsave_free(everyone.images[cpu].untouched);
		xsave_free(everyone.images[cpu].filled);
		xsave_free(everyone.images[cpu].after);
	}
}
