// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the multiboot header (3.1), loads an ELF32 image or one whose header gives the addresses
 * (3.1.3), and writes the boot information (3.3).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "multiboot.h"

#define HEADER_MAGIC	  0x1badb002
#define HEADER_SEARCH	  8192
#define HEADER_ADDRESSES  (1u << 16)
#define HEADER_MUST_ENTER 0xfffc /* requirements other than the two that we know */

#define INFORMATION_MEM	    (1u << 0)
#define INFORMATION_CMDLINE (1u << 2)
#define INFORMATION_MMAP    (1u << 6)
#define MEMORY_AVAILABLE    1
#define MEMORY_RESERVED	    2

/* Guests have their trampolines below this. They use this memory only after they have read it. */
#define INFORMATION_ADDRESS  0x9000
#define COMMAND_LINE_ADDRESS 0x9200
#define COMMAND_LINE_END     0xa000

#define LOW_MEMORY_END 0x9fc00
#define HIGH_MEMORY    0x100000

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct map_entry {
	uint32_t size; /* of the members that follow */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

struct information {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* in KiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t unused[9];
	struct map_entry map[3]; /* not part of the format: the map can be anywhere */
} __attribute__((packed));

/* ---- the file ---- */

static const struct header *find_header(const struct image *image, uint64_t *offset)
{
	uint64_t end = image->size < HEADER_SEARCH ? image->size : HEADER_SEARCH;

	for (uint64_t at = 0; at + 12 <= end; at += 4) {
		const struct header *header = (const void *)(image->bytes + at);

		if (header->magic == HEADER_MAGIC &&
		    header->magic + header->flags + header->checksum == 0) {
			*offset = at;
			return header;
		}
	}
	return NULL;
}

void image_read(struct image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct header *header;
	struct stat status;
	uint64_t offset;

	if (fd < 0 || fstat(fd, &status) < 0)
		die(STATUS_SETUP, "cannot read the guest %s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		die(STATUS_SETUP, "the guest %s is no regular file", path);
	image->path = path;
	image->size = status.st_size;
	/* Room to read a whole header even if the file ends in the middle of it. */
	image->bytes = allocate(image->size + sizeof(struct header));
	for (uint64_t at = 0; at < image->size;) {
		ssize_t count = read(fd, image->bytes + at, image->size - at);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			die(STATUS_SETUP, "cannot read the guest %s: %s", path,
			    count ? strerror(errno) : "it became shorter meanwhile");
		at += count;
	}
	close(fd);
	header = find_header(image, &offset);
	if (!header)
		die(STATUS_SETUP,
		    "%s is no multiboot image: its first %d bytes have no multiboot header", path,
		    HEADER_SEARCH);
	if (header->flags & HEADER_MUST_ENTER)
		die(STATUS_SETUP, "%s wants more of its loader than ferry-vmm offers (flags 0x%x)",
		    path, header->flags);
}

/* ---- into memory ---- */

/* Copies FILE_SIZE bytes of the file to ADDRESS, and zeroes up to MEMORY_SIZE. */
static void place(const struct image *image, const struct memory *memory, uint64_t offset,
		  uint64_t file_size, uint64_t address, uint64_t memory_size)
{
	uint8_t *target;

	if (offset > image->size || file_size > image->size - offset || file_size > memory_size)
		die(STATUS_SETUP, "%s is damaged: a part of it lies beyond its end", image->path);
	target = memory_to_write(memory, address, memory_size);
	if (!target)
		die(STATUS_SETUP,
		    "%s does not fit into %lu MiB of memory: it wants address 0x%lx (--memory)",
		    image->path, (unsigned long)(memory->size >> 20),
		    (unsigned long)(address + memory_size));
	memcpy(target, image->bytes + offset, file_size);
	memset(target + file_size, 0, memory_size - file_size);
	memory_wrote(memory, target, memory_size);
}

static uint32_t load_by_addresses(const struct image *image, const struct memory *memory,
				  const struct header *header, uint64_t header_offset)
{
	uint64_t before = header->header_addr - header->load_addr;
	uint64_t offset = header_offset - before;
	uint64_t size = header->load_end_addr ? header->load_end_addr - header->load_addr
					      : image->size - offset;
	uint64_t end = header->bss_end_addr ? header->bss_end_addr : header->load_addr + size;

	if (header->header_addr < header->load_addr || before > header_offset ||
	    end < header->load_addr)
		die(STATUS_SETUP, "%s is damaged: its multiboot header contradicts itself",
		    image->path);
	place(image, memory, offset, size, header->load_addr, end - header->load_addr);
	return header->entry_addr;
}

static uint32_t load_elf(const struct image *image, const struct memory *memory)
{
	const Elf32_Ehdr *elf = (const void *)image->bytes;

	if (image->size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
	    elf->e_ident[EI_CLASS] != ELFCLASS32 || elf->e_phentsize != sizeof(Elf32_Phdr))
		die(STATUS_SETUP,
		    "%s is no 32-bit ELF file, and its multiboot header tells no addresses",
		    image->path);
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		uint64_t at = elf->e_phoff + (uint64_t)i * sizeof(Elf32_Phdr);
		Elf32_Phdr segment;

		if (at + sizeof(segment) > image->size)
			die(STATUS_SETUP, "%s is damaged: a part of it lies beyond its end",
			    image->path);
		memcpy(&segment, image->bytes + at, sizeof(segment));
		if (segment.p_type == PT_LOAD)
			place(image, memory, segment.p_offset, segment.p_filesz, segment.p_paddr,
			      segment.p_memsz);
	}
	return elf->e_entry;
}

/* ---- the boot information ---- */

static void add_to_map(struct information *information, uint64_t base, uint64_t end, uint32_t type)
{
	unsigned n = information->mmap_length / sizeof(struct map_entry);

	information->map[n] = (struct map_entry){
		.size = sizeof(struct map_entry) - sizeof(uint32_t),
		.base = base,
		.length = end - base,
		.type = type,
	};
	information->mmap_length += sizeof(struct map_entry);
}

static void write_information(const struct memory *memory, const struct image *image,
			      const char *command_line)
{
	struct information *information =
		memory_to_write(memory, INFORMATION_ADDRESS, sizeof(*information));
	size_t room = COMMAND_LINE_END - COMMAND_LINE_ADDRESS;
	char *text = memory_to_write(memory, COMMAND_LINE_ADDRESS, room);
	/* As on QEMU, the file's name comes first. */
	size_t name = strlen(image->path);
	size_t length = name + 1 + strlen(command_line) + 1;

	if (length > room)
		die(STATUS_SETUP,
		    "the guest's command line is too long: %zu bytes, and %zu are the most", length,
		    room);
	memcpy(text, image->path, name);
	text[name] = ' ';
	strcpy(text + name + 1, command_line);
	*information = (struct information){
		.flags = INFORMATION_MEM | INFORMATION_CMDLINE | INFORMATION_MMAP,
		.mem_lower = LOW_MEMORY_END >> 10,
		.mem_upper = (memory->size - HIGH_MEMORY) >> 10,
		.cmdline = COMMAND_LINE_ADDRESS,
		.mmap_addr = INFORMATION_ADDRESS + __builtin_offsetof(struct information, map),
	};
	add_to_map(information, 0, LOW_MEMORY_END, MEMORY_AVAILABLE);
	add_to_map(information, LOW_MEMORY_END, HIGH_MEMORY, MEMORY_RESERVED);
	add_to_map(information, HIGH_MEMORY, memory->size, MEMORY_AVAILABLE);
	memory_wrote(memory, information, sizeof(*information));
	memory_wrote(memory, text, room);
}

struct entry image_load(const struct image *image, const char *command_line,
			const struct memory *memory)
{
	uint64_t offset = 0;
	const struct header *header = find_header(image, &offset);
	struct entry entry = { .information = INFORMATION_ADDRESS };

	entry.address = header->flags & HEADER_ADDRESSES
				? load_by_addresses(image, memory, header, offset)
				: load_elf(image, memory);
	write_information(memory, image, command_line);
	return entry;
}
