// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ahci: a SATA disk behind an AHCI controller while the guest is migrated.
 *
 * Specification: Serial ATA AHCI 1.3.1, chapters 3 "Registers", 4 "System Memory Structures" and 5
 * "Data Transfer Operation"; ATA8-ACS for the commands. A command that software has issued is
 * carried out once, and its bit in PxCI (with native command queueing, PxSACT) is cleared when its
 * data are in memory or on the disk. What has happened stays in PxIS and IS until software clears
 * it, and interrupts if it is enabled.
 *
 * A broken VMM loses commands that it has taken, or that wait behind one that failed, or carries
 * them out twice. It may not map the command list and the area for received FISes again, or lose
 * registers, the drive's settings or a pending interrupt. The tests see a command that does not
 * end, data that no command has transferred, and registers that have changed. They cannot tell a
 * write to a wrong place from a read of a wrong place.
 *
 * On the command line: break=sector, which makes the record of what a sector holds wrong.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "argument.h"
#include "barrier.h"
#include "deadline.h"
#include "io.h"
#include "isr.h"
#include "migrate.h"
#include "pci.h"
#include "random.h"
#include "smp.h"
#include "test.h"
#include "vm.h"
#include "words.h"
#include "x86/ahci/ahci.h"

#define CLASS_SATA_AHCI 0x010601
#define AHCI_BAR	5
#define AHCI_VECTOR	0x6a

/* 3.1 "Generic Host Control" */
#define HBA_GHC	       0x04
#define HBA_IS	       0x08
#define HBA_PI	       0x0c
#define GHC_ENABLE     BIT(31)
#define GHC_INTERRUPTS BIT(1)

/* 3.3 "Port Registers" of port 0 */
#define PORT_CLB       0x100
#define PORT_CLBU      0x104
#define PORT_FB	       0x108
#define PORT_FBU       0x10c
#define PORT_IE	       0x114
#define PORT_CMD       0x118
#define PORT_SIG       0x124
#define PORT_SSTS      0x128
#define PORT_SCTL      0x12c
#define PORT_SERR      0x130
#define PORT_SACT      0x134
#define CMD_START      BIT(0)
#define CMD_RECEIVE    BIT(4)
#define CMD_RECEIVING  BIT(14)
#define CMD_RUNNING    BIT(15)
#define IS_ALL	       0xffffffff
#define NO_SIGNATURE   0xffffffff
#define SIGNATURE_DISK 0x00000101
#define SSTS_DET       0x0f
#define SSTS_PRESENT   0x03

/* 4.2.2 "Command List Structure" and 4.2.3 "Command Table" */
#define HEADER_WORDS	   8 /* of 32 bits */
#define HEADER_WRITE	   BIT(6)
#define HEADER_ONE_PRD	   BIT(16)
#define HEADER_PACKET	   BIT(5)
#define PACKET_AT	   0x40
#define FIS_WORDS	   5
#define FIS_BYTES	   20
#define FIS_HOST_TO_DEVICE 0x27
#define FIS_COMMAND	   0x80
#define PRDT_AT		   0x80
#define TABLE_BYTES	   0x100
#define LIST_TABLES_AT	   0x400 /* the tables of all slots follow the list */

/* ATA8-ACS, 7 */
#define ATA_READ_DMA_EXT  0x25
#define ATA_WRITE_DMA_EXT 0x35
#define ATA_READ_QUEUED	  0x60
#define ATA_WRITE_QUEUED  0x61
#define ATA_SET_MULTIPLE  0xc6
#define ATA_IDENTIFY	  0xec
#define ATA_SET_FEATURES  0xef
#define ATA_CACHE_OFF	  0x82
#define ATA_CACHE_ON	  0x02
#define ATA_DEVICE_LBA	  0x40
#define IDENTIFY_MULTIPLE 59
#define IDENTIFY_ENABLED  85
#define IDENTIFY_CACHE	  BIT(5)

#define SECTOR_BYTES  512
#define CHUNK_SECTORS (PAGE_SIZE / SECTOR_BYTES)
#define CHUNK_WORDS   (PAGE_SIZE / sizeof(u64))
#define SLOTS	      8
#define CHUNKS_A_SLOT 8

static volatile u8 *hba;
static pcidevaddr_t pci = PCIDEVADDR_INVALID;

u32 read_reg(u32 reg)
{
	return readl(hba + reg);
}

static void write_reg(u32 reg, u32 value)
{
	writel(value, hba + reg);
}

static bool find_drive(void)
{
	pcidevaddr_t function = PCIDEVADDR_INVALID;

	while (pci == PCIDEVADDR_INVALID &&
	       (function = pci_next_dev(function)) != PCIDEVADDR_INVALID)
		if (pci_config_readl(function, PCI_CLASS_REVISION) >> 8 == CLASS_SATA_AHCI)
			pci = function;
	if (pci == PCIDEVADDR_INVALID)
		return false;
	if (!hba) {
		pci_enable(pci);
		hba = phys_to_virt(pci_memory_bar(pci, AHCI_BAR));
	}
	return read_reg(HBA_PI) & 1 && (read_reg(PORT_SSTS) & SSTS_DET) == SSTS_PRESENT;
}

/* ---- the port ---- */

static u8 *list, *received;
static u16 *identity; /* what IDENTIFY DEVICE has brought */

static void stop_port(void)
{
	write_reg(PORT_CMD, read_reg(PORT_CMD) & ~CMD_START);
	wait_for(!(read_reg(PORT_CMD) & CMD_RUNNING), END_MS, "the port to stop");
	write_reg(PORT_CMD, read_reg(PORT_CMD) & ~CMD_RECEIVE);
	wait_for(!(read_reg(PORT_CMD) & CMD_RECEIVING), END_MS, "the port to receive no more");
}

u32 drive_signature(void)
{
	u8 *page;

	if (!find_drive())
		return 0;
	page = alloc_page();
	stop_port();
	write_reg(PORT_FB, virt_to_phys(page));
	write_reg(PORT_FBU, 0);
	write_reg(PORT_CMD, read_reg(PORT_CMD) | CMD_RECEIVE);
	wait_until(read_reg(PORT_SIG) != NO_SIGNATURE, END_MS);
	stop_port();
	free_page(page);
	return read_reg(PORT_SIG);
}

FEATURE(AHCI, "an AHCI controller with a disk at its port 0")
{
	return drive_signature() == SIGNATURE_DISK;
}

bool port_is_dead;

bool start_port(void)
{
	if (port_is_dead) {
		report_skip("the port has not carried out a command of an earlier test");
		return false;
	}
	list = alloc_page();
	received = alloc_page();
	identity = alloc_page();
	write_reg(HBA_GHC, GHC_ENABLE);
	stop_port();
	write_reg(PORT_CLB, virt_to_phys(list));
	write_reg(PORT_CLBU, 0);
	write_reg(PORT_FB, virt_to_phys(received));
	write_reg(PORT_FBU, 0);
	write_reg(PORT_IE, 0);
	write_reg(PORT_SERR, IS_ALL);
	write_reg(PORT_CMD, read_reg(PORT_CMD) | CMD_RECEIVE);
	write_reg(PORT_CMD, read_reg(PORT_CMD) | CMD_START);
	write_reg(PORT_IS, IS_ALL);
	write_reg(HBA_IS, IS_ALL);
	return true;
}

void end_port(void)
{
	write_reg(PORT_IE, 0);
	stop_port();
	write_reg(PORT_IS, IS_ALL);
	write_reg(HBA_IS, IS_ALL);
	write_reg(HBA_GHC, GHC_ENABLE);
	write_reg(PORT_CLB, 0);
	write_reg(PORT_FB, 0);
	free_page(list);
	free_page(received);
	free_page(identity);
}

/* ---- commands ---- */

static void fill_fis(u8 *fis, const struct command *command, int slot)
{
	memset(fis, 0, FIS_BYTES);
	fis[0] = FIS_HOST_TO_DEVICE;
	fis[1] = FIS_COMMAND;
	fis[2] = command->code;
	/* A queued command has its count here, and its tag in place of the count. */
	fis[3] = command->queued ? command->count : command->features;
	for (int i = 0; i < 3; i++) {
		fis[4 + i] = command->lba >> 8 * i;
		fis[8 + i] = command->lba >> (24 + 8 * i);
	}
	fis[7] = ATA_DEVICE_LBA;
	fis[12] = command->queued ? slot << 3 : command->count;
}

void issue(int slot, const struct command *command)
{
	u32 *header = (u32 *)list + slot * HEADER_WORDS;
	u8 *table = list + LIST_TABLES_AT + slot * TABLE_BYTES;
	u32 *prd = (u32 *)(table + PRDT_AT);

	fill_fis(table, command, slot);
	memset(header, 0, HEADER_WORDS * sizeof(*header));
	if (command->packet)
		memcpy(table + PACKET_AT, command->packet, PACKET_BYTES);
	header[0] = FIS_WORDS | (command->write ? HEADER_WRITE : 0) |
		    (command->packet ? HEADER_PACKET : 0) | (command->buffer ? HEADER_ONE_PRD : 0);
	header[2] = virt_to_phys(table);
	if (command->buffer) {
		prd[0] = virt_to_phys(command->buffer);
		prd[1] = 0;
		prd[3] = command->bytes - 1;
	}
	/* Memory must be written before the register. */
	smp_wmb();
	if (command->queued)
		write_reg(PORT_SACT, 1u << slot);
	write_reg(PORT_CI, 1u << slot);
}

bool is_over(int slot)
{
	return !((read_reg(PORT_CI) | read_reg(PORT_SACT)) >> slot & 1);
}

bool commands_end(bool (*over)(void))
{
	port_is_dead = !wait_until(over(), END_MS);
	return report_if_failed(
		!port_is_dead, "commands do not end: PxCI is %#x, PxSACT %#x, PxTFD %#x, PxIS %#x",
		read_reg(PORT_CI), read_reg(PORT_SACT), read_reg(PORT_TFD), read_reg(PORT_IS));
}

/* Issues one command, waits for its end, and checks that it had no error. */
static bool carry_out(const struct command *command)
{
	bool ended;

	issue(0, command);
	ended = wait_until(is_over(0), END_MS);
	port_is_dead |= !ended;
	return report_if_failed(ended && !(read_reg(PORT_TFD) & TFD_ERROR),
				"command %#x: PxCI is %#x, PxTFD %#x, PxIS %#x", command->code,
				read_reg(PORT_CI), read_reg(PORT_TFD), read_reg(PORT_IS));
}

static void identify(void)
{
	const struct command command = { .code = ATA_IDENTIFY,
					 .buffer = identity,
					 .bytes = SECTOR_BYTES };

	carry_out(&command);
}

/* ---- many commands at a time ---- */

static struct slot {
	u64 *buffer;
	bool busy, reads;
	u32 made;
	int chunk;
	u64 generations[CHUNKS_A_SLOT]; /* 0: not known */
	u64 last;
} slots[SLOTS];

static bool queued;
static u64 finished;

static u64 contents(int slot, int chunk, u64 generation)
{
	return scramble(generation * 4096 + slot * CHUNKS_A_SLOT + chunk);
}

static u64 poison(int slot)
{
	return 0xdead000000000000 | slot;
}

static void check_read(int n)
{
	struct slot *slot = &slots[n];
	u64 generation = slot->generations[slot->chunk];
	u64 expected = contents(n, slot->chunk, generation);
	const u64 *unlike = generation ? first_unlike(slot->buffer, CHUNK_WORDS, expected) : NULL;

	report_if_failed(
		!unlike,
		"slot %d, chunk %d: word %lu of the buffer holds 0x%lx, not 0x%lx of generation %lu",
		n, slot->chunk, unlike ? (u64)(unlike - slot->buffer) : 0, unlike ? *unlike : 0,
		expected, generation);
}

/* A write, and then a read of a chunk that was written some commands ago. */
static void make_next(int n)
{
	struct slot *slot = &slots[n];
	struct command command = {
		.count = CHUNK_SECTORS, .buffer = slot->buffer, .bytes = PAGE_SIZE, .queued = queued
	};

	slot->reads = slot->made % 2;
	slot->chunk = (slot->made / 2 * 5 + (slot->reads ? 3 : 0)) % CHUNKS_A_SLOT;
	slot->made++;
	command.lba = (n * CHUNKS_A_SLOT + slot->chunk) * CHUNK_SECTORS;
	command.write = !slot->reads;
	if (slot->reads) {
		command.code = queued ? ATA_READ_QUEUED : ATA_READ_DMA_EXT;
		fill_words(slot->buffer, CHUNK_WORDS, poison(n));
	} else {
		command.code = queued ? ATA_WRITE_QUEUED : ATA_WRITE_DMA_EXT;
		slot->generations[slot->chunk] = ++slot->last;
		fill_words(slot->buffer, CHUNK_WORDS, contents(n, slot->chunk, slot->last));
	}
	slot->busy = true;
	issue(n, &command);
}

static void finish(int n)
{
	struct slot *slot = &slots[n];

	if (!slot->busy || !is_over(n))
		return;
	slot->busy = false;
	finished++;
	if (slot->reads)
		check_read(n);
}

static void turn(void)
{
	for (int n = 0; n < SLOTS; n++) {
		finish(n);
		if (!slots[n].busy)
			make_next(n);
	}
}

static bool all_over(void)
{
	bool busy = false;

	for (int n = 0; n < SLOTS; n++) {
		finish(n);
		busy |= slots[n].busy;
	}
	return !busy;
}

/* Reads each chunk once, one after the other. */
static void read_all(void)
{
	for (int n = 0; n < SLOTS; n++)
		for (int chunk = 0; chunk < CHUNKS_A_SLOT; chunk++) {
			struct command command = {
				.code = ATA_READ_DMA_EXT,
				.count = CHUNK_SECTORS,
				.lba = (n * CHUNKS_A_SLOT + chunk) * CHUNK_SECTORS,
				.buffer = slots[n].buffer,
				.bytes = PAGE_SIZE,
			};

			slots[n].chunk = chunk;
			fill_words(slots[n].buffer, CHUNK_WORDS, poison(n));
			if (!carry_out(&command))
				return;
			check_read(n);
		}
}

static void work_through_actions(void)
{
	/* A boot must not take sectors of the last one for its own. */
	u64 first = current_boot() * 1000000;

	finished = 0;
	if (!start_port())
		return;
	for (int n = 0; n < SLOTS; n++) {
		slots[n] = (struct slot){ .buffer = alloc_page(), .last = first };
		first += 1000;
	}
	for (int round = 0; round < ROUNDS; round++) {
		turn();
		migrate_quiet_while(turn);
		if (!commands_end(all_over))
			break;
		if (broken("sector"))
			slots[0].generations[0] = slots[0].last + 1;
		read_all();
	}
	report(!(read_reg(PORT_TFD) & TFD_ERROR), "%lu commands; PxTFD is %#x at the end", finished,
	       read_reg(PORT_TFD));
	end_port();
	for (int n = 0; n < SLOTS; n++)
		free_page(slots[n].buffer);
}

TEST(dma_commands, .needs = AHCI,
     .about = "no command of an AHCI disk is lost, doubled or torn by an action")
{
	queued = false;
	work_through_actions();
}

TEST(queued_commands, .needs = AHCI,
     .about = "no queued command (NCQ) of an AHCI disk is lost, doubled or torn by an action")
{
	queued = true;
	work_through_actions();
}

/* ---- registers, settings, interrupts ---- */

static const struct {
	const char *name;
	u32 reg;
} registers[] = {
	{ "GHC", HBA_GHC },	 { "PxCLB", PORT_CLB }, { "PxFB", PORT_FB },   { "PxIE", PORT_IE },
	{ "PxCMD", PORT_CMD },	 { "PxTFD", PORT_TFD }, { "PxSIG", PORT_SIG }, { "PxIS", PORT_IS },
	{ "PxSSTS", PORT_SSTS }, { "IS", HBA_IS },
};

TEST(port_registers, .needs = AHCI, .about = "the registers of an AHCI port survive an action")
{
	u32 before[ARRAY_SIZE(registers)];

	if (!start_port())
		return;
	/* It leaves something in PxIS and PxTFD. */
	identify();
	write_reg(PORT_IE, 0x7d40000a);
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		before[i] = read_reg(registers[i].reg);
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
		report(read_reg(registers[i].reg) == before[i], "%s was %#x, and is %#x",
		       registers[i].name, before[i], read_reg(registers[i].reg));
	end_port();
}

static bool set_up_drive(u8 sectors, u8 cache)
{
	const struct command multiple = { .code = ATA_SET_MULTIPLE, .count = sectors };
	const struct command features = { .code = ATA_SET_FEATURES, .features = cache };

	return carry_out(&multiple) && carry_out(&features);
}

TEST(drive_settings, .needs = AHCI,
     .about = "a disk's settings survive an action: sectors per block, write cache off")
{
	u16 multiple, enabled;

	if (!start_port())
		return;
	set_up_drive(8, ATA_CACHE_OFF);
	identify();
	multiple = identity[IDENTIFY_MULTIPLE];
	enabled = identity[IDENTIFY_ENABLED];
	memset(identity, 0, SECTOR_BYTES);
	migrate_quiet();
	identify();
	report(identity[IDENTIFY_MULTIPLE] == multiple && identity[IDENTIFY_ENABLED] == enabled,
	       "words 59 and 85 of IDENTIFY DEVICE were %#x and %#x, and are %#x and %#x", multiple,
	       enabled, identity[IDENTIFY_MULTIPLE], identity[IDENTIFY_ENABLED]);
	set_up_drive(16, ATA_CACHE_ON);
	end_port();
}

static u32 interrupts;

static void count_interrupt(isr_regs_t *regs)
{
	WRITE_ONCE(interrupts, interrupts + 1);
}

TEST(interrupt_waits, .needs = AHCI,
     .about = "an AHCI port's interrupt that GHC.IE holds back during an action comes after it")
{
	if (!start_port())
		return;
	handle_irq_eoi(AHCI_VECTOR, count_interrupt);
	if (!pci_use_msi(pci, 0, AHCI_VECTOR)) {
		report_skip("the controller has no MSI");
		end_port();
		unhandle_irq(AHCI_VECTOR);
		return;
	}
	interrupts = 0;
	write_reg(PORT_IE, IS_ALL);
	identify();
	migrate_quiet();
	report(!READ_ONCE(interrupts) && read_reg(HBA_IS) & 1,
	       "%u interrupts came that were held back; IS is %#x, PxIS %#x", READ_ONCE(interrupts),
	       read_reg(HBA_IS), read_reg(PORT_IS));
	write_reg(HBA_GHC, GHC_ENABLE | GHC_INTERRUPTS);
	report(wait_until(READ_ONCE(interrupts), END_MS), "the interrupt comes when GHC.IE is set");
	end_port();
	pci_no_interrupts(pci);
	unhandle_irq(AHCI_VECTOR);
}
