// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: memory that devices write, and a disk, while the guest is migrated.
 *
 * Specification: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues", 4.1 "Virtio Over PCI
 * Bus", 5.2 "Block Device", 5.4 "Entropy Device", 5.6 "SCSI Host Device"; for interrupts 2.7.7,
 * 4.1.5.3 and 4.1.5.4. A request that a driver has made available is carried out once and returned
 * once. What the device writes for it is in memory as a whole. A later read gives what a returned
 * write has written, and after a flush it is on the disk. If the driver has asked for an interrupt,
 * one comes after the request is returned. All this must hold during a live migration and every
 * other action of the host.
 *
 * A broken hypervisor does not log the pages that its devices write, or logs other pages, or lets a
 * device write after it has sent the last pages. It forgets requests that it has taken from a ring
 * and not returned, or takes them again. It saves the indices of a ring at another moment than the
 * ring. It loses an interrupt: one that it has raised, a level that is high, a pending bit of
 * MSI-X. It lets source and destination write to the disk at the same time, or reads stale cached
 * data on the destination.
 *
 * How the tests see it: every sector of the disk carries its number, a generation and a checksum.
 * Each buffer is filled with a poison of its own before a device gets it. The driver of each queue
 * keeps notes of what every sector has to hold. Requests are in flight during the whole action.
 * After it all of them have to be returned, each with its status, its length and its whole buffer,
 * and the indices of driver and device have to agree. Then the whole disk is read, and in the end
 * written once more and flushed. The guest tells the host what the disk has to hold, and the host
 * compares the image. If interrupts are used, nobody looks at a ring before one has come, so that a
 * lost interrupt stops its queue.
 *
 * What the tests cannot tell apart: a device that did not log its write, and a stream that did not
 * carry it; a request that was not carried out, and one whose return was lost, unless ring and
 * interrupts show it; a disk that has lost a write, and one that has it but reads old data (the
 * host's comparison shows that).
 *
 * What is not tested: before a VMM stops the guest it finishes the requests that its disk works on.
 * So only the entropy device has requests that are taken from the ring, not yet returned, and
 * carried to the destination. QEMU's edu device is not migrated at all, not even its BAR. A
 * transfer that it has forgotten is begun again, so only the memory that it has written is tested.
 *
 * On the command line: `seed=N`; and break=WHAT, which spoils the guest on purpose after the
 * first action of each test:
 *
 * buffer    the last words of a page that the device has written are as they were before
 * sector    a sector is written and the driver's notes do not know it
 * twice     the driver looks at an element of the used ring a second time
 * interrupt the driver does not notice an interrupt
 * iommu     a translation, a record or a register of the IOMMU is changed
 * disk      a sector is written again after the last flush, before the host compares
 */
#include "disk-sector.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

/* ---- what is wrong ---- */

static const char *type_name(u32 type)
{
	return type == VIRTIO_BLK_T_IN ? "read" : type == VIRTIO_BLK_T_OUT ? "write" : "flush";
}

static unsigned descriptor_of(const struct lane *lane, const struct request *request)
{
	return (request - lane->requests) * DESCRIPTORS_A_CHAIN;
}

void complain(struct lane *lane, const struct request *request, const char *format, ...)
{
	char what[256], of[160] = "";
	va_list arguments;

	if (++lane->wrong > MOST_COMPLAINTS)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (request && request->type == VIRTIO_BLK_T_FLUSH)
		snprintf(of, sizeof(of), "; request %lu (flush, descriptor %u)", request->number,
			 descriptor_of(lane, request));
	else if (request)
		snprintf(
			of, sizeof(of),
			"; request %lu (%s of sectors %lu-%lu, descriptor %u, buffer at physical 0x%lx)",
			request->number, type_name(request->type), request->chunk * CHUNK_SECTORS,
			request->chunk * CHUNK_SECTORS + CHUNK_SECTORS - 1,
			descriptor_of(lane, request), virt_to_phys(request->buffer));
	/* What is wrong comes first, since a summary may not have room for the whole line. */
	report_fail("%s queue %d: %s%s", disk.name, lane->queue.index, what, of);
}

static u64 poison(const struct request *request)
{
	return 0xdead000000000000ul | request->number;
}

static void fill_sector(u64 *words, u64 number, u64 generation)
{
	words[DISK_SECTOR_MAGIC_WORD] = DISK_SECTOR_MAGIC;
	words[DISK_SECTOR_NUMBER_WORD] = number;
	words[DISK_SECTOR_GENERATION_WORD] = generation;
	fill_words(words + DISK_SECTOR_FIRST_DATA_WORD, DISK_SECTOR_DATA_WORDS,
		   disk_sector_data(number, generation));
	words[DISK_SECTOR_CHECKSUM_WORD] = disk_sector_checksum(number, generation);
}

static bool is_sector(const u64 *words, u64 number, u64 generation)
{
	return words[DISK_SECTOR_MAGIC_WORD] == DISK_SECTOR_MAGIC &&
	       words[DISK_SECTOR_NUMBER_WORD] == number &&
	       words[DISK_SECTOR_GENERATION_WORD] == generation &&
	       words[DISK_SECTOR_CHECKSUM_WORD] == disk_sector_checksum(number, generation) &&
	       !first_unlike(words + DISK_SECTOR_FIRST_DATA_WORD, DISK_SECTOR_DATA_WORDS,
			     disk_sector_data(number, generation));
}

/* Says "generation 7 of sector 12, whole", for example. */
static const char *describe(const u64 *sector, u64 held, char *text, size_t size)
{
	if (held >> 48 == 0xdead)
		snprintf(text, size, "the poison of request %lu: nothing was written here",
			 held & 0xffffffffffff);
	else if (disk_sector_is_whole(sector))
		snprintf(text, size, "generation %lu of sector %lu, whole",
			 sector[DISK_SECTOR_GENERATION_WORD], sector[DISK_SECTOR_NUMBER_WORD]);
	else
		snprintf(text, size, "in a sector that is not whole");
	return text;
}

bool check_buffer(struct lane *lane, const struct request *request)
{
	u64 wanted[DISK_SECTOR_WORDS];
	char text[100];

	for (unsigned i = 0; i < CHUNK_SECTORS; i++) {
		const u64 *sector = request->buffer + i * DISK_SECTOR_WORDS;
		u64 number = request->chunk * CHUNK_SECTORS + i;
		unsigned n;

		if (likely(is_sector(sector, number, request->generation)))
			continue;
		fill_sector(wanted, number, request->generation);
		for (n = 0; n < DISK_SECTOR_WORDS - 1 && sector[n] == wanted[n]; n++)
			;
		complain(
			lane, request,
			"sector %lu, word %u (physical 0x%lx): held 0x%lx (%s), may hold only 0x%lx, of generation %lu",
			number, n, virt_to_phys(&sector[n]), sector[n],
			describe(sector, sector[n], text, sizeof(text)), wanted[n],
			request->generation);
		return false;
	}
	return true;
}

/* ---- requests ---- */

void check_if_due(struct lane *lane, struct request *request)
{
	if (!request->unchecked)
		return;
	request->unchecked = false;
	check_buffer(lane, request);
}

struct request *next_request(struct lane *lane)
{
	struct request *request = &lane->requests[lane->made % lane->kind->requests];

	if (request->in_flight || lane->made - lane->returned >= lane->kind->depth)
		return NULL;
	check_if_due(lane, request);
	return request;
}

/* Header, data and answer have a descriptor each, as the legacy interface requires. */
void make_available(struct lane *lane, struct request *request, u32 type, u64 chunk, u64 generation)
{
	struct virtq_part parts[DESCRIPTORS_A_CHAIN];

	request->number = ++lane->made;
	request->type = type;
	request->chunk = chunk;
	request->generation = generation;
	request->in_flight = true;
	memset((void *)request->answer, ANSWER_UNTOUCHED, disk_type->answer_size);
	if (type == VIRTIO_BLK_T_OUT)
		for (unsigned i = 0; i < CHUNK_SECTORS; i++)
			fill_sector(request->buffer + i * DISK_SECTOR_WORDS,
				    chunk * CHUNK_SECTORS + i, generation);
	else if (type == VIRTIO_BLK_T_IN)
		fill_words(request->buffer, CHUNK_WORDS, poison(request));
	virtqueue_put(&lane->queue, descriptor_of(lane, request), parts,
		      disk_type->compose(request, parts));
	if (!lane->unpublished)
		virtqueue_publish(&lane->queue, lane->queue.avail_idx);
}

static void on_return(struct lane *lane, const struct virtq_used_elem *element)
{
	unsigned slot = element->id / DESCRIPTORS_A_CHAIN;
	struct request *request = &lane->requests[slot];

	if (element->id % DESCRIPTORS_A_CHAIN || slot >= lane->kind->requests ||
	    !request->in_flight) {
		complain(
			lane, slot < lane->kind->requests ? request : NULL,
			"used element %u (physical 0x%lx) returns descriptor %u, which the device does not have: a second time, or never given",
			(u16)(lane->queue.last_used_idx - 1),
			virt_to_phys((const void *)lane->queue.last_element), element->id);
		return;
	}
	request->in_flight = false;
	lane->returned++;
	disk_type->check_answer(lane, request, element->len);
	if (request->type != VIRTIO_BLK_T_IN)
		return;
	request->unchecked = true;
	if (lane->spoil_buffer) {
		lane->spoil_buffer = false;
		request->buffer[CHUNK_WORDS - 1] = poison(request);
	}
	if (!lane->kind->untouched)
		check_if_due(lane, request);
}

void take_returned(struct lane *lane)
{
	struct virtq_used_elem element;

	if (!virtqueue_may_have_used(&lane->queue, &lane->interrupts_seen))
		return;
	if (lane->kind->interrupts != VIRTIO_POLLED && lane->spoil_interrupt) {
		lane->spoil_interrupt = false;
		return;
	}
	while (virtqueue_get(&lane->queue, &element)) {
		on_return(lane, &element);
		if (lane->spoil_return) {
			lane->spoil_return = false;
			on_return(lane, &element);
		}
	}
}
