// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TSC_RATIO (15.30.5): what L2 reads is L1's TSC times this ratio, plus TSC_OFFSET.
 *
 * A broken hypervisor loses the ratio in a migration, applies it to L1's own TSC, or adds an offset
 * that was computed for another ratio. L1 reads its TSC before VMRUN and after #VMEXIT, and scales
 * both by itself: L2's readings have to be between them.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_time/svm_time.h"

#define RATIO_FRACTION_BITS 32

/* L2's TSC without TSC_OFFSET (15.30.5). The ratio is in units of 2^-32. */
static u64 scale_tsc(u64 tsc, u64 ratio)
{
	return (unsigned __int128)tsc * ratio >> RATIO_FRACTION_BITS;
}

TEST(ratio_arithmetic,
     .about =
	     "the multiplication that this program compares L2's TSC with is the one of APM 15.30.5")
{
	static const struct {
		u64 tsc, ratio, scaled;
	} known[] = {
		{ 1000, SVM_TSC_RATIO_DEFAULT, 1000 },
		{ 1001, SVM_TSC_RATIO_DEFAULT / 2, 500 },
		{ 1000, 0x380000000, 3500 },
		{ 1ul << 56, 0x180000000, 3ul << 55 },
		{ 1ul << 33, 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		report(scale_tsc(known[i].tsc, known[i].ratio) == known[i].scaled,
		       "TSC 0x%lx at ratio 0x%lx is 0x%lx (computed 0x%lx)", known[i].tsc,
		       known[i].ratio, known[i].scaled, scale_tsc(known[i].tsc, known[i].ratio));
}

static void check_scaled_look(const struct stay *stay, const struct look *look, u64 ratio,
			      const char *when)
{
	u64 low = scale_tsc(stay->before, ratio) + stay->offset;
	u64 high = scale_tsc(stay->after, ratio) + stay->offset;

	report(tsc_in_order(low, look->rdtsc) && tsc_in_order(look->rdtsc, look->rdtscp) &&
		       tsc_in_order(look->rdtscp, high),
	       "%s: ratio 0x%lx, offset 0x%lx: L1 read 0x%lx (0x%lx for L2), then L2 0x%lx and 0x%lx, then L1 0x%lx (0x%lx for L2)",
	       when, ratio, stay->offset, stay->before, low, look->rdtsc, look->rdtscp, stay->after,
	       high);
}

static void check_ratio_register(u64 ratio, const char *when)
{
	u64 value = rdmsr(MSR_AMD64_TSC_RATIO);

	report(value == ratio, "%s: TSC_RATIO reads 0x%lx, as written (0x%lx)", when, value, ratio);
}

/*
 * The ratio applies to L1's whole TSC. So an offset that was computed for another ratio, or an
 * offset of L1's own that is left unscaled, puts L2's TSC far off. The ratio is a register of L1's
 * and not in the VMCB, so a migration has to carry it by itself.
 */
static void run_at_ratio(struct l2 *l2, struct stay *stay, u64 ratio, const char *when)
{
	if (!report_if_failed(!wrmsr_safe(MSR_AMD64_TSC_RATIO, ratio),
			      "TSC_RATIO 0x%lx is refused with #GP", ratio))
		return;
	check_ratio_register(ratio, when);
	if (visit(l2, stay)) {
		check_scaled_look(stay, &stay->first, ratio, when);
		if (stay->move)
			check_scaled_look(stay, &stay->last, ratio, "after the migration in L2");
		report(tsc_in_order(stay->before, stay->after) &&
			       stay->after - stay->before < FAR_AWAY,
		       "%s: L1's own TSC is not scaled: 0x%lx, then 0x%lx", when, stay->before,
		       stay->after);
	}
	check_ratio_register(ratio, "back in L1");
}

static void check_ratios(u64 moved_at)
{
	static const u64 ratios[] = {
		SVM_TSC_RATIO_DEFAULT / 2, SVM_TSC_RATIO_DEFAULT * 3 / 2, SVM_TSC_RATIO_DEFAULT + 1,
		SVM_TSC_RATIO_DEFAULT / 3, SVM_TSC_RATIO_DEFAULT * 2 + 7, SVM_TSC_RATIO_DEFAULT,
	};
	struct stay stay = { 0 };
	struct l2 *l2 = l2_new(look_twice, &stay);

	for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
		stay.offset = i % 2 ? BEHIND : AHEAD;
		stay.move = ratios[i] == moved_at;
		run_at_ratio(l2, &stay, ratios[i], stay.move ? "before the migration" : "in L2");
	}
	wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT);
	l2_free(l2);
}

TEST(tsc_ratio_below_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about =
	     "L2's TSC is L1's times TSC_RATIO plus TSC_OFFSET; a ratio of a half survives a migration")
{
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "at the beginning");
	check_ratios(SVM_TSC_RATIO_DEFAULT / 2);
}

TEST(tsc_ratio_above_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about =
	     "L2's TSC is L1's times TSC_RATIO plus TSC_OFFSET; a ratio of one and a half survives a migration")
{
	check_ratios(SVM_TSC_RATIO_DEFAULT * 3 / 2);
}

TEST(tsc_ratio_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "a write to TSC_RATIO with a reserved bit, 40 to 63, raises #GP and changes nothing")
{
	for (int bit = 40; bit < 64; bit++) {
		int vector = wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT | 1ul << bit);

		report(vector == GP_VECTOR, "bit %d: exception %d", bit, vector);
	}
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "afterwards");
}
