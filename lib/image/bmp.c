/* BMP files to pictures: uncompressed ones with a palette (1, 4 or 8 bits a pixel), or with 24 or 32 bits. */
#include "image/decode.h"

#include "core/status.h"

#include <stdbool.h>
#include <string.h>

enum {
    FILE_HEADER = 14,
    HEADER_LEAST = 40,
    HEADER_MOST = 124,
    MASKS_AT = FILE_HEADER + 40, /* behind a short header or in a long one, the place is the same */
    MASKS_SIZE = 12,
    COLOURS_MAX = 256,
    PLAIN = 0,
    WITH_MASKS = 3
};

typedef struct bmp_header {
    uint32_t size, bits, compression, colours;
    uint64_t palette, pixels; /* where they lie in the file */
    uint32_t width, height;
    bool from_top;
} bmp_header;

typedef struct bmp_palette {
    uint8_t rgb[COLOURS_MAX][3];
    bool grey;
} bmp_palette;

static uint32_t read_number(const uint8_t *bytes, int count) {
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static bool has_palette(const bmp_header *header) {
    return header->bits <= 8;
}

static snarm_status ends_early(const sn_image_file *file) {
    return sn_error(SNARM_ERROR_FORMAT, "%s: broken BMP file: it ends early", file->name);
}

/* Red, green and blue where files without masks have them; other places are rare and not read. */
static snarm_status check_masks(const sn_image_file *file) {
    static const uint8_t usual[MASKS_SIZE] = {0, 0, 0xff, 0, 0, 0xff, 0, 0, 0xff, 0, 0, 0};
    if (file->size < MASKS_AT + MASKS_SIZE)
        return ends_early(file);
    if (memcmp(file->bytes + MASKS_AT, usual, MASKS_SIZE) != 0)
        return sn_error(SNARM_ERROR_UNSUPPORTED,
                        "%s: BMP file with colour masks %08x %08x %08x, expected 00ff0000 0000ff00 000000ff",
                        file->name, (unsigned)read_number(file->bytes + MASKS_AT, 4),
                        (unsigned)read_number(file->bytes + MASKS_AT + 4, 4),
                        (unsigned)read_number(file->bytes + MASKS_AT + 8, 4));
    return SNARM_OK;
}

static snarm_status check_kind(const bmp_header *header, const sn_image_file *file) {
    bool known = has_palette(header) ? header->bits == 1 || header->bits == 4 || header->bits == 8
                                     : header->bits == 24 || header->bits == 32;
    bool plain = header->compression == PLAIN && known;
    bool masks = header->compression == WITH_MASKS && header->bits == 32;
    if (!plain && !masks)
        return sn_error(
            SNARM_ERROR_UNSUPPORTED,
            "%s: BMP file of %u bits a pixel, compression %u; expected 1, 4, 8, 24 or 32, uncompressed",
            file->name, (unsigned)header->bits, (unsigned)header->compression);
    if (masks)
        SN_TRY(check_masks(file));
    if (has_palette(header) && header->colours > 1u << header->bits)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken BMP file: palette of %u colours, at most %d expected",
                        file->name, (unsigned)header->colours, 1 << header->bits);
    return SNARM_OK;
}

static uint64_t row_bytes(const bmp_header *header) {
    return ((uint64_t)header->width * header->bits + 31) / 32 * 4;
}

/* Where palette and pixels lie: behind the header, and whole. */
static snarm_status check_places(const bmp_header *header, const sn_image_file *file) {
    uint64_t least = header->palette;
    if (has_palette(header))
        least += (uint64_t)header->colours * 4;
    else if (header->compression == WITH_MASKS && header->size == HEADER_LEAST)
        least += MASKS_SIZE;
    if (header->pixels < least)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: broken BMP file: its pixels begin at byte %llu, expected %llu or later",
                        file->name, (unsigned long long)header->pixels, (unsigned long long)least);
    if (header->pixels > file->size || row_bytes(header) * header->height > file->size - header->pixels)
        return ends_early(file);
    return SNARM_OK;
}

static snarm_status read_header(bmp_header *header, const sn_image_file *file) {
    const uint8_t *bytes = file->bytes;
    if (file->size < FILE_HEADER + 4)
        return ends_early(file);
    *header = (bmp_header){.size = read_number(bytes + FILE_HEADER, 4), .pixels = read_number(bytes + 10, 4)};
    if (header->size < HEADER_LEAST || header->size > HEADER_MOST)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: BMP file with a header of %u bytes, expected %d to %d",
                        file->name, (unsigned)header->size, (int)HEADER_LEAST, (int)HEADER_MOST);
    if (file->size < FILE_HEADER + (size_t)header->size)
        return ends_early(file);
    uint32_t width = read_number(bytes + 18, 4), height = read_number(bytes + 22, 4);
    uint32_t planes = read_number(bytes + 26, 2);
    header->from_top = height >> 31 != 0;
    header->width = width;
    header->height = header->from_top ? 0 - height : height;
    header->bits = read_number(bytes + 28, 2);
    header->compression = read_number(bytes + 30, 4);
    header->colours = read_number(bytes + 46, 4);
    header->palette = FILE_HEADER + (uint64_t)header->size;
    if (has_palette(header) && header->colours == 0)
        header->colours = 1u << header->bits;
    if (width == 0 || width >> 31 != 0 || header->height == 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken BMP file: picture of %d x %d pixels", file->name,
                        (int)(int32_t)width, (int)(int32_t)height);
    if (planes != 1)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken BMP file: %u planes, expected 1", file->name,
                        (unsigned)planes);
    SN_TRY(check_kind(header, file));
    SN_TRY(sn_image_check_limits(file, header->width, header->height));
    return check_places(header, file);
}

static void read_palette(bmp_palette *palette, const bmp_header *header, const sn_image_file *file) {
    const uint8_t *entry = file->bytes + header->palette;
    palette->grey = true;
    for (uint32_t i = 0; i < header->colours; i++, entry += 4) {
        for (int c = 0; c < 3; c++)
            palette->rgb[i][c] = entry[2 - c];
        palette->grey &= entry[0] == entry[1] && entry[1] == entry[2];
    }
}

static snarm_status read_indices(snarm_image *out, const bmp_palette *palette, const bmp_header *header,
                                 const uint8_t *row, uint8_t *to, const char *name) {
    int bytes = sn_image_pixel_bytes(out->format);
    size_t bits = header->bits;
    for (size_t x = 0; x < (size_t)out->width; x++, to += bytes) {
        /* The highest bits of a byte are the pixel on the left. */
        unsigned index = (unsigned)row[x * bits / 8] >> (8 - bits - x * bits % 8) & ((1u << bits) - 1);
        if (index >= header->colours)
            return sn_error(SNARM_ERROR_FORMAT, "%s: broken BMP file: a pixel has colour %u of %u", name,
                            index, (unsigned)header->colours);
        memcpy(to, palette->rgb[index], (size_t)bytes);
    }
    return SNARM_OK;
}

static void read_colours(const snarm_image *out, int step, const uint8_t *row, uint8_t *to) {
    for (int32_t x = 0; x < out->width; x++, row += step, to += 3)
        for (int c = 0; c < 3; c++)
            to[c] = row[2 - c];
}

static snarm_status read_rows(snarm_image *out, const bmp_palette *palette, const bmp_header *header,
                              const sn_image_file *file) {
    const uint8_t *row = file->bytes + header->pixels;
    for (int32_t i = 0; i < out->height; i++, row += row_bytes(header)) {
        int32_t y = header->from_top ? i : out->height - 1 - i;
        uint8_t *to = (uint8_t *)out->owned + y * out->stride;
        if (has_palette(header))
            SN_TRY(read_indices(out, palette, header, row, to, file->name));
        else
            read_colours(out, (int)header->bits / 8, row, to);
    }
    return SNARM_OK;
}

snarm_status sn_bmp_decode(snarm_image *out, const sn_image_file *file) {
    bmp_header header = {.size = 0};
    SN_TRY(read_header(&header, file));
    bmp_palette palette = {.grey = false};
    if (has_palette(&header))
        read_palette(&palette, &header, file);
    snarm_image image = {.pixels = NULL};
    SN_TRY(sn_image_allocate(&image, (int32_t)header.width, (int32_t)header.height,
                             palette.grey ? SNARM_GREY8 : SNARM_RGB8, file->name));
    snarm_status status = read_rows(&image, &palette, &header, file);
    if (status == SNARM_OK)
        *out = image;
    else
        snarm_image_release(&image);
    return status;
}
