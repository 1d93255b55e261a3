// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the test descriptors in a guest's 64-bit ELF file (System V gABI, chapters 4 and 5;
 * docs/protocol.md, "Test descriptors"), and has addr2line(1) turn addresses into functions and
 * lines.
 */
#include <elf.h>
#include <string.h>

#include "suite/guest-image.h"
#include "util/text.h"

/* The layout in docs/protocol.md. All members but `on` are virtual addresses, or 0. */
struct descriptor {
	guint64 name;
	guint64 about;
	guint64 function;
	guint64 needs;
	guint64 on;
};

struct image {
	const char *path;
	char *bytes;
	gsize length;
};

/* LENGTH bytes at file offset OFFSET, or NULL if the file is shorter. */
static const void *image_at(const struct image *image, guint64 offset, guint64 length)
{
	if (offset > image->length || length > image->length - offset)
		return NULL;
	return image->bytes + offset;
}

/* LENGTH bytes at the virtual ADDRESS, or NULL if no segment of the file has them. */
static const void *image_memory(const struct image *image, guint64 address, guint64 length)
{
	const Elf64_Ehdr *header = image_at(image, 0, sizeof(*header));

	for (unsigned i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *segment =
			image_at(image, header->e_phoff + i * sizeof(*segment), sizeof(*segment));

		if (!segment)
			return NULL;
		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr + length <= segment->p_filesz)
			return image_at(image, segment->p_offset + (address - segment->p_vaddr),
					length);
	}
	return NULL;
}

static char *image_string(const struct image *image, guint64 address)
{
	const char *start = image_memory(image, address, 1);
	gsize room;

	if (!start)
		return NULL;
	room = image->bytes + image->length - start;
	return memchr(start, '\0', room) ? g_strdup(start) : NULL;
}

static const Elf64_Shdr *find_section(const struct image *image, const char *name)
{
	const Elf64_Ehdr *header = image_at(image, 0, sizeof(*header));
	const Elf64_Shdr *sections, *strings;

	sections = image_at(image, header->e_shoff, (guint64)header->e_shnum * sizeof(*sections));
	if (!sections || header->e_shstrndx >= header->e_shnum)
		return NULL;
	strings = &sections[header->e_shstrndx];
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const char *section_name =
			image_at(image, strings->sh_offset + sections[i].sh_name, strlen(name) + 1);

		if (section_name && g_str_equal(section_name, name))
			return &sections[i];
	}
	return NULL;
}

static char **read_needs(const struct image *image, guint64 address)
{
	GStrvBuilder *names = g_strv_builder_new();
	char **result;

	for (; address; address += sizeof(guint64)) {
		const guint64 *feature = image_memory(image, address, sizeof(*feature));
		const guint64 *name;
		g_autofree char *text = NULL;

		if (!feature || !*feature)
			break;
		name = image_memory(image, *feature, sizeof(*name));
		text = name ? image_string(image, *name) : NULL;
		if (text)
			g_strv_builder_add(names, text);
	}
	result = g_strv_builder_end(names);
	g_strv_builder_unref(names);
	return result;
}

static void guest_test_free(struct guest_test *test)
{
	g_free(test->name);
	g_free(test->about);
	g_strfreev(test->needs);
	g_free(test);
}

static gboolean read_tests(const struct image *image, GPtrArray *tests, GError **error)
{
	const Elf64_Ehdr *header = image_at(image, 0, sizeof(*header));
	const Elf64_Shdr *section;
	const struct descriptor *descriptors;

	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_ident[EI_CLASS] != ELFCLASS64) {
		g_set_error(error, FERRY_ERROR, 0, "%s is not a 64-bit ELF file; run make again",
			    image->path);
		return FALSE;
	}
	section = find_section(image, ".tests");
	if (!section)
		return TRUE;
	descriptors = image_at(image, section->sh_offset, section->sh_size);
	for (guint64 i = 0; descriptors && i < section->sh_size / sizeof(*descriptors); i++) {
		struct guest_test *test = g_new0(struct guest_test, 1);

		test->name = image_string(image, descriptors[i].name);
		test->about = image_string(image, descriptors[i].about);
		test->each_cpu = descriptors[i].on;
		test->needs = read_needs(image, descriptors[i].needs);
		g_ptr_array_add(tests, test);
		if (!test->name || !test->about) {
			g_set_error(error, FERRY_ERROR, 0,
				    "%s: test descriptor %" G_GUINT64_FORMAT
				    " in .tests is damaged; run make clean and make",
				    image->path, i);
			return FALSE;
		}
	}
	return TRUE;
}

/* x86/NAME.elf is beside x86/NAME.flat, and keeps sections and debug information. */
static char *elf_path(const char *file)
{
	if (!g_str_has_suffix(file, ".flat"))
		return g_strdup(file);
	return g_strdup_printf("%.*s.elf", (int)(strlen(file) - strlen(".flat")), file);
}

GPtrArray *guest_image_tests(const char *file, GError **error)
{
	GPtrArray *tests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_test_free);
	g_autofree char *path = elf_path(file);
	struct image image = { .path = path };

	if (!g_file_get_contents(path, &image.bytes, &image.length, error) ||
	    !read_tests(&image, tests, error))
		g_clear_pointer(&tests, g_ptr_array_unref);
	g_free(image.bytes);
	return tests;
}

/* The guest may have printed anything, and only addresses are passed on to addr2line. */
static gboolean is_address(const char *word)
{
	return *word && !word[strspn(word, "0123456789abcdefABCDEF")];
}

/*
 * The innermost address is of the instruction itself. The others are where calls return to, so the
 * byte before each belongs to the call.
 */
static char *call_address(const char *word, gboolean innermost)
{
	guint64 address = g_ascii_strtoull(word, NULL, 16);

	return g_strdup_printf("%" G_GINT64_MODIFIER "x", address - (!innermost && address));
}

char *guest_image_backtrace(const char *file, const char *stack_line)
{
	const char *first = strchr(stack_line, '@');
	g_autofree char *path = elf_path(file), *output = NULL;
	g_auto(GStrv) addresses = NULL, lines = NULL;
	GPtrArray *arguments;
	GString *text;
	gboolean ran;
	guint options;
	int status;

	if (!first)
		return NULL;
	addresses = g_strsplit_set(first + 1, " \r\n", -1);
	arguments = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(arguments, g_strdup("addr2line"));
	g_ptr_array_add(arguments, g_strdup("-f"));
	g_ptr_array_add(arguments, g_strdup("-s"));
	g_ptr_array_add(arguments, g_strdup("-e"));
	g_ptr_array_add(arguments, g_strdup(path));
	options = arguments->len;
	for (char **address = addresses; *address; address++)
		if (is_address(*address))
			g_ptr_array_add(arguments, call_address(*address, address == addresses));
	ran = arguments->len > options;
	g_ptr_array_add(arguments, NULL);
	ran = ran &&
	      g_spawn_sync(NULL, (char **)arguments->pdata, NULL,
			   G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output,
			   NULL, &status, NULL) &&
	      g_spawn_check_wait_status(status, NULL);
	g_ptr_array_unref(arguments);
	if (!ran)
		return NULL;
	/* addr2line prints two lines an address: the function, then file:line. */
	lines = g_strsplit(g_strstrip(output), "\n", -1);
	text = g_string_new(NULL);
	for (guint i = 0; lines[i] && lines[i + 1]; i += 2)
		g_string_append_printf(text, "%s#%u %s at %s", i ? "\n" : "", i / 2, lines[i],
				       lines[i + 1]);
	return g_string_free(text, FALSE);
}
