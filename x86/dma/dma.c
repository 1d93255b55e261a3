// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that devices write, and a disk, while the VM is moved.
 *
 * What must be true of any hypervisor: a request that a driver has made available to a device
 * is carried out once, is returned once, and what the device wrote for it is in memory as a
 * whole, whether the VM was moved meanwhile or not; a write that was returned is what a later
 * read gives, and after a flush it is on the disk (VIRTIO 1.2, 2.7 "Split Virtqueues", 4.1
 * "Virtio Over PCI Bus", 5.2 "Block Device", 5.4 "Entropy Device"). If the driver asked for
 * an interrupt, one comes after the request was returned (2.7.7, 4.1.5.3 and 4.1.5.4).
 *
 * A broken one does not log the pages that its devices write, or logs them where they are
 * mapped and not where they are written; lets a device write after it has sent the last pages;
 * forgets requests that it has taken from a ring and not returned, or takes them again; moves
 * the indices of a ring at another time than the ring; loses an interrupt that it has raised,
 * a level that is high, a pending bit of MSI-X; lets both sides write one disk, or reads on the
 * other side what it has cached from before.
 *
 * The tests see it because every sector of the disk carries its number, a generation and a
 * checksum, all buffers hold a poison of their own before a device gets them, and each queue's
 * driver keeps notes of what every sector has to hold. While the VM is moved requests are in
 * flight all the time. Once it was moved, all have to be returned: each with its status, its
 * length and its whole buffer; indices have to agree; then the whole disk is read, flushed,
 * and told to the host, which compares the image. Where interrupts are used nobody looks at a
 * ring before one has come, so that a lost one leaves its queue standing still.
 *
 * What they cannot tell apart: who lost a write, a device that did not log it or a stream that
 * did not carry it; a request that was not carried out, and one whose return was lost, but for
 * what ring and interrupts tell; a disk that lost a write, and one that has it and reads what
 * was there before (the host's comparison can). A VMM finishes the requests that its disk
 * works at before it lets the VM go: what it has taken from the ring and not yet returned is
 * only moved along where it is the entropy device's. QEMU's edu device is not moved at all, not
 * even its BAR: a transfer that it has forgotten is begun anew, so that of it only what it has
 * written counts.
 *
 * On the command line: `seed=N`; and break=WHAT, to spoil the guest on purpose after its
 * first move in each test:
 *
 * buffer    the last words of a page that the device has written are as they were before
 * sector    a sector is written behind the notes' back
 * twice     an element of the used ring is looked at a second time
 * interrupt an interrupt is not noticed
 * disk      a sector is written once more behind the last flush, before the host compares
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
		snprintf(of, sizeof(of),
			 "; request %lu (%s of sectors %lu-%lu, descriptor %u, buffer at physical "
			 "0x%lx)",
			 request->number, type_name(request->type), request->chunk * CHUNK_SECTORS,
			 request->chunk * CHUNK_SECTORS + CHUNK_SECTORS - 1,
			 descriptor_of(lane, request), virt_to_phys(request->buffer));
	/* What is wrong comes first: a summary may have no room for all of it. */
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

/* "generation 7 of sector 12, whole", "the poison of request 5: nothing was written here" */
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
		complain(lane, request,
			 "sector %lu, word %u (physical 0x%lx): held 0x%lx (%s), may hold only "
			 "0x%lx, of generation %lu",
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

void set_descriptor(struct virtq_desc *desc, const volatile void *memory, u32 length, u16 flags,
		    u16 next)
{
	*desc = (struct virtq_desc){ virt_to_phys((const void *)memory), length, flags, next };
}

/* Header, data and status each in a descriptor of their own, as the legacy interface wants it. */
void make_available(struct lane *lane, struct request *request, u32 type, u64 chunk, u64 generation)
{
	u16 head = descriptor_of(lane, request);
	struct virtq_desc *desc = &lane->queue.desc[head];

	request->number = ++lane->made;
	request->type = type;
	request->chunk = chunk;
	request->generation = generation;
	request->in_flight = true;
	*request->status = STATUS_UNTOUCHED;
	*request->header = (struct virtio_blk_req){
		.type = type, .sector = type == VIRTIO_BLK_T_FLUSH ? 0 : chunk * CHUNK_SECTORS
	};
	if (type == VIRTIO_BLK_T_OUT)
		for (unsigned i = 0; i < CHUNK_SECTORS; i++)
			fill_sector(request->buffer + i * DISK_SECTOR_WORDS,
				    chunk * CHUNK_SECTORS + i, generation);
	else if (type == VIRTIO_BLK_T_IN)
		fill_words(request->buffer, CHUNK_WORDS, poison(request));
	set_descriptor(&desc[0], request->header, sizeof(*request->header), VIRTQ_DESC_F_NEXT,
		       type == VIRTIO_BLK_T_FLUSH ? head + 2 : head + 1);
	set_descriptor(&desc[1], request->buffer, PAGE_SIZE,
		       VIRTQ_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VIRTQ_DESC_F_WRITE : 0),
		       head + 2);
	set_descriptor(&desc[2], request->status, 1, VIRTQ_DESC_F_WRITE, 0);
	virtqueue_put(&lane->queue, head);
	if (!lane->unpublished)
		virtqueue_publish(&lane->queue, lane->queue.avail_idx);
}

static void on_return(struct lane *lane, const struct virtq_used_elem *element)
{
	unsigned slot = element->id / DESCRIPTORS_A_CHAIN;
	struct request *request = &lane->requests[slot];
	u32 length;

	if (element->id % DESCRIPTORS_A_CHAIN || slot >= lane->kind->requests ||
	    !request->in_flight) {
		complain(lane, slot < lane->kind->requests ? request : NULL,
			 "used element %u (physical 0x%lx) returns descriptor %u, which the device "
			 "does not have: a second time, or never given",
			 (u16)(lane->queue.last_used_idx - 1),
			 virt_to_phys((const void *)&lane->queue.used
					      ->ring[(u16)(lane->queue.last_used_idx - 1) %
						     lane->queue.size]),
			 element->id);
		return;
	}
	request->in_flight = false;
	lane->returned++;
	length = request->type == VIRTIO_BLK_T_IN ? PAGE_SIZE + 1 : 1;
	if (*request->status != VIRTIO_BLK_S_OK)
		complain(lane, request, "status (physical 0x%lx) held 0x%x%s, may hold only 0",
			 virt_to_phys((const void *)request->status), *request->status,
			 *request->status == STATUS_UNTOUCHED ? ", as it did before" : "");
	else if (element->len != length)
		complain(lane, request, "the device says that it wrote %u bytes, not %u",
			 element->len, length);
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

/* What the device has returned; not before an interrupt told so, if one is to come. */
void take_returned(struct lane *lane)
{
	struct virtq_used_elem element;
	int interrupts = atomic_read(&lane->queue.interrupts);

	if (lane->kind->interrupts != VIRTIO_POLLED) {
		if (interrupts == lane->interrupts_seen)
			return;
		lane->interrupts_seen = interrupts;
		if (lane->spoil_interrupt) {
			lane->spoil_interrupt = false;
			return;
		}
	}
	while (virtqueue_get(&lane->queue, &element)) {
		on_return(lane, &element);
		if (lane->spoil_return) {
			lane->spoil_return = false;
			on_return(lane, &element);
		}
	}
}
