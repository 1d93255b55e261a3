// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds UEFI firmware by the descriptors that distributions install for it: QEMU's
 * docs/interop/firmware.json. A descriptor is a JSON file. Those of a folder count in the order of
 * their names, and one in an earlier folder hides a later one of the same name.
 */
#include <json-glib/json-glib.h>
#include <string.h>

#include "util/json-member.h"
#include "util/text.h"
#include "vmm/qemu/uefi.h"

#define ARCHITECTURE "x86_64"
#define MACHINE	     "pc-q35-"

/* Names one folder in place of the usual ones, for whoever has built OVMF. */
#define FOLDER_VARIABLE "FERRY_OVMF"

static const char *const usual_folders[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware",
					     NULL };

/* Firmware with one of these needs SMM or signed images. */
static const char *const unwanted_features[] = { "requires-smm", "secure-boot", "enrolled-keys",
						 NULL };

static gboolean has_string(JsonArray *array, const char *wanted)
{
	for (guint i = 0; array && i < json_array_get_length(array); i++)
		if (!g_strcmp0(json_array_get_string_element(array, i), wanted))
			return TRUE;
	return FALSE;
}

static JsonArray *array_of(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static gboolean is_for_our_machine(JsonObject *descriptor)
{
	JsonArray *targets = array_of(descriptor, "targets");

	for (guint i = 0; targets && i < json_array_get_length(targets); i++) {
		JsonNode *node = json_array_get_element(targets, i);
		JsonObject *target =
			JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		JsonArray *machines = array_of(target, "machines");

		if (g_strcmp0(member_string(target, "architecture"), ARCHITECTURE))
			continue;
		for (guint m = 0; machines && m < json_array_get_length(machines); m++) {
			const char *machine = json_array_get_string_element(machines, m);

			if (machine && g_str_has_prefix(machine, MACHINE))
				return TRUE;
		}
	}
	return FALSE;
}

static gboolean is_wanted(JsonObject *descriptor)
{
	JsonArray *features = array_of(descriptor, "features");

	if (!has_string(array_of(descriptor, "interface-types"), "uefi") ||
	    !is_for_our_machine(descriptor))
		return FALSE;
	for (const char *const *feature = unwanted_features; *feature; feature++)
		if (has_string(features, *feature))
			return FALSE;
	return TRUE;
}

/* NULL if DESCRIPTOR is of firmware in one file, or of files that are not there. */
static struct uefi_build *read_mapping(JsonObject *descriptor)
{
	JsonObject *mapping = member_object(descriptor, "mapping");
	JsonObject *code = member_object(mapping, "executable");
	JsonObject *variables = member_object(mapping, "nvram-template");
	const char *code_path = member_string(code, "filename");
	const char *variables_path = member_string(variables, "filename");
	const char *code_format = member_string(code, "format");
	const char *variables_format = member_string(variables, "format");
	struct uefi_build *build;

	if (g_strcmp0(member_string(mapping, "device"), "flash") || !code_path || !variables_path ||
	    !g_file_test(code_path, G_FILE_TEST_EXISTS) ||
	    !g_file_test(variables_path, G_FILE_TEST_EXISTS))
		return NULL;
	build = g_new0(struct uefi_build, 1);
	build->code = g_strdup(code_path);
	build->code_format = g_strdup(code_format ? code_format : "raw");
	build->variables = g_strdup(variables_path);
	build->variables_format = g_strdup(variables_format ? variables_format : "raw");
	return build;
}

static struct uefi_build *read_descriptor(const char *path)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonNode *root;

	if (!json_parser_load_from_file(parser, path, NULL))
		return NULL;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root) || !is_wanted(json_node_get_object(root)))
		return NULL;
	return read_mapping(json_node_get_object(root));
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of all descriptors, each once, in their order. The caller unrefs the array. */
static GPtrArray *list_names(const char *const *folders)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (; *folders; folders++) {
		g_autoptr(GDir) folder = g_dir_open(*folders, 0, NULL);
		const char *name;

		while (folder && (name = g_dir_read_name(folder)))
			if (g_str_has_suffix(name, ".json") &&
			    !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
				g_ptr_array_add(names, g_strdup(name));
	}
	g_ptr_array_sort(names, compare_names);
	return names;
}

static struct uefi_build *read_first(const char *const *folders, const char *name)
{
	for (; *folders; folders++) {
		g_autofree char *path = g_build_filename(*folders, name, NULL);

		if (g_file_test(path, G_FILE_TEST_EXISTS))
			return read_descriptor(path);
	}
	return NULL;
}

struct uefi_build *uefi_find_in(const char *const *folders, GError **error)
{
	g_autoptr(GPtrArray) names = list_names(folders);
	g_autofree char *text = NULL;

	for (guint i = 0; i < names->len; i++) {
		struct uefi_build *build = read_first(folders, names->pdata[i]);

		if (build)
			return build;
	}
	text = g_strjoinv(", ", (char **)folders);
	g_set_error(
		error, FERRY_ERROR, 0,
		"no UEFI firmware for q35 is installed (no descriptor in %s names one); 'scripts/packages --install efi' brings it, in Debian's package ovmf",
		text);
	return NULL;
}

const struct uefi_build *uefi_find(GError **error)
{
	static struct uefi_build *found;
	const char *own = g_getenv(FOLDER_VARIABLE);
	const char *const own_folders[] = { own, NULL };

	if (!found)
		found = uefi_find_in(own ? own_folders : usual_folders, error);
	return found;
}

void uefi_free(struct uefi_build *build)
{
	g_free(build->code);
	g_free(build->code_format);
	g_free(build->variables);
	g_free(build->variables_format);
	g_free(build);
}

/*
 * Each QEMU has the variables in a layer of its own over the template, which it deletes when it
 * ends. A destination has no need of the source's: flash is migrated as memory, and then written to
 * the layer. So two QEMUs never share a file that one of them may write.
 */
void uefi_add_arguments(GPtrArray *arguments, const struct uefi_build *build)
{
	g_ptr_array_add(arguments, g_strdup("-drive"));
	g_ptr_array_add(arguments, g_strdup_printf("if=pflash,unit=0,readonly=on,format=%s,file=%s",
						   build->code_format, build->code));
	g_ptr_array_add(arguments, g_strdup("-drive"));
	g_ptr_array_add(arguments, g_strdup_printf("if=pflash,unit=1,snapshot=on,format=%s,file=%s",
						   build->variables_format, build->variables));
}
