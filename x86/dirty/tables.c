// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: page tables that the guest changes while they are in use (Intel SDM volume 3, "4-Level
 * Paging", "Locked Atomic Operations"). A part of the program dirty: see dirty.c.
 *
 * A hypervisor without nested paging shadows the guest's page tables. It write-protects them, and
 * emulates the instructions that write to them. So its emulator writes the guest's memory, and has
 * to mark it dirty, for each way in which an instruction can write: KVM has a path of its own for
 * locked instructions.
 *
 * Each page of an area is a page directory, in use by the CPU that writes it, and is written by one
 * kind of instruction alone. Nothing else writes it: A and D bits are set in all entries. So a kind
 * of write that is not logged is lost at the next migration, and no other write hides that. A
 * broken hypervisor loses entries, so that the directory is older than the writer's notes, or it
 * keeps a translation that the entries do not have any more.
 *
 * With nested paging the CPU writes by itself, and the same must hold.
 */
#include "alloc_page.h"
#include "cpuid.h"
#include "processor.h"
#include "x86/dirty/dirty.h"

/* The PML4's entries from here on, one for each CPU, are used by nothing else. */
#define FIRST_SLOT    0x80
#define SLOT_SHIFT    39
#define TABLE_SHIFT   30
#define ENTRY_SHIFT   21
#define ENTRIES	      4
#define ENTRIES_ORDER 2

#define TABLE_BITS (PT_PRESENT_MASK | PT_WRITABLE_MASK | USED_BITS)

/*
 * ENTRIES tables of the lowest level, each of which maps one page. The tables are one block, so
 * their addresses differ in one byte.
 */
static struct world {
	pteval_t *directories; /* the page-directory-pointer table */
	u8 *tables, *data;
} worlds[MOST_WRITERS];

enum way {
	BY_MOV,
	BY_MOV_32,
	BY_MOV_BYTE,
	BY_MOVNTI,
	BY_XCHG,
	BY_CMPXCHG,
	BY_CMPXCHG_32,
	BY_CMPXCHG8B,
	BY_CMPXCHG16B,
	BY_XADD,
	BY_XADD_BYTE,
	BY_LOCK_XOR,
	BY_LOCK_ADD,
	BY_LOCK_BTC,
	BY_REP_MOVS,
	BY_REP_STOS,
	WAYS /* a power of two, as the number of pages has to be */
};

static const char *const way_names[WAYS] = {
	[BY_MOV] = "mov",
	[BY_MOV_32] = "a 32-bit mov",
	[BY_MOV_BYTE] = "an 8-bit mov",
	[BY_MOVNTI] = "movnti",
	[BY_XCHG] = "xchg",
	[BY_CMPXCHG] = "lock cmpxchg",
	[BY_CMPXCHG_32] = "a 32-bit lock cmpxchg",
	[BY_CMPXCHG8B] = "lock cmpxchg8b",
	[BY_CMPXCHG16B] = "lock cmpxchg16b",
	[BY_XADD] = "lock xadd",
	[BY_XADD_BYTE] = "an 8-bit lock xadd",
	[BY_LOCK_XOR] = "lock xor",
	[BY_LOCK_ADD] = "lock add",
	[BY_LOCK_BTC] = "lock btc",
	[BY_REP_MOVS] = "rep movs",
	[BY_REP_STOS] = "rep stos",
};

/* Which of the tables the entry names in this generation. */
static u64 table_in(u64 page, u64 index, u64 generation)
{
	return (page + index + generation) % ENTRIES;
}

static pteval_t entry_in(const struct area *area, u64 page, u64 index, u64 generation)
{
	u64 table = table_in(page, index, generation);

	return virt_to_phys(worlds[area->cpu].tables + table * PAGE_SIZE) | TABLE_BITS;
}

/* The address that the entry translates. */
static volatile u64 *behind(const struct area *area, u64 page, u64 index)
{
	return (volatile u64 *)((u64)(FIRST_SLOT + area->cpu) << SLOT_SHIFT | page << TABLE_SHIFT |
				index << ENTRY_SHIFT);
}

static u64 data_of(const struct area *area, u64 table)
{
	return stamp(area, table, 1);
}

/* ---- ways to write ---- */

static void compare_exchange_8b(u64 *at, u64 old, u64 new)
{
	asm volatile("lock cmpxchg8b %0"
		     : "+m"(*at), "+a"((u32){ old }), "+d"((u32){ old >> 32 })
		     : "b"((u32) new), "c"((u32)(new >> 32))
		     : "memory", "cc");
}

/* Writes two entries. */
static void compare_exchange_16b(u64 *at, const u64 *old, const u64 *new)
{
	u64 low = old[0], high = old[1];

	asm volatile("lock cmpxchg16b %0"
		     : "+m"(*(u64(*)[2])at), "+a"(low), "+d"(high)
		     : "b"(new[0]), "c"(new[1])
		     : "memory", "cc");
}

static void flip_bits(u64 *at, u64 bits)
{
	for (; bits; bits &= bits - 1)
		asm volatile("lock btcq %1, %0"
			     : "+m"(*at)
			     : "r"((u64)__builtin_ctzl(bits))
			     : "memory", "cc");
}

/* Writes the entry NEW over OLD, or several entries if the way writes several at once. */
static void write_entry(enum way way, u64 *at, const u64 *old, const u64 *new)
{
	/* Entries differ only in this byte of an address. */
	u8 *byte = (u8 *)at + 1, byte_added = (*new >> 8) - (*old >> 8);
	u64 added = *new - *old, count = 1;

	switch (way) {
	case BY_MOV:
		asm volatile("movq %1, %0" : "=m"(*at) : "r"(*new) : "memory");
		break;
	case BY_MOV_32:
		asm volatile("movl %1, %0" : "+m"(*(u32 *)at) : "r"((u32) * new) : "memory");
		break;
	case BY_MOV_BYTE:
		asm volatile("movb %1, %0" : "+m"(*byte) : "q"((u8)(*new >> 8)) : "memory");
		break;
	case BY_MOVNTI:
		asm volatile("movnti %1, %0" : "=m"(*at) : "r"(*new) : "memory");
		break;
	case BY_XCHG:
		(void)xchg(at, *new);
		break;
	case BY_CMPXCHG:
		cmpxchg(at, *old, *new);
		break;
	case BY_CMPXCHG_32:
		cmpxchg((u32 *)at, (u32)*old, (u32) * new);
		break;
	case BY_CMPXCHG8B:
		compare_exchange_8b(at, *old, *new);
		break;
	case BY_CMPXCHG16B:
		compare_exchange_16b(at, old, new);
		break;
	case BY_XADD:
		asm volatile("lock xaddq %1, %0" : "+m"(*at), "+r"(added) : : "memory", "cc");
		break;
	case BY_XADD_BYTE:
		asm volatile("lock xaddb %1, %0"
			     : "+m"(*byte), "+q"(byte_added)
			     :
			     : "memory", "cc");
		break;
	case BY_LOCK_XOR:
		asm volatile("lock xorq %1, %0" : "+m"(*at) : "r"(*old ^ *new) : "memory", "cc");
		break;
	case BY_LOCK_ADD:
		asm volatile("lock addq %1, %0" : "+m"(*at) : "r"(added) : "memory", "cc");
		break;
	case BY_LOCK_BTC:
		flip_bits(at, *old ^ *new);
		break;
	case BY_REP_MOVS:
		count = ENTRIES;
		asm volatile("rep movsq" : "+D"(at), "+S"(new), "+c"(count) : : "memory");
		break;
	case BY_REP_STOS:
	default:
		asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(*new) : "memory");
		break;
	}
}

/*
 * KVM's emulator has no CMPXCHG16B. With hardware virtualization KVM then lets the CPU execute it.
 * A KVM without hardware virtualization emulates every instruction, and offers neither SVM nor VMX.
 */
static bool has_cmpxchg16b(void)
{
	return this_cpu_has(X86_FEATURE_CX16) &&
	       (this_cpu_has(X86_FEATURE_SVM) || this_cpu_has(X86_FEATURE_VMX));
}

static enum way way_of(u64 page)
{
	return page == BY_CMPXCHG16B && !has_cmpxchg16b() ? BY_CMPXCHG : (enum way)page;
}

static u64 entries_at_once(enum way way)
{
	return way == BY_CMPXCHG16B ? 2 : way == BY_REP_MOVS ? ENTRIES : 1;
}

/* ---- the kind ---- */

static bool check_translation(struct area *area, u64 page, u64 index, u64 generation)
{
	volatile u64 *at = behind(area, page, index);
	u64 held, wanted = data_of(area, table_in(page, index, generation));
	char text[160];

	invlpg((void *)at);
	held = *at;
	if (likely(held == wanted))
		return true;
	snprintf(
		text, sizeof(text),
		"entry %lu, written by %s, is right, and an access through it meets table %lu, not %lu of generation %lu",
		index, way_names[way_of(page)], held & (BIT(STAMP_CPU_SHIFT) - 1),
		table_in(page, index, generation), generation);
	complain(area, page, words_of(area, page) + index, text);
	return false;
}

static bool verify_table(struct area *area, u64 page, u64 generation)
{
	const u64 *entries = words_of(area, page);
	char text[160];

	for (u64 index = 0; index < ENTRIES; index++) {
		u64 held = READ_ONCE(entries[index]);
		u64 wanted = entry_in(area, page, index, generation);

		if (unlikely(held != wanted)) {
			snprintf(
				text, sizeof(text),
				"entry %lu of a page directory, written by %s, is 0x%lx, not 0x%lx of generation %lu",
				index, way_names[way_of(page)], held, wanted, generation);
			complain(area, page, &entries[index], text);
			return false;
		}
		if (!check_translation(area, page, index, generation))
			return false;
	}
	return true;
}

/* After each write the CPU uses the table, so that the hypervisor goes on shadowing it. */
static void write_table(struct area *area, u64 page, u64 generation)
{
	u64 *entries = words_of(area, page);
	u64 old[ENTRIES], new[ENTRIES];
	enum way way = way_of(page);
	u64 step = entries_at_once(way);

	for (u64 index = 0; index < ENTRIES; index++) {
		new[index] = entry_in(area, page, index, generation);
		old[index] = generation ? entry_in(area, page, index, generation - 1) : 0;
	}
	if (!generation) {
		memcpy(entries, new, sizeof(new));
		return;
	}
	for (u64 index = 0; index < ENTRIES; index += step) {
		write_entry(way, &entries[index], &old[index], &new[index]);
		invlpg((void *)behind(area, page, index));
		(void)*behind(area, page, index);
	}
}

static void set_up_tables(struct area *area)
{
	struct world *world = &worlds[area->cpu];

	world->directories = new_page_table();
	world->tables = alloc_pages(ENTRIES_ORDER);
	world->data = alloc_pages(ENTRIES_ORDER);
	for (u64 i = 0; i < ENTRIES; i++) {
		*(u64 *)(world->data + i * PAGE_SIZE) = data_of(area, i);
		*(pteval_t *)(world->tables + i * PAGE_SIZE) =
			virt_to_phys(world->data + i * PAGE_SIZE) | PAGE_DATA | USED_BITS;
	}
	for (u64 page = 0; page < area->pages; page++)
		world->directories[page] = virt_to_phys(words_of(area, page)) | TABLE_BITS;
	WRITE_ONCE(current_page_table()[FIRST_SLOT + area->cpu],
		   virt_to_phys(world->directories) | TABLE_BITS);
}

static void clean_up_tables(struct area *area)
{
	struct world *world = &worlds[area->cpu];

	WRITE_ONCE(current_page_table()[FIRST_SLOT + area->cpu], 0);
	flush_tlb_all();
	free_pages(world->directories);
	free_pages(world->tables);
	free_pages(world->data);
}

static const struct kind tables = {
	.pages = WAYS,
	.least = WAYS,
	.set_up = set_up_tables,
	.clean_up = clean_up_tables,
	.write = write_table,
	.verify = verify_table,
};

TEST(tables,
     .about =
	     "page directories in use lose no write, each being written by one kind of (locked) instruction")
{
	run(&tables);
}
