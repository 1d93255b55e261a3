// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that is migrated between two builds of QEMU needs a machine that is the same in both: a
 * versioned type (manual page, "-machine"; QEMU's docs/devel/migration/compatibility).
 */
#include <string.h>

#include "vmm/qemu/machine.h"
#include "util/text.h"

/* The names in the first column of `BINARY -machine help`, ended by NULL. NULL and ERROR on
 * failure. */
static char **machine_types(const char *binary, GError **error)
{
	const char *const arguments[] = { binary, "-machine", "help", NULL };
	g_autofree char *output = NULL;
	g_autoptr(GError) problem = NULL;
	g_auto(GStrv) lines = NULL;
	GStrvBuilder *names;
	char **result;
	int status;

	if (!g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
			  &output, NULL, &status, &problem) ||
	    !g_spawn_check_wait_status(status, &problem)) {
		g_set_error(error, FERRY_ERROR, 0, "'%s -machine help' failed: %s", binary,
			    problem->message);
		return NULL;
	}
	names = g_strv_builder_new();
	lines = g_strsplit(output, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_autofree char *name = g_strndup(*line, strcspn(*line, " "));

		if (*name)
			g_strv_builder_add(names, name);
	}
	result = g_strv_builder_end(names);
	g_strv_builder_unref(names);
	return result;
}

/* "pc-q35-7.2" is newer than "pc-q35-6.10", which is newer than "pc-q35-6.9". */
static gboolean newer(const char *version, const char *than)
{
	while (*version && *than) {
		guint64 a = g_ascii_strtoull(version, (char **)&version, 10);
		guint64 b = g_ascii_strtoull(than, (char **)&than, 10);

		if (a != b)
			return a > b;
		version += *version == '.';
		than += *than == '.';
	}
	return *version;
}

/* TRUE for digits and points: a distribution's own type, or "microvm", has no such version. */
static gboolean is_version(const char *text)
{
	return g_ascii_isdigit(*text) && strspn(text, "0123456789.") == strlen(text);
}

char *qemu_newest_common_machine(const char *kind, const char *binary, const char *other,
				 GError **error)
{
	g_autofree char *prefix = g_strdup_printf("pc-%s-", kind);
	g_auto(GStrv) ours = machine_types(binary, error);
	g_auto(GStrv) theirs = ours ? machine_types(other, error) : NULL;
	const char *best = NULL;
	gsize length = strlen(prefix);

	if (!theirs)
		return NULL;
	for (char **type = ours; *type; type++)
		if (g_str_has_prefix(*type, prefix) && is_version(*type + length) &&
		    g_strv_contains((const char *const *)theirs, *type) &&
		    (!best || newer(*type + length, best + length)))
			best = *type;
	if (!best)
		g_set_error(
			error, FERRY_ERROR, 0,
			"no machine type %sX.Y is known to both %s and %s; name one that is with --machine TYPE",
			prefix, binary, other);
	return g_strdup(best);
}

/* Does BINARY have the machine TYPE? FALSE and ERROR if not. */
static gboolean check(const char *binary, const char *type, GError **error)
{
	g_auto(GStrv) types = machine_types(binary, error);
	const char *closest;

	if (!types)
		return FALSE;
	if (g_strv_contains((const char *const *)types, type))
		return TRUE;
	closest = text_closest(type, (const char *const *)types);
	g_set_error(error, FERRY_ERROR, 0,
		    closest ? "--machine: %s has no '%s' (did you mean '%s'?)"
			    : "--machine: %s has no '%s'; '-machine help' shows what it has",
		    binary, type, closest);
	return FALSE;
}

gboolean qemu_choose_machine_types(struct machine_types *types, const char *wanted,
				   const char *binary, const char *other, GError **error)
{
	if (wanted) {
		types->q35 = g_strdup(wanted);
		types->pc = g_strdup(wanted);
		return check(binary, wanted, error) && (!other || check(other, wanted, error));
	}
	if (!other)
		return TRUE;
	types->q35 = qemu_newest_common_machine("q35", binary, other, error);
	types->pc = types->q35 ? qemu_newest_common_machine("i440fx", binary, other, error) : NULL;
	return types->pc != NULL;
}
