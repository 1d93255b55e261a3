// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/vmm/native/: lines of the control protocol, with texts that vmm/quote.c has quoted; and
 * QEMU's options translated for ferry-vmm.
 */
#include "quote.h"
#include "vmm/native/channel.h"
#include "vmm/native/words.h"

/* "WORD NUMBER NAME KEY=VALUE..." in the order of the keys; "nonsense" if TEXT is no such line. */
static char *told(const char *text)
{
	struct native_line line;
	GString *words;
	GList *keys;

	if (!native_line_read(&line, text))
		return g_strdup("nonsense");
	words = g_string_new(line.word);
	if (line.number)
		g_string_append_printf(words, " %" G_GUINT64_FORMAT, line.number);
	if (line.name)
		g_string_append_printf(words, " %s", line.name);
	keys = g_list_sort(g_hash_table_get_keys(line.values), (GCompareFunc)g_strcmp0);
	for (GList *key = keys; key; key = key->next)
		g_string_append_printf(words, " %s=[%s]", (char *)key->data,
				       (char *)g_hash_table_lookup(line.values, key->data));
	g_list_free(keys);
	native_line_clear(&line);
	return g_string_free(words, FALSE);
}

static void test_lines(void)
{
	static const struct {
		const char *line, *told;
	} rows[] = {
		{ "hello protocol=1 version=1 clocks=run",
		  "hello clocks=[run] protocol=[1] version=[1]" },
		{ "ok 3", "ok 3" },
		{ "ok 12 cycles=4", "ok 12 cycles=[4]" },
		{ "error 4 text=\"no such thing\"", "error 4 text=[no such thing]" },
		{ "failed text=\"msr 0x10: was 0x1, is 0x2\"",
		  "failed text=[msr 0x10: was 0x1, is 0x2]" },
		{ "event reset", "event reset" },
		{ "figures cycles=1 in_l2=0", "figures cycles=[1] in_l2=[0]" },
		{ "figures", "figures" },
		{ "ok 1 key=", "ok 1 key=[]" },
		/* No VMM says these. */
		{ "", "nonsense" },
		{ "ok", "nonsense" },
		{ "ok 0", "nonsense" },
		{ "ok three", "nonsense" },
		{ "ok 1 words", "nonsense" },
		{ "ok 1 =2", "nonsense" },
		{ "event", "nonsense" },
		{ "error 1 text=\"no end", "nonsense" },
		{ "welcome protocol=1", "nonsense" },
		{ "hello \xff=1", "nonsense" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *words = told(rows[i].line);

		g_test_message("%s", rows[i].line);
		g_assert_cmpstr(words, ==, rows[i].told);
	}
}

/* What the runner reads of TEXT, which ferry-vmm has quoted into ROOM bytes; NULL: nonsense. */
static char *read_quoted(const char *text, gsize room)
{
	g_autofree char *quoted = g_malloc(room);
	g_autofree char *whole = NULL;
	struct native_line line;
	char *read;

	quote(quoted, room, text);
	whole = g_strdup_printf("failed text=\"%s\"", quoted);
	if (!native_line_read(&line, whole))
		return NULL;
	read = g_strdup(g_hash_table_lookup(line.values, "text"));
	native_line_clear(&line);
	return read;
}

static void test_quotes(void)
{
	static const struct {
		const char *text;
		gsize room;
		const char *read;
	} rows[] = {
		{ "", 1, "" },
		{ "it's gone", 100, "it's gone" },
		{ "no \"guest\"", 100, "no \"guest\"" },
		{ "\\ at both ends\\", 100, "\\ at both ends\\" },
		{ "\\\" \\\\ \\$x \\`x`", 100, "\\\" \\\\ \\$x \\`x`" },
		{ "two\nlines", 100, "two lines" },
		{ "four", 5, "four" },
		{ "fours", 5, "four" },
		{ "abc\"", 6, "abc\"" },
		{ "abc\"", 5, "abc" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *read = read_quoted(rows[i].text, rows[i].room);

		g_test_message("%s", rows[i].text);
		g_assert_cmpstr(read, ==, rows[i].read);
	}
}

static void test_numbers(void)
{
	struct native_line line;

	g_assert_true(native_line_read(&line, "ok 1 a=5 b=x c=-1 d=18446744073709551616"));
	g_assert_cmpuint(native_line_number(line.values, "a"), ==, 5);
	g_assert_cmpuint(native_line_number(line.values, "b"), ==, 0);
	g_assert_cmpuint(native_line_number(line.values, "c"), ==, 0);
	g_assert_cmpuint(native_line_number(line.values, "d"), ==, 0);
	g_assert_cmpuint(native_line_number(line.values, "e"), ==, 0);
	native_line_clear(&line);
}

/* The options for ARGUMENTS and TYPE (which may be NULL), or what is missing. */
static char *translated(const char *arguments, const char *type, const char *disk)
{
	g_auto(GStrv) words = *arguments ? g_strsplit(arguments, " ", -1) : NULL;
	const struct vm_machine machine = {
		.smp = 2, .memory_mib = 128, .type = type, .arguments = words, .disk = disk
	};
	char *problem;
	GPtrArray *options = native_translate(&machine, &problem);
	char *text;

	if (!options)
		return problem;
	g_ptr_array_add(options, NULL);
	text = g_strjoinv(" ", (char **)options->pdata);
	g_ptr_array_unref(options);
	return text;
}

#define USUAL "--memory 128 --cpus 2"

static void test_words(void)
{
	static const struct {
		const char *arguments, *type, *disk, *told;
	} rows[] = {
		{ "", NULL, NULL, USUAL },
		{ "-cpu max", NULL, NULL, USUAL },
		{ "-cpu max,+svm", NULL, NULL, USUAL " --cpu +svm" },
		{ "-cpu host,+vmx -m 8", NULL, NULL, USUAL " --memory 8 --cpu +vmx" },
		{ "-cpu host,hv-time,hv-synic -device hyperv-testdev", NULL, NULL,
		  USUAL " --hyperv time,synic" },
		{ "-cpu host,+vmx,hv_passthrough", NULL, NULL,
		  USUAL " --cpu +vmx --hyperv passthrough" },
		{ "-m 4g", NULL, NULL, USUAL " --memory 4096" },
		{ "-m 64M", NULL, NULL, USUAL " --memory 64" },
		{ "-enable-kvm -smp 4", NULL, NULL, USUAL " --cpus 4" },
		{ "--device pc-testdev --net none", NULL, NULL, USUAL },
		{ "-machine q35,kernel_irqchip=split", NULL, NULL, USUAL " --irqchip split" },
		{ "", "q35,kernel-irqchip=off", NULL, USUAL " --irqchip off" },
		{ "", "pc", NULL, USUAL },
		/* ferry-vmm does not have these. */
		{ "-device edu,addr=4", NULL, NULL, "the native VMM has no -device edu,addr=4" },
		{ "-device hyperv-testdev -device edu", NULL, NULL,
		  "the native VMM has no -device edu" },
		{ "-cpu Skylake-Server,+vmx", NULL, NULL,
		  "the native VMM has no -cpu Skylake-Server" },
		{ "-machine pit=off", NULL, NULL, "the native VMM has no -machine pit=off" },
		{ "", "microvm", NULL, "the native VMM has no -machine microvm" },
		{ "-global kvmclock.x=off -cpu max", NULL, NULL,
		  "the native VMM has no -global kvmclock.x=off" },
		{ "-m much", NULL, NULL, "the native VMM has no -m much" },
		{ "-nic user", NULL, NULL, "the native VMM has no network" },
		{ "-accel tcg", NULL, NULL, "the native VMM has no -accel tcg" },
		{ "-cpu", NULL, NULL, "the native VMM has no -cpu" },
		{ "-s -S", NULL, NULL, "the native VMM has no -s" },
		{ "", NULL, "", "the native VMM has no disk" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *words = translated(rows[i].arguments, rows[i].type, rows[i].disk);

		g_test_message("%s", rows[i].arguments);
		g_assert_cmpstr(words, ==, rows[i].told);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/native/lines", test_lines);
	g_test_add_func("/native/quotes", test_quotes);
	g_test_add_func("/native/numbers", test_numbers);
	g_test_add_func("/native/words", test_words);
	return g_test_run();
}
