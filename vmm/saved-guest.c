// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See saved-guest.h. The file has a head, the values of the state (state/state.h), those pages of
 * memory that are not zero, and a checksum of all that. Each part is a multiple of 8 bytes long.
 * Numbers have the CPU's byte order, and structures inside of values are KVM's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "message.h"
#include "saved-guest.h"
#include "state/state.h"

#define MAGIC	"FERRYVMM"
#define VERSION 1
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MIB	((uint64_t)1 << 20)

struct head {
	char magic[8];
	uint32_t version, head_bytes;
	char vendor[12]; /* of the CPU, as CPUID leaf 0 has it */
	uint32_t cpus;
	char boot[40]; /* the host's boot, which the guest's clocks count from */
	uint32_t irqchip, hyperv, memory_mib, tsc_khz;
	uint64_t values, pages;
	uint64_t bytes; /* of the whole file */
};

struct value_head {
	char piece[48];
	int32_t cpu;
	uint32_t size;
};

struct page {
	uint64_t address; /* in the guest's memory */
	uint8_t bytes[PAGE_BYTES];
};

struct saved_guest {
	const char *name;
	const uint8_t *bytes; /* the file, mapped */
	uint64_t size;
	const struct head *head;
};

static uint64_t padded(uint64_t size)
{
	return (size + 7) & ~(uint64_t)7;
}

/* ---- the checksum: FNV-1a over words of 64 bits ---- */

#define FNV_BASIS 0xcbf29ce484222325
#define FNV_PRIME 0x100000001b3

static uint64_t checksum(uint64_t sum, const void *bytes, uint64_t size)
{
	for (const uint8_t *byte = bytes; size; byte += 8, size -= 8) {
		uint64_t word;

		memcpy(&word, byte, sizeof(word));
		sum = (sum ^ word) * FNV_PRIME;
	}
	return sum;
}

/* ---- which host this is ---- */

static void read_vendor(char vendor[12])
{
	uint32_t eax = 0, ebx, ecx, edx;

	asm("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	memcpy(vendor, &ebx, 4);
	memcpy(vendor + 4, &edx, 4);
	memcpy(vendor + 8, &ecx, 4);
}

/* BOOT is "" if it cannot be read. */
static void read_boot(char boot[40])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, boot, 36);

	memset(boot + (length > 0 ? length : 0), 0, 40 - (length > 0 ? length : 0));
	if (fd >= 0)
		close(fd);
}

/* ---- writing ---- */

struct writer {
	FILE *file;
	uint64_t sum;
	int64_t bytes;
};

/* SIZE is a multiple of 8. A failure is found in the end, by ferror(3). */
static void put(struct writer *writer, const void *bytes, uint64_t size)
{
	fwrite(bytes, size, 1, writer->file);
	writer->sum = checksum(writer->sum, bytes, size);
	writer->bytes += size;
}

static void put_value(struct writer *writer, const struct state_value *value)
{
	struct value_head head = { .cpu = value->cpu, .size = value->size };
	uint64_t whole = value->size & ~(uint64_t)7;
	uint8_t rest[8] = { 0 };

	snprintf(head.piece, sizeof(head.piece), "%s", value->piece);
	put(writer, &head, sizeof(head));
	put(writer, value->bytes, whole);
	memcpy(rest, value->bytes + whole, value->size - whole);
	if (value->size > whole)
		put(writer, rest, sizeof(rest));
}

static bool is_zero(const uint8_t *page)
{
	return !*page && !memcmp(page, page + 1, PAGE_BYTES - 1);
}

/*
 * Writes each page of MEMORY that is not zero, or only counts them if WRITER is NULL. Pages that
 * were never written to are holes in the file, and are skipped without reading them.
 */
static uint64_t put_pages(struct writer *writer, const struct memory *memory)
{
	uint64_t count = 0;
	off_t begin = 0, end;

	while ((begin = lseek(memory->fd, begin, SEEK_DATA)) >= 0) {
		end = lseek(memory->fd, begin, SEEK_HOLE);
		for (off_t at = begin; at < end; at += PAGE_BYTES) {
			struct page page = { .address = at };

			if (is_zero(memory->bytes + at))
				continue;
			count++;
			if (!writer)
				continue;
			memcpy(page.bytes, memory->bytes + at, PAGE_BYTES);
			put(writer, &page, sizeof(page));
		}
		begin = end;
	}
	return count;
}

static struct head make_head(const struct machine *machine, const struct state *state)
{
	const struct vm_shape *shape = &machine->vm->shape;
	struct head head = {
		.magic = MAGIC,
		.version = VERSION,
		.head_bytes = sizeof(head),
		.cpus = shape->cpus,
		.irqchip = shape->irqchip,
		.hyperv = shape->hyperv,
		.memory_mib = machine->memory.size / MIB,
		.tsc_khz = shape->tsc_khz,
		.values = state->count,
		.pages = put_pages(NULL, &machine->memory),
	};

	read_vendor(head.vendor);
	read_boot(head.boot);
	head.bytes = sizeof(head) + head.pages * sizeof(struct page) + sizeof(uint64_t);
	for (unsigned i = 0; i < state->count; i++)
		head.bytes += sizeof(struct value_head) + padded(state->values[i].size);
	return head;
}

int64_t saved_guest_write(int fd, const struct machine *machine, const struct state *state)
{
	struct head head = make_head(machine, state);
	struct writer writer = { .sum = FNV_BASIS };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	uint64_t sum;
	bool failed;

	writer.file = copy < 0 ? NULL : fdopen(copy, "w");
	if (!writer.file)
		return -1;
	put(&writer, &head, sizeof(head));
	for (unsigned i = 0; i < state->count; i++)
		put_value(&writer, &state->values[i]);
	put_pages(&writer, &machine->memory);
	sum = writer.sum;
	put(&writer, &sum, sizeof(sum));
	failed = fflush(writer.file) || ferror(writer.file);
	/* Some file systems tell only here that the disk is full. */
	return fclose(writer.file) || failed ? -1 : writer.bytes;
}

/* ---- reading ---- */

static struct saved_guest *map_file(int fd, const char *name)
{
	struct saved_guest *guest = allocate(sizeof(*guest));
	struct stat status;
	void *bytes;

	if (fstat(fd, &status) < 0)
		die(STATUS_SETUP, "%s: %s", name, strerror(errno));
	guest->name = name;
	guest->size = status.st_size;
	if (!S_ISREG(status.st_mode) || guest->size < sizeof(struct head) + sizeof(uint64_t))
		die(STATUS_SETUP, "%s is no saved guest", name);
	bytes = mmap(NULL, guest->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		die(STATUS_SETUP, "%s: %s", name, strerror(errno));
	guest->bytes = bytes;
	guest->head = bytes;
	return guest;
}

static void check_kind(const struct saved_guest *guest)
{
	const struct head *head = guest->head;

	if (memcmp(head->magic, MAGIC, sizeof(head->magic)) != 0)
		die(STATUS_SETUP, "%s is no saved guest", guest->name);
	if (head->version != VERSION || head->head_bytes != sizeof(*head))
		die(STATUS_SETUP, "%s has version %u, and this ferry-vmm reads version %u",
		    guest->name, head->version, VERSION);
	if (head->bytes != guest->size)
		die(STATUS_SETUP,
		    "%s is cut off or damaged: it has %llu bytes, and should have %llu",
		    guest->name, (unsigned long long)guest->size, (unsigned long long)head->bytes);
}

static void check_sum(const struct saved_guest *guest)
{
	uint64_t sum;

	memcpy(&sum, guest->bytes + guest->size - sizeof(sum), sizeof(sum));
	if (guest->size % 8 || checksum(FNV_BASIS, guest->bytes, guest->size - sizeof(sum)) != sum)
		die(STATUS_SETUP, "%s is damaged: its checksum is wrong", guest->name);
}

/* On a CPU of the other vendor, nested state has another layout and many MSRs do not exist. */
static void check_host(const struct saved_guest *guest)
{
	const struct head *head = guest->head;
	char vendor[sizeof(head->vendor)], boot[sizeof(head->boot)];

	read_vendor(vendor);
	read_boot(boot);
	if (memcmp(vendor, head->vendor, sizeof(vendor)) != 0)
		die(STATUS_SETUP, "%s was saved on a CPU of %.12s, and this is one of %.12s",
		    guest->name, head->vendor, vendor);
	if (memcmp(boot, head->boot, sizeof(boot)) != 0)
		die(STATUS_SETUP,
		    "%s was saved on another host, or before this one booted; the guest's clocks count from that boot",
		    guest->name);
}

static void check_shape(const struct saved_guest *guest)
{
	const struct head *head = guest->head;

	if (!head->cpus || head->cpus > MOST_CPUS || head->irqchip > IRQCHIP_OFF ||
	    !head->memory_mib || head->memory_mib > MOST_MEMORY_MIB)
		die(STATUS_SETUP, "%s is damaged: ferry-vmm has no such machine", guest->name);
}

struct saved_guest *saved_guest_read(int fd, const char *name)
{
	struct saved_guest *guest = map_file(fd, name);

	check_kind(guest);
	check_host(guest);
	check_sum(guest);
	check_shape(guest);
	return guest;
}

void saved_guest_shape(const struct saved_guest *guest, struct options *options)
{
	const struct head *head = guest->head;

	options->memory_mib = head->memory_mib;
	options->shape.cpus = head->cpus;
	options->shape.irqchip = head->irqchip;
	options->shape.hyperv = head->hyperv;
	options->shape.tsc_khz = head->tsc_khz;
}

/* ---- restoring ---- */

struct reader {
	const struct saved_guest *guest;
	uint64_t at;
};

/* The next SIZE bytes. The checksum is right, so if they are missing, the writer was wrong. */
static const void *take(struct reader *reader, uint64_t size)
{
	const void *bytes = reader->guest->bytes + reader->at;

	if (size > reader->guest->size - reader->at)
		die(STATUS_SETUP, "%s is damaged: a part of it goes beyond its end",
		    reader->guest->name);
	reader->at += size;
	return bytes;
}

static void take_value(struct reader *reader, struct state *state)
{
	const struct value_head *head = take(reader, sizeof(*head));
	const void *bytes = take(reader, padded(head->size));
	struct state_value *value = NULL;

	if (memchr(head->piece, '\0', sizeof(head->piece)))
		value = state_add(state, head->piece, head->cpu, head->size);
	if (!value || head->cpu < STATE_WHOLE_VM || head->cpu >= (int)reader->guest->head->cpus)
		die(STATUS_SETUP, "%s has a piece of state that is unknown here: %.48s",
		    reader->guest->name, head->piece);
	memcpy(value->bytes, bytes, head->size);
}

static void take_page(struct reader *reader, const struct memory *memory)
{
	const struct page *page = take(reader, sizeof(*page));
	void *place = memory_to_write(memory, page->address, PAGE_BYTES);

	if (!place)
		die(STATUS_SETUP, "%s is damaged: it has a page at 0x%llx, and %u MiB of memory",
		    reader->guest->name, (unsigned long long)page->address,
		    reader->guest->head->memory_mib);
	memcpy(place, page->bytes, PAGE_BYTES);
	memory_wrote(memory, place, PAGE_BYTES);
}

void saved_guest_restore(const struct saved_guest *guest, struct machine *machine)
{
	struct reader reader = { .guest = guest, .at = sizeof(struct head) };
	struct state *state = state_new();
	const char *missing;

	for (uint64_t i = 0; i < guest->head->values; i++)
		take_value(&reader, state);
	for (uint64_t i = 0; i < guest->head->pages; i++)
		take_page(&reader, &machine->memory);
	missing = state_lacks(machine, state);
	if (missing)
		die(STATUS_SETUP, "%s has '%s', which this KVM does not have", guest->name,
		    missing);
	state_restore(machine, state);
	state_check(machine, state);
	state_free(state);
}
