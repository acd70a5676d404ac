/* The orientation of a camera's picture: finding it in the EXIF block, and turning the picture so. */
#include "image/decode.h"

#include "core/memory.h"
#include "core/status.h"

#include <stdbool.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4, ENTRY_SIZE = 12 };

static uint32_t read_number(const uint8_t *bytes, int count, bool big_endian) {
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[big_endian ? i : count - 1 - i];
    return value;
}

int sn_exif_orientation(const uint8_t *tiff, size_t size) {
    if (size < 8)
        return 1;
    bool big = memcmp(tiff, "MM\0*", 4) == 0;
    if (!big && memcmp(tiff, "II*\0", 4) != 0)
        return 1;
    /* The first directory describes the picture itself (the second is its thumbnail's): a count, then its
     * entries. */
    size_t directory = read_number(tiff + 4, 4, big);
    if (directory > size - 2)
        return 1;
    size_t count = read_number(tiff + directory, 2, big);
    const uint8_t *entry = tiff + directory + 2;
    size_t whole_entries = (size - directory - 2) / ENTRY_SIZE;
    for (size_t i = 0; i < count && i < whole_entries; i++, entry += ENTRY_SIZE) {
        if (read_number(entry, 2, big) != TAG_ORIENTATION)
            continue;
        uint32_t type = read_number(entry + 2, 2, big);
        if ((type != TYPE_SHORT && type != TYPE_LONG) || read_number(entry + 4, 4, big) != 1)
            return 1;
        uint32_t value = read_number(entry + 8, type == TYPE_SHORT ? 2 : 4, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Square tiles keep both pictures' lines in the cache where rows become columns. */
enum { TILE = 32 };

static void copy_turned(uint8_t *dst, int32_t width, int32_t height, const uint8_t *src, ptrdiff_t step_x,
                        ptrdiff_t step_y, int bytes) {
    for (int32_t top = 0; top < height; top += TILE)
        for (int32_t left = 0; left < width; left += TILE)
            for (int32_t y = top; y < height && y < top + TILE; y++) {
                uint8_t *to = dst + ((ptrdiff_t)y * width + left) * bytes;
                const uint8_t *from = src + y * step_y + left * step_x;
                for (int32_t x = left; x < width && x < left + TILE; x++, to += bytes, from += step_x)
                    for (int c = 0; c < bytes; c++)
                        to[c] = from[c];
            }
}

snarm_status sn_image_orient(snarm_image *image, int orientation, const char *name) {
    if (orientation == 1)
        return SNARM_OK;
    int bytes = sn_image_pixel_bytes(image->format);
    bool transposed = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    snarm_image turned;
    SN_TRY(sn_image_allocate(&turned, transposed ? image->height : image->width,
                             transposed ? image->width : image->height, image->format, name));
    /* The corner of the stored picture that is upper left when upright, and the ways from there. */
    const uint8_t *corner = sn_image_row(image, from_bottom ? image->height - 1 : 0);
    corner += from_right ? (ptrdiff_t)(image->width - 1) * bytes : 0;
    ptrdiff_t across = from_right ? -bytes : bytes;
    ptrdiff_t down = from_bottom ? -sn_image_stride(image) : sn_image_stride(image);
    copy_turned(turned.owned, turned.width, turned.height, corner, transposed ? down : across,
                transposed ? across : down, bytes);
    snarm_image_release(image);
    *image = turned;
    return SNARM_OK;
}
