// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads unittests.cfg. The format is that of kvm-unit-tests' docs/unittests.md:
 * stanzas in brackets, `key = value` lines, comments behind '#', and values over
 * several lines between triple quotes. Their runner hands values to a shell, so
 * quotes, backticks and variables in test_args and qemu_params mean what a shell
 * makes of them.
 */
#include <string.h>

#include "suite/suite.h"
#include "util/text.h"

#define DEFAULT_TIMEOUT_SECONDS 90 /* kvm-unit-tests' */
#define MOST_TIMEOUT_SECONDS	86400
#define MOST_VCPUS		255
#define MOST_DISK_MIB		1024

struct reader {
	struct suite *suite;
	const char *bindir;
	GString *complaints;
	struct program *program; /* the stanza being read, or NULL */
	GHashTable *seen;	 /* keys of this stanza */
	unsigned line;
};

static G_GNUC_PRINTF(2, 3) void complain(struct reader *reader, const char *format, ...)
{
	va_list arguments;

	if (reader->complaints->len)
		g_string_append_c(reader->complaints, '\n');
	g_string_append_printf(reader->complaints, "%s:%u: ", reader->suite->path, reader->line);
	va_start(arguments, format);
	g_string_append_vprintf(reader->complaints, format, arguments);
	va_end(arguments);
}

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

static void read_file(struct reader *reader, const char *value)
{
	g_free(reader->program->file);
	reader->program->file = g_build_filename(reader->bindir, value, NULL);
}

static void read_smp(struct reader *reader, const char *value)
{
	gint64 number;

	/* kvm-unit-tests' word for "as many as the host has". */
	if (g_str_equal(value, "$MAX_SMP"))
		number = MIN(g_get_num_processors(), MOST_VCPUS);
	else if (!text_number(value, 1, MOST_VCPUS, &number)) {
		complain(reader, "smp = '%s' is not a number from 1 to %d", value, MOST_VCPUS);
		return;
	}
	reader->program->smp = number;
}

static void read_timeout(struct reader *reader, const char *value)
{
	g_autofree char *digits = g_strdup(value);
	size_t length = strlen(digits);
	gint64 number;

	/* timeout(1)'s suffix for seconds, which kvm-unit-tests passes through. */
	if (length > 1 && digits[length - 1] == 's')
		digits[length - 1] = '\0';
	if (!text_number(digits, 0, MOST_TIMEOUT_SECONDS, &number)) {
		complain(reader, "timeout = '%s' is not a number of seconds from 0 (none) to %d",
			 value, MOST_TIMEOUT_SECONDS);
		return;
	}
	reader->program->timeout = number;
}

static void read_accel(struct reader *reader, const char *value)
{
	if (!g_str_equal(value, "kvm") && !g_str_equal(value, "tcg")) {
		complain(reader, "accel = '%s' is neither kvm nor tcg", value);
		return;
	}
	g_free(reader->program->accel);
	reader->program->accel = g_strdup(value);
}

static void read_check(struct reader *reader, const char *value)
{
	g_strfreev(reader->program->checks);
	reader->program->checks = split_words(value);
	for (char **check = reader->program->checks; *check; check++)
		if (!strchr(*check, '='))
			complain(reader, "check = '%s' is not PATH=VALUE", *check);
}

static void read_test_args(struct reader *reader, const char *value)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) words = shell_words(value, &error);

	if (!words) {
		complain(reader, "test_args: %s", error->message);
		return;
	}
	g_free(reader->program->test_args);
	reader->program->test_args = g_strjoinv(" ", words);
}

static void read_qemu_params(struct reader *reader, const char *value)
{
	g_autoptr(GError) error = NULL;
	char **words = shell_words(value, &error);

	if (!words) {
		complain(reader, "qemu_params: %s", error->message);
		return;
	}
	g_strfreev(reader->program->qemu_params);
	reader->program->qemu_params = words;
}

static void read_groups(struct reader *reader, const char *value)
{
	g_strfreev(reader->program->groups);
	reader->program->groups = split_words(value);
}

static void read_needs(struct reader *reader, const char *value)
{
	g_strfreev(reader->program->needs);
	reader->program->needs = split_words(value);
}

static void read_plans(struct reader *reader, const char *value)
{
	g_strfreev(reader->program->plans);
	reader->program->plans = split_words(value);
}

static void read_disk(struct reader *reader, const char *value)
{
	gint64 number;

	if (!text_number(value, 1, MOST_DISK_MIB, &number))
		complain(reader, "disk = '%s' is not a number of MiB from 1 to %d", value,
			 MOST_DISK_MIB);
	else
		reader->program->disk = number;
}

static void read_arch(struct reader *reader, const char *value)
{
	g_free(reader->program->arch);
	reader->program->arch = g_strdup(value);
}

static void read_machine(struct reader *reader, const char *value)
{
	g_free(reader->program->machine);
	reader->program->machine = g_strdup(value);
}

static const struct key {
	const char *name;
	void (*read)(struct reader *reader, const char *value);
} keys[] = {
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

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_str_equal(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static void complain_of_key(struct reader *reader, const char *name)
{
	const char *names[G_N_ELEMENTS(keys) + 1] = { NULL };
	g_autofree char *suggestion = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		names[i] = keys[i].name;
	suggestion = text_suggest(name, names);
	complain(reader, "unknown key '%s'%s", name, suggestion);
}

static void program_free(struct program *program)
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

static void end_stanza(struct reader *reader)
{
	struct program *program = reader->program;

	if (!program)
		return;
	if (!program->file) {
		complain(reader, "[%s], which begins at line %u, has no 'file = NAME.flat'",
			 program->name, program->line);
		program->file = g_strdup("");
	}
	g_hash_table_remove_all(reader->seen);
	reader->program = NULL;
}

static void begin_stanza(struct reader *reader, const char *name)
{
	struct program *program;

	end_stanza(reader);
	if (!*name || strpbrk(name, "/ \t*?[]"))
		complain(reader,
			 "a program's name is not empty and holds no '/', '*', '?', bracket or "
			 "space: '%s'",
			 name);
	for (guint i = 0; i < reader->suite->programs->len; i++) {
		struct program *other = reader->suite->programs->pdata[i];

		if (g_str_equal(other->name, name))
			complain(reader, "duplicate name [%s], first used at line %u", name,
				 other->line);
	}
	program = g_new0(struct program, 1);
	program->name = g_strdup(name);
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
	program->line = reader->line;
	g_ptr_array_add(reader->suite->programs, program);
	reader->program = program;
}

/* The rest of a value that began with """ behind FIRST; NEXT moves behind it. */
static char *read_quoted(struct reader *reader, const char *first, char **lines, guint *next)
{
	const char *closed = strstr(first, "\"\"\"");
	unsigned opened_at = reader->line;
	GString *value;

	if (closed)
		return g_strndup(first, closed - first);
	value = g_string_new(first);
	for (; lines[*next]; (*next)++) {
		char *end = strstr(lines[*next], "\"\"\"");

		/* A backslash at the end of a line joins it with the next. */
		if (value->len && value->str[value->len - 1] == '\\')
			g_string_truncate(value, value->len - 1);
		else
			g_string_append_c(value, '\n');
		reader->line++;
		if (end) {
			g_string_append_len(value, lines[*next], end - lines[*next]);
			(*next)++;
			return g_string_free(value, FALSE);
		}
		g_string_append(value, lines[*next]);
	}
	reader->line = opened_at;
	complain(reader, "\"\"\" is never closed");
	return g_string_free(value, FALSE);
}

static void read_assignment(struct reader *reader, char *text, char **lines, guint *next)
{
	char *equals = strchr(text, '=');
	g_autofree char *value = NULL;
	const struct key *key;
	char *name;

	if (!equals) {
		complain(reader, "'%s' is neither [NAME] nor KEY = VALUE", text);
		return;
	}
	*equals = '\0';
	name = g_strstrip(text);
	value = g_strdup(g_strstrip(equals + 1));
	key = find_key(name);
	if (g_str_has_prefix(value, "\"\"\"")) {
		char *whole = read_quoted(reader, value + 3, lines, next);

		g_free(value);
		value = whole;
	}
	if (!key) {
		complain_of_key(reader, name);
		return;
	}
	if (!reader->program) {
		complain(reader, "'%s' stands before the first [NAME]", name);
		return;
	}
	if (!g_hash_table_add(reader->seen, (void *)key->read))
		complain(reader, "'%s' is set twice in [%s]", name, reader->program->name);
	key->read(reader, value);
}

struct suite *suite_load(const char *path, const char *bindir, gboolean kvm_unit_tests,
			 GError **error)
{
	g_autofree char *contents = NULL;
	g_auto(GStrv) lines = NULL;
	struct reader reader = { .bindir = bindir };
	struct suite *suite;
	guint next = 0;

	if (!g_file_get_contents(path, &contents, NULL, error))
		return NULL;
	suite = g_new0(struct suite, 1);
	suite->path = g_strdup(path);
	suite->kvm_unit_tests = kvm_unit_tests;
	suite->programs = g_ptr_array_new_with_free_func((GDestroyNotify)program_free);
	reader.suite = suite;
	reader.complaints = g_string_new(NULL);
	reader.seen = g_hash_table_new(NULL, NULL);

	lines = g_strsplit(contents, "\n", -1);
	while (lines[next]) {
		g_autofree char *line = g_strdup(lines[next++]);
		char *text = g_strstrip(line);
		size_t length = strlen(text);

		reader.line++;
		if (!length || text[0] == '#')
			continue;
		if (text[0] == '[' && text[length - 1] == ']') {
			text[length - 1] = '\0';
			begin_stanza(&reader, text + 1);
		} else {
			read_assignment(&reader, text, lines, &next);
		}
	}
	end_stanza(&reader);
	if (!suite->programs->len && !reader.complaints->len)
		complain(&reader, "holds no program");

	g_hash_table_unref(reader.seen);
	if (reader.complaints->len) {
		g_set_error_literal(error, FERRY_ERROR, 0, reader.complaints->str);
		g_clear_pointer(&suite, suite_free);
	}
	g_string_free(reader.complaints, TRUE);
	return suite;
}

void suite_free(struct suite *suite)
{
	g_ptr_array_unref(suite->programs);
	g_free(suite->path);
	g_free(suite);
}
