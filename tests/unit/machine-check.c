// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/guest/machine-check.c: after a reset a guest's registers must be as at the first boot. Each
 * row has the `machine` lines of two boots, without their CPU, and the expected verdict.
 */
#include <string.h>

#include "guest/machine-check.h"

static char *tell(struct machine_check *check, const char *cpu, const char *text)
{
	g_autoptr(GHashTable) values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	struct machine_line line = { .verb = "machine", .values = values, .line = 7 };

	if (cpu)
		g_hash_table_insert(values, g_strdup("cpu"), (void *)cpu);
	for (char **word = words; *word; word++) {
		char *equals = strchr(*word, '=');

		if (!equals)
			continue;
		*equals = '\0';
		g_hash_table_insert(values, g_strdup(*word), (void *)g_intern_string(equals + 1));
	}
	return machine_check_line(check, &line);
}

static const struct row {
	const char *name, *first, *now;
	const char *problem; /* the words after "CPU N: "; NULL: none */
} rows[] = {
	{ "same", "a=0x1 b=0x2", "a=0x1 b=0x2" },
	{ "other-order", "a=0x1 b=0x2", "b=0x2 a=0x1" },
	{ "empty", "", "" },
	{ "differs", "a=0x1 b=0x2", "a=0x1 b=0x3", "b is 0x3 and was 0x2 at the first boot" },
	{ "differ", "a=0x1 b=0x2", "b=0x1 a=0x2",
	  "a is 0x2 and was 0x1 at the first boot; b is 0x1 and was 0x2 at the first boot" },
	{ "gone", "a=0x1 b=0x2", "b=0x2", "a is not there and was 0x1 at the first boot" },
	{ "new", "b=0x2", "a=0x1 b=0x2", "a is 0x1 and was not there at the first boot" },
	{ "no-number", "a=x", "a=y\x1b", "a is y\\x1b and was x at the first boot" },
};

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	struct machine_check *check = machine_check_new();
	g_autofree char *expected = g_strdup_printf(
		"the machine was not reset: CPU 1: %s (console line 7)", row->problem);

	/* Each CPU is compared only with itself. */
	g_assert_null(tell(check, "0", "a=0x99"));
	g_assert_null(tell(check, "1", row->first));
	g_assert_null(tell(check, "0", "a=0x99"));
	for (int boot = 2; boot <= 3; boot++) {
		g_autofree char *problem = tell(check, "1", row->now);

		/* A difference is reported once. */
		g_assert_cmpstr(problem, ==, row->problem && boot == 2 ? expected : NULL);
	}
	machine_check_free(check);
}

static void test_no_cpu(void)
{
	struct machine_check *check = machine_check_new();
	g_autofree char *problem = NULL;

	g_assert_null(tell(check, NULL, "a=0x1"));
	problem = tell(check, NULL, "a=0x2");
	g_assert_nonnull(strstr(problem, "CPU ?: a is 0x2"));
	machine_check_free(check);
}

/* A device has registers of the same names as another one, or as a CPU. */
static void test_device(void)
{
	struct machine_check *check = machine_check_new();
	g_autofree char *problem = NULL;

	g_assert_null(tell(check, NULL, "device=8254 a=0x1"));
	g_assert_null(tell(check, NULL, "device=8259A a=0x2"));
	g_assert_null(tell(check, "0", "a=0x3"));
	problem = tell(check, NULL, "device=8259A a=0x1");
	g_assert_cmpstr(problem, ==,
			"the machine was not reset: 8259A: a is 0x1 and was 0x2 at the first boot "
			"(console line 7)");
	machine_check_free(check);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/machine-check/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/machine-check/no-cpu", test_no_cpu);
	g_test_add_func("/machine-check/device", test_device);
	return g_test_run();
}
