/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of a guest's memory, at its source when it has stopped and at its destination before
 * it goes on: what differs between the two was written by nobody of the guest's. One pair stays
 * in the folder of a case at most: the last that differed, or the last of all, before something
 * failed. The offset in an image is the physical address.
 */
#ifndef FERRY_HOST_RAM_IMAGES_H
#define FERRY_HOST_RAM_IMAGES_H

#include <glib.h>

struct ram_images;

/* Removes what an earlier run has left in FOLDER. */
void ram_images_clear(const char *folder);

/* FOLDER is where they are made. */
struct ram_images *ram_images_new(const char *folder);

/* Whether the next move's are to be made. */
gboolean ram_images_wanted(const struct ram_images *images);

/*
 * The files to be written, by their absolute paths: first that of the source, with which a new
 * pair begins.
 */
const char *ram_images_begin(struct ram_images *images);
const char *ram_images_destination(const struct ram_images *images);

/* Both were written. */
void ram_images_compare(struct ram_images *images);

/* Something has failed: what is there stays, and there will be no more of them. */
void ram_images_freeze(struct ram_images *images);

/* There will be none of them, for this REASON. */
void ram_images_give_up(struct ram_images *images, const char *reason);

/*
 * What was found, in some lines that the caller frees, and frees IMAGES. The files stay if
 * the case has FAILED, or if they differ.
 */
char *ram_images_end(struct ram_images *images, gboolean failed);

#endif
