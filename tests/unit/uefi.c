// SPDX-License-Identifier: GPL-2.0-or-later
/* vmm/qemu/uefi.c: which UEFI firmware it finds by descriptors, and the arguments for QEMU. */
#include <glib/gstdio.h>
#include <string.h>

#include "suite/firmware.h"
#include "vmm/qemu/uefi-keys.h"
#include "vmm/qemu/uefi.h"

static char *folder;

static char *path_of(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static void write_file(const char *name, const char *contents)
{
	g_autofree char *path = path_of(name);

	g_assert_true(g_file_set_contents(path, contents, -1, NULL));
}

/* Writes a descriptor like those of Debian's package ovmf. Its files exist if CODE does. */
static void describe(const char *name, const char *machine, const char *code, const char *feature)
{
	g_autofree char *code_path = path_of(code), *variables_path = path_of("VARS.fd");
	g_autofree char *text = g_strdup_printf(
		"{ \"description\": \"x\", \"interface-types\": [ \"uefi\" ], \"mapping\": { \"device\": \"flash\","
		" \"executable\": { \"filename\": \"%s\", \"format\": \"raw\" },"
		" \"nvram-template\": { \"filename\": \"%s\", \"format\": \"qcow2\" } },"
		" \"targets\": [ { \"architecture\": \"x86_64\", \"machines\": [ \"%s\" ] } ],"
		" \"features\": [ \"acpi-s3\", \"amd-sev\", \"%s\" ], \"tags\": [] }",
		code_path, variables_path, machine, feature);

	write_file(name, text);
}

static struct uefi_build *find(GError **error)
{
	return uefi_find_in((const char *const[]){ "/nowhere", folder, NULL }, FIRMWARE_UEFI,
			    error);
}

static void remove_all(void)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = path_of(name);

		g_unlink(path);
	}
}

static void test_none(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(find(&error));
	g_assert_nonnull(strstr(error->message, "no UEFI firmware for q35 is installed"));
	g_assert_nonnull(strstr(error->message, folder));
	g_assert_nonnull(strstr(error->message, "Debian's package ovmf"));
}

static void test_first_that_fits(void)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *code = path_of("CODE.fd"), *drive = NULL;
	struct uefi_build *build;

	write_file("CODE.fd", "");
	write_file("VARS.fd", "");
	write_file("10-broken.json", "{ \"features\": 3");
	write_file("11-empty.json", "[]");
	describe("20-secure.json", "pc-q35-*", "CODE.fd", "requires-smm");
	describe("30-other.json", "microvm", "CODE.fd", "verbose-dynamic");
	describe("40-gone.json", "pc-q35-*", "GONE.fd", "verbose-dynamic");
	describe("60-usual.json", "pc-q35-*", "CODE.fd", "verbose-dynamic");
	build = find(NULL);
	g_assert_nonnull(build);
	g_assert_cmpstr(build->code, ==, code);
	g_assert_cmpstr(build->variables_format, ==, "qcow2");
	uefi_add_arguments(arguments, build);
	drive = g_strdup_printf("if=pflash,unit=0,readonly=on,format=raw,file=%s", code);
	g_assert_cmpuint(arguments->len, ==, 4);
	g_assert_cmpstr(arguments->pdata[1], ==, drive);
	/* No two QEMUs may share a file that one of them writes. */
	g_assert_nonnull(strstr(arguments->pdata[3], ",snapshot=on,"));
	uefi_free(build);
	remove_all();
}

static void test_secure(void)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
	struct uefi_build *build;

	write_file("CODE.fd", "");
	write_file("VARS.fd", "");
	describe("20-plain.json", "pc-q35-*", "CODE.fd", "verbose-dynamic");
	describe("30-other-keys.json", "pc-q35-*", "CODE.fd",
		 "secure-boot\", \"requires-smm\", \"enrolled-keys");
	g_assert_null(
		uefi_find_in((const char *const[]){ folder, NULL }, FIRMWARE_UEFI_SECURE, NULL));
	describe("40-secure.json", "pc-q35-*", "CODE.fd", "secure-boot\", \"requires-smm");
	build = uefi_find_in((const char *const[]){ folder, NULL }, FIRMWARE_UEFI_SECURE, NULL);
	g_assert_nonnull(build);
	uefi_add_arguments(arguments, build);
	g_assert_cmpstr(arguments->pdata[5], ==, "smm=on");
	uefi_add_disk(arguments, "/a,b.img", "test=c,d");
	g_assert_nonnull(strstr(arguments->pdata[13], "file=/a,,b.img"));
	g_assert_cmpstr(arguments->pdata[17], ==, "name=opt/ferry/command-line,string=test=c,,d");
	uefi_free(build);
	remove_all();
}

/* An empty store of 1 KiB, in a volume with a header of 72 bytes. */
static GBytes *empty_store(void)
{
	static const guint8 store[] = {
		0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80,
		0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92, 0x00, 0x04, 0x00, 0x00
	};
	g_autofree guint8 *bytes = g_malloc(72 + 1024);

	memset(bytes, 0xff, 72 + 1024);
	memcpy(bytes + 40, "_FVH", 4);
	bytes[48] = 72;
	bytes[49] = 0;
	memcpy(bytes + 72, store, sizeof(store));
	return g_bytes_new(bytes, 72 + 1024);
}

static void test_keys(void)
{
	g_autoptr(GBytes) store = empty_store(), certificate = g_bytes_new("CERT", 4);
	g_autoptr(GBytes) large = g_bytes_new_take(g_malloc0(400), 400), none = NULL, full = NULL;
	g_autoptr(GBytes) enrolled = uefi_enroll(store, certificate, NULL);
	const guint8 *bytes;
	g_autoptr(GError) error = NULL;
	gsize size;

	g_assert_nonnull(enrolled);
	bytes = g_bytes_get_data(enrolled, &size);
	g_assert_cmpuint(size, ==, 72 + 1024);
	/* The first variable is PK: start, state, attributes; name; a list with one signature. */
	g_assert_cmpmem(bytes + 100, 8, "\xaa\x55\x3f\x00\x27\x00\x00\x00", 8);
	g_assert_cmpmem(bytes + 160, 6, "P\0K\0\0\0", 6);
	g_assert_cmpmem(bytes + 166 + 44, 4, "CERT", 4);
	g_assert_cmpmem(bytes + 216, 2, "\xaa\x55", 2);
	/* A store that is not empty is no template, and three large keys do not fit into one. */
	none = uefi_enroll(enrolled, certificate, &error);
	g_assert_null(none);
	g_assert_nonnull(strstr(error->message, "no empty store"));
	full = uefi_enroll(store, large, NULL);
	g_assert_null(full);
}

static void test_words(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *image = firmware_image(FIRMWARE_UEFI, "build/x86/dma.flat");
	g_autofree char *usual = firmware_image(FIRMWARE_USUAL, "build/x86/dma.flat");
	enum firmware firmware;

	g_assert_cmpstr(image, ==, "build/x86/dma.efi");
	g_assert_cmpstr(usual, ==, "build/x86/dma.flat");
	g_assert_true(firmware_find(NULL, &firmware, NULL));
	g_assert_cmpint(firmware, ==, FIRMWARE_USUAL);
	g_assert_false(firmware_find("bios", &firmware, &error));
	g_assert_nonnull(strstr(error->message, "not 'bios'"));
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("ferry-uefi-XXXXXX", NULL);
	g_test_add_func("/uefi/none", test_none);
	g_test_add_func("/uefi/first-that-fits", test_first_that_fits);
	g_test_add_func("/uefi/secure", test_secure);
	g_test_add_func("/uefi/keys", test_keys);
	g_test_add_func("/uefi/words", test_words);
	status = g_test_run();
	remove_all();
	g_rmdir(folder);
	g_free(folder);
	return status;
}
