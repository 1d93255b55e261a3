// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/outlook.c: what it says about a run at each of its stages. */
#include "plan/plan.h"
#include "run/outlook.h"

static struct environment here = {
	.host = "local",
	.accel = "kvm",
	.kernel = (char *)"6.1",
	.cpu = (char *)"CPU",
};
static struct program one_vcpu = { .name = (char *)"one", .smp = 1 };
static struct program two_vcpus = { .name = (char *)"two", .smp = 2 };

static struct test_case make_case(const struct program *program, const char *host)
{
	return (struct test_case){
		.program = program, .plan_name = "none", .name = program->name, .host = host
	};
}

static void assert_told(struct outlook *outlook, const char *expected)
{
	const struct forecast *forecast = outlook_forecast(outlook);
	g_autoptr(GString) text = g_string_new(NULL);

	forecast->describe(forecast->data, text);
	g_assert_cmpstr(text->str, ==, expected);
}

static double left(struct outlook *outlook)
{
	const struct forecast *forecast = outlook_forecast(outlook);

	return forecast->seconds_left(forecast->data);
}

static void end(struct outlook *outlook, const struct test_case *test_case, enum verdict verdict)
{
	struct result *result = result_new(test_case, &here);

	result->verdict = verdict;
	result->duration_ns = 1e9;
	outlook_ended(outlook, result);
	result_free(result);
}

static void test_stages(void)
{
	struct durations *durations = durations_open(&here, NULL);
	struct outlook *outlook = outlook_new(durations, 2);
	struct test_case in_lab = make_case(&two_vcpus, "amd"),
			 second = make_case(&one_vcpu, "amd");
	struct test_case local = make_case(&one_vcpu, "local");
	g_autoptr(GPtrArray) cases = g_ptr_array_new(), others = g_ptr_array_new();
	g_autofree char *boots = g_strdup_printf("amd lab boots 0 of %.0f s",
						 expected_boot_seconds(durations, "amd"));
	g_autofree char *both = g_strdup_printf("%s, amd lab 2 boots 0 of %.0f s", boots,
						expected_boot_seconds(durations, "amd"));
	struct outlook_lab *lab, *other;

	g_assert_cmpfloat(left(outlook), ==, 0);
	g_ptr_array_add(cases, &in_lab);
	g_ptr_array_add(others, &second);
	lab = outlook_add_lab(outlook, "amd", 1, cases);
	other = outlook_add_lab(outlook, "amd", 2, others);
	outlook_add_local(outlook, &local);
	g_assert_cmpfloat(left(outlook), >=,
			  expected_seconds(durations, &in_lab, NULL) +
				  expected_boot_seconds(durations, "amd"));
	assert_told(outlook, "");
	outlook_lab_has_kernel(lab);
	outlook_lab_has_kernel(other);
	assert_told(outlook, "");
	outlook_lab_boots(lab);
	assert_told(outlook, boots);
	outlook_lab_boots(other);
	assert_told(outlook, both);
	outlook_started(outlook, &second);
	assert_told(outlook, boots);
	outlook_lab_ended(lab);
	assert_told(outlook, "");
	end(outlook, &in_lab, VERDICT_ERROR);
	end(outlook, &second, VERDICT_PASS);
	g_assert_cmpfloat(left(outlook), >, 0);
	end(outlook, &local, VERDICT_SKIP);
	g_assert_cmpfloat(left(outlook), ==, 0);
	/* It ignores cases that it was never told of. */
	end(outlook, &local, VERDICT_PASS);
	outlook_started(outlook, &local);
	g_assert_cmpfloat(left(outlook), ==, 0);
	outlook_free(outlook);
	durations_close(durations);
}

/* With more CPUs a run takes less time. A guest with as many vCPUs keeps the host busy alone. */
static void test_total(void)
{
	struct durations *durations = durations_open(&here, NULL);
	struct test_case cases[8];
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	double one, two, boot = expected_boot_seconds(durations, "amd");

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		cases[i] = make_case(&two_vcpus, "amd");
		g_ptr_array_add(all, &cases[i]);
	}
	one = outlook_total(durations, all, 1);
	two = outlook_total(durations, all, 2);
	g_assert_cmpfloat_with_epsilon(one - boot, 8 * expected_seconds(durations, &cases[0], NULL),
				       0.01);
	g_assert_cmpfloat_with_epsilon(one - boot, 2 * (two - boot), 0.01);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		cases[i] = make_case(&one_vcpu, "amd");
	g_assert_cmpfloat_with_epsilon(one - boot, 2 * (outlook_total(durations, all, 1) - boot),
				       0.01);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		cases[i] = make_case(&one_vcpu, "local");
		cases[i].skip_reason = (char *)"it cannot run";
	}
	g_assert_cmpfloat(outlook_total(durations, all, 1), ==, 0);
	durations_close(durations);
}

int main(int argc, char **argv)
{
	g_setenv("XDG_CACHE_HOME", "/nowhere", TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/outlook/stages", test_stages);
	g_test_add_func("/outlook/total", test_total);
	return g_test_run();
}
