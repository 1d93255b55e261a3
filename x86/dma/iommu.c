// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: the IOMMU between a device and memory (Intel Virtualization Technology for Directed I/O,
 * chapters "DMA Remapping", "Fault Logging", "Register Descriptions"). A part of the program dma:
 * see dma.c. The stanza dma_iommu has one, and then other tests of disks and of the entropy device
 * go through it as well: their addresses and MSI-X messages are translated.
 *
 * A broken VMM does not restore where the tables are, does not turn translation on again, keeps
 * translations that the guest has changed, or forgets where the invalidation queue was. Then
 * devices write elsewhere, or fail. It forgets a fault that the driver has not seen yet, or the
 * interrupt for it. The tests cannot tell a table's address that was lost from translation that is
 * off.
 */
#include "alloc_page.h"
#include "iommu.h"
#include "isr.h"
#include "random.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

FEATURE(IOMMU, "an IOMMU with the entropy device behind it, as the stanza dma_iommu has it")
{
	return iommu_present() && virtio_find(VIRTIO_ID_RNG) != PCIDEVADDR_INVALID;
}

/* ---- a device that writes one page ---- */

#define LENGTH 64u
/* Physical delivery to the local APIC with ID 0. */
#define MSI_TO_BOOT_CPU 0xfee00000

static struct virtio_device rng;
static struct virtqueue rng_queue;

static bool open_rng(void)
{
	if (!virtio_open(&rng, virtio_find(VIRTIO_ID_RNG), VIRTIO_MODERN, VIRTIO_POLLED,
			 BIT(VIRTIO_F_ACCESS_PLATFORM), 0))
		return false;
	virtqueue_open(&rng, &rng_queue, 0, QUEUE_SIZE, 0, RNG_VECTOR);
	virtio_driver_ok(&rng);
	return true;
}

static void let_it_write(void *page)
{
	const struct virtq_part part = { page, LENGTH, true };

	virtqueue_add(&rng_queue, 0, &part, 1);
	virtqueue_kick(&rng_queue);
}

static bool has_written(void)
{
	struct virtq_used_elem element;

	return virtqueue_get(&rng_queue, &element);
}

/* ---- translations that change ---- */

#define PLACES 4u

/* What the device writes at page[0] is to come to page[place]. */
static struct {
	u64 *page[PLACES];
	unsigned place;
	bool in_flight;
	unsigned spoil; /* break=: the tables lead to another page */
	u64 rounds;
	unsigned wrong;
} moving;

static u64 poison_of(unsigned place)
{
	return scramble(moving.rounds * PLACES + place) | 1;
}

static void begin_round(void)
{
	moving.rounds++;
	moving.place = scramble(moving.rounds) % PLACES;
	for (unsigned i = 0; i < PLACES; i++)
		fill_words(moving.page[i], CHUNK_WORDS, poison_of(i));
	iommu_map(moving.page[0], moving.page[(moving.place + moving.spoil) % PLACES]);
	moving.spoil = 0;
	moving.in_flight = true;
	let_it_write(moving.page[0]);
}

static void check_place(unsigned place)
{
	const bool chosen = place == moving.place;
	const u64 *words = moving.page[place];
	u64 written = chosen ? LENGTH / sizeof(u64) : 0;
	const u64 *unlike = first_unlike(words + written, CHUNK_WORDS - written, poison_of(place));

	if (chosen && words[0] == poison_of(place)) {
		moving.wrong++;
		report_fail(
			"round %lu: the device has written %u bytes, and they are not in page %u, to which its address leads",
			moving.rounds, LENGTH, place);
	} else if (unlike) {
		moving.wrong++;
		report_fail(
			"round %lu: the device's address leads to page %u, and page %u has changed (physical 0x%lx)",
			moving.rounds, moving.place, place, virt_to_phys(unlike));
	}
}

static void end_round(void)
{
	if (!has_written())
		return;
	moving.in_flight = false;
	for (unsigned i = 0; i < PLACES && moving.wrong < MOST_COMPLAINTS; i++)
		check_place(i);
}

static void turn(void)
{
	if (moving.in_flight)
		end_round();
	else
		begin_round();
}

TEST(iommu_map, .needs = IOMMU,
     .about =
	     "a device writes where the IOMMU's tables lead, also when they have just been changed")
{
	memset(&moving, 0, sizeof(moving));
	if (!open_rng())
		return;
	for (unsigned i = 0; i < PLACES; i++)
		moving.page[i] = alloc_page();
	for (int action = 0; action < ACTIONS_PER_TEST && !moving.wrong; action++) {
		u64 before = moving.rounds;

		turn();
		migrate_quiet_while(turn);
		moving.spoil = broken("iommu");
		/* The round that was in flight, and one more that begins after the action. */
		before = MAX(before, moving.rounds);
		wait_until((turn(), moving.rounds > before + 1 && !moving.in_flight), RETURN_MS);
		if (moving.in_flight) {
			moving.wrong++;
			report_fail(
				"round %lu: the device has not written for %d s: device status 0x%x, IOMMU status 0x%x, fault status 0x%x",
				moving.rounds, RETURN_MS / 1000, virtio_status(&rng),
				iommu_read(VTD_GSTS), iommu_read(VTD_FSTS));
		}
	}
	report(!moving.wrong, "%lu rounds, %d actions: %u times something wrong", moving.rounds,
	       ACTIONS_PER_TEST, moving.wrong);
	virtio_close(&rng);
	iommu_map(moving.page[0], moving.page[0]);
	for (unsigned i = 0; i < PLACES; i++)
		free_page(moving.page[i]);
}

/* ---- a fault ---- */

static volatile int fault_events;

static void on_fault_event(isr_regs_t *regs)
{
	fault_events++;
}

static bool same_fault(const struct iommu_fault *a, const struct iommu_fault *b)
{
	return a->recorded == b->recorded && a->is_read == b->is_read && a->reason == b->reason &&
	       a->source == b->source && a->address == b->address;
}

static void check_fault(const struct iommu_fault *before)
{
	struct iommu_fault after = iommu_fault();

	report(same_fault(before, &after),
	       "the recorded fault was %s of 0x%lx by device 0x%x, reason %d, and is %s of 0x%lx by device 0x%x, reason %d%s",
	       before->is_read ? "a read" : "a write", before->address, before->source,
	       before->reason, after.is_read ? "a read" : "a write", after.address, after.source,
	       after.reason, after.recorded ? "" : ", not recorded");
	report(iommu_read(VTD_FSTS) & VTD_FSTS_PPF,
	       "the fault status 0x%x says that a fault is recorded", iommu_read(VTD_FSTS));
	report(iommu_read(VTD_FECTL) & VTD_FECTL_IP && !fault_events,
	       "the fault event is masked and pending: control 0x%x, %d have come",
	       iommu_read(VTD_FECTL), fault_events);
	iommu_write(VTD_FECTL, 0);
	wait_until(fault_events, RETURN_MS);
	report(fault_events == 1, "unmasked, the fault event has come %d times", fault_events);
	iommu_clear_fault();
	report(!(iommu_read(VTD_FSTS) & VTD_FSTS_PPF),
	       "the record was cleared, and the fault status is 0x%x", iommu_read(VTD_FSTS));
}

TEST(iommu_fault, .needs = IOMMU,
     .about =
	     "a fault that the IOMMU has recorded stays recorded, and its interrupt, which is masked, pending")
{
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		u64 *page = alloc_page();
		struct iommu_fault fault = { 0 };
		u64 address;

		if (!open_rng())
			return;
		fault_events = 0;
		handle_irq_eoi(FAULT_VECTOR, on_fault_event);
		iommu_write(VTD_FECTL, VTD_FECTL_IM);
		iommu_write(VTD_FEDATA, FAULT_VECTOR);
		iommu_write(VTD_FEADDR, MSI_TO_BOOT_CPU);
		iommu_write(VTD_FEUADDR, 0);
		iommu_map(page, NULL);
		address = virtio_dma_address(&rng, page);
		let_it_write(page);
		if (!wait_until((fault = iommu_fault()).recorded, RETURN_MS)) {
			report_fail(
				"a device has written where nothing is mapped, and no fault is recorded (fault status 0x%x)",
				iommu_read(VTD_FSTS));
		} else {
			report(fault.source == rng.pci && fault.address == address &&
				       !fault.is_read,
			       "device 0x%x has written at 0x%lx, and the fault is %s of 0x%lx by device 0x%x",
			       rng.pci, address, fault.is_read ? "a read" : "a write",
			       fault.address, fault.source);
			migrate_quiet();
			if (broken("iommu"))
				iommu_clear_fault();
			check_fault(&fault);
		}
		virtio_close(&rng);
		unhandle_irq(FAULT_VECTOR);
		iommu_map(page, page);
		free_page(page);
	}
}

/* ---- registers ---- */

static const struct {
	const char *name;
	u32 offset;
	bool wide;
	u32 value; /* to be written first; 0: as it is */
} registers[] = {
	{ "GSTS", .offset = VTD_GSTS },
	{ "RTADDR", .offset = VTD_RTADDR, .wide = true },
	{ "FECTL", .offset = VTD_FECTL, .value = VTD_FECTL_IM },
	{ "FEDATA", .offset = VTD_FEDATA, .value = 0xa5 },
	{ "FEADDR", .offset = VTD_FEADDR, .value = 0xfee03000 },
	{ "IQH", .offset = VTD_IQH, .wide = true },
	{ "IQT", .offset = VTD_IQT, .wide = true },
	{ "IQA", .offset = VTD_IQA, .wide = true },
	{ "IECTL", .offset = VTD_IECTL, .value = VTD_FECTL_IM },
	{ "IEDATA", .offset = VTD_IEDATA, .value = 0x5a },
	{ "IEADDR", .offset = VTD_IEADDR, .value = 0xfee05000 },
	{ "IRTA", .offset = VTD_IRTA, .wide = true },
};

static u64 read_register(unsigned n)
{
	return registers[n].wide ? iommu_read64(registers[n].offset)
				 : iommu_read(registers[n].offset);
}

TEST(iommu_registers, .needs = IOMMU,
     .about = "an action leaves the IOMMU's registers as they are, with unusual values in some")
{
	u64 before[ARRAY_SIZE(registers)];

	iommu_enable();
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].value)
			iommu_write(registers[i].offset, registers[i].value);
		before[i] = read_register(i);
	}
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		migrate_quiet();
		if (broken("iommu"))
			iommu_write(VTD_FEDATA, 0);
		for (unsigned i = 0; i < ARRAY_SIZE(registers); i++)
			report(read_register(i) == before[i], "%s was 0x%lx, and is 0x%lx",
			       registers[i].name, before[i], read_register(i));
	}
}
