// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns the stanzas of a unittests.cfg into programs. A stanza that names several counts of vCPUs
 * makes a program for each.
 */
#include <string.h>

#include "suite/config-file.h"
#include "suite/keys.h"
#include "suite/suite.h"
#include "util/text.h"

struct loader {
	struct suite *suite;
	const char *bindir;
	struct complaints *complaints; /* for these the file is refused */
	struct complaints *warnings;
	GHashTable *pieces; /* of QEMU arguments, by their names */
};

/* ---- pieces of QEMU arguments ---- */

#define LETTERS_OF_A_PIECE "abcdefghijklmnopqrstuvwxyz0123456789_"

/* If TEXT begins with "{NAME}", returns the NAME, which the caller frees. Else NULL. */
static char *piece_name(const char *text)
{
	size_t length = *text == '{' ? strspn(text + 1, LETTERS_OF_A_PIECE) : 0;

	return length && text[1 + length] == '}' ? g_strndup(text + 1, length) : NULL;
}

static char *expand(struct loader *loader, const char *text, unsigned smp, unsigned line);

/* The only name in braces that a piece can still hold is {smp}. */
static void append_piece(struct loader *loader, GString *result, const char *piece, unsigned smp,
			 unsigned line)
{
	g_autofree char *text = expand(loader, piece, smp, line);

	g_string_append(result, text);
}

/*
 * Returns TEXT with the name of each piece replaced by the piece. SMP is what {smp} stands for; 0
 * leaves {smp} for later. ${NAME} stays, since it is a shell's variable. The caller frees the
 * result.
 */
static char *expand(struct loader *loader, const char *text, unsigned smp, unsigned line)
{
	GString *result = g_string_new(NULL);

	for (const char *next = text; *next; next++) {
		g_autofree char *name = piece_name(next);
		gboolean is_shell = next > text && next[-1] == '$';
		const char *piece = name ? g_hash_table_lookup(loader->pieces, name) : NULL;

		if (!name || is_shell) {
			g_string_append_c(result, *next);
			continue;
		}
		if (g_str_equal(name, "smp") && smp)
			g_string_append_printf(result, "%u", smp);
		else if (g_str_equal(name, "smp"))
			g_string_append(result, "{smp}");
		else if (piece)
			append_piece(loader, result, piece, smp, line);
		else
			complain(
				loader->complaints, line,
				"'{%s}' is not named by a line '{%s} = TEXT' before the first [NAME]",
				name, name);
		next += strlen(name) + 1;
	}
	return g_string_free(result, FALSE);
}

static void read_piece(struct loader *loader, const struct assignment *assignment)
{
	char *name = piece_name(assignment->name);

	if (g_str_equal(name, "smp") || g_hash_table_contains(loader->pieces, name))
		complain(loader->complaints, assignment->line, "'{%s}' has a meaning already",
			 name);
	g_hash_table_insert(loader->pieces, name,
			    expand(loader, assignment->value, 0, assignment->line));
}

/* ---- stanzas ---- */

/* The left side of "=": a key, and the count of vCPUs that it is limited to; 0: any count. */
struct target {
	const struct key *key; /* NULL: there is none of this name */
	unsigned smp;
};

/* NAME is like "timeout" or "timeout.2". */
static struct target find_target(const struct loader *loader, const char *name)
{
	struct target target = { .key = key_find(name) };
	const char *dot = strrchr(name, '.');
	g_autofree char *key = dot ? g_strndup(name, dot - name) : NULL;
	gint64 smp;

	if (!dot || target.key || loader->suite->kvm_unit_tests ||
	    !text_number(dot + 1, 1, G_MAXINT, &smp))
		return target;
	target.key = key_find(key);
	target.smp = smp;
	return target;
}

static gboolean has_count(const GArray *counts, unsigned count)
{
	for (guint i = 0; i < counts->len; i++)
		if (g_array_index(counts, unsigned, i) == count)
			return TRUE;
	return FALSE;
}

/* Complains of assignments that have no meaning in any of the stanza's programs. */
static void check_assignments(struct loader *loader, const struct stanza *stanza,
			      const GArray *counts)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < stanza->assignments->len; i++) {
		const struct assignment *assignment = stanza->assignments->pdata[i];
		struct target target = find_target(loader, assignment->name);
		g_autofree char *suggestion = key_suggest(assignment->name);

		if (!target.key) {
			complain(loader->suite->kvm_unit_tests ? loader->warnings
							       : loader->complaints,
				 assignment->line, "unknown key '%s'%s", assignment->name,
				 suggestion);
			continue;
		}
		if (target.smp &&
		    (!has_count(counts, target.smp) || g_str_equal(target.key->name, "smp")))
			complain(loader->complaints, assignment->line,
				 "'%s' is for no program of [%s]", assignment->name, stanza->name);
		/* Two keys that mean the same have the same function. */
		if (!g_hash_table_add(
			    seen, g_strdup_printf("%p %u", (void *)target.key->read, target.smp)))
			complain(loader->complaints, assignment->line, "'%s' is set twice in [%s]",
				 assignment->name, stanza->name);
	}
}

/* Reads the assignments that are limited to LIMIT vCPUs. LIMIT 0: those without a limit. */
static void read_assignments(struct loader *loader, const struct stanza *stanza,
			     struct program *program, unsigned limit)
{
	struct key_context context = {
		.program = program,
		.bindir = loader->bindir,
		.complaints = loader->complaints,
	};

	for (guint i = 0; i < stanza->assignments->len; i++) {
		const struct assignment *assignment = stanza->assignments->pdata[i];
		struct target target = find_target(loader, assignment->name);
		g_autofree char *value = NULL;

		if (!target.key || target.smp != limit)
			continue;
		value = !loader->suite->kvm_unit_tests && target.key == key_find("qemu_params")
				? expand(loader, assignment->value, program->smp, assignment->line)
				: g_strdup(assignment->value);
		context.line = assignment->line;
		target.key->read(&context, value);
	}
}

static void check_name(struct loader *loader, const char *name, unsigned line)
{
	if (!*name || strpbrk(name, "/ \t*?[]"))
		complain(
			loader->complaints, line,
			"a program's name is not empty and holds no '/', '*', '?', bracket or space: '%s'",
			name);
	for (guint i = 0; i < loader->suite->programs->len; i++) {
		struct program *other = loader->suite->programs->pdata[i];

		if (g_str_equal(other->name, name))
			complain(loader->complaints, line,
				 "duplicate name [%s], first used at line %u", name, other->line);
	}
}

/* The program with the most vCPUs has the stanza's name. Other names tell their counts. */
static char *name_with_count(const struct stanza *stanza, unsigned smp, unsigned most)
{
	if (smp == most)
		return g_strdup(stanza->name);
	return smp == 1 ? g_strconcat(stanza->name, ONE_VCPU, NULL)
			: g_strdup_printf("%s_smp%u", stanza->name, smp);
}

char *program_family(const char *name)
{
	gsize length = strlen(name);

	return g_strndup(name, length - (g_str_has_suffix(name, ONE_VCPU) ? strlen(ONE_VCPU) : 0));
}

static void add_program(struct loader *loader, const struct stanza *stanza, unsigned smp,
			unsigned most)
{
	struct program *program = program_new();

	program->name = name_with_count(stanza, smp, most);
	program->smp = smp;
	program->line = stanza->line;
	check_name(loader, program->name, stanza->line);
	read_assignments(loader, stanza, program, 0);
	read_assignments(loader, stanza, program, smp);
	if (!program->file) {
		complain(loader->complaints, stanza->end,
			 "[%s], which begins at line %u, has no 'file = NAME.flat'", stanza->name,
			 stanza->line);
		program->file = g_strdup("");
	}
	g_ptr_array_add(loader->suite->programs, program);
}

/* The counts of vCPUs, the largest first. The caller unrefs the array. */
static GArray *counts_of(struct loader *loader, const struct stanza *stanza)
{
	const char *value = "1";
	unsigned line = 0;

	for (guint i = 0; i < stanza->assignments->len; i++) {
		const struct assignment *assignment = stanza->assignments->pdata[i];

		if (!g_str_equal(assignment->name, "smp"))
			continue;
		value = assignment->value;
		line = assignment->line;
		break;
	}
	return key_smp_counts(loader->complaints, line, value);
}

static void add_stanza(struct loader *loader, const struct stanza *stanza)
{
	g_autoptr(GArray) counts = counts_of(loader, stanza);
	unsigned most = g_array_index(counts, unsigned, 0);

	check_assignments(loader, stanza, counts);
	for (guint i = 0; i < counts->len; i++)
		add_program(loader, stanza, g_array_index(counts, unsigned, i), most);
}

/* Only pieces of QEMU arguments may precede the first [NAME], and only in our own suite. */
static void add_head(struct loader *loader, const struct stanza *head)
{
	for (guint i = 0; i < head->assignments->len; i++) {
		const struct assignment *assignment = head->assignments->pdata[i];
		g_autofree char *name = piece_name(assignment->name);

		if (name && !loader->suite->kvm_unit_tests)
			read_piece(loader, assignment);
		else
			complain(loader->complaints, assignment->line,
				 "'%s' stands before the first [NAME]", assignment->name);
	}
}

static void add_all(struct loader *loader, GPtrArray *stanzas)
{
	const struct stanza *last = stanzas->pdata[stanzas->len - 1];

	add_head(loader, stanzas->pdata[0]);
	for (guint i = 1; i < stanzas->len; i++)
		add_stanza(loader, stanzas->pdata[i]);
	if (stanzas->len == 1 && !loader->complaints->list->len)
		complain(loader->complaints, last->end, "holds no program");
}

struct suite *suite_load(const char *path, const char *bindir, gboolean kvm_unit_tests,
			 GError **error)
{
	g_autofree char *contents = NULL, *problem = NULL;
	g_autoptr(GPtrArray) stanzas = NULL;
	struct suite *suite;
	struct loader loader = { .bindir = bindir };

	if (!g_file_get_contents(path, &contents, NULL, error))
		return NULL;
	suite = g_new0(struct suite, 1);
	suite->path = g_strdup(path);
	suite->kvm_unit_tests = kvm_unit_tests;
	suite->programs = g_ptr_array_new_with_free_func((GDestroyNotify)program_free);
	loader.suite = suite;
	loader.complaints = complaints_new(path);
	loader.warnings = complaints_new(path);
	loader.pieces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	stanzas = config_file_read(contents, loader.complaints);
	add_all(&loader, stanzas);
	suite->warnings = complaints_text(loader.warnings);
	problem = complaints_text(loader.complaints);

	g_hash_table_unref(loader.pieces);
	complaints_free(loader.warnings);
	complaints_free(loader.complaints);
	if (problem) {
		g_set_error_literal(error, FERRY_ERROR, 0, problem);
		g_clear_pointer(&suite, suite_free);
	}
	return suite;
}

void suite_free(struct suite *suite)
{
	g_ptr_array_unref(suite->programs);
	g_free(suite->warnings);
	g_free(suite->path);
	g_free(suite);
}
