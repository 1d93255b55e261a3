// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds UEFI firmware by the descriptors that distributions install for it: QEMU's
 * docs/interop/firmware.json. A descriptor is a JSON file. They are tried in the order of their
 * names, and one in an earlier folder hides one of the same name in a later folder.
 */
#include <json-glib/json-glib.h>

#include "lib/x86/efi/handover.h"
#include "util/json-member.h"
#include "util/paths.h"
#include "util/text.h"
#include "vmm/qemu/uefi-keys.h"
#include "vmm/qemu/uefi.h"

#define ARCHITECTURE "x86_64"
#define MACHINE	     "pc-q35-"

/* Names one folder in place of the usual ones, for whoever has built OVMF. */
#define FOLDER_VARIABLE "FERRY_OVMF"

/* The build makes a key, signs the guests with it, and leaves its certificate here. */
#define CERTIFICATE "secure-boot.der"

static const char *const usual_folders[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware",
					     NULL };

static gboolean has_string(JsonArray *array, const char *wanted)
{
	for (guint i = 0; array && i < json_array_get_length(array); i++)
		if (!g_strcmp0(json_array_get_string_element(array, i), wanted))
			return TRUE;
	return FALSE;
}

static gboolean is_for_our_machine(JsonObject *descriptor)
{
	JsonArray *targets = member_array(descriptor, "targets");

	for (guint i = 0; targets && i < json_array_get_length(targets); i++) {
		JsonNode *node = json_array_get_element(targets, i);
		JsonObject *target =
			JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		JsonArray *machines = member_array(target, "machines");

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

/* Firmware that already has keys is never wanted: our guests are signed with our own key. */
static gboolean is_wanted(JsonObject *descriptor, enum firmware firmware)
{
	JsonArray *features = member_array(descriptor, "features");
	gboolean secure =
		has_string(features, "secure-boot") && has_string(features, "requires-smm");
	gboolean plain =
		!has_string(features, "secure-boot") && !has_string(features, "requires-smm");

	return has_string(member_array(descriptor, "interface-types"), "uefi") &&
	       is_for_our_machine(descriptor) && !has_string(features, "enrolled-keys") &&
	       (firmware == FIRMWARE_UEFI_SECURE ? secure : plain);
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

static struct uefi_build *read_descriptor(const char *path, enum firmware firmware)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonNode *root;

	if (!json_parser_load_from_file(parser, path, NULL))
		return NULL;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root) ||
	    !is_wanted(json_node_get_object(root), firmware))
		return NULL;
	return read_mapping(json_node_get_object(root));
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
	g_ptr_array_sort(names, text_compare);
	return names;
}

static struct uefi_build *read_first(const char *const *folders, const char *name,
				     enum firmware firmware)
{
	for (; *folders; folders++) {
		g_autofree char *path = g_build_filename(*folders, name, NULL);

		if (g_file_test(path, G_FILE_TEST_EXISTS))
			return read_descriptor(path, firmware);
	}
	return NULL;
}

struct uefi_build *uefi_find_in(const char *const *folders, enum firmware firmware, GError **error)
{
	g_autoptr(GPtrArray) names = list_names(folders);
	g_autofree char *text = NULL;

	for (guint i = 0; i < names->len; i++) {
		struct uefi_build *build = read_first(folders, names->pdata[i], firmware);

		if (!build)
			continue;
		build->secure = firmware == FIRMWARE_UEFI_SECURE;
		return build;
	}
	text = g_strjoinv(", ", (char **)folders);
	g_set_error(
		error, FERRY_ERROR, 0,
		"no UEFI firmware for q35%s is installed (no descriptor in %s names one); 'scripts/packages --install efi' brings it, in Debian's package ovmf",
		firmware == FIRMWARE_UEFI_SECURE ? " with Secure Boot" : "", text);
	return NULL;
}

/* The path of a file with CONTENTS in the user's cache, which may be there from an earlier run. */
static char *keep_variables(GBytes *contents, GError **error)
{
	g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, contents);
	g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "ferry", "uefi", NULL);
	g_autofree char *name = g_strconcat(sum, ".fd", NULL);
	char *path = g_build_filename(folder, name, NULL);
	gsize size;
	const void *bytes = g_bytes_get_data(contents, &size);

	if (g_file_test(path, G_FILE_TEST_EXISTS) ||
	    (g_mkdir_with_parents(folder, 0755) == 0 &&
	     g_file_set_contents(path, bytes, size, error)))
		return path;
	if (error && !*error)
		g_set_error(error, FERRY_ERROR, 0, "cannot create %s", folder);
	g_free(path);
	return NULL;
}

static GBytes *read_file(const char *path, GError **error)
{
	char *contents;
	gsize size;

	if (!g_file_get_contents(path, &contents, &size, error))
		return NULL;
	return g_bytes_new_take(contents, size);
}

/* Replaces the template of BUILD by a file that has our key. */
static gboolean enroll(struct uefi_build *build, GError **error)
{
	g_autofree char *key = build_path("x86/" CERTIFICATE);
	g_autoptr(GBytes) certificate = NULL, template = NULL, enrolled = NULL;
	char *path;

	if (!g_file_test(key, G_FILE_TEST_EXISTS)) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"there is no %s: after 'scripts/packages --install efi', ./configure and make build it",
			key);
		return FALSE;
	}
	if (!g_str_equal(build->variables_format, "raw")) {
		g_set_error(error, FERRY_ERROR, 0, "%s is %s, and only a raw image takes our key",
			    build->variables, build->variables_format);
		return FALSE;
	}
	if (!(certificate = read_file(key, error)) ||
	    !(template = read_file(build->variables, error)) ||
	    !(enrolled = uefi_enroll(template, certificate, error)) ||
	    !(path = keep_variables(enrolled, error)))
		return FALSE;
	g_free(build->variables);
	build->variables = path;
	return TRUE;
}

const struct uefi_build *uefi_find(enum firmware firmware, GError **error)
{
	/* A run has one kind of firmware. */
	static struct uefi_build *found;
	const char *own = g_getenv(FOLDER_VARIABLE);
	const char *const own_folders[] = { own, NULL };

	if (found)
		return found;
	found = uefi_find_in(own ? own_folders : usual_folders, firmware, error);
	if (found && found->secure && !enroll(found, error))
		g_clear_pointer(&found, uefi_free);
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

static G_GNUC_PRINTF(3, 4) void add(GPtrArray *arguments, const char *option, const char *format,
				    ...)
{
	va_list values;

	g_ptr_array_add(arguments, g_strdup(option));
	va_start(values, format);
	g_ptr_array_add(arguments, g_strdup_vprintf(format, values));
	va_end(values);
}

/*
 * Each QEMU has the variables in a layer of its own over the template, which it deletes when it
 * ends. A destination does not need the source's layer: flash is migrated as memory, and then
 * written to the layer. So two QEMUs never share a file that one of them may write.
 */
void uefi_add_arguments(GPtrArray *arguments, const struct uefi_build *build)
{
	add(arguments, "-drive", "if=pflash,unit=0,readonly=on,format=%s,file=%s",
	    build->code_format, build->code);
	add(arguments, "-drive", "if=pflash,unit=1,snapshot=on,format=%s,file=%s",
	    build->variables_format, build->variables);
	if (!build->secure)
		return;
	/* Only code in SMM may write to flash: OvmfPkg/README, "SMM support". */
	add(arguments, "-machine", "smm=on");
	add(arguments, "-global", "driver=cfi.pflash01,property=secure,value=on");
	add(arguments, "-global", "ICH9-LPC.disable_s3=1");
}

/* QEMU wants commas in an option's value twice. */
static char *doubled(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	return g_strjoinv(",,", parts);
}

/* The disk is not virtio-blk, since some guests look for such a device. */
void uefi_add_disk(GPtrArray *arguments, const char *file, const char *command_line)
{
	g_autofree char *path = doubled(file), *words = doubled(command_line);

	add(arguments, "-device", "virtio-scsi-pci,id=boot-bus,addr=1e");
	add(arguments, "-drive", "if=none,id=boot,format=raw,readonly=on,file=%s", path);
	add(arguments, "-device", "scsi-hd,bus=boot-bus.0,drive=boot,bootindex=0");
	add(arguments, "-fw_cfg", "name=" HANDOVER_COMMAND_LINE ",string=%s", words);
}
