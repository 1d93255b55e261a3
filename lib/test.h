/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test is declared, not called:
 *
 *	TEST(oneshot_fires_once, .on = EACH_CPU, .needs = HV_STIMER,
 *	     .about = "a one-shot timer armed before a migration fires once, not before its time")
 *	{
 *		...
 *	}
 *
 * The library's main function runs the tests that the command line's `test=` arguments select (all
 * if there are none), by the path of the file, then by line. It runs them again as long as the host
 * wants another round, so a test finds the machine as the last round left it. A test begins with
 * interrupts on, and need not turn them on again at its end. A test that makes no check fails.
 *
 * .on     BOOT_CPU (the default) or EACH_CPU: on one CPU after the other, each with a verdict of
 *         its own. turns=slow on the command line lets the CPUs take turns on a slow host
 *         (timescale 2 or more): each test then runs on one CPU only, so every test still runs,
 *         but not on every CPU. turns=always and turns=never do not depend on host speed.
 * .needs  features. If one is missing the test is skipped, and the reason names the feature:
 *         `.needs = SMP` or `.needs = ALL_OF(SMP, X2APIC)`.
 * .about  one line that says what must be true, and is understood without the test's name.
 */
#ifndef TEST_H
#define TEST_H

#include "libcflat.h"

/* Something that a machine may or may not have. */
struct feature {
	const char *name;
	/* Called on the boot CPU before each test that needs the feature. */
	bool (*present)(void);
	bool *seen; /* it was present before an earlier test of this boot */
};

enum where { BOOT_CPU = 0, EACH_CPU = 1 };

/* A test's descriptor. The runner reads it from the ELF: docs/protocol.md, "Test descriptors". */
struct test {
	const char *name;
	const char *about;
	void (*run)(void);
	const struct feature *const *needs;
	u64 on;
};

/* The section's name ends with the line, by which the linker sorts tests: x86/flat.lds. */
#define TEST_LINE_(line)  TEST_LINE__(line)
#define TEST_LINE__(line) #line

#define TEST(id, ...)                                                                              \
	static void test_##id(void);                                                               \
	static const struct test descriptor_of_##id                                                \
		__attribute__((section(".tests." TEST_LINE_(__LINE__)), used,                      \
			       aligned(8))) = { .name = #id, .run = test_##id, __VA_ARGS__ };      \
	static void test_##id(void)

/*
 * Defines a feature: FEATURE(SMP, "two CPUs") { return cpu_count() >= 2; }
 * A skipped test's reason is "needs " and the text: "needs two CPUs". If an earlier test of this
 * boot has found the feature and it is gone now, the test fails.
 */
#define FEATURE(id, text)                                                                          \
	static bool id##_present(void);                                                            \
	static bool id##_seen;                                                                     \
	const struct feature feature_##id = { text, id##_present, &id##_seen };                    \
	const struct feature *const id[] = { &feature_##id, NULL };                                \
	static bool id##_present(void)

/* Declares, in a header, a feature that a .c file defines. */
#define DECLARE_FEATURE(id)                                                                        \
	extern const struct feature feature_##id;                                                  \
	extern const struct feature *const id[]

/* For .needs: up to four features together. */
#define ALL_OF(...)                                                                                \
	ALL_OF_COUNT_(__VA_ARGS__, ALL_OF_4_, ALL_OF_3_, ALL_OF_2_, ALL_OF_1_)(__VA_ARGS__)
#define ALL_OF_COUNT_(a, b, c, d, macro, ...) macro
#define ALL_OF_1_(a)			      ALL_OF_LIST_(&feature_##a)
#define ALL_OF_2_(a, b)			      ALL_OF_LIST_(&feature_##a, &feature_##b)
#define ALL_OF_3_(a, b, c)		      ALL_OF_LIST_(&feature_##a, &feature_##b, &feature_##c)
#define ALL_OF_4_(a, b, c, d)		      ALL_OF_LIST_(&feature_##a, &feature_##b, &feature_##c, &feature_##d)
#define ALL_OF_LIST_(...)		      ((const struct feature *const[]){ __VA_ARGS__, NULL })

/* There are two CPUs or more. */
DECLARE_FEATURE(SMP);
/* A runner answers questions (host.h). */
DECLARE_FEATURE(HOST_ANSWERS);
/* The CPU has this feature. */
DECLARE_FEATURE(X2APIC);
DECLARE_FEATURE(TSC_DEADLINE);
/*
 * The hypervisor does not emulate all instructions. A software KVM was seen that does, and that
 * ends or resets the guest at rare ones, such as SYSCALL, and in old modes. It has no RDTSCP.
 */
DECLARE_FEATURE(WHOLE_CPU);

/* For the beginning of a test: skips the test if there are fewer than `n` CPUs. */
#define require_cpus(n)                                                                            \
	do {                                                                                       \
		if (cpu_count() < (n)) {                                                           \
			report_skip("needs %d CPUs, has %d", (n), cpu_count());                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

int cpu_count(void);

/*
 * For the library: runs all tests, from the `hello` line to the last round. Returns the exit
 * status.
 */
int run_tests(void);
/* Rounds and boots are counted from 1. */
int current_round(void);
u64 current_boot(void);

/* Whether break=WHAT on the command line asks a test to break something, to prove it can fail. */
bool broken(const char *what);

#endif
