/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests are declared, not called:
 *
 *	TEST(oneshot_fires_once, .on = EACH_CPU, .needs = HV_STIMER,
 *	     .about = "a one-shot timer armed before the move fires once, not before its time")
 *	{
 *		...
 *	}
 *
 * The library's main runs, in the order of the file, those that the command
 * line's `test=` selects, and runs them again for as long as the host wants
 * another round: a test finds the machine as the last round left it. It begins
 * with interrupts on, and may leave them as it likes. A test that makes no check
 * fails.
 *
 * .on     BOOT_CPU (if not given), or EACH_CPU: on every CPU in turn, each with
 *         a verdict of its own. With turns=slow on the command line, where a host is slow
 *         (its timescale is 2 or more), each such test is for one CPU only, and the CPUs take
 *         turns: what the CPUs' numbers are is lost, and no invariant. turns=always and
 *         turns=never do not ask for the host's speed.
 * .needs  features; if one is not present the test skips and says which:
 *         `.needs = SMP` or `.needs = ALL_OF(SMP, X2APIC)`.
 * .about  one line: what must be true.
 */
#ifndef TEST_H
#define TEST_H

#include "libcflat.h"

/* Something that a machine may or may not have. */
struct feature {
	const char *name;
	/* Called on the boot CPU, once for each test that needs it. */
	bool (*present)(void);
};

enum where { BOOT_CPU = 0, EACH_CPU = 1 };

/* docs/protocol.md, "Test descriptors". */
struct test {
	const char *name;
	const char *about;
	void (*run)(void);
	const struct feature *const *needs;
	u64 on;
};

/* The linker sorts tests by the line that they stand on: x86/flat.lds. */
#define TEST_LINE_(line)  TEST_LINE__(line)
#define TEST_LINE__(line) #line

#define TEST(id, ...)                                                                              \
	static void test_##id(void);                                                               \
	static const struct test descriptor_of_##id                                                \
		__attribute__((section(".tests." TEST_LINE_(__LINE__)), used, aligned(8))) = {     \
			.name = #id, .run = test_##id, __VA_ARGS__};                               \
	static void test_##id(void)

/*
 * Defines a feature: FEATURE(SMP, "two CPUs") { return cpu_count() >= 2; }
 * The text is what a skip gives as its reason: "needs two CPUs".
 */
#define FEATURE(id, text)                                                                          \
	static bool id##_present(void);                                                            \
	const struct feature feature_##id = {text, id##_present};                                  \
	const struct feature *const id[] = {&feature_##id, NULL};                                  \
	static bool id##_present(void)

/* For a header: a feature that another file defines. */
#define DECLARE_FEATURE(id)                                                                        \
	extern const struct feature feature_##id;                                                  \
	extern const struct feature *const id[]

/* Up to four features together. */
#define ALL_OF(...)                                                                                \
	ALL_OF_COUNT_(__VA_ARGS__, ALL_OF_4_, ALL_OF_3_, ALL_OF_2_, ALL_OF_1_)(__VA_ARGS__)
#define ALL_OF_COUNT_(a, b, c, d, macro, ...) macro
#define ALL_OF_1_(a)			      ALL_OF_LIST_(&feature_##a)
#define ALL_OF_2_(a, b)			      ALL_OF_LIST_(&feature_##a, &feature_##b)
#define ALL_OF_3_(a, b, c)		      ALL_OF_LIST_(&feature_##a, &feature_##b, &feature_##c)
#define ALL_OF_4_(a, b, c, d)		      ALL_OF_LIST_(&feature_##a, &feature_##b, &feature_##c, &feature_##d)
#define ALL_OF_LIST_(...)		      ((const struct feature *const[]){__VA_ARGS__, NULL})

/* Two CPUs or more. */
DECLARE_FEATURE(SMP);
/* A runner that answers questions (host.h). */
DECLARE_FEATURE(HOST_ANSWERS);
/* CPU features. */
DECLARE_FEATURE(X2APIC);
DECLARE_FEATURE(TSC_DEADLINE);

/* For use at the beginning of a test: skips the rest if there are fewer. */
#define require_cpus(n)                                                                            \
	do {                                                                                       \
		if (cpu_count() < (n)) {                                                           \
			report_skip("needs %d CPUs, has %d", (n), cpu_count());                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

int cpu_count(void);

/* For the library: everything from hello to the last round; the exit status. */
int run_tests(void);
/* Counted from 1. */
int current_round(void);
u64 current_boot(void);

/* Whether break=WHAT on the command line asks to spoil the test, so that it is seen to fail. */
bool broken(const char *what);

#endif
