// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads KVM's module parameters: /sys/module/kvm*. */
#include "util/kvm-parameters.h"

#define MODULES_VARIABLE "FERRY_MODULES"
#define USUAL_MODULES	 "/sys/module"

static void read_module(GHashTable *parameters, const char *modules, const char *module)
{
	g_autofree char *folder = g_build_filename(modules, module, "parameters", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		char *value;

		if (g_file_get_contents(path, &value, NULL, NULL))
			g_hash_table_insert(parameters, g_strconcat(module, ".", name, NULL),
					    g_strchomp(value));
	}
}

GHashTable *kvm_parameters(void)
{
	const char *modules = g_getenv(MODULES_VARIABLE) ?: USUAL_MODULES;
	g_autoptr(GDir) dir = g_dir_open(modules, 0, NULL);
	GHashTable *parameters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const char *module;

	while (dir && (module = g_dir_read_name(dir)))
		if (g_str_equal(module, "kvm") || g_str_has_prefix(module, "kvm_"))
			read_module(parameters, modules, module);
	if (g_hash_table_size(parameters))
		return parameters;
	g_hash_table_unref(parameters);
	return NULL;
}
