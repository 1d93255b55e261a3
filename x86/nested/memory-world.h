/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as L2 sees it, across a migration: what svm_memory, vmx_memory and vmx_ept share. They are
 * linked with memory-*.c. Each kind of L2 has its own `nesting', a table of what differs.
 *
 * Most stories run in two kinds of world. In both, L2 has a CR3 of its own and sees places: the
 * pages of a window at 512 GiB, which L1 itself does not map.
 *  - nested: L2's tables lead to guest-physical pages at 32 GiB, where there is no RAM, and
 *    nested tables (NPT, EPT) lead from there to pages of L1. L1 changes the nested tables.
 *  - own CR3: there is no nested paging. L2's tables lead to L1's pages, and L1 changes them.
 *
 * A story is the body of a test. It makes its checks itself, and one migration.
 */
#ifndef L2_MEMORY_H
#define L2_MEMORY_H

#include "libcflat.h"
#include "nested/l2.h"
#include "processor.h"
#include "vm.h"

#define WINDOW	    ((u8 *)(1ul << 39))
#define PML4_OF(at) ((u64)(at) >> 39 & 511)
#define GPA_WINDOW  (32ul << 30) /* 36 bits of address, which every CPU with 64-bit mode has */
#define ENTRIES	    512
#define PLACES	    8
#define BLOCK_ORDER 4
#define BLOCK_PAGES (1 << BLOCK_ORDER)
#define DONE	    7 /* L2's call when it has done what it was asked to do */
#define OWN_PAGE    (PT_PRESENT_MASK | PT_WRITABLE_MASK)
#define TABLE	    (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
#define WORLDS	    3

/*
 * What break=WHAT on the command line spoils on purpose:
 *
 * page   place 0 is another page than the tests think
 * fault  faults that exit are expected at the next word
 * used   one accessed bit, or one dirty bit, is lost
 * cr2    L2's faults are expected at the next word
 * word   a word that L2 has written during the migration is lost
 */
/* ======== L2, which does as it is asked ======== */

enum deed {
	READ,
	WRITE,
	ADD,	   /* by one instruction that reads and writes */
	FETCH,	   /* calls the code there */
	COPY,	   /* REP MOVSB of `length' bytes */
	READ_ALL,  /* reads the word at `offset' of all places into `values' */
	WRITE_ALL, /* writes `values' there */
	TOUCH, /* reads the places of the mask in `value', writes those of the mask in `length' */
	INVLPG,
	MIGRATE, /* asks for a migration */
	MIGRATE_MEANWHILE,
};

struct request {
	enum deed deed;
	volatile u64 *at;
	const void *from;
	u64 value, length, offset;
	u64 values[PLACES];
	void (*meanwhile)(void);
};

/* Place I, as L2 addresses it. */
volatile u64 *place(int i, u64 offset);

/* ======== worlds ======== */

struct world {
	bool nested;
	bool broken; /* L2 is not where it should be: nothing more is asked of it */
	struct l2 *l2;
	u64 *pml4, *pdpt, *pd, *pt; /* L2's tables for the window */
	u64 *nested_pt;		    /* the nested table for the first 2 MiB of GPA_WINDOW */
	u8 *block;		    /* BLOCK_PAGES of L1's memory */
	u64 magic;
	u32 tags_used; /* how many ASIDs or VPIDs since all were flushed */
	struct request request;
};

struct world *world_new(bool nested);
void world_free(struct world *w);

/* "L2's own tables", or the name of the nested ones. */
const char *kind(bool nested);
u8 *page(const struct world *w, int n);
/* What page N has at an offset at first. */
u64 content(const struct world *w, int n, u64 offset);
/* The number of the page that place I has at first. It is never I. */
int first_page(int i);
/* The entry of place I that L1 changes. */
volatile u64 *entry_of(struct world *w, int i);
u64 usual_bits(const struct world *w);
void set_place(struct world *w, int i, const void *page, u64 bits);

/* ---- asking ---- */

void ask(struct world *w, enum deed deed, volatile u64 *at, u64 value);
/* Enters L2, which does what it was asked. If not, fails the test and returns false. */
bool finish(struct world *w, const char *what);
u64 l2_read(struct world *w, int i, u64 offset);
void migrate_in_l2(struct world *w);

/* Check: L2 reads all places and finds its pages there, unchanged. */
bool check_all(struct world *w, u64 offset, const char *when);
/* Check: L2 writes to all places, and what it writes is in their pages and in no other. */
bool check_writes(struct world *w, u64 offset, const char *when);
/* Check: L2 reads place 0 and finds page N there. */
bool reads(struct world *w, int n, u64 offset, const char *when);
/* Check: L2 writes to place 0. The word is in page N, and page UNTOUCHED is unchanged. */
bool writes(struct world *w, int n, int untouched, u64 offset, const char *when);

/* ======== faults that exit ======== */

struct fault {
	enum fault_kind { PAGE_FAULT, NESTED_FAULT, NESTED_RESERVED } kind;
	/* the error code of a PAGE_FAULT; otherwise EXITINFO1 or the exit qualification */
	u64 error;
	u64 linear, physical;
};

/* Check: L2's next exit is this fault. What L2 was asked to do is pending. */
bool expect_fault(struct world *w, const struct fault *fault, const char *what);

/* A way in which L2 stops. */
struct stop {
	const char *name;
	enum deed deed;
	enum fault_kind kind;
	u64 bits;  /* the entry without its address, nested or in L2's table; 0: not present */
	u64 error; /* as in struct fault */
	bool walk; /* the entry is that of the page that holds L2's table of the window */
	u64 from;  /* COPY: the source's offset in the window, and the destination's */
	u64 to;
	int stops_at; /* the place whose entry is changed */
};

/* String copies that stop at their second page, for all kinds of nested paging. */
#define COPY_TO_PLACE_3	  .from = 5 * PAGE_SIZE + 0x80, .to = 3 * PAGE_SIZE - 0x20, .stops_at = 3
#define COPY_FROM_PLACE_4 .from = 4 * PAGE_SIZE - 0x18, .to = 6 * PAGE_SIZE + 0x80, .stops_at = 4

#define MOST_STOPS 16

/*
 * Makes an L2 for each of the COUNT ways. It stops there, is migrated, stops again, is repaired and
 * goes on. WARM: it has used its pages before.
 */
void stop_at_all(const struct stop *ways, int count, bool warm);

/* An entry's bit 51 is reserved. */
DECLARE_FEATURE(RESERVED_ADDRESS_BITS);

/* ======== what is different ======== */

struct mode;

struct nesting {
	const char *name;     /* the tables' name */
	u64 page;	      /* an entry's bits, with all rights */
	u64 accessed, dirty;  /* an entry's bits */
	u64 write_missing;    /* a write's error in struct fault if nothing is mapped ... */
	u64 write_protected;  /* ... and if the page is read-only */
	const char *cr2_name; /* the name of what cr2() gives */
	u64 halt;	      /* HLT's exit */

	/* Called for each new world; NULL: not needed. */
	void (*prepare)(struct world *w);
	/*
	 * Turns on nested paging, with RAM and devices at their own addresses; returns the entry of
	 * a 4 KiB page.
	 */
	void (*use)(struct l2 *l2);
	u64 *(*entry)(struct l2 *l2, phys_addr_t address);
	/*
	 * Maps 2 MiB (level 2) or 1 GiB (level 3) by one entry; returns the table that it replaces.
	 */
	u64 *(*map_large)(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level);
	/* L2's CR3, or the root of its nested tables. */
	u64 (*root)(const struct l2 *l2, bool nested);
	void (*set_root)(struct l2 *l2, bool nested, u64 root);
	/* Flushes all cached translations of L2's tables, after a change. */
	void (*flush)(struct l2 *l2);
	/* Gives L2 the ASID or VPID that others have, and flushes it. */
	void (*share_tag)(struct l2 *l2);

	void (*exit_on_page_faults)(struct l2 *l2, bool on);
	void (*inject_page_fault)(struct l2 *l2, u64 address);
	/* The CR2 that L2 had at its exit; sets the one that it has at its next entry. */
	u64 (*cr2)(const struct l2 *l2);
	void (*set_cr2)(struct l2 *l2, u64 cr2);
	/* Whether the last exit was this fault; the expected fault as text. */
	bool (*is_fault)(const struct l2 *l2, const struct fault *fault);
	const char *(*fault_text)(const struct fault *fault);

	/* Sets L2's mode. Every exception exits then, and so does HLT. */
	void (*set_mode)(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base);
	/* Called when the four PDPTEs of PAE have changed in memory. */
	void (*set_pdptes)(struct l2 *l2, const u64 *entries);
};

extern const struct nesting nesting;

/* ======== stories: which tables ======== */

void remap_story(bool nested, bool in_l2);
/* Runs three L2s and migrates in the last one, which is of the other kind if MIXED. */
void several_story(bool nested, bool mixed);
/* Three L2s share one ASID or VPID, which L1 flushes when it changes from one to another. */
void shared_tag_story(bool nested);
/* L1 gives L2 other tables between entries. */
void other_tables_story(bool nested);

/* ---- changes and flushes ---- */

struct flush {
	const char *name;
	void (*now)(struct world *w);
};

/*
 * L1 changes an entry, of nested tables or of L2's, and flushes it, before the migration, around it
 * and after it.
 */
void flush_story(bool nested, bool guest_tables, const struct flush *flush, bool in_l2);
/* L2 changes its tables, is migrated, and does INVLPG. */
void own_invlpg_story(bool nested);

/* ======== stories: what L2 writes (memory-used.c, memory-writes.c) ======== */

/* Accessed and dirty bits, of nested tables or of L2's. */
void used_story(bool nested, bool guest_tables);
/* Accessed and dirty bits that are set during the migration. */
void used_during_migration_story(bool nested);

/* What L2 writes during the migration arrives. */
enum stairs_kind { SMALL_PAGES, LARGE_PAGES, HUGE_PAGES };
void writes_story(bool nested, enum stairs_kind kind);
/* L2s on all CPUs write during the migration. Call it on CPU 0 only. */
void crowd_story(bool nested);

/* L2's first access after a migration in L2, before any exit. */
void first_access_story(void);
void first_fault_story(u64 error);

/* ======== stories: page faults (memory-faults.c) ======== */

/* The Nth of several addresses where nothing is mapped, for L2 and for L1. */
u64 l2_nowhere(u64 n);
u64 l1_nowhere(u64 n);
/*
 * Between storm_begin() and storm_end(), in L1 and L2: each fault_at() has to fault once, with its
 * CR2.
 */
void storm_begin(void);
void fault_at(u64 address);
void storm_end(u64 should);

/* L2 faults again and again, migrated in the middle, or in its handler before it reads CR2. */
void storm_story(bool nested, bool in_handler);
/* L1 and L2 fault in turn, migrated in L1. */
void turns_story(bool nested);
/* A #PF of L2 exits: L1 repairs the entry, or injects the #PF. */
void repaired_story(bool nested);
void passed_on_story(bool nested);

/* ======== stories: other modes than 64-bit (memory-modes.c) ======== */

enum paging { UNPAGED, TWO_LEVELS, PAE, FOUR_LEVELS };

struct mode {
	const struct stubs *stubs;
	enum paging paging;
	u64 cr0, cr4, efer;
	u16 code, data; /* type and flags of segments, as in bits 55:52 and 47:40 of a descriptor */
	bool hidden_pdptes; /* no PDPTEs are at CR3: only set_pdptes() gets PAE's four entries */
};

extern const struct mode real_mode, protected_mode, pse_mode, pae_mode, long_mode;
extern const struct mode pae_hidden_mode;

void mode_story(const struct mode *mode, bool nested);

#endif
