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
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "disk-sector.h"
#include "io.h"
#include "ioapic.h"
#include "isr.h"
#include "processor.h"
#include "random.h"
#include "smp.h"
#include "virtio.h"
#include "vm.h"

#define MOST_LANES     2
#define MOVES_PER_TEST 2

/* A request's data is a page of the disk, and a page of memory. */
#define CHUNK_SECTORS (PAGE_SIZE / DISK_SECTOR_SIZE)
#define CHUNK_WORDS   (PAGE_SIZE / sizeof(u64))

/* Of the disk, all lanes together; less if it is smaller. */
#define MOST_CHUNKS 256

#define MOST_REQUESTS	    64
#define DESCRIPTORS_A_CHAIN 3
#define QUEUE_SIZE	    256

/* Every so many requests one is a flush. */
#define FLUSH_EVERY 16

/* In one turn: the CPU that waits for the host has to look for its answer. */
#define REQUESTS_PER_TURN 4

/* For a device to return what it has. */
#define RETURN_MS 20000

/* Of one lane: the rest would only say the same. */
#define MOST_COMPLAINTS 3

#define BLK_VECTOR 0x60
#define RNG_VECTOR 0x68
#define EDU_VECTOR 0x69

#define STATUS_UNTOUCHED 0xff

/* ---- what a driver knows ---- */

struct request {
	u64 number; /* of the lane, from 1 */
	u32 type;   /* VIRTIO_BLK_T_* */
	bool in_flight, unchecked;
	u64 chunk, generation;
	u64 *buffer;
	struct virtio_blk_req *header;
	volatile u8 *status;
};

/* How requests are made. */
struct kind {
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	/* Buffers, a power of two, and how many are with the device at a time, at most. */
	unsigned requests, depth;
	/* A buffer is looked at only when it is its turn again, or after the move. */
	bool untouched;
};

/* A queue, its CPU, and its part of the disk. */
struct lane {
	const struct kind *kind;
	struct virtqueue queue;
	int cpu;
	struct request requests[MOST_REQUESTS];
	void *buffers, *headers, *statuses;
	u64 first_chunk, chunks, multiplier, seed;
	u64 made, returned; /* requests */
	int interrupts_seen;
	unsigned wrong;
	bool stuck;
	bool unpublished; /* requests are put into the ring, and the index is left as it is */
	/* What break= does when it can. */
	bool spoil_buffer, spoil_return, spoil_interrupt;
};

static struct virtio_device disk;
static struct lane lanes[MOST_LANES];
static int lane_count;
static atomic_t stop;

/* What each chunk holds, and is known to; 0: nobody knows. */
static u64 generations[MOST_CHUNKS];

/* Above all that were; no two boots' are alike, so that a sector of the last one is known. */
static u64 new_generation(void)
{
	u64 highest = current_boot() * 1000000;

	for (int i = 0; i < MOST_CHUNKS; i++)
		highest = MAX(highest, generations[i]);
	return highest + 1;
}

FEATURE(VIRTIO_BLK, "a virtio-blk device")
{
	return virtio_find(VIRTIO_ID_BLOCK) != PCIDEVADDR_INVALID;
}

FEATURE(VIRTIO_RNG, "a virtio-rng device")
{
	return virtio_find(VIRTIO_ID_RNG) != PCIDEVADDR_INVALID;
}

/* ---- what is wrong ---- */

static const char *type_name(u32 type)
{
	return type == VIRTIO_BLK_T_IN ? "read" : type == VIRTIO_BLK_T_OUT ? "write" : "flush";
}

static unsigned descriptor_of(const struct lane *lane, const struct request *request)
{
	return (request - lane->requests) * DESCRIPTORS_A_CHAIN;
}

static __printf(3, 4) void complain(struct lane *lane, const struct request *request,
				    const char *format, ...)
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

/* By string instructions: what emulates instructions does these in one go. */
static void fill_words(u64 *at, u64 count, u64 value)
{
	asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(value) : "memory");
}

/* The first of these that is not VALUE, or NULL. */
static const u64 *unlike(const u64 *at, u64 count, u64 value)
{
	bool equal;

	asm volatile("repe scasq" : "+D"(at), "+c"(count), "=@cce"(equal) : "a"(value) : "memory");
	return equal ? NULL : at - 1;
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
	       !unlike(words + DISK_SECTOR_FIRST_DATA_WORD, DISK_SECTOR_DATA_WORDS,
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

static bool check_buffer(struct lane *lane, const struct request *request)
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

static u64 chunk_at(const struct lane *lane, u64 position)
{
	return lane->first_chunk +
	       ((position * lane->multiplier + lane->seed) & (lane->chunks - 1));
}

static void check_if_due(struct lane *lane, struct request *request)
{
	if (!request->unchecked)
		return;
	request->unchecked = false;
	check_buffer(lane, request);
}

static struct request *next_request(struct lane *lane)
{
	struct request *request = &lane->requests[lane->made % lane->kind->requests];

	if (request->in_flight || lane->made - lane->returned >= lane->kind->depth)
		return NULL;
	check_if_due(lane, request);
	return request;
}

static void set_descriptor(struct virtq_desc *desc, const volatile void *memory, u32 length,
			   u16 flags, u16 next)
{
	*desc = (struct virtq_desc){ virt_to_phys((const void *)memory), length, flags, next };
}

/* Header, data and status each in a descriptor of their own, as the legacy interface wants it. */
static void make_available(struct lane *lane, struct request *request, u32 type, u64 chunk,
			   u64 generation)
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
static void take_returned(struct lane *lane)
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

static struct lane *spoiled_lane(void)
{
	return &lanes[lane_count - 1];
}

/* ---- the mix of them ---- */

/*
 * Request N of the lane: a write to the next chunk, then a read of one that was written a
 * while ago, and so on. A chunk's last request has been returned when its next one is made:
 * between the two lie more requests than there are buffers.
 */
static void make_next(struct lane *lane, struct request *request)
{
	u64 n = lane->made - lane->made / FLUSH_EVERY;
	u64 position = n / 2, chunk;

	if (lane->made % FLUSH_EVERY == FLUSH_EVERY - 1) {
		make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	} else if (n % 2 == 0) {
		chunk = chunk_at(lane, position);
		make_available(lane, request, VIRTIO_BLK_T_OUT, chunk, ++generations[chunk]);
	} else {
		chunk = chunk_at(lane, position - lane->kind->requests);
		make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
	}
}

static void turn(struct lane *lane)
{
	struct request *request;
	unsigned made = 0;

	take_returned(lane);
	while (made < REQUESTS_PER_TURN && (request = next_request(lane))) {
		make_next(lane, request);
		made++;
	}
	if (made)
		virtqueue_kick(&lane->queue);
}

static void turn_until_stop(void *data)
{
	while (!atomic_read(&stop)) {
		turn(data);
		/* An emulator that has one thread for all CPUs would stay for 100 ms with this. */
		pause();
	}
}

static void turn_of_first(void)
{
	turn(&lanes[0]);
}

/* Which request the device still has, or keeps to itself that it has returned it. */
static void complain_of_missing(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;
	struct request *request = NULL;
	u16 used = queue->used->idx;

	lane->stuck = true;
	for (unsigned i = 0; i < lane->kind->requests && !request; i++)
		if (lane->requests[i].in_flight)
			request = &lane->requests[i];
	complain(lane, request,
		 "not returned: avail idx %u, used idx %u (physical 0x%lx), of which %u were seen; "
		 "%s; %d interrupts; device status 0x%x",
		 queue->avail_idx, used, virt_to_phys((const void *)&queue->used->idx),
		 queue->last_used_idx,
		 used != queue->last_used_idx ? "it was, and no interrupt told so"
					      : "the device still has it",
		 atomic_read(&queue->interrupts), virtio_status(&disk));
}

static void wait_for_returns(struct lane *lane)
{
	if (lane->stuck)
		return;
	if (!wait_until((take_returned(lane), lane->made == lane->returned), RETURN_MS))
		complain_of_missing(lane);
}

/* Nothing is with the device: then both have counted the same. */
static void compare_rings(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;

	if (lane->stuck)
		return;
	if (queue->used->idx != queue->avail_idx || queue->avail->idx != queue->avail_idx)
		complain(lane, NULL,
			 "all was returned, but avail idx is %u (physical 0x%lx) and used idx %u "
			 "(physical 0x%lx), and both may only be %u",
			 queue->avail->idx, virt_to_phys(&queue->avail->idx), queue->used->idx,
			 virt_to_phys((const void *)&queue->used->idx), queue->avail_idx);
	for (unsigned i = 0; i < lane->kind->requests; i++)
		check_if_due(lane, &lane->requests[i]);
}

/* One kind of request for each chunk of a lane, in order; GENERATION is what is written. */
static void make_for_all_chunks(struct lane *lane, u32 type, u64 generation)
{
	u64 done = 0;
	struct request *request;
	struct deadline deadline;

	deadline_start(&deadline, RETURN_MS);
	while (done < lane->chunks && !lane->stuck) {
		u64 chunk = lane->first_chunk + done;

		if (deadline_passed(&deadline))
			complain_of_missing(lane);
		take_returned(lane);
		request = next_request(lane);
		if (!request)
			continue;
		if (type == VIRTIO_BLK_T_OUT)
			generations[chunk] = generation;
		make_available(lane, request, type, chunk, generations[chunk]);
		virtqueue_kick(&lane->queue);
		deadline_start(&deadline, RETURN_MS);
		done++;
	}
	wait_for_returns(lane);
	compare_rings(lane);
}

static void flush(struct lane *lane)
{
	struct request *request = next_request(lane);

	if (!request)
		return;
	make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	virtqueue_kick(&lane->queue);
	wait_for_returns(lane);
}

/* ---- what the host is told ---- */

static void tell_host(const struct lane *lane, u64 generation)
{
	mark("disk", "sector=%lu count=%lu generation=%lu", lane->first_chunk * CHUNK_SECTORS,
	     lane->chunks * CHUNK_SECTORS, generation);
}

/* All chunks of each lane hold one generation, and were flushed. */
static void let_host_compare(void)
{
	struct lane *first = &lanes[0];
	char answer[128];

	if (broken("disk")) {
		make_available(first, next_request(first), VIRTIO_BLK_T_OUT, first->first_chunk + 1,
			       generations[first->first_chunk] - 1);
		virtqueue_kick(&first->queue);
		wait_for_returns(first);
	}
	for (int i = 0; i < lane_count; i++)
		tell_host(&lanes[i], generations[lanes[i].first_chunk]);
	if (host_ask("disk", answer, sizeof(answer)) && answer_number(answer, "wrong"))
		report_fail("%s: the host finds %lu sectors of the image wrong, the first %lu",
			    disk.name, answer_number(answer, "wrong"),
			    answer_number(answer, "first"));
}

/* ---- a test ---- */

static void new_lane(struct lane *lane, const struct kind *kind, int index, u64 chunks)
{
	unsigned order = 0;

	*lane = (struct lane){ .kind = kind,
			       .cpu = index,
			       .chunks = chunks,
			       .first_chunk = chunks * index,
			       .seed = scramble(argument_number("seed", 1) * 256 + index) };
	lane->multiplier = lane->seed | 1;
	virtqueue_open(&disk, &lane->queue, index, QUEUE_SIZE, index, BLK_VECTOR + index);
	assert(kind->requests * DESCRIPTORS_A_CHAIN <= lane->queue.size);
	assert(2 * kind->requests <= chunks);
	while (1u << order < kind->requests)
		order++;
	lane->buffers = alloc_pages(order);
	lane->headers = alloc_page();
	lane->statuses = alloc_page();
	for (unsigned i = 0; i < kind->requests; i++) {
		lane->requests[i].buffer = lane->buffers + i * PAGE_SIZE;
		lane->requests[i].header = (struct virtio_blk_req *)lane->headers + i;
		lane->requests[i].status = (u8 *)lane->statuses + i;
	}
}

static void free_lane(struct lane *lane)
{
	free_pages(lane->buffers);
	free_page(lane->headers);
	free_page(lane->statuses);
}

static u64 power_of_two_below(u64 n)
{
	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* False, with a skip, if this machine's disk cannot be driven so. */
static bool open_disk(const struct kind *kind)
{
	pcidevaddr_t pci = virtio_find(VIRTIO_ID_BLOCK);
	u64 chunks;

	if (!virtio_has_interface(pci, kind->interface) ||
	    !virtio_has_interrupts(pci, kind->interrupts)) {
		report_skip("the disk has not this interface, or no such interrupts");
		return false;
	}
	virtio_open(&disk, pci, kind->interface, kind->interrupts,
		    BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_MQ));
	lane_count = 1;
	if (disk.features & BIT(VIRTIO_BLK_F_MQ))
		lane_count = MIN((u64)cpu_count(),
				 virtio_config_read(&disk, VIRTIO_BLK_CONFIG_NUM_QUEUES, 2));
	lane_count = MIN(lane_count, MOST_LANES);
	/* An INTx that two queues share tells the one of the other's returns. */
	if (kind->depth == 1 && kind->interrupts == VIRTIO_INTX)
		lane_count = 1;
	chunks = virtio_config_read(&disk, VIRTIO_BLK_CONFIG_CAPACITY, 8) / CHUNK_SECTORS;
	chunks = power_of_two_below(MIN(chunks, scaled_count(MOST_CHUNKS, 1)) / lane_count);
	chunks = MAX(chunks, 2ul * kind->requests);
	for (int i = 0; i < lane_count; i++)
		new_lane(&lanes[i], kind, i, chunks);
	virtio_driver_ok(&disk);
	return true;
}

static void close_disk(void)
{
	virtio_close(&disk);
	for (int i = 0; i < lane_count; i++)
		free_lane(&lanes[i]);
}

/* All chunks at one generation, that none of them ever had. */
static void write_all(void)
{
	u64 generation = new_generation();

	for (int i = 0; i < lane_count; i++) {
		tell_host(&lanes[i], 0);
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_OUT, generation);
	}
}

static void check_all(void)
{
	for (int i = 0; i < lane_count; i++)
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_IN, 0);
}

/* All lanes at work; returns when all requests have been returned, after the move. */
static void work_and_be_moved(void)
{
	atomic_set(&stop, 0);
	for (int i = 1; i < lane_count; i++)
		on_cpu_async(lanes[i].cpu, turn_until_stop, &lanes[i]);
	turn_of_first();
	migrate_quiet_while(turn_of_first);
	atomic_set(&stop, 1);
	for (int i = 1; i < lane_count; i++)
		on_cpu_wait(lanes[i].cpu);
}

static u64 sum_of_wrong(void)
{
	u64 wrong = 0;

	for (int i = 0; i < lane_count; i++)
		wrong += lanes[i].wrong;
	return wrong;
}

static void spoil_something(void)
{
	struct lane *lane = spoiled_lane();

	lane->spoil_buffer = broken("buffer");
	lane->spoil_return = broken("twice");
	lane->spoil_interrupt = broken("interrupt");
	if (broken("sector"))
		generations[lane->first_chunk + 1]++;
}

static void run(const struct kind *kind)
{
	u64 made = 0;
	int interrupts = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		work_and_be_moved();
		if (move == 0)
			spoil_something();
		for (int i = 0; i < lane_count; i++) {
			wait_for_returns(&lanes[i]);
			compare_rings(&lanes[i]);
		}
		check_all();
	}
	write_all();
	for (int i = 0; i < lane_count; i++) {
		flush(&lanes[i]);
		made += lanes[i].made;
		/* INTx counts for all queues at once. */
		if (kind->interrupts == VIRTIO_MSIX || !i)
			interrupts += atomic_read(&lanes[i].queue.interrupts);
	}
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(),
	       "%s: %d moves, %d queues, %lu requests, %d interrupts: %lu times "
	       "something wrong",
	       disk.name, MOVES_PER_TEST, lane_count, made, interrupts, sum_of_wrong());
	close_disk();
}

TEST(blk_modern_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}

/*
 * One request at a time: each interrupt is the only one that tells of it, so that the first
 * one that is lost stops its queue.
 */
TEST(blk_one_at_a_time_intx, .needs = VIRTIO_BLK,
     .about = "one request at a time, INTx: every completion's interrupt comes")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 2, 1, false };

	run(&kind);
}

TEST(blk_one_at_a_time_msix, .needs = VIRTIO_BLK,
     .about = "one request at a time, MSI-X: every completion's interrupt comes")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 2, 1, false };

	run(&kind);
}

/* What the device has written stays as it was until long after: no CPU has marked its page. */
TEST(blk_buffers_untouched, .needs = VIRTIO_BLK,
     .about = "buffers that only the device has touched since are moved as it left them")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 32, 2, true };

	run(&kind);
}

/* ---- rings that nobody looks at ---- */

static u16 given;
static struct stopwatch pace;

/* At this rate the requests last for longer than a move takes. */
#define PACE_MS 4

/* All is in the ring; only the index grows. */
static void give_one_more(void)
{
	struct lane *lane = &lanes[0];

	if (given == lane->queue.avail_idx ||
	    stopwatch_ns(&pace) < (u64)PACE_MS * timescale() * 1000000)
		return;
	stopwatch_start(&pace);
	virtqueue_publish(&lane->queue, ++given);
	virtqueue_kick(&lane->queue);
}

/*
 * Buffers, status bytes and used ring are written by the device alone while the VM is moved:
 * the driver prepares all before, and then does no more than to give one request after the
 * other away.
 */
static void run_unseen(const struct kind *kind)
{
	struct lane *lane = &lanes[0];
	struct request *request;
	u64 chunk = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		given = lane->queue.avail_idx;
		lane->unpublished = true;
		while ((request = next_request(lane))) {
			make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
			chunk = (chunk + 1) % lane->chunks;
		}
		lane->unpublished = false;
		stopwatch_start(&pace);
		migrate_quiet_while(give_one_more);
		if (move == 0)
			spoil_something();
		virtqueue_publish(&lane->queue, lane->queue.avail_idx);
		virtqueue_kick(&lane->queue);
		wait_for_returns(lane);
		compare_rings(lane);
	}
	check_all();
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(), "%s: %d moves, %lu requests: %lu times something wrong", disk.name,
	       MOVES_PER_TEST, lane->made, sum_of_wrong());
	close_disk();
}

TEST(blk_rings_unseen_modern, .needs = VIRTIO_BLK,
     .about = "a used ring and buffers that no CPU looks at during the move (modern)")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 32, 32, true };

	run_unseen(&kind);
}

TEST(blk_rings_unseen_legacy, .needs = VIRTIO_BLK,
     .about = "a used ring and buffers that no CPU looks at during the move (legacy)")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_POLLED, 32, 32, true };

	run_unseen(&kind);
}

/* ---- a reset ---- */

/* What a sector may hold that a request was about when the device was reset. */
static void settle_chunk(struct lane *lane, struct request *request, u64 newest, u64 oldest)
{
	u64 generation = request->buffer[DISK_SECTOR_GENERATION_WORD];

	request->unchecked = false;
	request->generation = generation >= oldest && generation <= newest ? generation : newest;
	generations[request->chunk] = request->generation;
	check_buffer(lane, request);
}

/*
 * As the driver of a guest that gives up and starts anew: from the reset on the device may
 * write nothing any more, and it begins with rings that are empty. A write that was with it
 * may have happened, or not, but no half of it.
 */
static void run_reset(const struct kind *kind)
{
	static u64 before[MOST_CHUNKS], after[MOST_CHUNKS];
	static struct lane old[MOST_LANES];
	u16 used_idx[MOST_LANES];
	u64 wrong = 0;

	if (!open_disk(kind))
		return;
	write_all();
	memcpy(before, generations, sizeof(before));
	work_and_be_moved();
	for (int i = 0; i < lane_count; i++)
		wrong += lanes[i].wrong;
	virtio_reset(&disk);
	memcpy(after, generations, sizeof(after));
	for (int i = 0; i < lane_count; i++) {
		/* Poison for all that it could still write to; it may write none of it. */
		old[i] = lanes[i];
		used_idx[i] = old[i].queue.used->idx;
		fill_words(old[i].buffers, CHUNK_WORDS * kind->requests, ~0ul);
		memset(old[i].statuses, STATUS_UNTOUCHED, PAGE_SIZE);
		disk.queues[i] = NULL;
	}
	open_disk(kind);
	for (int i = 0; i < lane_count; i++) {
		struct lane *lane = &lanes[i];

		/* In small groups, to see each before its buffer is used again. */
		for (u64 chunk = lane->first_chunk; chunk < lane->first_chunk + lane->chunks;) {
			struct request *first = &lane->requests[lane->made % kind->requests],
				       *request;

			request = next_request(lane);
			if (!request)
				break;
			make_available(lane, request, VIRTIO_BLK_T_IN, chunk, after[chunk]);
			virtqueue_kick(&lane->queue);
			wait_for_returns(lane);
			if (lane->stuck)
				break;
			settle_chunk(lane, first, after[chunk], before[chunk]);
			chunk++;
		}
	}
	for (int i = 0; i < lane_count; i++) {
		const u64 *at = unlike(old[i].buffers, CHUNK_WORDS * kind->requests, ~0ul);

		if (at)
			complain(&lanes[i], NULL,
				 "after its reset the device wrote 0x%lx to a buffer at physical "
				 "0x%lx, which may hold only 0x%lx",
				 *at, virt_to_phys(at), ~0ul);
		if (old[i].queue.used->idx != used_idx[i])
			complain(&lanes[i], NULL,
				 "after its reset the device counted its used idx (physical 0x%lx) "
				 "from %u to %u",
				 virt_to_phys((const void *)&old[i].queue.used->idx), used_idx[i],
				 old[i].queue.used->idx);
		free_pages(old[i].queue.memory);
		free_lane(&old[i]);
	}
	work_and_be_moved();
	for (int i = 0; i < lane_count; i++) {
		wait_for_returns(&lanes[i]);
		compare_rings(&lanes[i]);
	}
	check_all();
	wrong += sum_of_wrong();
	report(!wrong, "%s: reset behind a move, and used again: %lu times something wrong",
	       disk.name, wrong);
	close_disk();
}

TEST(blk_reset_modern, .needs = VIRTIO_BLK,
     .about = "a device that is reset just after the move writes no more, and works again (modern)")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 16, 16, false };

	run_reset(&kind);
}

TEST(blk_reset_legacy, .needs = VIRTIO_BLK,
     .about = "a device that is reset just after the move writes no more, and works again (legacy)")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 16, 16, false };

	run_reset(&kind);
}

/* ---- interrupts that wait ---- */

/* Where an interrupt is held back while the VM is moved. */
struct hold {
	const char *name;
	enum virtio_interrupts interrupts;
	void (*hold)(void);
	void (*let_go)(void);
	/* Whether it can be seen waiting there. May be NULL. */
	bool (*waits)(void);
};

static void hold_at_table(void)
{
	pci_mask_msix(disk.pci, 0, true);
}

static void let_go_at_table(void)
{
	pci_mask_msix(disk.pci, 0, false);
}

static bool waits_at_table(void)
{
	return pci_msix_pending(disk.pci, 0);
}

static void hold_at_ioapic(void)
{
	ioapic_mask(pci_intx_pin(disk.pci));
}

static void let_go_at_ioapic(void)
{
	ioapic_unmask(pci_intx_pin(disk.pci));
}

static void hold_at_device(void)
{
	pci_disable_intx(disk.pci, true);
}

static void let_go_at_device(void)
{
	pci_disable_intx(disk.pci, false);
}

static bool waits_at_device(void)
{
	return pci_config_readw(disk.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT;
}

static bool waits_at_apic(void)
{
	return apic_read_bit(APIC_IRR, BLK_VECTOR);
}

#define REQUESTS_PER_HOLD 4

/* Only the device has said that it is done; nobody has been told. */
static void run_held(const struct hold *hold)
{
	const struct kind kind = { VIRTIO_MODERN, hold->interrupts, 8, REQUESTS_PER_HOLD, false };
	struct lane *lane = &lanes[0];
	struct request *request;
	int before;

	if (!open_disk(&kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		before = atomic_read(&lane->queue.interrupts);
		hold->hold();
		while ((request = next_request(lane)))
			make_available(lane, request, VIRTIO_BLK_T_IN, 0, generations[0]);
		virtqueue_kick(&lane->queue);
		wait_for(lane->queue.used->idx == lane->queue.avail_idx, RETURN_MS,
			 "%s to return %d requests", disk.name, REQUESTS_PER_HOLD);
		if (hold->waits && !wait_until(hold->waits(), RETURN_MS))
			complain(lane, NULL, "no interrupt waits %s before the move", hold->name);
		migrate_quiet();
		if (hold->waits && !hold->waits())
			complain(lane, NULL, "no interrupt waits %s after the move any more",
				 hold->name);
		if (atomic_read(&lane->queue.interrupts) != before)
			complain(lane, NULL, "%d interrupts came although held back %s",
				 atomic_read(&lane->queue.interrupts) - before, hold->name);
		hold->let_go();
		wait_for_returns(lane);
		compare_rings(lane);
	}
	report(!sum_of_wrong(),
	       "%s: interrupts held back %s during %d moves: %lu times something "
	       "wrong",
	       disk.name, hold->name, MOVES_PER_TEST, sum_of_wrong());
	close_disk();
}

TEST(held_in_msix_table, .needs = VIRTIO_BLK,
     .about = "an MSI-X message that was masked during the move comes when it is unmasked")
{
	static const struct hold hold = { "in the MSI-X table", VIRTIO_MSIX, hold_at_table,
					  let_go_at_table, waits_at_table };

	run_held(&hold);
}

TEST(held_at_ioapic, .needs = VIRTIO_BLK,
     .about = "a level that was high at a masked pin of the IOAPIC interrupts after the move")
{
	static const struct hold hold = { "at the IOAPIC", VIRTIO_INTX, hold_at_ioapic,
					  let_go_at_ioapic, NULL };

	run_held(&hold);
}

TEST(held_by_intx_disable, .needs = VIRTIO_BLK,
     .about = "INTx that was disabled in the device's command register comes after the move")
{
	static const struct hold hold = { "by INTx Disable", VIRTIO_INTX, hold_at_device,
					  let_go_at_device, waits_at_device };

	run_held(&hold);
}

TEST(held_in_apic_msix, .needs = VIRTIO_BLK,
     .about = "an MSI-X message that waits in the local APIC during the move is delivered after")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_MSIX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}

TEST(held_in_apic_intx, .needs = VIRTIO_BLK,
     .about = "a level interrupt that waits in the local APIC during the move is delivered after")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_INTX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}

/* ---- the entropy device ---- */

#define RNG_BUFFERS  8
#define LEAST_LENGTH 64
#define MOST_LENGTH  512

struct rng_buffer {
	u64 number;
	bool in_flight;
	u32 length;
	u64 *words;			    /* a page */
	u64 old[MOST_LENGTH / sizeof(u64)]; /* what they held the last time */
};

static struct {
	struct virtio_device device;
	struct virtqueue queue;
	struct rng_buffer buffers[RNG_BUFFERS];
	u64 made, returned, bytes;
	unsigned wrong;
	int interrupts_seen;
	bool spoil;
} rng;

static u64 rng_poison(const struct rng_buffer *buffer)
{
	return 0xdead000000000000ul | buffer->number;
}

static __printf(2, 3) void complain_of_rng(const struct rng_buffer *buffer, const char *format, ...)
{
	char what[256], of[100] = "";
	va_list arguments;

	if (++rng.wrong > MOST_COMPLAINTS)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (buffer)
		snprintf(of, sizeof(of), "; buffer %lu (descriptor %u, %u bytes at physical 0x%lx)",
			 buffer->number, (unsigned)(buffer - rng.buffers), buffer->length,
			 virt_to_phys(buffer->words));
	report_fail("%s queue 0: %s%s", rng.device.name, what, of);
}

static void give_buffers(void)
{
	bool given_any = false;

	for (int i = 0; i < RNG_BUFFERS; i++) {
		struct rng_buffer *buffer = &rng.buffers[i];

		if (buffer->in_flight)
			continue;
		buffer->number = ++rng.made;
		buffer->in_flight = true;
		buffer->length =
			LEAST_LENGTH + scramble(buffer->number) % (MOST_LENGTH - LEAST_LENGTH + 1);
		fill_words(buffer->words, CHUNK_WORDS, rng_poison(buffer));
		set_descriptor(&rng.queue.desc[i], buffer->words, buffer->length,
			       VIRTQ_DESC_F_WRITE, 0);
		virtqueue_add(&rng.queue, i);
		given_any = true;
	}
	if (given_any)
		virtqueue_kick(&rng.queue);
}

/* Every whole word up to `filled` bytes is new, and none behind them is. */
static void check_rng_buffer(struct rng_buffer *buffer, u32 filled)
{
	u64 old_poison = rng_poison(buffer);
	u32 words = filled / sizeof(u64), behind = (filled + sizeof(u64) - 1) / sizeof(u64);
	const u64 *at;

	if (!filled || filled > buffer->length) {
		complain_of_rng(buffer, "the device says that it wrote %u bytes", filled);
		return;
	}
	if (rng.spoil) {
		rng.spoil = false;
		buffer->words[words - 1] = old_poison;
	}
	for (u32 i = 0; i < words; i++) {
		u64 held = buffer->words[i];

		if (held == old_poison || held == buffer->old[i] || !held) {
			complain_of_rng(
				buffer,
				"word %u of %u that were filled (physical 0x%lx) held 0x%lx, "
				"%s",
				i, words, virt_to_phys(&buffer->words[i]), held,
				held == old_poison ? "its poison: it was not written"
				: held		   ? "what it held the last time"
						   : "zero");
			break;
		}
	}
	memcpy(buffer->old, buffer->words, words * sizeof(u64));
	at = unlike(buffer->words + behind, CHUNK_WORDS - behind, old_poison);
	if (at)
		complain_of_rng(buffer,
				"behind the %u bytes that were filled physical 0x%lx held 0x%lx, "
				"may hold only its poison 0x%lx",
				filled, virt_to_phys(at), *at, old_poison);
}

static void take_filled(void)
{
	int interrupts = atomic_read(&rng.queue.interrupts);
	struct virtq_used_elem element;

	if (interrupts == rng.interrupts_seen)
		return;
	rng.interrupts_seen = interrupts;
	while (virtqueue_get(&rng.queue, &element)) {
		struct rng_buffer *buffer = &rng.buffers[element.id % RNG_BUFFERS];

		if (element.id >= RNG_BUFFERS || !buffer->in_flight) {
			complain_of_rng(buffer, "was returned (used element %u), and was not given",
					(u16)(rng.queue.last_used_idx - 1));
			continue;
		}
		buffer->in_flight = false;
		rng.returned++;
		rng.bytes += element.len;
		check_rng_buffer(buffer, element.len);
	}
}

static void rng_turn(void)
{
	take_filled();
	give_buffers();
}

static void run_rng(enum virtio_interface interface, enum virtio_interrupts interrupts)
{
	pcidevaddr_t pci = virtio_find(VIRTIO_ID_RNG);

	if (!virtio_has_interface(pci, interface) || !virtio_has_interrupts(pci, interrupts)) {
		report_skip("the device has not this interface, or no such interrupts");
		return;
	}
	memset(&rng, 0, sizeof(rng));
	virtio_open(&rng.device, pci, interface, interrupts, 0);
	virtqueue_open(&rng.device, &rng.queue, 0, QUEUE_SIZE, 0, RNG_VECTOR);
	assert(RNG_BUFFERS <= rng.queue.size);
	for (int i = 0; i < RNG_BUFFERS; i++)
		rng.buffers[i].words = alloc_page();
	virtio_driver_ok(&rng.device);
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		rng_turn();
		migrate_quiet_while(rng_turn);
		rng.spoil = move == 0 && broken("buffer");
		if (!wait_until((take_filled(), rng.made == rng.returned), RETURN_MS)) {
			complain_of_rng(NULL,
					"%lu of %lu buffers were not returned: avail idx %u, used "
					"idx %u (physical 0x%lx), of which %u were seen; %d "
					"interrupts",
					rng.made - rng.returned, rng.made, rng.queue.avail_idx,
					rng.queue.used->idx,
					virt_to_phys((const void *)&rng.queue.used->idx),
					rng.queue.last_used_idx,
					atomic_read(&rng.queue.interrupts));
			break;
		}
	}
	report(!rng.wrong, "%s: %d moves, %lu buffers, %lu bytes: %u times something wrong",
	       rng.device.name, MOVES_PER_TEST, rng.returned, rng.bytes, rng.wrong);
	virtio_close(&rng.device);
	for (int i = 0; i < RNG_BUFFERS; i++)
		free_page(rng.buffers[i].words);
}

/*
 * The VMM gives it no more than some KiB a second (max-bytes, period), so that most buffers
 * wait at the device, and are moved with it.
 */
TEST(rng_modern_msix, .needs = VIRTIO_RNG,
     .about = "virtio-rng, modern, MSI-X: buffers are filled as a whole, once each")
{
	run_rng(VIRTIO_MODERN, VIRTIO_MSIX);
}

TEST(rng_legacy_intx, .needs = VIRTIO_RNG,
     .about = "virtio-rng, legacy, INTx: buffers are filled as a whole, once each")
{
	run_rng(VIRTIO_LEGACY, VIRTIO_INTX);
}

/* ---- QEMU's edu device ---- */

/* QEMU, docs/specs/edu */
#define EDU_VENDOR	  0x1234
#define EDU_DEVICE	  0x11e8
#define EDU_IRQ_STATUS	  0x24
#define EDU_IRQ_ACK	  0x64
#define EDU_DMA_SOURCE	  0x80
#define EDU_DMA_TARGET	  0x88
#define EDU_DMA_COUNT	  0x90
#define EDU_DMA_COMMAND	  0x98
#define EDU_DMA_RUN	  1
#define EDU_DMA_TO_MEMORY 2
#define EDU_DMA_INTERRUPT 4
/* Its own memory: 4 KiB, whose last byte QEMU 7.2 lets no transfer reach. */
#define EDU_BUFFER 0x40000
#define EDU_BYTES  2048

/* A transfer takes 100 ms of the guest's time. */
#define EDU_PAGES 4

FEATURE(EDU, "QEMU's edu device")
{
	return pci_find_dev(EDU_VENDOR, EDU_DEVICE) != PCIDEVADDR_INVALID;
}

static struct {
	pcidevaddr_t pci;
	volatile u8 *registers;
	u64 *source, *targets[EDU_PAGES];
	unsigned page;	/* whose turn it is */
	bool to_memory; /* the second half: from the device */
	bool running;
	unsigned transfers, forgotten;
	int interrupts_seen;
} edu;

static atomic_t edu_interrupts;

static void on_edu(isr_regs_t *regs)
{
	atomic_inc(&edu_interrupts);
}

static u64 edu_word(unsigned page)
{
	return scramble(0xed0000 + page);
}

static volatile u8 *edu_register(unsigned offset)
{
	return edu.registers + offset;
}

static bool edu_is_there(void)
{
	return pci_memory_bar(edu.pci, 0) == (u64)edu.registers &&
	       pci_config_readw(edu.pci, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

/* The VM was moved: there is another edu now, with no address and nothing in it. */
static bool edu_forgot(void)
{
	u8 msi = pci_find_cap(edu.pci, PCI_CAP_ID_MSI);

	return !edu_is_there() || !(pci_config_readw(edu.pci, PCI_COMMAND) & PCI_COMMAND_MASTER) ||
	       !(pci_config_readw(edu.pci, msi + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE);
}

/*
 * What it was told before a reset it may still do when it can write to memory again: it is let
 * to do that only when it has nothing to do. At any point the VM may be moved: then it has
 * forgotten, which the caller finds.
 */
static void edu_begin(void)
{
	u16 command;

	if (edu.registers)
		pci_config_writel(edu.pci, PCI_BASE_ADDRESS_0, (u64)edu.registers);
	pci_enable(edu.pci);
	if (!edu.registers)
		edu.registers = (volatile u8 *)(u64)pci_memory_bar(edu.pci, 0);
	command = pci_config_readw(edu.pci, PCI_COMMAND);
	pci_config_writew(edu.pci, PCI_COMMAND, command & ~PCI_COMMAND_MASTER);
	wait_for(!(readl(edu_register(EDU_DMA_COMMAND)) & EDU_DMA_RUN) || !edu_is_there(),
		 RETURN_MS, "edu to have nothing to do");
	pci_config_writew(edu.pci, PCI_COMMAND, command);
	pci_use_msi(edu.pci, 0, EDU_VECTOR);
}

static void edu_start(u64 source, u64 target, u32 command)
{
	edu.interrupts_seen = atomic_read(&edu_interrupts);
	writeq(source, edu_register(EDU_DMA_SOURCE));
	writeq(target, edu_register(EDU_DMA_TARGET));
	writeq(EDU_BYTES, edu_register(EDU_DMA_COUNT));
	writeq(command | EDU_DMA_INTERRUPT | EDU_DMA_RUN, edu_register(EDU_DMA_COMMAND));
	edu.running = true;
}

/* One page after the other, into the device and out of it again. */
static void edu_turn(void)
{
	bool done;

	if (edu.page == EDU_PAGES)
		return;
	if (!edu.running) {
		if (edu.to_memory) {
			edu_start(EDU_BUFFER, virt_to_phys(edu.targets[edu.page]),
				  EDU_DMA_TO_MEMORY);
		} else {
			fill_words(edu.source, EDU_BYTES / sizeof(u64), edu_word(edu.page));
			edu_start(virt_to_phys(edu.source), EDU_BUFFER, 0);
		}
		return;
	}
	done = !(readl(edu_register(EDU_DMA_COMMAND)) & EDU_DMA_RUN);
	if (edu_forgot()) {
		/* From its beginning: what it had read it has forgotten as well. */
		edu.forgotten++;
		edu.running = edu.to_memory = false;
		edu_begin();
		return;
	}
	if (!done)
		return;
	report_if_failed(
		wait_until(atomic_read(&edu_interrupts) != edu.interrupts_seen || edu_forgot(),
			   RETURN_MS),
		"edu: transfer %u is done, and its interrupt did not come", edu.transfers);
	writel(readl(edu_register(EDU_IRQ_STATUS)), edu_register(EDU_IRQ_ACK));
	edu.running = false;
	edu.transfers++;
	edu.page += edu.to_memory;
	edu.to_memory = !edu.to_memory;
}

/*
 * A device whose transfers take their time, into pages that no CPU touches. It is not moved
 * with the guest: see the head of this file.
 */
TEST(edu_dma, .needs = EDU, .about = "pages that QEMU's edu device has written are moved whole")
{
	unsigned wrong = 0;
	char slot[8];

	memset(&edu, 0, sizeof(edu));
	edu.pci = pci_find_dev(EDU_VENDOR, EDU_DEVICE);
	edu.source = alloc_page();
	for (int i = 0; i < EDU_PAGES; i++) {
		edu.targets[i] = alloc_page();
		fill_words(edu.targets[i], CHUNK_WORDS, 0xdead000000000000ul | i);
	}
	handle_irq_eoi(EDU_VECTOR, on_edu);
	wait_for((edu_begin(), !edu_forgot()), RETURN_MS, "edu at slot %s",
		 pci_name(edu.pci, slot));
	migrate_quiet_while(edu_turn);
	wait_for((edu_turn(), edu.page == EDU_PAGES), RETURN_MS, "edu's page %u of %d", edu.page,
		 EDU_PAGES);
	migrate_quiet();
	for (unsigned i = 0; i < EDU_PAGES; i++) {
		u64 count = EDU_BYTES / sizeof(u64), behind = 0xdead000000000000ul | i;
		u64 wanted = edu_word(i);
		const u64 *at = unlike(edu.targets[i], count, wanted);

		if (!at) {
			wanted = behind;
			at = unlike(edu.targets[i] + count, CHUNK_WORDS - count, wanted);
		}
		if (broken("buffer") && !i)
			at = edu.targets[i];
		wrong += !!at;
		report_if_failed(
			!at, "edu: page %u, physical 0x%lx: held 0x%lx%s, may hold only 0x%lx", i,
			at ? virt_to_phys(at) : 0, at ? *at : 0,
			at && *at == behind ? ", as before: nothing was written here" : "", wanted);
	}
	report(!wrong,
	       "edu: %u transfers, begun anew %u times because the device was not moved: "
	       "%u pages wrong",
	       edu.transfers, edu.forgotten, wrong);
	pci_no_interrupts(edu.pci);
	unhandle_irq(EDU_VECTOR);
	for (int i = 0; i < EDU_PAGES; i++)
		free_page(edu.targets[i]);
	free_page(edu.source);
}
