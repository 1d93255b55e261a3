// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of keys. kvm-unit-tests' runner hands values to a shell, so quotes, backticks and
 * variables in test_args and qemu_params mean what a shell makes of them.
 */
#include <string.h>

#include "suite/keys.h"
#include "util/text.h"

#define DEFAULT_TIMEOUT_SECONDS 90 /* kvm-unit-tests' */
#define MOST_TIMEOUT_SECONDS	86400
#define MOST_VCPUS		255
#define MOST_DISK_MIB		1024

static char **split_words(const char *text)
{
	g_auto(GStrv) pieces = g_strsplit_set(text, " \t\n,", -1);
	GStrvBuilder *words = g_strv_builder_new();
	char **result;

	for (char **piece = pieces; *piece; piece++)
		if (**piece)
			g_strv_builder_add(words, *piece);
	result = g_strv_builder_end(words);
	g_strv_builder_unref(words);
	return result;
}

/* The words that a shell makes of TEXT. A shell is asked only where TEXT needs one. */
static char **shell_words(const char *text, GError **error)
{
	g_autofree char *script = NULL, *output = NULL;
	char *arguments[] = { "/bin/sh", "-c", NULL, NULL };
	GStrvBuilder *words;
	char **result;
	size_t length;
	int status;

	if (!strpbrk(text, "`$")) {
		if (!g_shell_parse_argv(text, NULL, &result, error)) {
			if (!g_error_matches(*error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
				return NULL;
			g_clear_error(error);
			result = g_new0(char *, 1);
		}
		return result;
	}
	/* One word a line: no test argument holds a newline that matters. */
	script = g_strdup_printf("printf '%%s\\n' %s", text);
	arguments[2] = script;
	if (!g_spawn_sync(NULL, arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL,
			  &status, error) ||
	    !g_spawn_check_wait_status(status, error))
		return NULL;
	words = g_strv_builder_new();
	length = strlen(output);
	if (length && output[length - 1] == '\n')
		output[length - 1] = '\0';
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
	for (char **line = lines; *line; line++)
		g_strv_builder_add(words, *line);
	result = g_strv_builder_end(words);
	g_strv_builder_unref(words);
	return result;
}

static void read_file(const struct key_context *context, const char *value)
{
	g_free(context->program->file);
	context->program->file = g_build_filename(context->bindir, value, NULL);
}

static int compare_counts(gconstpointer a, gconstpointer b)
{
	const unsigned *first = a, *second = b;

	return (*first < *second) - (*first > *second);
}

/* 0 if WORD is no number of vCPUs. */
static unsigned read_count(const char *word)
{
	gint64 number;

	/* kvm-unit-tests' word for "as many as the host has". */
	if (g_str_equal(word, "$MAX_SMP"))
		return MIN(g_get_num_processors(), MOST_VCPUS);
	return text_number(word, 1, MOST_VCPUS, &number) ? number : 0;
}

GArray *key_smp_counts(struct complaints *complaints, unsigned line, const char *value)
{
	GArray *counts = g_array_new(FALSE, FALSE, sizeof(unsigned));
	g_auto(GStrv) words = split_words(value);
	const unsigned one = 1;

	for (char **word = words; *word; word++) {
		unsigned count = read_count(*word);

		for (guint i = 0; i < counts->len; i++)
			if (g_array_index(counts, unsigned, i) == count)
				count = 0;
		if (!count) {
			g_array_set_size(counts, 0);
			break;
		}
		g_array_append_val(counts, count);
	}
	if (!counts->len) {
		complain(complaints, line,
			 words[0] && words[1]
				 ? "smp = '%s' is not a list of different numbers from 1 to %d"
				 : "smp = '%s' is not a number from 1 to %d",
			 value, MOST_VCPUS);
		g_array_append_val(counts, one);
	}
	g_array_sort(counts, compare_counts);
	return counts;
}

/* Each count is a program of its own (suite.c), so this one has its count already. */
static void read_smp(const struct key_context *context, const char *value)
{
	g_array_unref(key_smp_counts(context->complaints, context->line, value));
}

static void read_timeout(const struct key_context *context, const char *value)
{
	g_autofree char *digits = g_strdup(value);
	size_t length = strlen(digits);
	gint64 number;

	/* timeout(1)'s suffix for seconds, which kvm-unit-tests passes through. */
	if (length > 1 && digits[length - 1] == 's')
		digits[length - 1] = '\0';
	if (!text_number(digits, 0, MOST_TIMEOUT_SECONDS, &number)) {
		complain(context->complaints, context->line,
			 "timeout = '%s' is not a number of seconds from 0 (none) to %d", value,
			 MOST_TIMEOUT_SECONDS);
		return;
	}
	context->program->timeout = number;
}

static void read_accel(const struct key_context *context, const char *value)
{
	if (!g_str_equal(value, "kvm") && !g_str_equal(value, "tcg")) {
		complain(context->complaints, context->line, "accel = '%s' is neither kvm nor tcg",
			 value);
		return;
	}
	g_free(context->program->accel);
	context->program->accel = g_strdup(value);
}

static void read_check(const struct key_context *context, const char *value)
{
	g_strfreev(context->program->checks);
	context->program->checks = split_words(value);
	for (char **check = context->program->checks; *check; check++)
		if (!strchr(*check, '='))
			complain(context->complaints, context->line,
				 "check = '%s' is not PATH=VALUE", *check);
}

static void read_test_args(const struct key_context *context, const char *value)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) words = shell_words(value, &error);

	if (!words) {
		complain(context->complaints, context->line, "test_args: %s", error->message);
		return;
	}
	g_free(context->program->test_args);
	context->program->test_args = g_strjoinv(" ", words);
}

static void read_qemu_params(const struct key_context *context, const char *value)
{
	g_autoptr(GError) error = NULL;
	char **words = shell_words(value, &error);

	if (!words) {
		complain(context->complaints, context->line, "qemu_params: %s", error->message);
		return;
	}
	g_strfreev(context->program->qemu_params);
	context->program->qemu_params = words;
}

static void read_groups(const struct key_context *context, const char *value)
{
	g_strfreev(context->program->groups);
	context->program->groups = split_words(value);
}

static void read_needs(const struct key_context *context, const char *value)
{
	g_strfreev(context->program->needs);
	context->program->needs = split_words(value);
}

static void read_plans(const struct key_context *context, const char *value)
{
	g_strfreev(context->program->plans);
	context->program->plans = split_words(value);
}

static void read_disk(const struct key_context *context, const char *value)
{
	gint64 number;

	if (!text_number(value, 1, MOST_DISK_MIB, &number))
		complain(context->complaints, context->line,
			 "disk = '%s' is not a number of MiB from 1 to %d", value, MOST_DISK_MIB);
	else
		context->program->disk = number;
}

static void read_arch(const struct key_context *context, const char *value)
{
	g_free(context->program->arch);
	context->program->arch = g_strdup(value);
}

static void read_machine(const struct key_context *context, const char *value)
{
	g_free(context->program->machine);
	context->program->machine = g_strdup(value);
}

static const struct key keys[] = {
	{ "file", read_file },
	{ "smp", read_smp },
	{ "groups", read_groups },
	{ "timeout", read_timeout },
	{ "arch", read_arch },
	{ "accel", read_accel },
	{ "machine", read_machine },
	{ "check", read_check },
	{ "qemu_params", read_qemu_params },
	{ "extra_params", read_qemu_params },
	{ "test_args", read_test_args },
	{ "needs", read_needs },
	{ "plans", read_plans },
	{ "disk", read_disk },
};

const struct key *key_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_str_equal(keys[i].name, name))
			return &keys[i];
	return NULL;
}

char *key_suggest(const char *name)
{
	const char *names[G_N_ELEMENTS(keys) + 1] = { NULL };

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		names[i] = keys[i].name;
	return text_suggest(name, names);
}

struct program *program_new(void)
{
	struct program *program = g_new0(struct program, 1);

	program->smp = 1;
	program->timeout = DEFAULT_TIMEOUT_SECONDS;
	program->arch = g_strdup("");
	program->accel = g_strdup("");
	program->machine = g_strdup("");
	program->groups = g_new0(char *, 1);
	program->checks = g_new0(char *, 1);
	program->qemu_params = g_new0(char *, 1);
	program->needs = g_new0(char *, 1);
	program->plans = g_new0(char *, 1);
	return program;
}

void program_free(struct program *program)
{
	g_free(program->name);
	g_free(program->file);
	g_strfreev(program->groups);
	g_free(program->arch);
	g_free(program->accel);
	g_free(program->machine);
	g_strfreev(program->checks);
	g_free(program->test_args);
	g_strfreev(program->qemu_params);
	g_strfreev(program->needs);
	g_strfreev(program->plans);
	g_free(program);
}
