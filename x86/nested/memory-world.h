/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as L2 sees it, across a migration: what svm_memory and vmx_memory have in common. Both are
 * linked with the files that are called l2-*.c here; each has a `nesting` of its own, by which
 * these reach what is different.
 *
 * Most of it is made twice, in two kinds of world. In both L2 has a CR3 of its own, and
 * sees places, the pages of a window at 512 GiB which L1 itself does not map:
 *  - nested: L2's tables lead to guest-physical pages at 32 GiB where there is no RAM, and
 *    nested tables (NPT, EPT) from there to pages of L1. What L1 changes is the nested tables.
 *  - own CR3: no nested paging. L2's tables lead to L1's pages, and L1 changes these.
 *
 * The stories make their checks themselves, and one move each.
 */
#ifndef L2_MEMORY_H
#define L2_MEMORY_H

#include "libcflat.h"
#include "nested/l2.h"
#include "processor.h"
#include "vm.h"

#define WINDOW	    ((u8 *)(1ul << 39))
#define PML4_OF(at) ((u64)(at) >> 39 & 511)
#define GPA_WINDOW  (32ul << 30) /* 36 bits of address: every CPU with 64-bit mode has them */
#define ENTRIES	    512
#define PLACES	    8
#define BLOCK_ORDER 4
#define BLOCK_PAGES (1 << BLOCK_ORDER)
#define DONE	    7 /* L2's call when it has done what was asked */
#define OWN_PAGE    (PT_PRESENT_MASK | PT_WRITABLE_MASK)
#define TABLE	    (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
#define WORLDS	    3

/*
 * Whether the command line has break=WHAT, to spoil the guest on purpose:
 *
 * page  place 0 is another page than the tests think
 * fault faults that exit are expected at the next word
 * used  one accessed bit, or one dirty bit, is lost
 * cr2   L2's faults are expected at the next word
 * word  a word that L2 has written during the migration is lost
 */
/* ======== L2, which does as it is asked ======== */

enum deed {
	READ,
	WRITE,
	ADD,	   /* one instruction that reads and writes */
	FETCH,	   /* calls what is there */
	COPY,	   /* REP MOVSB of length bytes */
	READ_ALL,  /* the word at offset of all places, into values */
	WRITE_ALL, /* values, into it */
	TOUCH,	   /* reads the places of the mask in value, writes those in length */
	INVLPG,
	MOVE, /* asks to be migrated */
	MOVE_MEANWHILE,
};

struct request {
	enum deed deed;
	volatile u64 *at;
	const void *from;
	u64 value, length, offset;
	u64 values[PLACES];
	void (*meanwhile)(void);
};

/* Place I as L2 sees it. */
volatile u64 *place(int i, u64 offset);

/* ======== worlds ======== */

struct world {
	bool nested;
	bool broken; /* it has failed already: nothing more is asked of it */
	struct l2 *l2;
	u64 *pml4, *pdpt, *pd, *pt; /* L2's, of the window */
	u64 *nested_pt;		    /* the nested table of GPA_WINDOW's first 2 MiB */
	u8 *block;		    /* BLOCK_PAGES of L1's memory */
	u64 magic;
	u32 tags_used; /* ASIDs or VPIDs, since all were flushed */
	struct request request;
};

struct world *world_new(bool nested);
void world_free(struct world *w);

/* "L2's own tables", or what the nested ones are called. */
const char *kind(bool nested);
u8 *page(const struct world *w, int n);
/* What is in page N at first, at an offset. */
u64 content(const struct world *w, int n, u64 offset);
/* The page behind place I at first: not in the order of the places. */
int first_page(int i);
/* The entry that L1 changes in the tests. */
volatile u64 *entry_of(struct world *w, int i);
u64 usual_bits(const struct world *w);
void set_place(struct world *w, int i, const void *page, u64 bits);

/* ---- asking ---- */

void ask(struct world *w, enum deed deed, volatile u64 *at, u64 value);
/* L2 goes on until it has done its deed. */
bool finish(struct world *w, const char *what);
u64 l2_read(struct world *w, int i, u64 offset);
void move_in_l2(struct world *w);

/* L2 reads all places: each is the page that the world was made with. */
bool check_all(struct world *w, u64 offset, const char *when);
/* L2 writes to all places: it is in these pages, and in no other. */
bool check_writes(struct world *w, u64 offset, const char *when);
/* L2 reads place 0, and finds page N there. */
bool reads(struct world *w, int n, u64 offset, const char *when);
/* L2 writes to place 0: it arrives in page N, and leaves another page UNTOUCHED. */
bool writes(struct world *w, int n, int untouched, u64 offset, const char *when);

/* ======== faults that exit ======== */

struct fault {
	enum fault_kind { PAGE_FAULT, NESTED_FAULT, NESTED_RESERVED } kind;
	/* Of PAGE_FAULT the error code; otherwise EXITINFO1, or the exit qualification. */
	u64 error;
	u64 linear, physical;
};

/* L2 stops with this exit; what it was doing waits. */
bool expect_fault(struct world *w, const struct fault *fault, const char *what);

/* One way of stopping. */
struct stop {
	const char *name;
	enum deed deed;
	enum fault_kind kind;
	u64 bits;  /* of place 0's nested entry, or of the entry of L2's table; 0: not present */
	u64 error; /* as in struct fault */
	bool walk; /* of the page that holds L2's table of the window */
	u64 from;  /* COPY: from this offset of the window to that of `to` */
	u64 to;
	int stops_at; /* the place whose entry is changed */
};

/* The string copies of all kinds of nested paging: what stops them is behind a page's end. */
#define COPY_TO_PLACE_3	  .from = 5 * PAGE_SIZE + 0x80, .to = 3 * PAGE_SIZE - 0x20, .stops_at = 3
#define COPY_FROM_PLACE_4 .from = 4 * PAGE_SIZE - 0x18, .to = 6 * PAGE_SIZE + 0x80, .stops_at = 4

#define MOST_STOPS 16

/*
 * As many L2s as there are ways, each stopped at its own; moved; stopped again there, repaired,
 * and gone on. WARM: they have used the pages before.
 */
void stop_at_all(const struct stop *ways, int count, bool warm);

/* ======== what is different ======== */

struct mode;

struct nesting {
	const char *name;     /* of the tables */
	u64 page;	      /* bits of an entry that leads to a page, with all rights */
	u64 accessed, dirty;  /* likewise */
	u64 write_missing;    /* struct fault's error of a write, nothing being mapped; */
	u64 write_protected;  /* and if it may only be read */
	const char *cr2_name; /* of where cr2() is */
	u64 halt;	      /* the exit of a HLT */

	/* Of a world that is new, or NULL. */
	void (*prepare)(struct world *w);
	/* Nested paging, with RAM and devices where they are; the entry of a 4 KiB page. */
	void (*use)(struct l2 *l2);
	u64 *(*entry)(struct l2 *l2, phys_addr_t address);
	/* One entry for 2 MiB (level 2) or 1 GiB (3); gives the table that was in its place. */
	u64 *(*map_large)(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level);
	/* L2's CR3, or the root of its nested tables. */
	u64 (*root)(const struct l2 *l2, bool nested);
	void (*set_root)(struct l2 *l2, bool nested, u64 root);
	/* All that may be cached of L2's tables, once they have been changed. */
	void (*flush)(struct l2 *l2);
	/* The same ASID or VPID for all that share it, all of which is flushed. */
	void (*share_tag)(struct l2 *l2);

	void (*exit_on_page_faults)(struct l2 *l2, bool on);
	void (*inject_page_fault)(struct l2 *l2, u64 address);
	/* What L2 has for CR2 at its next entry, and what it had at its exit. */
	u64 (*cr2)(const struct l2 *l2);
	void (*set_cr2)(struct l2 *l2, u64 cr2);
	/* Whether this is the last exit; else, as text, what it should have been. */
	bool (*is_fault)(const struct l2 *l2, const struct fault *fault);
	const char *(*fault_text)(const struct fault *fault);

	/* L2 in another mode, where every exception is an exit, and so is HLT. */
	void (*set_mode)(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base);
	/* The four entries of PAE have changed in memory. */
	void (*set_pdptes)(struct l2 *l2, const u64 *entries);
};

extern const struct nesting nesting;

/* ======== stories: which tables ======== */

void remap_story(bool nested, bool in_l2);
/* Moved in the last of three L2s, which may be of the other kind. */
void several_story(bool nested, bool mixed);
/* Three with one ASID or VPID, which L1 flushes at each change. */
void shared_tag_story(bool nested);
/* The VMCB or VMCS names other tables between entries. */
void other_tables_story(bool nested);

/* ---- changes and flushes ---- */

struct flush {
	const char *name;
	void (*now)(struct world *w);
};

/*
 * L1 changes an entry, of nested tables or of L2's, and flushes: before the migration, around it
 * and after it.
 */
void flush_story(bool nested, bool guest_tables, const struct flush *flush, bool in_l2);
/* L2 changes its tables, is migrated, and does INVLPG. */
void own_invlpg_story(bool nested);

/* ======== stories: what L2 leaves behind (l2-memory-writes.c) ======== */

/* Accessed and dirty bits, of nested tables or of L2's. */
void used_story(bool nested, bool guest_tables);
/* Those that are set while memory is being migrated. */
void used_during_move_story(bool nested);

/* All that L2 writes while it is migrated arrives. */
enum stairs_kind { SMALL_PAGES, LARGE_PAGES, HUGE_PAGES };
void writes_story(bool nested, enum stairs_kind kind);
/* The same of L2s on all CPUs; for CPU 0. */
void crowd_story(bool nested);

/* The first access of L2 after a migration inside it, before anything has exited. */
void first_access_story(void);
void first_fault_story(u64 error);

/* ======== stories: page faults (l2-memory-faults.c) ======== */

/* The Nth of addresses which are all different, where nothing is mapped: for L2, for L1. */
u64 l2_nowhere(u64 n);
u64 l1_nowhere(u64 n);
/* Between these, in L1 and L2, faults are taken one by one, each with its CR2. */
void storm_begin(void);
void fault_at(u64 address);
void storm_end(u64 should);

/* L2 faults again and again, migrated in the middle, or in its handler before it reads CR2. */
void storm_story(bool nested, bool in_handler);
/* L1 and L2 fault in turn, migrated in L1. */
void turns_story(bool nested);
/* L1 repairs what L2 faults at; L1 injects it. */
void repaired_story(bool nested);
void passed_on_story(bool nested);

/* ======== stories: other modes than 64-bit (l2-memory-modes.c) ======== */

enum paging { UNPAGED, TWO_LEVELS, PAE, FOUR_LEVELS };

struct mode {
	const struct stubs *stubs;
	enum paging paging;
	u64 cr0, cr4, efer;
	u16 code, data; /* type and flags of segments, as in bits 55:52 and 47:40 of a descriptor */
	bool hidden_pdptes; /* PAE's four entries are in set_pdptes() alone, and not in memory */
};

extern const struct mode real_mode, protected_mode, pse_mode, pae_mode, long_mode;
extern const struct mode pae_hidden_mode;

void mode_story(const struct mode *mode, bool nested);

#endif
