/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest writes to a sector of its disk, so that guest and runner can tell whether the sector
 * is whole and which generation it holds (docs/protocol.md, "Disk marks"): a magic word, the
 * sector's number, the generation, one word made from both that fills the sector, and a checksum.
 */
#ifndef DISK_SECTOR_H
#define DISK_SECTOR_H

#include <stdint.h>

#define DISK_SECTOR_SIZE  512
#define DISK_SECTOR_WORDS (DISK_SECTOR_SIZE / sizeof(uint64_t))

/* "FerryDsk" */
#define DISK_SECTOR_MAGIC UINT64_C(0x6b73447972726546)

enum disk_sector_word {
	DISK_SECTOR_MAGIC_WORD,
	DISK_SECTOR_NUMBER_WORD,
	DISK_SECTOR_GENERATION_WORD,
	DISK_SECTOR_FIRST_DATA_WORD,
	DISK_SECTOR_CHECKSUM_WORD = DISK_SECTOR_WORDS - 1,
};

#define DISK_SECTOR_DATA_WORDS (DISK_SECTOR_CHECKSUM_WORD - DISK_SECTOR_FIRST_DATA_WORD)

/* Differs for each sector and generation, since the multiplier is odd. */
static inline uint64_t disk_sector_data(uint64_t sector, uint64_t generation)
{
	return (generation << 24 | sector) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The sum of all other words. */
static inline uint64_t disk_sector_checksum(uint64_t sector, uint64_t generation)
{
	return DISK_SECTOR_MAGIC + sector + generation +
	       DISK_SECTOR_DATA_WORDS * disk_sector_data(sector, generation);
}

static inline void disk_sector_fill(uint64_t *words, uint64_t sector, uint64_t generation)
{
	words[DISK_SECTOR_MAGIC_WORD] = DISK_SECTOR_MAGIC;
	words[DISK_SECTOR_NUMBER_WORD] = sector;
	words[DISK_SECTOR_GENERATION_WORD] = generation;
	for (unsigned n = DISK_SECTOR_FIRST_DATA_WORD; n < DISK_SECTOR_CHECKSUM_WORD; n++)
		words[n] = disk_sector_data(sector, generation);
	words[DISK_SECTOR_CHECKSUM_WORD] = disk_sector_checksum(sector, generation);
}

/* Whether a sector is whole, whatever its number and generation. */
static inline int disk_sector_is_whole(const uint64_t *words)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < DISK_SECTOR_CHECKSUM_WORD; n++)
		sum += words[n];
	return words[DISK_SECTOR_MAGIC_WORD] == DISK_SECTOR_MAGIC &&
	       words[DISK_SECTOR_CHECKSUM_WORD] == sum;
}

#endif
