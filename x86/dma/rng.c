// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: the virtio entropy device (VIRTIO 1.2, 5.4 "Entropy Device"). A part of the program dma:
 * see dma.c.
 */
#include "alloc_page.h"
#include "random.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

FEATURE(VIRTIO_RNG, "a virtio-rng device")
{
	return virtio_find(VIRTIO_ID_RNG) != PCIDEVADDR_INVALID;
}

#define RNG_BUFFERS  8
#define LEAST_LENGTH 64
#define MOST_LENGTH  512

struct rng_buffer {
	u64 number;
	bool in_flight;
	u32 length;
	u64 *words;			    /* a page */
	u64 old[MOST_LENGTH / sizeof(u64)]; /* what the buffer's words held the last time */
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
		struct virtq_part part;

		if (buffer->in_flight)
			continue;
		buffer->number = ++rng.made;
		buffer->in_flight = true;
		buffer->length =
			LEAST_LENGTH + scramble(buffer->number) % (MOST_LENGTH - LEAST_LENGTH + 1);
		fill_words(buffer->words, CHUNK_WORDS, rng_poison(buffer));
		part = (struct virtq_part){ buffer->words, buffer->length, true };
		virtqueue_add(&rng.queue, i, &part, 1);
		given_any = true;
	}
	if (given_any)
		virtqueue_kick(&rng.queue);
}

/* Every whole word of the FILLED bytes must be new. All bytes after them must be as before. */
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
				"word %u of %u that were filled (physical 0x%lx) held 0x%lx, %s", i,
				words, virt_to_phys(&buffer->words[i]), held,
				held == old_poison ? "its poison: it was not written"
				: held		   ? "what it held the last time"
						   : "zero");
			break;
		}
	}
	memcpy(buffer->old, buffer->words, words * sizeof(u64));
	at = first_unlike(buffer->words + behind, CHUNK_WORDS - behind, old_poison);
	if (at)
		complain_of_rng(
			buffer,
			"behind the %u bytes that were filled: physical 0x%lx held 0x%lx, may hold only its poison 0x%lx",
			filled, virt_to_phys(at), *at, old_poison);
}

static void take_filled(void)
{
	struct virtq_used_elem element;

	if (!virtqueue_may_have_used(&rng.queue, &rng.interrupts_seen))
		return;
	while (virtqueue_get(&rng.queue, &element)) {
		struct rng_buffer *buffer = &rng.buffers[element.id % RNG_BUFFERS];

		if (element.id >= RNG_BUFFERS || !buffer->in_flight) {
			complain_of_rng(
				buffer,
				"was returned (used element %u), but the device did not have it",
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

static void run_rng(enum virtio_interface interface, enum virtio_interrupts interrupts,
		    u64 features)
{
	char where[200];

	memset(&rng, 0, sizeof(rng));
	if (!virtio_open(&rng.device, virtio_find(VIRTIO_ID_RNG), interface, interrupts, features,
			 0))
		return;
	virtqueue_open(&rng.device, &rng.queue, 0, QUEUE_SIZE, 0, RNG_VECTOR);
	assert(RNG_BUFFERS <= rng.queue.size);
	for (int i = 0; i < RNG_BUFFERS; i++)
		rng.buffers[i].words = alloc_page();
	virtio_driver_ok(&rng.device);
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		rng_turn();
		migrate_quiet_while(rng_turn);
		rng.spoil = action == 0 && broken("buffer");
		if (!wait_until((take_filled(), rng.made == rng.returned), RETURN_MS)) {
			complain_of_rng(NULL,
					"%lu of %lu buffers were not returned: %s; %d interrupts",
					rng.made - rng.returned, rng.made,
					virtqueue_describe(&rng.queue, where, sizeof(where)),
					atomic_read(&rng.queue.interrupts));
			break;
		}
	}
	report(!rng.wrong, "%s: %d actions, %lu buffers, %lu bytes: %u times something wrong",
	       rng.device.name, ACTIONS_PER_TEST, rng.returned, rng.bytes, rng.wrong);
	virtio_close(&rng.device);
	for (int i = 0; i < RNG_BUFFERS; i++)
		free_page(rng.buffers[i].words);
}

/*
 * A broken hypervisor loses requests that its device has taken and not yet returned, or does not
 * log what the device writes. The VMM gives the device only some KiB a second (max-bytes,
 * period), so that most buffers wait in the device during the action.
 */
TEST(rng_modern_msix, .needs = VIRTIO_RNG,
     .about = "no buffer that waits in virtio-rng is lost or torn by a migration: modern, MSI-X")
{
	run_rng(VIRTIO_MODERN, VIRTIO_MSIX, 0);
}

TEST(rng_legacy_intx, .needs = VIRTIO_RNG,
     .about = "no buffer that waits in virtio-rng is lost or torn by a migration: legacy, INTx")
{
	run_rng(VIRTIO_LEGACY, VIRTIO_INTX, 0);
}

TEST(rng_packed, .needs = VIRTIO_RNG,
     .about =
	     "no buffer that waits in virtio-rng is lost or torn by a migration: packed ring, MSI-X")
{
	run_rng(VIRTIO_MODERN, VIRTIO_MSIX, BIT(VIRTIO_F_RING_PACKED));
}
