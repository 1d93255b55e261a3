// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/guest/console.c: how the runner reads the console protocol (docs/protocol.md), and above
 * all that it notices each byte that is lost or repeated.
 */
#include <string.h>

#include "guest/console.h"

/* The calls of a console to its listener, one line for each. */
struct record {
	GString *text;
	unsigned violations;
};

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	static const char *const kinds[] = {
		[HUMAN_OTHER] = "other", [HUMAN_PASS] = "pass",	      [HUMAN_FAIL] = "fail",
		[HUMAN_SKIP] = "skip",	 [HUMAN_XFAIL] = "xfail",     [HUMAN_XPASS] = "xpass",
		[HUMAN_STACK] = "stack", [HUMAN_SUMMARY] = "summary",
	};
	struct record *record = data;

	g_string_append_printf(record->text, "%u %s '%s'\n", number, kinds[kind], text);
}

static void on_sentence(void *data, enum sentence sentence)
{
	static const char *const sentences[] = { "migrate", "begin", "end", "skipped" };
	struct record *record = data;

	g_string_append_printf(record->text, "sentence %s\n", sentences[sentence]);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct record *record = data;
	GList *keys = g_list_sort(g_hash_table_get_keys(line->values), (GCompareFunc)strcmp);

	g_string_append_printf(record->text, "@%" G_GUINT64_FORMAT " %s", line->sequence,
			       line->verb);
	for (GList *key = keys; key; key = key->next)
		g_string_append_printf(record->text, " %s='%s'", (char *)key->data,
				       machine_line_value(line, key->data));
	g_string_append_c(record->text, '\n');
	g_list_free(keys);
}

static void on_violation(void *data, const char *problem)
{
	struct record *record = data;

	g_assert_null(strchr(problem, '\n'));
	g_assert_true(g_utf8_validate(problem, -1, NULL));
	record->violations++;
	g_string_append_printf(record->text, "violation: %s\n", problem);
}

static const struct console_listener listener = {
	.human = on_human,
	.sentence = on_sentence,
	.machine = on_machine,
	.violation = on_violation,
};

/* Feeds LENGTH BYTES to a console in two pieces, the first of SPLIT bytes. */
static char *read_split(const char *bytes, gsize length, gsize split, unsigned *violations,
			gboolean *speaks)
{
	struct record record = { .text = g_string_new(NULL) };
	struct console *console = console_new(&listener, &record);

	console_feed(console, bytes, split);
	console_feed(console, bytes + split, length - split);
	console_end(console);
	g_assert_cmpuint(console_bytes(console), ==, length);
	g_assert_true(g_utf8_validate(console_last_line(console), -1, NULL));
	if (violations)
		*violations = record.violations;
	if (speaks)
		*speaks = console_speaks_protocol(console);
	console_free(console);
	return g_string_free(record.text, FALSE);
}

static char *read_all(const char *bytes)
{
	return read_split(bytes, strlen(bytes), 0, NULL, NULL);
}

/* A short boot. machine() and human() count lines and bytes as a guest does. */
struct boot {
	GString *bytes;
	guint64 sequence;
};

static void machine(struct boot *boot, const char *text)
{
	g_string_append_printf(boot->bytes, "@%" G_GUINT64_FORMAT "+%" G_GSIZE_FORMAT " %s\n",
			       ++boot->sequence, boot->bytes->len, text);
}

static void human(struct boot *boot, const char *text)
{
	g_string_append(boot->bytes, text);
}

static GString *a_boot(void)
{
	struct boot boot = { .bytes = g_string_new(NULL) };

	machine(&boot, "hello protocol=1 program=unit cpus=2 tests=1");
	machine(&boot, "begin test=one cpu=0 round=1");
	human(&boot, "PASS: a check\n");
	human(&boot, "Now migrate the VM (quiet)\n");
	machine(&boot, "got answer=0");
	machine(&boot, "mark name=speed loops=0x10 note=\"two words\" empty=\"\"");
	machine(&boot, "end test=one cpu=0 round=1 verdict=pass checks=1");
	human(&boot, "SUMMARY: 1 tests\n");
	machine(&boot, "bye status=0");
	return boot.bytes;
}

static const char a_boot_read[] = "@1 hello cpus='2' program='unit' protocol='1' tests='1'\n"
				  "@2 begin cpu='0' round='1' test='one'\n"
				  "3 pass 'PASS: a check'\n"
				  "4 other 'Now migrate the VM (quiet)'\n"
				  "sentence migrate\n"
				  "@3 got answer='0'\n"
				  "@4 mark empty='' loops='0x10' name='speed' note='two words'\n"
				  "@5 end checks='1' cpu='0' round='1' test='one' verdict='pass'\n"
				  "8 summary 'SUMMARY: 1 tests'\n"
				  "@6 bye status='0'\n";

static void test_every_split(void)
{
	g_autoptr(GString) boot = a_boot();

	for (gsize split = 0; split <= boot->len; split++) {
		g_autofree char *text = read_split(boot->str, boot->len, split, NULL, NULL);

		g_assert_cmpstr(text, ==, a_boot_read);
	}
}

static void test_byte_by_byte(void)
{
	g_autoptr(GString) boot = a_boot();
	struct record record = { .text = g_string_new(NULL) };
	struct console *console = console_new(&listener, &record);

	for (gsize i = 0; i < boot->len; i++)
		console_feed(console, boot->str + i, 1);
	console_end(console);
	g_assert_cmpstr(record.text->str, ==, a_boot_read);
	g_assert_cmpstr(console_last_line(console), !=, "");
	console_free(console);
	g_string_free(record.text, TRUE);
}

/*
 * Damage to a boot is noticed if the console complains, if the guest no longer seems to speak the
 * protocol, or if the last line does not say bye with the right status. The verdict of a case looks
 * at all three.
 */
static gboolean is_caught(const char *bytes, gsize length)
{
	unsigned violations;
	gboolean speaks;
	g_autofree char *text = read_split(bytes, length, 0, &violations, &speaks);

	return violations || !speaks || !strstr(text, " bye status='0'\n");
}

/* If the very last newline is lost, no later line can show it. */
static void test_a_byte_lost_anywhere(void)
{
	g_autoptr(GString) boot = a_boot();

	for (gsize i = 0; i + 1 < boot->len; i++) {
		g_autoptr(GString) damaged = g_string_new_len(boot->str, boot->len);

		g_string_erase(damaged, i, 1);
		g_test_message("without byte %" G_GSIZE_FORMAT " ('%c')", i, boot->str[i]);
		g_assert_true(is_caught(damaged->str, damaged->len));
	}
}

static void test_a_byte_doubled_anywhere(void)
{
	g_autoptr(GString) boot = a_boot();

	for (gsize i = 0; i + 1 < boot->len; i++) {
		g_autoptr(GString) damaged = g_string_new_len(boot->str, boot->len);

		/*
		 * status=00 is still 0, so doubling this byte changes nothing. There is no other
		 * such byte.
		 */
		if (g_str_equal(boot->str + i, "0\n"))
			continue;
		g_string_insert_c(damaged, i, boot->str[i]);
		g_test_message("byte %" G_GSIZE_FORMAT " ('%c') twice", i, boot->str[i]);
		g_assert_true(is_caught(damaged->str, damaged->len));
	}
}

/* As many bytes as the FIFO of a 16550 holds, lost or doubled at every place. */
static void test_a_fifo_lost_or_doubled_anywhere(void)
{
	const gsize fifo = 16;
	g_autoptr(GString) boot = a_boot();

	for (gsize i = 0; i + fifo < boot->len; i++) {
		g_autoptr(GString) less = g_string_new_len(boot->str, boot->len);
		g_autoptr(GString) more = g_string_new_len(boot->str, boot->len);

		g_string_erase(less, i, fifo);
		g_string_insert_len(more, i, boot->str + i, fifo);
		g_test_message("at byte %" G_GSIZE_FORMAT, i);
		g_assert_true(is_caught(less->str, less->len));
		g_assert_true(is_caught(more->str, more->len));
	}
}

#define HELLO "@1+0 hello protocol=1\n" /* 22 bytes */

static void test_messages(void)
{
	static const struct {
		const char *bytes, *told;
	} rows[] = {
		{ "@2+22 a\n@3+30 b\n", "@2 a\n@3 b\n" },
		{ "@3+22 a\n",
		  "violation: console line 2: machine line 3 follows 1: 1 lost\n@3 a\n" },
		{ "@2+22 a\n@2+30 a\n",
		  "@2 a\nviolation: console line 3: machine line 2 came again after 2\n@2 a\n" },
		{ "@2+25 a\n",
		  "violation: console line 2: the guest had sent 25 bytes, 22 came: 3 lost\n"
		  "@2 a\n" },
		{ "@2+20 a\n",
		  "violation: console line 2: the guest had sent 20 bytes, 22 came: 2 too many\n@2 a\n" },
		/* One loss causes one complaint. */
		{ "@2+25 a\n@3+33 b\n",
		  "violation: console line 2: the guest had sent 25 bytes, 22 came: 3 lost\n"
		  "@2 a\n@3 b\n" },
		{ "@5+99 a\n@6+107 b\n",
		  "violation: console line 2: machine line 5 follows 1: 3 lost\n@5 a\n@6 b\n" },
		{ "@2 22 a\n", "violation: console line 2: a damaged machine line: @2 22 a\n" },
		{ "@2+22 a b\n", "violation: console line 2: a damaged machine line: @2+22 a b\n" },
		{ "@2+22 a b=\n",
		  "violation: console line 2: a damaged machine line: @2+22 a b=\n" },
		{ "@2+22 a b=\"c\n",
		  "violation: console line 2: a damaged machine line: @2+22 a b=\"c\n" },
		{ "@2+22 a b=\"c\"d\n",
		  "violation: console line 2: a damaged machine line: @2+22 a b=\"c\"d\n" },
		{ "@2+22 a =c\n",
		  "violation: console line 2: a damaged machine line: @2+22 a =c\n" },
		{ "@2+22  a\n", "violation: console line 2: a damaged machine line: @2+22  a\n" },
		{ "@2+22\n", "violation: console line 2: a damaged machine line: @2+22\n" },
		{ "@2+22 a\tb=c\n",
		  "violation: console line 2: a damaged machine line: @2+22 a\\x09b=c\n" },
		{ "@2+22 a b c=d\n",
		  "violation: console line 2: a damaged machine line: @2+22 a b c=d\n" },
		{ "@2+22 a b=\x1b\n",
		  "violation: console line 2: a damaged machine line: @2+22 a b=\\x1b\n" },
		{ "@\n", "violation: console line 2: a damaged machine line: @\n" },
		{ "@-1+5 a\n", "violation: console line 2: a damaged machine line: @-1+5 a\n" },
		/* The VM ended while the guest wrote this line. Why it ended is told elsewhere. */
		{ "@2+22 ", "2 other '@2+22 '\n" },
		/* A second boot counts from 0 again, and the runner must have reset the guest. */
		{ "@1+0 hello\n@2+11 a\n",
		  "violation: console line 2: the guest boots again, and nobody has reset it\n"
		  "@1 hello\n@2 a\n" },
		{ "@2+22 hello\n",
		  "violation: console line 2: a hello that is not machine line 1 at byte 0\n@2 hello\n" },
		/* A serial port that is a terminal ends lines in \r\n. */
		{ "@2+22 a\r\n", "@2 a\n" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *bytes = g_strconcat(HELLO, rows[i].bytes, NULL);
		g_autofree char *text = read_all(bytes);
		g_autofree char *expected =
			g_strconcat("@1 hello protocol='1'\n", rows[i].told, NULL);

		g_assert_cmpstr(text, ==, expected);
	}
}

/* A boot after a reset by the runner. The output of the boot before may end at any byte. */
static void test_boot_after_reset(void)
{
	static const char last[] = "@2+22 a\nwhole\n@3+36 b c=\"@1+0 he";

	for (gsize cut = 0; cut < sizeof(last); cut++) {
		struct record record = { .text = g_string_new(NULL) };
		struct console *console = console_new(&listener, &record);

		console_feed(console, HELLO, strlen(HELLO));
		console_expect_boot(console);
		console_feed(console, last, cut);
		console_feed(console, HELLO "@2+22 d\n", strlen(HELLO "@2+22 d\n"));
		g_test_message("cut after %" G_GSIZE_FORMAT ": %s", cut, record.text->str);
		g_assert_cmpuint(record.violations, ==, 0);
		g_assert_true(g_str_has_suffix(record.text->str, "@1 hello protocol='1'\n@2 d\n"));
		/* One reset permits one boot. */
		console_feed(console, HELLO, strlen(HELLO));
		g_assert_cmpuint(record.violations, ==, 1);
		console_free(console);
		g_string_free(record.text, TRUE);
	}
}

static void test_numbers(void)
{
	g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
	struct machine_line line = { .values = values };

	g_hash_table_insert(values, (void *)"ten", (void *)"10");
	g_hash_table_insert(values, (void *)"hex", (void *)"0x10");
	g_hash_table_insert(values, (void *)"minus", (void *)"-5");
	g_hash_table_insert(values, (void *)"word", (void *)"12a");
	g_hash_table_insert(values, (void *)"empty", (void *)"");
	g_assert_cmpint(machine_line_number(&line, "ten", -1), ==, 10);
	g_assert_cmpint(machine_line_number(&line, "hex", -1), ==, 16);
	g_assert_cmpint(machine_line_number(&line, "minus", -1), ==, -5);
	g_assert_cmpint(machine_line_number(&line, "word", -1), ==, -1);
	g_assert_cmpint(machine_line_number(&line, "empty", -1), ==, -1);
	g_assert_cmpint(machine_line_number(&line, "absent", 42), ==, 42);
}

static char *exception_at(const char *rip)
{
	struct machine_line line = { .values = g_hash_table_new(g_str_hash, g_str_equal) };
	char *text;

	g_hash_table_insert(line.values, (char *)"vector", (char *)"8");
	g_hash_table_insert(line.values, (char *)"rip", (char *)rip);
	text = machine_line_exception(&line);
	g_hash_table_unref(line.values);
	return text;
}

/* A vCPU whose registers were not restored has the RIP of a reset. */
static void test_exception_text(void)
{
	g_autofree char *code = exception_at("0x401234"), *reset = exception_at("0xfff0");

	g_assert_cmpstr(code, ==, "unexpected exception 8 at 0x401234");
	g_assert_cmpstr(
		reset, ==,
		"unexpected exception 8 at 0xfff0 (where a CPU begins after a reset: were its registers restored?)");
}

/* A NUL must not end a machine line, or the rest of the line would be lost without notice. */
static void test_nul(void)
{
	static const char in_machine_line[] = HELLO "@2+22 got answer=1\0garbage\n";
	static const char in_human_line[] = HELLO "PASS: a\0b\n@2+32 a\n";
	g_autofree char *damaged = NULL, *good = NULL;
	unsigned violations;

	damaged = read_split(in_machine_line, sizeof(in_machine_line) - 1, 0, &violations, NULL);
	g_assert_cmpstr(
		damaged, ==,
		"@1 hello protocol='1'\n"
		"violation: console line 2: a damaged machine line: @2+22 got answer=1\\x00garbage\n");
	good = read_split(in_human_line, sizeof(in_human_line) - 1, 0, &violations, NULL);
	g_assert_cmpuint(violations, ==, 0);
	g_assert_true(g_str_has_suffix(good, "@2 a\n"));
}

static void test_invalid_utf8(void)
{
	g_autofree char *text = read_all(HELLO "@2+22 a b=\xff\n");

	g_assert_cmpstr(
		text, ==,
		"@1 hello protocol='1'\nviolation: console line 2: a damaged machine line: @2+22 a b=\\xff\n");
}

static void test_over_long_lines(void)
{
	enum { LENGTH = 1 << 20 };
	g_autofree char *letters = g_strnfill(LENGTH, 'x');
	g_autofree char *bytes =
		g_strdup_printf(HELLO "%s\n@2+%zu after\n", letters, strlen(HELLO) + LENGTH + 1);
	unsigned violations;
	g_autofree char *text = read_split(bytes, strlen(bytes), 1000, &violations, NULL);

	g_assert_cmpuint(violations, ==, 0);
	g_assert_true(g_str_has_suffix(text, "@2 after\n"));
	/* Not all of the line is kept in memory. */
	g_assert_cmpuint(strlen(text), <, LENGTH / 4);
}

/* A guest of another suite may print anything. */
static void test_kvm_unit_tests(void)
{
	g_autofree char *text = read_all("enabling apic\r\n"
					 "@ home\n"
					 "@7+70 end test=x\n"
					 "\n"
					 "PASS: apic existence\n"
					 "FAIL: self ipi\n"
					 "SKIP: no vmx\n"
					 "XFAIL: known\n"
					 "XPASS: not any more\n"
					 "PASSED: is no verdict\n"
					 "\tSTACK: @400e1c 400f03\n"
					 "SUMMARY: 5 tests, 1 unexpected failures\n"
					 "without end");

	g_assert_cmpstr(text, ==,
			"1 other 'enabling apic'\n"
			"2 other '@ home'\n"
			"3 other '@7+70 end test=x'\n"
			"4 other ''\n"
			"5 pass 'PASS: apic existence'\n"
			"6 fail 'FAIL: self ipi'\n"
			"7 skip 'SKIP: no vmx'\n"
			"8 xfail 'XFAIL: known'\n"
			"9 xpass 'XPASS: not any more'\n"
			"10 other 'PASSED: is no verdict'\n"
			"11 stack '\tSTACK: @400e1c 400f03'\n"
			"12 summary 'SUMMARY: 5 tests, 1 unexpected failures'\n"
			"13 other 'without end'\n");
}

static void test_kvm_unit_tests_never_speaks(void)
{
	static const char bytes[] = "@7+70 end test=x\nPASS: y\n";
	gboolean speaks;
	unsigned violations;

	g_free(read_split(bytes, sizeof(bytes) - 1, 0, &violations, &speaks));
	g_assert_false(speaks);
	g_assert_cmpuint(violations, ==, 0);
}

static void test_sentences(void)
{
	g_autofree char *text = read_all("Now migrate the VM, then press a key to continue...\n"
					 "Begin continuous migration\n"
					 "End continuous migration (quiet)\n"
					 "INFO: Skipped VM migration: no reason\n");

	g_assert_cmpstr(text, ==,
			"1 other 'Now migrate the VM, then press a key to continue...'\n"
			"sentence migrate\n"
			"2 other 'Begin continuous migration'\n"
			"sentence begin\n"
			"3 other 'End continuous migration (quiet)'\n"
			"sentence end\n"
			"4 other 'INFO: Skipped VM migration: no reason'\n"
			"sentence skipped\n");
}

static void test_last_line_is_printable(void)
{
	struct record record = { .text = g_string_new(NULL) };
	struct console *console = console_new(&listener, &record);

	g_assert_cmpstr(console_last_line(console), ==, "");
	console_feed(console, "a\x1b[2J\n\n\r\n", 8);
	g_assert_cmpstr(console_last_line(console), ==, "a\\x1b[2J");
	console_free(console);
	g_string_free(record.text, TRUE);
}

/* Garbage before and after hello must not make the runner crash. Complaints are permitted. */
static void test_any_bytes(void)
{
	static const char letters[] = "@@123+ \"==\n\n\r\\abchello\x01\xff";
	g_autoptr(GRand) random = g_rand_new_with_seed(1);

	for (unsigned round = 0; round < 20000; round++) {
		char bytes[80] = HELLO;
		g_autofree char *text = NULL;

		for (gsize i = round % 2 ? strlen(HELLO) : 0; i < sizeof(bytes); i++)
			bytes[i] = letters[g_rand_int_range(random, 0, sizeof(letters))];
		text = read_split(bytes, sizeof(bytes), g_rand_int_range(random, 0, 80), NULL,
				  NULL);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/every-split", test_every_split);
	g_test_add_func("/console/byte-by-byte", test_byte_by_byte);
	g_test_add_func("/console/byte-lost-anywhere", test_a_byte_lost_anywhere);
	g_test_add_func("/console/byte-doubled-anywhere", test_a_byte_doubled_anywhere);
	g_test_add_func("/console/fifo-lost-or-doubled", test_a_fifo_lost_or_doubled_anywhere);
	g_test_add_func("/console/messages", test_messages);
	g_test_add_func("/console/boot-after-reset", test_boot_after_reset);
	g_test_add_func("/console/numbers", test_numbers);
	g_test_add_func("/console/exception-text", test_exception_text);
	g_test_add_func("/console/nul", test_nul);
	g_test_add_func("/console/invalid-utf8", test_invalid_utf8);
	g_test_add_func("/console/over-long-lines", test_over_long_lines);
	g_test_add_func("/console/kvm-unit-tests", test_kvm_unit_tests);
	g_test_add_func("/console/kvm-unit-tests-never-speaks", test_kvm_unit_tests_never_speaks);
	g_test_add_func("/console/sentences", test_sentences);
	g_test_add_func("/console/last-line-printable", test_last_line_is_printable);
	g_test_add_func("/console/any-bytes", test_any_bytes);
	return g_test_run();
}
