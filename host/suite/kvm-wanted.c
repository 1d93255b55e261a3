// SPDX-License-Identifier: GPL-2.0-or-later
/* Compares --kvm with what /sys tells of the modules. See kvm-wanted.h. */
#include <string.h>

#include "suite/kvm-wanted.h"
#include "util/kvm-parameters.h"
#include "util/text.h"

/* The name in "NAME=VALUE"; the caller frees it. */
static char *name_of(const char *word)
{
	return g_strndup(word, strcspn(word, "="));
}

static gboolean add_words(GPtrArray *words, const char *list, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **part = parts; *part; part++) {
		g_autofree char *name = name_of(*part);

		/* The characters are safe on a kernel's command line. */
		if (!g_regex_match_simple("^[a-z0-9_]+=[A-Za-z0-9_-]+$", *part,
					  G_REGEX_DOLLAR_ENDONLY, 0)) {
			g_set_error(
				error, FERRY_ERROR, 0,
				"--kvm takes NAME=VALUE,..., such as npt=0,vgif=0, and not '%s'",
				*part);
			return FALSE;
		}
		for (guint i = 0; i < words->len; i++) {
			g_autofree char *other = name_of(words->pdata[i]);

			if (!g_str_equal(other, name))
				continue;
			g_set_error(error, FERRY_ERROR, 0, "--kvm: '%s' is named twice", name);
			return FALSE;
		}
		g_ptr_array_add(words, g_strdup(*part));
	}
	return TRUE;
}

char *kvm_wanted_join(char **lists, GError **error)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	if (!lists || !*lists)
		return NULL;
	for (char **list = lists; *list; list++)
		if (!add_words(words, *list, error))
			return NULL;
	g_ptr_array_sort(words, text_compare);
	g_ptr_array_add(words, NULL);
	return g_strjoinv(",", (char **)words->pdata);
}

/* The kernel shows Y and N where it was told 1 and 0, "on" or "force". */
static const char *plain_value(const char *value)
{
	static const char *const yes[] = { "Y", "y", "1", "on", "force", NULL };
	static const char *const no[] = { "N", "n", "0", "off", NULL };

	if (g_strv_contains(yes, value))
		return "1";
	return g_strv_contains(no, value) ? "0" : value;
}

/* The entry "MODULE.NAME" of PARAMETERS, or NULL. */
static const char *find(GHashTable *parameters, const char *name)
{
	g_autofree char *end = g_strconcat(".", name, NULL);
	GHashTableIter iterator;
	gpointer key;

	if (!parameters)
		return NULL;
	g_hash_table_iter_init(&iterator, parameters);
	while (g_hash_table_iter_next(&iterator, &key, NULL))
		if (g_str_has_suffix(key, end))
			return key;
	return NULL;
}

/* Why WANTED does not hold for PARAMETERS; NULL: it holds. */
static char *missing_in(GHashTable *parameters, const char *wanted)
{
	g_auto(GStrv) words = g_strsplit(wanted, ",", -1);

	for (char **word = words; *word; word++) {
		g_autofree char *name = name_of(*word);
		const char *key = find(parameters, name), *value;

		if (!key)
			return g_strdup_printf(
				"needs KVM with %s, and KVM here has no such parameter", *word);
		value = g_hash_table_lookup(parameters, key);
		if (!g_str_equal(plain_value(value), plain_value(strchr(*word, '=') + 1)))
			return g_strdup_printf("needs KVM with %s, and %s is %s here", *word, key,
					       value);
	}
	return NULL;
}

char *kvm_wanted_missing(const char *wanted)
{
	g_autoptr(GHashTable) parameters = kvm_parameters();

	return missing_in(parameters, wanted);
}

gboolean kvm_wanted_holds(const char *wanted, GHashTable *parameters)
{
	g_autofree char *missing = missing_in(parameters, wanted);

	return !missing;
}

/* The names without their modules, ended by NULL; the caller frees the array. */
static const char **names_of(GHashTable *parameters)
{
	GPtrArray *names = g_ptr_array_new();
	GHashTableIter iterator;
	gpointer key;

	if (parameters) {
		g_hash_table_iter_init(&iterator, parameters);
		while (g_hash_table_iter_next(&iterator, &key, NULL))
			g_ptr_array_add(names, strchr(key, '.') + 1);
	}
	g_ptr_array_sort(names, text_compare);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

gboolean kvm_wanted_known(const char *wanted, GError **error)
{
	g_autoptr(GHashTable) parameters = kvm_parameters();
	g_auto(GStrv) words = g_strsplit(wanted, ",", -1);

	for (char **word = words; *word; word++) {
		g_autofree char *name = name_of(*word);
		g_autofree const char **known = NULL;
		const char *closest;

		if (find(parameters, name))
			continue;
		known = names_of(parameters);
		closest = text_closest(name, known);
		g_set_error(error, FERRY_ERROR, 0,
			    "--kvm: no KVM module that is loaded here has a parameter '%s'%s%s%s",
			    name, closest ? " (did you mean '" : "", closest ? closest : "",
			    closest ? "'?)" : "");
		return FALSE;
	}
	return TRUE;
}
